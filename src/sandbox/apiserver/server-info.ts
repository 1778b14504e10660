import type { FetchResponse } from '../../base/fetch.ts';
import { jsonResponse } from '../../base/fetch.ts';
import type { HttpRequest } from '../../base/network.ts';
import { textResponse } from './bytes-response.ts';
import { groupsOf } from './group-order.ts';
import type { Registry } from './registry.ts';

/** The Kubernetes version whose behaviour this server follows, as `kubectl version` shows it. */
export const serverVersion = {
  major: '1',
  minor: '36',
  emulationMajor: '1',
  emulationMinor: '36',
  minCompatibilityMajor: '1',
  minCompatibilityMinor: '35',
  // Build metadata does not change how versions compare.
  gitVersion: 'v1.36.2+viridian',
  gitCommit: 'unknown',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: `node-${process.version}`,
  compiler: 'node',
  platform: `${process.platform}/${process.arch}`,
};

const probes = ['/healthz', '/livez', '/readyz'];
const checks = ['ping', 'log', 'etcd'];

/**
 * The paths that are about the server itself: `/version`, the probes, and the list of paths at `/`.
 *
 * @returns undefined for other paths
 */
export function answerServerInfo(request: HttpRequest, registry: Registry): FetchResponse | undefined {
  if (request.method !== 'GET' && request.method !== 'HEAD') return undefined;
  const [path = '', query = ''] = request.url.split('?', 2);
  if (path === '/') return jsonResponse(200, { paths: pathsOf(registry) });
  if (path === '/version' || path === '/version/') return jsonResponse(200, serverVersion);
  const probe = probes.find((name) => path === name || path.startsWith(`${name}/`));
  return probe === undefined ? undefined : answerProbe(probe, path.slice(probe.length + 1), query);
}

/** A server that answers at all is healthy: its parts live and die with it. */
function answerProbe(probe: string, check: string, query: string): FetchResponse | undefined {
  if (check !== '') return checks.includes(check) ? textResponse(200, 'ok') : undefined;
  const parameters = new URLSearchParams(query);
  if (!parameters.has('verbose')) return textResponse(200, 'ok');
  const excluded = parameters.getAll('exclude');
  const lines = checks.map((name) => `[+]${name} ${excluded.includes(name) ? 'excluded: ok' : 'ok'}`);
  const unknown = excluded.filter((name) => !checks.includes(name)).map((name) => JSON.stringify(name));
  if (unknown.length > 0) {
    const names = unknown.join(',');
    lines.push(`warn: some health checks cannot be excluded: no matches for ${names}`);
  }
  return textResponse(200, `${lines.join('\n')}\n${probe.slice(1)} check passed\n`);
}

function pathsOf(registry: Registry): string[] {
  const paths = ['/api', '/apis', '/apis/', '/openapi/v2', '/openapi/v3', '/openapi/v3/', '/version'];
  for (const { name, versions } of groupsOf(registry)) {
    const prefix = name === '' ? '/api' : `/apis/${name}`;
    paths.push(prefix, ...versions.map(({ version }) => `${prefix}/${version}`));
  }
  for (const probe of probes) paths.push(probe, ...checks.map((name) => `${probe}/${name}`));
  return [...new Set(paths)].sort();
}

import { errorMessage } from '../../base/errors.ts';
import { type FetchResponse } from '../../base/fetch.ts';
import type { HttpHandler, Listener, Network } from '../../base/network.ts';
import type { Program } from '../../base/program.ts';
import type { Mesh } from './mesh.ts';
import { localReply } from './responses.ts';

const statsPort = 15_090;
const healthPort = 15_021;
const agentPort = 15_020;
const textFormat = 'text/plain; version=0.0.4; charset=utf-8';

/**
 * The image `proxyv2`: what the containers `istio-proxy` (`proxy sidecar`, `proxy router`) and `istio-init`
 * (`istio-iptables …`) run. The traffic itself goes through the pod's network; this serves metrics and health, and in a
 * gateway pod the ports of the gateway.
 */
export function proxyProgram(mesh: Mesh): Program {
  return async ({ argv, env, signal, stdout, seams: { network } }) => {
    if (argv[0] !== 'proxy') return 0;
    const [address = ''] = await network.resolve('localhost');
    const stats = (): string => mesh.renderMetrics(address) ?? '';
    const listeners: Listener[] = [
      await network.listen(statsPort, { http: serve({ '/stats/prometheus': async () => stats() }) }),
      await network.listen(healthPort, { http: serve({ '/healthz/ready': async () => '' }) }),
      await network.listen(agentPort, {
        http: serve({
          '/healthz/ready': async () => '',
          '/stats/prometheus': async () => stats() + (await appMetrics(network, env)),
        }),
      }),
    ];
    stdout('Envoy proxy is ready\n');
    await (mesh.gatewayAt(address)?.serve(signal) ?? aborted(signal));
    await Promise.all(listeners.map((listener) => listener.close()));
    return 0;
  };
}

function serve(pages: Readonly<Record<string, () => Promise<string>>>): HttpHandler {
  return async ({ url }): Promise<FetchResponse> => {
    const path = url.split('?')[0] ?? '';
    const page = Object.hasOwn(pages, path) ? pages[path] : undefined;
    return page === undefined
      ? localReply(404, [], '')
      : localReply(200, [['content-type', textFormat]], await page());
  };
}

/** The metrics of the application, where the injector took its annotations over. */
async function appMetrics(network: Network, env: Readonly<Record<string, string>>): Promise<string> {
  try {
    const given: unknown = JSON.parse(env['ISTIO_PROMETHEUS_ANNOTATIONS'] ?? '{}');
    const { scrape, path, port } = { scrape: '', path: '', port: '', ...(given as Record<string, string>) };
    if (scrape !== 'true') return '';
    const url = `http://localhost:${port === '' ? '80' : port}${path === '' ? '/metrics' : path}`;
    const response = await network.fetch(url);
    const text = await response.text();
    return response.status === 200 ? text : '';
  } catch (error) {
    return `# the metrics of the application cannot be had: ${errorMessage(error).replaceAll('\n', ' ')}\n`;
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

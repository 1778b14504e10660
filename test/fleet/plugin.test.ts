import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { fleetDefinitions } from '../../src/api/custom-resource-definitions.ts';
import type { Fleet } from '../../src/api/fleet.ts';
import { VirtualClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { seededRandom } from '../../src/base/random.ts';
import { images } from '../../src/cli/images.ts';
import { fleetControllers } from '../../src/fleet/fleet-controllers.ts';
import { attachedClusterKind, fleetKind, secretKind } from '../../src/fleet/kinds.ts';
import { ensureCustomResourceDefinitions } from '../../src/kube/custom-resource-definitions.ts';
import type { ResourceKind } from '../../src/kube/resource-client.ts';
import type { KubeObject, Unstructured } from '../../src/machinery/object.ts';
import { createShell } from '../../src/sandbox/shell/shell.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';

const podKind: ResourceKind = { group: '', version: 'v1', resource: 'pods', kind: 'Pod', namespaced: true };

interface Pod extends KubeObject {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

function kubeconfigOf(name: string): string {
  return JSON.stringify({
    'current-context': name,
    clusters: [{ name, cluster: { server: `https://${name}` } }],
    users: [{ name, user: {} }],
    contexts: [{ name, context: { cluster: name, user: name } }],
  });
}

/** The walkthrough: two Secrets, two AttachedClusters, a Fleet. */
async function applyWalkthrough({ host, members }: Sandbox): Promise<void> {
  for (const { name } of members) {
    await host.client.resource(secretKind).create({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name, namespace: 'default' },
      data: { [`${name}.config`]: Buffer.from(kubeconfigOf(name)).toString('base64') },
    });
  }
  for (const file of ['attachedclusters.yaml', 'fleet.yaml']) {
    const text = readFileSync(new URL(`../../examples/fleet/${file}`, import.meta.url), 'utf8');
    for (const document of parseAllDocuments(text)) {
      const object = document.toJS() as Unstructured;
      const kind = object.kind === 'Fleet' ? fleetKind : attachedClusterKind;
      await host.client.resource(kind).create(object);
    }
  }
}

test('the rollout plugin of the walkthrough runs on both members, and goes when it is edited away', async () => {
  const clock = new VirtualClock();
  const random = seededRandom('plugin');
  const seams = { clock, random, log: silentLog };
  const stop = new AbortController();
  const sandbox = await clock.run(startSandbox({ ...seams, images: images('test'), shell: createShell() }));
  try {
    await clock.run(
      (async () => {
        const { host, members } = sandbox;
        const definitions = Object.values(fleetDefinitions);
        await ensureCustomResourceDefinitions({
          ...seams,
          client: host.client,
          definitions,
          signal: stop.signal,
        });
        const controllers = fleetControllers({
          ...seams,
          client: host.client,
          image: 'ghcr.io/viridian-rollout/viridian:test',
          connectMember: ({ server }) => ({
            client: members.find(({ name }) => server === `https://${name}`)!.client,
            close: async () => {},
          }),
        });
        const running = controllers.run(stop.signal);
        await applyWalkthrough(sandbox);
        await clock.sleep(60_000);

        const fleets = host.client.resource<Fleet>(fleetKind);
        const key = { namespace: 'default', name: 'quickstart' };
        expect((await fleets.get(key)).status).toMatchObject({ phase: 'Ready', readyClusters: 2 });
        const ready = async (index: number): Promise<readonly string[]> => {
          const pods = await members[index]!.client.resource<Pod>(podKind).list({
            namespace: 'istio-system',
          });
          return (
            pods.items
              .filter(({ status }) =>
                status?.conditions?.some(
                  (condition) => condition.type === 'Ready' && condition.status === 'True',
                ),
              )
              // Long names of pods are cut, as a real server does it: the hash of the ReplicaSet is not whole.
              .map(
                ({ metadata }) => metadata.name?.replace(/(-loadtester)?-[a-z0-9]+(-[a-z0-9]+)?$/, '') ?? '',
              )
              .filter((name) => name.startsWith('istio-system'))
          );
        };
        for (const [index, { name }] of members.entries()) {
          expect((await ready(index)).toSorted()).toEqual([
            `istio-system-flagger-${name}`,
            `istio-system-testloader-${name}`,
          ]);
        }

        await fleets.patch(key, 'merge', { spec: { plugin: null } });
        await clock.sleep(60_000);
        for (const index of members.keys()) expect(await ready(index)).toEqual([]);
        stop.abort();
        await running;
      })(),
    );
  } finally {
    stop.abort();
    await clock.run(sandbox.close());
  }
}, 60_000);

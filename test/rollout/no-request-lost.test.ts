import { expect, test } from 'vitest';
import { create, get } from '../sandbox/backend.ts';
import { kinds, namespace, RolloutWorld, specOf } from './rollout-world.ts';

/** Users through the gateway, 200 requests a second, until stopped. Counts answers that are not 200. */
function users(world: RolloutWorld): { stop(): Promise<{ sent: number; failed: Record<string, number> }> } {
  const end = new AbortController();
  const calls: Promise<void>[] = [];
  const failed: Record<string, number> = {};
  const call = async (): Promise<void> => {
    const response = await world.cluster.gateway(get('/version', 'podinfo.test'));
    const text = await response.text();
    if (response.status === 200) return;
    const cause = `${response.status} ${text}`;
    failed[cause] = (failed[cause] ?? 0) + 1;
  };
  const load = world.clock.every(5, () => void calls.push(call()), end.signal);
  return {
    stop: async () => {
      end.abort();
      await load;
      await Promise.all(calls);
      return { sent: calls.length, failed };
    },
  };
}

/** What users had before there was a rollout: its owner gets it back in the end. */
async function serviceAndRoute({ cluster }: RolloutWorld): Promise<void> {
  await create(cluster, `/api/v1/namespaces/${namespace}/services`, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'podinfo' },
    spec: { selector: { app: 'podinfo' }, ports: [{ name: 'http', port: 9898 }] },
  });
  await create(cluster, `/apis/networking.istio.io/v1/namespaces/${namespace}/virtualservices`, {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'podinfo' },
    spec: {
      hosts: ['podinfo.test'],
      gateways: ['istio-system/public-gateway', 'mesh'],
      http: [{ route: [{ destination: { host: 'podinfo', port: { number: 9898 } } }] }],
    },
  });
}

/** Waits until the canary has half of the traffic. */
function halfWay(world: RolloutWorld): Promise<void> {
  return world.until(
    'half of the traffic on the canary',
    async () => (await world.canary()).status?.canaryWeight === 50,
  );
}

/** Sets the success rate that the analysis demands, in percent. */
async function demand(world: RolloutWorld, min: number): Promise<void> {
  const metrics = [{ name: 'request-success-rate', thresholdRange: { min }, interval: '20s' }];
  const canaries = world.cluster.client.resource(kinds.canaries);
  await canaries.patch({ namespace, name: 'podinfo' }, 'merge', { spec: { analysis: { metrics } } });
}

test('no request of 200 a second is lost to bootstrap, promotion, rollback, restart and deletion with revert', async () => {
  await RolloutWorld.run({ seed: 'nothing lost' }, async (world) => {
    await serviceAndRoute(world);
    await world.until(
      'users are served',
      async () => (await world.cluster.gateway(get('/version', 'podinfo.test'))).status === 200,
    );
    const during = users(world);
    await world.createCanary(specOf({ stepWeight: 50 }, { revertOnDeletion: true }));
    await world.phase('Initialized');
    await world.clock.sleep(2000);
    // Promoted.
    await world.deploy('6.5.4');
    await world.phase('Succeeded');
    // Taken back from half of the traffic: no success rate is above 101 %.
    await world.deploy('6.5.5');
    await halfWay(world);
    await demand(world, 101);
    await world.phase('Failed');
    await demand(world, 99);
    // Restarted in the middle.
    await world.deploy('6.5.6');
    await world.until(
      'traffic on the canary',
      async () => (await world.canary()).status?.canaryWeight === 50,
    );
    await world.deploy('6.5.7');
    await world.phase('Succeeded');
    await world.cluster.client.resource(kinds.canaries).delete({ namespace, name: 'podinfo' });
    await world.until('the end of the Canary', async () =>
      world.canary().then(
        () => false,
        () => true,
      ),
    );
    await world.clock.sleep(10_000);
    const { sent, failed } = await during.stop();
    expect(failed).toEqual({});
    expect(sent).toBeGreaterThan(10_000);
  });
}, 180_000);

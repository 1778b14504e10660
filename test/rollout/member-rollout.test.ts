import { expect, test } from 'vitest';
import type { Rollout } from '../../src/api/application.ts';
import { silentLog } from '../../src/base/log.ts';
import { seededRandom } from '../../src/base/random.ts';
import { MemberRollouts, plannedRollout } from '../../src/fleet/application/member-rollout.ts';
import { placeOf } from '../../src/fleet/application/member-world.test-double.ts';
import { namespaceKind } from '../../src/fleet/kinds.ts';
import type { SandboxCall } from '../../src/sandbox/faults.ts';
import { create } from '../sandbox/backend.ts';
import { kinds, namespace, RolloutWorld } from './rollout-world.ts';

const key = { namespace, name: 'podinfo' };
const rollout: Rollout = {
  trafficRoutingProvider: 'istio',
  workload: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'podinfo', namespace },
  serviceName: 'podinfo',
  port: 9898,
  rolloutPolicy: {
    trafficRouting: {
      analysisTimes: 2,
      gateways: ['istio-system/public-gateway', 'mesh'],
      hosts: ['podinfo.test'],
    },
    trafficAnalysis: {
      checkIntervalSeconds: 5,
      checkFailedTimes: 2,
      metrics: [{ name: 'request-success-rate', intervalSeconds: 20, thresholdRange: { min: 99 } }],
    },
    rolloutTimeoutSeconds: 60,
  },
};
const place = placeOf('podinfo-0');
const own = ['Deployment podinfo', 'Service podinfo', 'VirtualService podinfo'];

/** What a person has before the first rollout, ingress and all. */
async function usersOwn({ cluster }: RolloutWorld): Promise<void> {
  const metadata = { name: 'podinfo' };
  await create(cluster, `/api/v1/namespaces/${namespace}/services`, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata,
    spec: { selector: { app: 'podinfo' }, ports: [{ name: 'http', port: 9898, targetPort: 'http' }] },
  });
  await create(cluster, `/apis/networking.istio.io/v1/namespaces/${namespace}/virtualservices`, {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata,
    spec: {
      hosts: ['podinfo.test'],
      gateways: ['istio-system/public-gateway', 'mesh'],
      http: [{ route: [{ destination: { host: 'podinfo', port: { number: 9898 } } }] }],
    },
  });
}

async function namesOf(world: RolloutWorld): Promise<readonly string[]> {
  const { client } = world.cluster;
  const found: string[] = [];
  for (const kind of [kinds.canaries, kinds.deployments, kinds.services, kinds.virtualServices]) {
    const { items } = await client.resource(kind).list({ namespace });
    found.push(...items.map(({ metadata }) => `${kind.kind} ${metadata.name}`));
  }
  return found.toSorted();
}

/** Works as the manager does, with what it asked of the member. */
async function withRollouts(
  world: RolloutWorld,
  work: (rollouts: MemberRollouts, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const end = new AbortController();
  const { client } = world.cluster;
  const { clock } = world;
  const rollouts = new MemberRollouts({ client, clock, random: seededRandom('rollouts'), log: silentLog });
  const running = rollouts.run(end.signal);
  await work(rollouts, end.signal);
  end.abort();
  await running;
}

/** Versions of everything that the manager or the agent could write. */
async function versions(world: RolloutWorld): Promise<readonly string[]> {
  const { client } = world.cluster;
  const objects = [
    await client.resource(kinds.canaries).get(key),
    await client.resource(kinds.services).get(key),
    await client.resource(namespaceKind).get({ name: namespace }),
  ];
  return objects.map(({ metadata }) => metadata.resourceVersion ?? '');
}

test('a rollout with its agent: Initialized, no fight, and on removal the workload serves again without a lost request', async () => {
  await RolloutWorld.run({ seed: 'member-rollout' }, async (world) => {
    const { client } = world.cluster;
    await usersOwn(world);
    await world.clock.sleep(10_000);
    world.load();
    await withRollouts(world, async (rollouts, signal) => {
      await rollouts.prepare(rollout, place, signal);
      await rollouts.install(rollout, place, signal);
      const { conditions } = await world.phase('Initialized');
      expect(conditions).toMatchObject([{ type: 'Promoted', status: 'True', reason: 'Initialized' }]);
      await world.clock.sleep(1000);
      expect(rollouts.canaryStatus(namespace, 'podinfo')?.phase).toBe('Initialized');
      expect(await world.replicas('podinfo')).toBe(0);
      const service = await client.resource(kinds.services).get(key);
      expect(service['spec']).toMatchObject({
        selector: { app: 'podinfo-primary' },
        ports: [{ port: 9898, targetPort: 'http' }],
      });
      const before = await versions(world);
      await rollouts.install(rollout, place, signal);
      await world.clock.sleep(30_000);
      await rollouts.install(rollout, place, signal);
      expect(await versions(world)).toEqual(before);

      await rollouts.remove(plannedRollout(rollout), place, signal);
      await world.clock.sleep(10_000);
      expect(await namesOf(world)).toEqual(own);
      expect(await world.replicas('podinfo')).toBe(2);
      const restored = await client.resource(kinds.services).get(key);
      expect(restored['spec']).toMatchObject({ selector: { app: 'podinfo' } });
      expect((await client.resource(namespaceKind).get({ name: namespace })).metadata.labels).toMatchObject({
        'istio-injection': 'enabled',
      });

      await rollouts.install(rollout, place, signal);
      await world.phase('Initialized');
      expect([...world.answers.keys()]).toEqual(['6.5.3']);
      expect(world.answers.get('6.5.3')).toBeGreaterThan(300);
    });
  });
}, 120_000);

test('in the middle of an analysis too, and whoever is killed goes on', async () => {
  await RolloutWorld.run({ seed: 'member-rollout-2' }, async (world) => {
    await usersOwn(world);
    await withRollouts(world, (rollouts, signal) => rollouts.install(rollout, place, signal).then(() => {}));
    await world.phase('Initialized');
    world.load();
    await world.deploy('6.5.4');
    await world.phase('Progressing');
    await world.killAgent();
    await withRollouts(world, async (rollouts, signal) => {
      using giveUp = world.clock.timeout(500, signal);
      await expect(rollouts.remove(plannedRollout(rollout), place, giveUp.signal)).rejects.toThrow();
    });
    expect((await world.canary()).spec.revertOnDeletion).toBe(true);
    await withRollouts(world, async (rollouts, signal) => {
      await rollouts.remove(plannedRollout(rollout), place, signal);
    });
    await world.clock.sleep(10_000);
    expect(await namesOf(world)).toEqual(own);
    expect(await world.replicas('podinfo')).toBe(2);
    expect([...world.answers.keys()].sort()).toEqual(['6.5.3', '6.5.4']);
    expect(await world.serves()).toEqual(['6.5.4']);
  });
}, 120_000);

test('an agent that is about to let the Canary go does not, once it is to give the workload back', async () => {
  let isSlow = false;
  const onRequest = async ({ method, url }: SandboxCall, { clock }: RolloutWorld): Promise<void> => {
    if (isSlow && method === 'PATCH' && /\/canaries\/podinfo(\?|$)/.test(url)) await clock.sleep(2000);
  };
  await RolloutWorld.run({ seed: 'member-rollout-3', onRequest }, async (world) => {
    await usersOwn(world);
    await withRollouts(world, async (rollouts, signal) => {
      const rolloutPolicy = { ...rollout.rolloutPolicy, revertOnDeletion: true };
      await rollouts.install({ ...rollout, rolloutPolicy }, place, signal);
      await world.phase('Initialized');
      isSlow = true;
      await rollouts.install(rollout, place, signal);
      await world.clock.sleep(500);
      await rollouts.remove(plannedRollout(rollout), place, signal);
      await world.clock.sleep(10_000);
      expect(await namesOf(world)).toEqual(own);
      expect(await world.replicas('podinfo')).toBe(2);
    });
  });
}, 120_000);

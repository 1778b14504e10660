import { expect, test } from 'vitest';
import type { CanarySpec } from '../../src/api/canary.ts';
import { create } from '../sandbox/backend.ts';
import { kinds, namespace, RolloutWorld, specOf } from './rollout-world.ts';

const key = { namespace, name: 'podinfo' };
const versions = (world: RolloutWorld): readonly string[] => [...world.answers.keys()].sort();

/** What somebody had before there was a Canary: a Service, and a route from the gateway to it. */
async function usersOwn({ cluster }: RolloutWorld): Promise<void> {
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

test('no request is lost from before the first Canary until after the last', async () => {
  await RolloutWorld.run({ seed: 'life' }, async (world) => {
    await usersOwn(world);
    await world.clock.sleep(10_000);
    world.load();
    await world.clock.sleep(2000);
    await world.createCanary(specOf({ stepWeight: 50, interval: '5s' }, { revertOnDeletion: true }));
    await world.phase('Initialized');
    await world.clock.sleep(10_000);
    expect(versions(world)).toEqual(['6.5.3']);
    await world.deploy('6.5.4');
    await world.phase('Succeeded');
    await world.clock.sleep(10_000);
    expect(versions(world)).toEqual(['6.5.3', '6.5.4']);
    await world.cluster.client.resource(kinds.canaries).delete(key);
    await world.clock.sleep(30_000);
    await expect(world.canary()).rejects.toThrow('not found');
    expect(versions(world)).toEqual(['6.5.3', '6.5.4']);
    expect(await world.serves()).toEqual(['6.5.4']);
    const routes = await world.cluster.client.resource(kinds.virtualServices).get(key);
    expect(routes['spec']).toMatchObject({ http: [{ route: [{ destination: { host: 'podinfo' } }] }] });
    const service = await world.cluster.client.resource(kinds.services).get(key);
    expect(service['spec']).toMatchObject({ selector: { app: 'podinfo' } });
  });
}, 120_000);

test.each<[string, Partial<CanarySpec>]>([
  ['whose provider is unknown', { provider: 'kuma' }],
  ['that is suspended', { suspend: true }],
  ['whose Services are refused', { service: { port: 9898, portName: 'No Name' } }],
])(
  'a Canary %s from the beginning goes, and its target serves on',
  async (title, rest) => {
    await RolloutWorld.run({ seed: title }, async (world) => {
      await usersOwn(world);
      await world.clock.sleep(10_000);
      world.load();
      await world.createCanary(specOf({ stepWeight: 50 }, { revertOnDeletion: true, ...rest }));
      await world.clock.sleep(20_000);
      expect((await world.canary()).metadata.finalizers).toHaveLength(1);
      await world.cluster.client.resource(kinds.canaries).delete(key);
      await world.clock.sleep(10_000);
      await expect(world.canary()).rejects.toThrow('not found');
      expect(await world.replicas('podinfo')).toBe(2);
      expect(versions(world)).toEqual(['6.5.3']);
    });
  },
  120_000,
);

test('a changed ConfigMap of the target is a new revision', async () => {
  await RolloutWorld.run({ seed: 'config' }, async (world) => {
    const { client } = world.cluster;
    const configMaps = { ...kinds.services, resource: 'configmaps', kind: 'ConfigMap' };
    const metadata = { name: 'settings', namespace };
    await client
      .resource(configMaps)
      .create({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { a: '1' } });
    const volumes = [{ name: 'settings', configMap: { name: 'settings' } }];
    await client
      .resource(kinds.deployments)
      .patch(key, 'strategic', { spec: { template: { spec: { volumes } } } });
    await world.createCanary(specOf({ stepWeight: 50, interval: '5s' }));
    expect((await world.phase('Initialized')).trackedConfigs).toHaveProperty(['configmap/settings']);
    world.load();
    await world.clock.sleep(5000);
    world.clear();
    await client.resource(configMaps).patch({ namespace, name: 'settings' }, 'merge', { data: { a: '2' } });
    await world.phase('Succeeded');
    const copy = await client.resource(configMaps).get({ namespace, name: 'settings-primary' });
    expect(copy['data']).toEqual({ a: '2' });
    expect(world.routes).toEqual(['50/50', '0/100', '100/0']);
  });
}, 120_000);

test('session affinity: the cookie of a run is kept in the status, and outlives the agent', async () => {
  await RolloutWorld.run({ seed: 'cookie' }, async (world) => {
    const sessionAffinity = { cookieName: 'flagger-cookie', maxAge: 3600 };
    await world.createCanary(specOf({ stepWeight: 50, interval: '5s', sessionAffinity }));
    await world.phase('Initialized');
    world.load();
    await world.clock.sleep(5000);
    await world.deploy('6.5.4');
    await world.until('the first step', async () => (await world.canary()).status?.canaryWeight === 50);
    const cookie = (await world.canary()).status?.sessionAffinityCookie;
    expect(cookie).toMatch(/^flagger-cookie=/);
    await world.killAgent();
    await world.until('the second step', async () => (await world.canary()).status?.canaryWeight === 100);
    expect((await world.canary()).status?.sessionAffinityCookie).toBe(cookie);
    const status = await world.phase('Succeeded');
    expect(status.sessionAffinityCookie ?? '').toBe('');
    expect(status.previousSessionAffinityCookie).toBe(cookie);
    expect(versions(world)).toEqual(['6.5.3', '6.5.4']);
  });
}, 120_000);

test('who deletes the route gets it back', async () => {
  await RolloutWorld.run({ seed: 'drift' }, async (world) => {
    await world.createCanary(specOf({ stepWeight: 50, interval: '5s' }));
    await world.phase('Initialized');
    const { client } = world.cluster;
    for (const kind of [kinds.virtualServices, kinds.services]) {
      await client.resource(kind).delete(key);
      await world.clock.sleep(1000);
      expect((await client.resource(kind).get(key)).metadata.name).toBe('podinfo');
    }
    await client.resource(kinds.deployments).delete({ namespace, name: 'podinfo-primary' });
    await world.clock.sleep(5000);
    world.load();
    expect(await world.serves()).toEqual(['6.5.3']);
  });
}, 120_000);

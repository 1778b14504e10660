import { expect, test } from 'vitest';
import { installDefinitions } from '../../src/sandbox/installation.ts';
import { get } from '../sandbox/backend.ts';
import { kinds, namespace, RolloutWorld, specOf } from './rollout-world.ts';

const key = { namespace, name: 'podinfo' };

test('an agent with nothing to do makes no request', async () => {
  const requests: string[] = [];
  const onRequest = ({ method, url }: { method: string; url: string }): void => {
    requests.push(`${method} ${url}`);
  };
  const args = ['-enable-leader-election=false'];
  await RolloutWorld.run({ seed: 'idle', args, onRequest }, async (world) => {
    await world.createCanary(specOf({ stepWeight: 20 }));
    await world.phase('Initialized');
    await world.clock.sleep(30_000);
    requests.length = 0;
    await world.clock.sleep(200_000);
    expect(requests.filter((request) => !request.includes('watch='))).toEqual([]);
    expect(requests.length).toBeLessThan(20);
  });
}, 120_000);

test('a deleted Canary with revertOnDeletion leaves what was there before', async () => {
  await RolloutWorld.run({ seed: 'deletion' }, async (world) => {
    await world.createCanary(specOf({ stepWeight: 20 }, { revertOnDeletion: true }));
    await world.phase('Initialized');
    expect(await world.replicas('podinfo')).toBe(0);
    world.load();
    await world.clock.sleep(5000);
    await world.cluster.client.resource(kinds.canaries).delete(key);
    await world.until('the end of the Canary', async () =>
      world.canary().then(
        () => false,
        () => true,
      ),
    );
    await world.clock.sleep(10_000);
    expect(world.events.slice(-1)).toEqual(['N Terminated canary podinfo.test']);
    expect(await world.replicas('podinfo')).toBe(2);
    const { items } = await world.cluster.client.resource(kinds.deployments).list({ namespace });
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['podinfo']);
  });
}, 120_000);

test('a contradictory Canary says so, once, and touches nothing', async () => {
  await RolloutWorld.run({ seed: 'contradiction' }, async (world) => {
    const spec = specOf({ stepWeight: 20 });
    const cluster = world.cluster.client.resource(kinds.canaries);
    await world.createCanary({ ...spec, provider: 'nginx' });
    await world.clock.sleep(30_000);
    const { status } = await world.canary();
    const stalled = status?.conditions?.find(({ type }) => type === 'Stalled');
    expect(`${stalled?.status ?? ''}: ${stalled?.message ?? ''}`).toContain(
      'True: spec.provider: nginx is not supported',
    );
    expect(world.events).toHaveLength(1);
    expect(await world.replicas('podinfo')).toBe(2);
    await cluster.patch(key, 'merge', { spec: { provider: 'istio' } });
    await world.phase('Initialized');
  });
}, 120_000);

test('Istio may come after the agent', async () => {
  await RolloutWorld.run({ seed: 'late', bare: true }, async (world) => {
    await world.createCanary(specOf({ stepWeight: 20 }, { skipAnalysis: true }));
    await world.clock.sleep(30_000);
    expect(world.events).toEqual([
      'W spec.provider: istio is not supported here: use istio (its kinds must be installed) or kubernetes',
    ]);
    await installDefinitions(world.cluster.client);
    await world.phase('Initialized');
    const routes = await world.cluster.client.resource(kinds.virtualServices).get(key);
    expect(routes.metadata.name).toBe('podinfo');
  });
}, 120_000);

test('its metrics say how it stands', async () => {
  await RolloutWorld.run({ seed: 'metrics' }, async (world) => {
    await world.createCanary(specOf({ stepWeight: 20 }));
    await world.phase('Initialized');
    const { items } = await world.cluster.client
      .resource(kinds.pods)
      .list({ namespace: 'istio-system', labelSelector: 'app.kubernetes.io/name=viridian-agent' });
    const { podIP } = (items[0]?.['status'] ?? {}) as { podIP?: string };
    const network = world.cluster.network.host('172.18.0.1');
    const text = await (await network.fetch(`http://${podIP ?? ''}:8080/metrics`)).text();
    expect(text).toContain('flagger_info{version="test",mesh_provider="istio"} 1');
    expect(text).toContain('flagger_canary_total{namespace="test"} 1');
    expect(text).toContain('flagger_canary_status{name="podinfo",namespace="test"} 1');
    expect(text).toContain('flagger_canary_weight{workload="podinfo-primary",namespace="test"} 100');
    expect(text).toContain('controller_runtime_reconcile_total{controller="canary",result="success"}');
    expect(await (await network.fetch(`http://${podIP ?? ''}:8080/healthz`)).text()).toBe('OK');
    expect((await world.cluster.gateway(get('/version', 'podinfo.test'))).status).toBe(200);
  });
}, 120_000);

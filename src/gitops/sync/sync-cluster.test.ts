import { expect, test } from 'vitest';
import type { Unstructured } from '../../machinery/object.ts';
import {
  all,
  definition,
  definitions,
  config,
  configMaps,
  deployments,
  namespace,
  namespaces,
  object,
  owner,
  service,
  services,
  told,
  workload,
  World,
} from './sync-world.test-double.ts';

test('objects are applied in order, and what is the same makes no request', () =>
  World.run(async (world) => {
    const first = await world.apply(all);
    expect(first.failure).toBeUndefined();
    expect(told(first)).toEqual([
      'Namespace/web created',
      'ConfigMap/a created',
      'Service/app created',
      'Deployment/app created',
    ]);
    expect(first.inventory.map(({ id }) => id)).toEqual([
      '_web__Namespace',
      'web_a__ConfigMap',
      'web_app__Service',
      'web_app_apps_Deployment',
    ]);
    expect(world.inventory).toEqual(first.inventory);
    await world.clock.sleep(1000);
    world.requests.length = 0;
    const second = await world.apply(all);
    expect(told(second)).toEqual(told(first).map((change) => change.replace('created', 'unchanged')));
    expect(world.requests).toEqual([]);
  }));

test('what git no longer has is deleted, unless somebody wants it kept or has it now', () =>
  World.run(async (world) => {
    await world.apply([...all, config('b'), config('c'), config('d')]);
    const patch = (name: string, labels: object): Promise<unknown> =>
      world.user.resource(configMaps).patch({ namespace: 'web', name }, 'merge', { metadata: { labels } });
    await patch('c', { 'kustomize.toolkit.fluxcd.io/prune': 'disabled' });
    await patch('d', { 'kustomize.toolkit.fluxcd.io/name': 'another' });
    const outcome = await world.apply(all);
    expect(told(outcome)).toContain('ConfigMap/b deleted');
    expect(await world.names(configMaps)).toEqual(['a', 'c', 'd']);
    expect(world.inventory.map(({ id }) => id)).toEqual(outcome.inventory.map(({ id }) => id));
    expect(outcome.inventory).toHaveLength(4);
  }));

test('a build that has become empty removes nothing', () =>
  World.run(async (world) => {
    await world.apply(all);
    const { failure, inventory } = await world.apply([]);
    expect(failure).toMatchObject({ reason: 'ReconciliationFailed', isStalled: true });
    expect(failure?.message).toContain('nothing is removed');
    expect(inventory).toHaveLength(4);
    expect(await world.names(deployments)).toEqual(['app']);
  }));

test('what a rollout has claimed is left to it; replicas of git are handed on', () =>
  World.run(async (world) => {
    await world.apply(all);
    const claim = (object_: object): Promise<Unstructured> =>
      world.user
        .resource((object_ as Unstructured).kind === 'Service' ? services : deployments)
        .apply(object_ as Unstructured, { fieldManager: 'viridian-agent', force: true });
    await claim(object('apps/v1', 'Deployment', 'app', { spec: { replicas: 0 } }));
    await claim(object('v1', 'Service', 'app', { spec: { selector: { app: 'app-primary' } } }));
    const drifts: string[] = [];
    const outcome = await world.apply([service, workload(5), namespace, config('a')]);
    expect(outcome.failure).toBeUndefined();
    const deployment = await world.get(deployments, 'app');
    expect(deployment).toMatchObject({
      metadata: { annotations: { 'viridian.dev/replicas': '5' } },
      spec: { replicas: 0 },
    });
    expect(await world.get(services, 'app')).toMatchObject({ spec: { selector: { app: 'app-primary' } } });
    await world.clock.sleep(1000);
    world.sync.onDrift(owner, () => drifts.push('drift'));
    world.requests.length = 0;
    await world.apply([service, workload(5), namespace, config('a')]);
    expect(world.requests).toEqual([]);
    await claim(object('apps/v1', 'Deployment', 'app', { spec: { replicas: 3 } }));
    await world.clock.sleep(1000);
    expect(drifts).toEqual([]);
  }));

test('drift is told, and repaired by the next apply', () =>
  World.run(async (world) => {
    await world.apply(all);
    await world.clock.sleep(1000);
    let drifts = 0;
    world.sync.onDrift(owner, () => (drifts += 1));
    const key = { namespace: 'web', name: 'a' };
    await world.user.resource(configMaps).patch(key, 'merge', { data: { value: 'by hand' } });
    await world.clock.sleep(1000);
    expect(drifts).toBe(1);
    expect(told(await world.apply(all))).toContain('ConfigMap/a configured');
    expect(await world.get(configMaps, 'a')).toMatchObject({ data: { value: '1' } });
    await world.clock.sleep(1000);
    drifts = 0;
    await world.user.resource(configMaps).delete(key);
    await world.clock.sleep(1000);
    expect(drifts).toBe(1);
    await world.user.resource(configMaps).create(config('theirs'));
    await world.clock.sleep(1000);
    expect(drifts).toBe(1);
  }));

test('what the server refuses is named, stops its stage before anything is written, and never shows a secret', () =>
  World.run(async (world) => {
    const bad = object('v1', 'Service', 'bad', { spec: { ports: [{ port: 99_999 }] } });
    const secret = object('v1', 'Secret', 'bad', { data: { password: 'hunter2 is not base64' } });
    const { failure, inventory } = await world.apply([namespace, config('a'), bad, secret]);
    expect(failure?.reason).toBe('ReconciliationFailed');
    expect(failure?.message).toContain('Service/web/bad dry-run failed (Invalid): ');
    expect(failure?.message).toContain('Secret/web/bad dry-run failed');
    expect(failure?.message).not.toContain('hunter2');
    expect(await world.names(configMaps)).toEqual([]);
    expect(inventory).toHaveLength(4);
  }));

test('kinds may be defined by the same sync', () =>
  World.run(async (world) => {
    const outcome = await world.apply([object('example.com/v1', 'Toy', 'ball'), definition]);
    expect(outcome.failure).toBeUndefined();
    expect(outcome.inventory.map(({ id }) => id)).toEqual([
      '_toys.example.com_apiextensions.k8s.io_CustomResourceDefinition',
      '_ball_example.com_Toy',
    ]);
  }));

test('all of it goes when it is removed', () =>
  World.run(async (world) => {
    await world.apply(all);
    const outcome = await world.remove();
    expect(outcome.failure).toBeUndefined();
    expect(outcome.inventory).toEqual([]);
    expect(await world.names(namespaces)).toEqual([]);
    expect(await world.names(deployments)).toEqual([]);
  }));

test('what something holds is named, and remembered', () =>
  World.run(async (world) => {
    await world.apply(all);
    const key = { namespace: 'web', name: 'a' };
    const hold = (finalizers: readonly string[]): Promise<unknown> =>
      world.user.resource(configMaps).patch(key, 'merge', { metadata: { finalizers } });
    await hold(['example.com/hold']);
    const { inventory, failure } = await world.remove();
    expect(inventory.map(({ id }) => id)).toEqual(['_web__Namespace', 'web_a__ConfigMap']);
    expect(failure).toMatchObject({ reason: 'PruneFailed', isStalled: false });
    expect(failure?.message).toContain('ConfigMap/web/a: deleted, but something holds it');
    await hold([]);
    world.inventory = inventory;
    expect(await world.remove()).toMatchObject({ inventory: [] });
  }));

test('killed after any write, the next process ends the same and leaves nothing behind', async () => {
  for (let budget = 0; budget < 14; budget += 1) {
    await World.run(async (world) => {
      await world.apply([...all, config('old')]);
      world.budget = budget;
      await world.apply([...all, config('new')]);
      world.budget = Infinity;
      world.restart();
      const outcome = await world.apply([...all, config('newest')]);
      expect(outcome.failure).toBeUndefined();
      expect(await world.names(configMaps)).toEqual(['a', 'newest']);
      expect(outcome.inventory).toHaveLength(5);
      expect(world.inventory).toHaveLength(5);
    });
  }
});

/** The server writes `1000m` as `1`: whether an apply changes something only a dry run can tell. */
function measured(): Unstructured {
  const deployment = workload(2);
  const [container] = (deployment as unknown as { spec: { template: { spec: { containers: object[] } } } })
    .spec.template.spec.containers;
  Object.assign(container ?? {}, { resources: { limits: { cpu: '1000m' } } });
  deployment.metadata.labels = { app: 'app' };
  return deployment;
}

test('a label that somebody has changed is drift also where only a dry run tells what an apply would change', () =>
  World.run(async (world) => {
    const objects = [namespace, measured()];
    await world.apply(objects);
    expect(told(await world.apply(objects))).toContain('Deployment/app unchanged');
    await world.clock.sleep(1000);
    let drifts = 0;
    world.sync.onDrift(owner, () => (drifts += 1));
    const key = { namespace: 'web', name: 'app' };
    const client = world.user.resource(deployments);
    await client.patch(key, 'merge', { status: { observedGeneration: 1 } }, { subresource: 'status' });
    await world.clock.sleep(1000);
    expect(drifts).toBe(0);
    const labels = { app: 'by-hand' };
    await client.patch(key, 'merge', { metadata: { labels } }, { fieldManager: 'person' });
    await world.clock.sleep(1000);
    expect(drifts).toBe(1);
    await world.apply(objects);
    expect((await client.get(key)).metadata.labels).toMatchObject({ app: 'app' });
  }));

test('a kind that may not be listed is named soon, and is applied when it may be', () =>
  World.run(async (world) => {
    world.forbidden = /configmaps$/;
    const began = world.clock.monotonic();
    const { failure } = await world.apply(all);
    expect(world.clock.monotonic() - began).toBeLessThan(15_000);
    expect(failure).toMatchObject({ reason: 'ReconciliationFailed', isStalled: false });
    expect(failure?.message).toContain('cannot list ConfigMap (configmaps): cannot list here');
    world.forbidden = undefined;
    await world.clock.sleep(60_000);
    expect(await world.apply(all)).not.toHaveProperty('failure');
  }));

test('a kind that comes later is applied at the next try, and what it was taken for deletes nothing', () =>
  World.run(async (world) => {
    const ball = object('example.com/v1', 'Toy', 'ball');
    const { failure } = await world.apply([namespace, ball]);
    const unknown = 'Toy/web/ball dry-run failed: no matches for kind "Toy" in version "example.com/v1"';
    expect(failure?.message).toBe(unknown);
    await world.user.resource(definitions).create(definition);
    await world.clock.sleep(1000);
    const outcome = await world.apply([namespace, ball]);
    expect(outcome.failure).toBeUndefined();
    expect(told(outcome)).toEqual(['Namespace/web unchanged', 'Toy/ball created']);
    expect(outcome.inventory.map(({ id }) => id)).toEqual(['_web__Namespace', '_ball_example.com_Toy']);
  }));

test('of 2000 objects only what has changed is written, and no more than four dry runs are under way', () =>
  World.run(async (world) => {
    const many = Array.from({ length: 2000 }, (_, i) => config(`c-${i}`));
    expect((await world.apply([namespace, ...many])).failure).toBeUndefined();
    await world.clock.sleep(1000);
    // At first each is looked for, tried and written.
    expect(world.requests.length).toBeLessThan(3 * 2001 + 10);
    expect(world.mostAtOnce).toBeLessThanOrEqual(6);
    world.requests.length = 0;
    const outcome = await world.apply([namespace, ...many.slice(1), config('c-0', '2')]);
    expect(outcome.failure).toBeUndefined();
    expect(world.requests).toEqual([
      'PATCH /api/v1/namespaces/web/configmaps/c-0',
      'PATCH /api/v1/namespaces/web/configmaps/c-0',
    ]);
  }));

test('a kind that may not be listed is named when it is to be removed, and nothing is forgotten', () =>
  World.run(async (world) => {
    await world.apply(all);
    world.restart();
    world.forbidden = /configmaps$/;
    const { failure, inventory } = await world.remove();
    expect(failure?.reason).toBe('PruneFailed');
    expect(failure?.message).toContain('cannot list ConfigMap (configmaps): cannot list here');
    expect(inventory.map(({ id }) => id)).toContain('web_a__ConfigMap');
    world.forbidden = undefined;
    await world.clock.sleep(60_000);
    world.inventory = inventory;
    expect(await world.remove()).toMatchObject({ inventory: [] });
  }));

test('what a sync writes and prunes itself is no drift', () =>
  World.run(async (world) => {
    await world.apply([...all, measured()]);
    await world.clock.sleep(1000);
    let drifts = 0;
    world.sync.onDrift(owner, () => (drifts += 1));
    await world.apply([service, measured(), namespace, config('a', '2'), config('b')]);
    await world.clock.sleep(1000);
    await world.apply([namespace, measured(), config('b', '3')]);
    await world.clock.sleep(1000);
    expect(drifts).toBe(0);
    await world.user.resource(configMaps).delete({ namespace: 'web', name: 'b' });
    await world.clock.sleep(1000);
    expect(drifts).toBe(1);
  }));

test('a namespace that is being deleted is waited for, and all is made anew', () =>
  World.run(async (world) => {
    await world.apply(all);
    const key = { namespace: 'web', name: 'a' };
    const hold = (finalizers: readonly string[]): Promise<unknown> =>
      world.user.resource(configMaps).patch(key, 'merge', { metadata: { finalizers } });
    await hold(['example.com/hold']);
    await world.user.resource(namespaces).delete({ name: 'web' });
    await world.clock.sleep(1000);
    const { failure } = await world.apply(all);
    expect(failure).toMatchObject({ reason: 'ReconciliationFailed', isStalled: false });
    expect(failure?.message).toBe('Namespace/web is being deleted, but something holds it (finalizers?)');
    const again = world.apply(all);
    await world.clock.sleep(5000);
    await hold([]);
    expect(told(await again)).toEqual([
      'Namespace/web created',
      'ConfigMap/a created',
      'Service/app created',
      'Deployment/app created',
    ]);
  }));

test('a sync that takes too long says so', () =>
  World.run(async (world) => {
    await world.apply(all);
    world.stalled = /configmaps/;
    world.restart();
    const { failure } = await world.apply(all, { timeoutMs: 5000 });
    expect(failure).toMatchObject({ reason: 'ReconciliationFailed', isStalled: false });
    expect(failure?.message).toContain('timed out after 5s');
  }));

test('a kind that was just defined is applied as soon as the server tells of it', () =>
  World.run(async (world) => {
    await world.apply([namespace]);
    world.blindUntil = world.clock.monotonic() + 5000;
    const outcome = await world.apply([namespace, definition, object('example.com/v1', 'Toy', 'ball')]);
    expect(outcome).not.toHaveProperty('failure');
    expect(told(outcome)).toContain('Toy/ball created');
    expect(world.clock.monotonic()).toBeLessThan(10_000);
  }));

test('a kind of which nothing is left is not asked for any more', () =>
  World.run(async (world) => {
    await world.apply([namespace, definition, object('example.com/v1', 'Toy', 'ball')]);
    expect(told(await world.apply([namespace]))).toContain(
      'CustomResourceDefinition/toys.example.com deleted',
    );
    await world.clock.sleep(5000);
    world.requests.length = 0;
    await world.clock.sleep(3_600_000);
    expect(world.requests).toEqual([]);
  }));

test('a namespace that nobody makes is named', () =>
  World.run(async (world) => {
    const { failure } = await world.apply([config('a')]);
    expect(failure?.message).toBe('ConfigMap/web/a not found: namespaces "web" not found');
  }));

test('a try that fails is not begun from nothing the next time', () =>
  World.run(async (world) => {
    const bad = object('v1', 'Service', 'bad', { spec: { ports: [{ port: 99_999 }] } });
    await world.apply([namespace, config('a'), bad]);
    world.requests.length = 0;
    await world.apply([namespace, config('a'), bad]);
    expect(world.requests.filter((request) => /GET .*(configmaps|services)$/.test(request))).toEqual([]);
  }));

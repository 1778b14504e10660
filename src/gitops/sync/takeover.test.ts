import { expect, test } from 'vitest';
import {
  all,
  config,
  configMaps,
  deployments,
  namespace,
  namespaces,
  owner,
  told,
  workload,
  World,
} from './sync-world.test-double.ts';

const key = { namespace: 'web', name: 'a' };
const manager = (fieldManager: string) => ({ fieldManager });

test('what kubectl has made and git does not have goes, with the mark that kubectl left', () =>
  World.run(async (world) => {
    await world.user
      .resource({ ...configMaps, resource: 'namespaces', kind: 'Namespace', namespaced: false })
      .create(namespace);
    const lastApplied = { 'kubectl.kubernetes.io/last-applied-configuration': '{}' };
    const made = config('a', '1');
    await world.user.resource(configMaps).create(
      {
        ...made,
        metadata: { ...made.metadata, annotations: lastApplied },
        data: { value: '1', old: 'gone from git' },
      },
      manager('kubectl-client-side-apply'),
    );
    const outcome = await world.apply(all);
    expect(outcome.failure).toBeUndefined();
    expect(told(outcome)).toContain('ConfigMap/a configured');
    const live = await world.get(configMaps, 'a');
    expect(live).toMatchObject({ data: { value: '1' } });
    expect((live as unknown as { data: object }).data).toEqual({ value: '1' });
    expect(live.metadata.annotations).toBeUndefined();
    expect(managersOf(live)).toEqual(['viridian-gitops']);
    await world.clock.sleep(1000);
    world.requests.length = 0;
    expect(told(await world.apply(all))).toContain('ConfigMap/a unchanged');
    expect(world.requests).toEqual([]);
  }));

test('fields that kubectl adds are drift; those of others stay, and so does all with ssa: Merge', () =>
  World.run(async (world) => {
    const merged = config('b');
    merged.metadata.annotations = { 'kustomize.toolkit.fluxcd.io/ssa': 'merge' };
    const objects = [...all, merged];
    await world.apply(objects);
    await world.clock.sleep(1000);
    let drifts = 0;
    world.sync.onDrift(owner, () => (drifts += 1));
    const edit = (name: string, field: string, fieldManager: string): Promise<unknown> =>
      world.user
        .resource(configMaps)
        .patch({ ...key, name }, 'merge', { data: { [field]: 'x' } }, { fieldManager });
    await edit('a', 'other', 'flux-client-side-apply');
    await edit('b', 'edited', 'kubectl-edit');
    await world.clock.sleep(1000);
    expect(drifts).toBe(0);
    await edit('a', 'edited', 'kubectl-edit');
    await world.clock.sleep(1000);
    expect(drifts).toBe(1);
    expect(told(await world.apply(objects))).toEqual(
      expect.arrayContaining(['ConfigMap/a configured', 'ConfigMap/b unchanged']),
    );
    expect(await world.get(configMaps, 'a')).toHaveProperty('data', { value: '1', other: 'x' });
    expect(await world.get(configMaps, 'b')).toHaveProperty('data', { value: '1', edited: 'x' });
  }));

test('a mark that a person has set to protect an object is not taken away', () =>
  World.run(async (world) => {
    await world.apply(all);
    const annotations = { 'kustomize.toolkit.fluxcd.io/prune': 'disabled', note: 'mine' };
    await world.user
      .resource(configMaps)
      .patch(key, 'merge', { metadata: { annotations } }, manager('kubectl-annotate'));
    await world.apply(all);
    const live = await world.get(configMaps, 'a');
    expect(live.metadata.annotations).toEqual({ 'kustomize.toolkit.fluxcd.io/prune': 'disabled' });
    const { inventory } = await world.apply(all.filter(({ metadata }) => metadata.name !== 'a'));
    expect(inventory.map(({ id }) => id)).not.toContain('web_a__ConfigMap');
    expect(await world.names(configMaps)).toEqual(['a']);
  }));

test('replicas that a rollout has claimed stay when what kubectl has set is taken over', () =>
  World.run(async (world) => {
    await world.apply(all);
    const of = { namespace: 'web', name: 'app' };
    const client = world.user.resource(deployments);
    await client.patch(of, 'merge', { spec: { replicas: 4, minReadySeconds: 7 } }, manager('kubectl-patch'));
    const claim = { ...workload(0), spec: { replicas: 0 } };
    await client.apply(claim, { fieldManager: 'viridian-agent', force: true });
    expect(told(await world.apply(all))).toContain('Deployment/app configured');
    const { spec } = (await client.get(of)) as unknown as { spec: Record<string, unknown> };
    expect(spec['replicas']).toBe(0);
    expect(spec['minReadySeconds']).toBeUndefined();
  }));

test('killed after any write of a takeover, the next process ends the same', async () => {
  for (let budget = 0; budget < 5; budget += 1) {
    await World.run(async (world) => {
      await world.apply(all);
      await world.user
        .resource(configMaps)
        .patch(key, 'merge', { data: { old: 'x' } }, manager('kubectl-edit'));
      world.budget = budget;
      await world.apply(all);
      world.budget = Infinity;
      world.restart();
      expect((await world.apply(all)).failure).toBeUndefined();
      expect(await world.get(configMaps, 'a')).toHaveProperty('data', { value: '1' });
    });
  }
});

test('what Flux has applied before goes with git, its marks too; the marks of old ways of applying go', () =>
  World.run(async (world) => {
    await world.user.resource(namespaces).create(namespace);
    const before = config('a');
    before.metadata.annotations = { 'kustomize.toolkit.fluxcd.io/prune': 'disabled' };
    const theirs = { ...before, data: { value: '1', old: 'dropped from git' } };
    const client = world.user.resource(configMaps);
    await client.apply(theirs, { fieldManager: 'kustomize-controller', force: true });
    const metadata = {
      annotations: { 'kustomize.toolkit.fluxcd.io/checksum': '1' },
      labels: { 'fluxcd.io/sync-gc-mark': '2' },
    };
    await client.patch(key, 'merge', { metadata }, manager('old'));
    await world.apply(all);
    const live = await world.get(configMaps, 'a');
    expect(live).toHaveProperty('data', { value: '1' });
    expect(live.metadata.annotations).toBeUndefined();
    expect(live.metadata.labels).not.toHaveProperty(['fluxcd.io/sync-gc-mark']);
    expect(managersOf(live)).toEqual(['viridian-gitops']);
  }));

function managersOf({ metadata }: { readonly metadata: object }): readonly unknown[] {
  const { managedFields = [] } = metadata as { managedFields?: readonly { manager: string }[] };
  return managedFields.map((entry) => entry.manager);
}

import { expect, test } from 'vitest';
import type { Unstructured } from '../../machinery/object.ts';
import {
  all,
  config,
  configMaps,
  namespace,
  namespaces,
  owner,
  told,
  World,
} from './sync-world.test-double.ts';

const prefix = 'kustomize.toolkit.fluxcd.io';
const key = { namespace: 'web', name: 'a' };

function marked(name: string, mark: string, value: string): Unstructured {
  const object = config(name);
  object.metadata.annotations = { [`${prefix}/${mark}`]: value };
  return object;
}

const unhealthy = (world: World): readonly string[] =>
  world.sync.health(owner).flatMap(({ ref, status }) => (status === 'Current' ? [] : [ref.name]));

test('what is left to others does not count as missing, in this process or the next', () =>
  World.run(async (world) => {
    await world.user.resource(namespaces).create(namespace);
    await world.user.resource(configMaps).create(config('theirs', 'x'));
    await world.user.resource(configMaps).create(marked('asks', 'reconcile', 'disabled'));
    const objects = [namespace, marked('theirs', 'ssa', 'IfNotPresent'), config('asks', '2'), config('a')];
    const outcome = await world.apply(objects);
    expect(told(outcome)).toEqual([
      'Namespace/web configured',
      'ConfigMap/a created',
      'ConfigMap/asks skipped',
      'ConfigMap/theirs skipped',
    ]);
    expect(outcome.inventory).toHaveLength(4);
    expect(unhealthy(world)).toEqual([]);
    world.restart();
    await world.sync.follow(owner, outcome.inventory, new AbortController().signal);
    expect(unhealthy(world)).toEqual([]);
    await world.user.resource(configMaps).delete(key);
    await world.clock.sleep(1000);
    expect(unhealthy(world)).toEqual(['a']);
  }));

test('what git itself leaves alone is neither made nor missing', () =>
  World.run(async (world) => {
    const outcome = await world.apply([namespace, marked('off', 'ssa', 'ignore')]);
    expect(told(outcome)).toEqual(['Namespace/web created', 'ConfigMap/off skipped']);
    expect(unhealthy(world)).toEqual([]);
    expect(await world.names(configMaps)).toEqual([]);
  }));

test('when somebody takes the mark away that kept an object from git, that is drift; the mark itself is none', () =>
  World.run(async (world) => {
    await world.apply(all);
    await world.clock.sleep(1000);
    let drifts = 0;
    world.sync.onDrift(owner, () => (drifts += 1));
    const edit = async (reconcile: string | null, value: string): Promise<void> => {
      const metadata = { annotations: { [`${prefix}/reconcile`]: reconcile } };
      const patch = { metadata, data: { value } };
      await world.user.resource(configMaps).patch(key, 'merge', patch, { fieldManager: 'kubectl-edit' });
      await world.clock.sleep(1000);
    };
    await edit('disabled', 'by hand');
    expect(drifts).toBe(0);
    expect(told(await world.apply(all))).toContain('ConfigMap/a skipped');
    await edit('disabled', 'by hand, again');
    expect(drifts).toBe(0);
    await edit(null, 'by hand');
    expect(drifts).toBe(1);
    expect(told(await world.apply(all))).toContain('ConfigMap/a configured');
    expect(await world.get(configMaps, 'a')).toHaveProperty('data', { value: '1' });
  }));

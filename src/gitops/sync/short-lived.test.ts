import { expect, test } from 'vitest';
import type { Unstructured } from '../../machinery/object.ts';
import { namespace, object, owner, told, World } from './sync-world.test-double.ts';

const jobs = { group: 'batch', version: 'v1', resource: 'jobs', kind: 'Job', namespaced: true };
const key = { namespace: 'web', name: 'j' };

function job(rest: object): Unstructured {
  const spec = { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] };
  return object('batch/v1', 'Job', 'j', { spec: { ...rest, template: { spec } } });
}

async function complete(world: World): Promise<void> {
  const at = '2026-01-01T00:00:00Z';
  const conditions = ['SuccessCriteriaMet', 'Complete'].map((type) => ({
    type,
    status: 'True',
    lastTransitionTime: at,
  }));
  const status = { succeeded: 1, startTime: at, completionTime: at, conditions };
  await world.user.resource(jobs).patch(key, 'merge', { status }, { subresource: 'status' });
}

/** @returns how often the loss was drift, and what is said of the Job */
async function deleted(world: World): Promise<{ drifts: number; health: readonly string[] }> {
  await world.clock.sleep(1000);
  let drifts = 0;
  world.sync.onDrift(owner, () => (drifts += 1));
  await world.user.resource(jobs).delete(key, { propagationPolicy: 'Background' });
  await world.clock.sleep(1000);
  const health = world.sync.health(owner).map(({ ref, status }) => `${ref.name} ${status}`);
  return { drifts, health };
}

test('a Job that the cluster has deleted when it had finished is not missing, and not done again by itself', () =>
  World.run(async (world) => {
    const objects = [namespace, job({ ttlSecondsAfterFinished: 10 })];
    const { inventory } = await world.apply(objects);
    await complete(world);
    expect(await deleted(world)).toEqual({ drifts: 0, health: ['web Current'] });
    world.restart();
    await world.sync.follow(owner, inventory, new AbortController().signal);
    expect(world.sync.health(owner).map(({ ref }) => ref.name)).toEqual(['web']);
    expect(told(await world.apply(objects))).toContain('Job/j created');
  }));

test('one that had not finished, or that nothing but a person deletes, is made anew', async () => {
  await World.run(async (world) => {
    await world.apply([namespace, job({ ttlSecondsAfterFinished: 10 })]);
    expect((await deleted(world)).drifts).toBe(1);
  });
  await World.run(async (world) => {
    await world.apply([namespace, job({})]);
    await complete(world);
    expect(await deleted(world)).toEqual({ drifts: 1, health: ['web Current', 'j NotFound'] });
  });
});

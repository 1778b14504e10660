import { expect, test } from 'vitest';
import { FleetWorld, names, whole } from './fleet-world.test-double.ts';
import { fleetKind } from './kinds.ts';

/** The life of a fleet: it gets its plugin, loses one part of it, loses it, gets it back, and is deleted. */
async function live(world: FleetWorld): Promise<void> {
  for (const name of names) await world.secret(name);
  await world.apply('attachedclusters.yaml');
  await world.apply('fleet.yaml');
  world.start();
  await world.settle();
  await world.runPods(...names);
  await world.settle(60_000);
  for (const name of names) expect(await world.installed(name)).toEqual(whole(name));
  expect((await world.fleet()).status).toMatchObject({ phase: 'Ready', readyClusters: 2 });

  const edit = (spec: object): Promise<unknown> => world.patch(fleetKind, 'quickstart', { spec });
  const { spec } = await world.fleet();
  await edit({ plugin: null });
  await world.settle(60_000);
  for (const name of names) expect(await world.installed(name)).toEqual([]);
  expect((await world.fleet()).status).not.toHaveProperty('plugins');

  await edit(spec);
  await world.settle();
  await world.runPods(...names);
  await edit({ clusters: spec.clusters?.slice(1) });
  await world.settle(60_000);
  const [left, stays] = names;
  expect([await world.installed(left), await world.installed(stays)]).toEqual([[], whole(stays)]);

  await world.run(world.host.resource(fleetKind).delete({ namespace: 'default', name: 'quickstart' }));
  await world.settle(60_000);
  expect(await world.isGone(fleetKind, 'quickstart')).toBe(true);
  expect(await world.installed(stays)).toEqual([]);
}

/** @param killAt number of the request at which the manager is killed; another one starts two seconds later */
async function liveAndDie(killAt: number, when: 'before' | 'after'): Promise<number> {
  const world = await new FleetWorld().open();
  let count = 0;
  const hook = (): void => {
    if (count++ !== killAt) return;
    world.kill();
    void world.clock.sleep(2000).then(() => world.start());
  };
  if (when === 'before') world.onRequest = hook;
  else world.onAnswer = hook;
  try {
    await live(world);
    // Or there was nothing to kill any more.
    if (Number.isFinite(killAt)) expect(count).toBeGreaterThan(killAt);
    return count;
  } finally {
    await world.close();
  }
}

/** Every so many requests, in a test of a few seconds; VIRIDIAN_EVERY=1 kills at each of them. */
const every = Number(process.env['VIRIDIAN_EVERY'] ?? 20);

test.each(['before', 'after'] as const)(
  'a manager that is killed %s a request, any, is followed by one that comes to the same end',
  async (when) => {
    const requests = await liveAndDie(Number.POSITIVE_INFINITY, when);
    expect(requests).toBeGreaterThan(50);
    for (let killAt = 0; killAt < requests; killAt += every) {
      await liveAndDie(killAt, when).catch((error: unknown) => {
        throw new Error(`killed ${when} request ${killAt}: ${String(error)}`, { cause: error });
      });
    }
  },
  600_000,
);

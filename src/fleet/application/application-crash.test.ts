import { expect, test } from 'vitest';
import { names } from '../fleet-world.test-double.ts';
import { applicationKind, canaryKind, deploymentKind } from '../kinds.ts';
import { ApplicationWorld, walkthrough } from './application-world.test-double.ts';

const [one, two] = names;
const patienceMs = 90_000;

/** The life of an Application: it is delivered, gets a commit, loses its rollout and one policy, and is deleted. */
async function live(world: ApplicationWorld): Promise<void> {
  await world.applyExample();
  await world.settle(patienceMs);
  await world.runPods(...names);
  await world.settle(patienceMs);
  expect(await world.verdict()).toMatchObject({ count: '4/4' });
  for (const member of names) expect(await world.exists(member, canaryKind, 'backend')).toBe(true);

  world.push(Object.fromEntries(Object.entries(walkthrough).filter(([path]) => !path.includes('frontend'))));
  await world.edit({ metadata: { annotations: { 'reconcile.fluxcd.io/requestedAt': 'now' } } });
  await world.settle(patienceMs);
  for (const member of names) expect(await world.exists(member, deploymentKind, 'frontend')).toBe(false);

  await world.applyExample('blue_green.yaml', ({ spec }) => {
    delete spec.syncPolicies[0]!.rollout;
    spec.syncPolicies.pop();
  });
  await world.settle(patienceMs);
  expect(await world.exists(one, canaryKind, 'backend')).toBe(false);
  expect(await world.exists(one, deploymentKind, 'backend')).toBe(true);
  expect(await world.exists(two, deploymentKind, 'podinfo', 'default')).toBe(false);

  await world.applyExample();
  await world.settle(2000);
  await world.deleteApplication();
  await world.settle(patienceMs);
  expect(await world.isGone(applicationKind, 'blue-green-demo')).toBe(true);
  for (const member of names) expect(await world.traces(member)).toEqual([]);
}

/** @param killAt number of the request at which the manager is killed; another one starts two seconds later */
async function liveAndDie(killAt: number, when: 'before' | 'after'): Promise<number> {
  const world = new ApplicationWorld();
  await world.open();
  await world.begin();
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
    return count;
  } finally {
    await world.close();
  }
}

/** Every so many requests, in a test of a few seconds; VIRIDIAN_EVERY=1 kills at each of them. */
const every = Number(process.env['VIRIDIAN_EVERY'] ?? 60);

test.each(['before', 'after'] as const)(
  'a manager that is killed %s a request, any, is followed by one that comes to the same end',
  async (when) => {
    const requests = await liveAndDie(Number.POSITIVE_INFINITY, when);
    expect(requests).toBeGreaterThan(100);
    for (let killAt = when === 'before' ? 0 : 30; killAt < requests; killAt += every) {
      await liveAndDie(killAt, when).catch((error: unknown) => {
        throw new Error(`killed ${when} request ${killAt} of ${requests}: ${String(error)}`, {
          cause: error,
        });
      });
    }
  },
  600_000,
);

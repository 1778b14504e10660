import { afterEach, beforeEach, expect, test } from 'vitest';
import { names } from '../fleet-world.test-double.ts';
import { applicationKind, canaryKind, fleetKind } from '../kinds.ts';
import { ApplicationWorld } from './application-world.test-double.ts';

const [one] = names;
let world: ApplicationWorld;

beforeEach(async () => {
  world = new ApplicationWorld();
  await world.open();
  await world.begin();
});

afterEach(() => world.close());

async function deliver(name: string): Promise<void> {
  await world.applyExample('blue_green.yaml', ({ metadata }) => {
    metadata.name = name;
  });
  await world.settle();
  await world.runPods(...names);
}

async function fleetIs(...members: readonly string[]): Promise<void> {
  const clusters = members.map((name) => ({ kind: 'AttachedCluster', name }));
  await world.patch(fleetKind, 'quickstart', { spec: { clusters } });
  await world.settle(10_000);
  await world.runPods(...names);
}

test.each([62, 63, 64, 253])('an Application with a name of %d characters is delivered', async (length) => {
  const name = 'x'.repeat(length);
  await deliver(name);
  expect(await world.verdict(name)).toMatchObject({ phase: 'Ready', count: '4/4' });
  const { status } = await world.application(name);
  const placed = status?.syncStatus?.map((entry) => entry.name ?? '') ?? [];
  expect(new Set(placed).size).toBe(4);
  expect(placed.filter((text) => text.length > 63)).toEqual([]);

  await world.deleteApplication(name);
  await world.settle(30_000);
  expect(await world.isGone(applicationKind, name)).toBe(true);
  for (const member of names) expect(await world.traces(member)).toEqual([]);
});

test('a cluster that joins leaves the rollouts of others alone, however long the names are', async () => {
  const name = 'x'.repeat(55);
  await fleetIs(one);
  await deliver(name);
  const before = await world.find(one, canaryKind, 'backend');
  const [entry] = (await world.application(name)).status?.syncStatus ?? [];

  await fleetIs(...names);
  await world.settle(30_000);

  expect(await world.verdict(name)).toMatchObject({ phase: 'Ready', count: '4/4' });
  expect((await world.find(one, canaryKind, 'backend'))?.metadata.uid).toBe(before?.metadata.uid);
  expect((await world.application(name)).status?.syncStatus?.[0]?.name).toBe(entry?.name);
});

import { expect, test } from 'vitest';
import { crdKind } from '../fleet-world.test-double.ts';
import { canaryKind, daemonSetKind, namespaceKind, serviceKind } from '../kinds.ts';
import { type MemberRollouts, plannedRollout } from './member-rollout.ts';
import { custom, type Death, type Life, MemberWorld, place } from './member-world.test-double.ts';

const whole = [
  'Canary backend',
  'Deployment backend-testloader',
  'MetricTemplate errors',
  'Service backend-testloader',
  'istio-injection enabled',
];
const workload = { ...custom.workload, name: 'frontend' };
const moved = { ...custom, workload, serviceName: 'frontend', testLoader: false };

/** How long the agent of these stories takes for anything, a few times over. */
const pauseMs = 5000;

interface Story {
  /** What is there before. */
  readonly given: (rollouts: MemberRollouts, signal: AbortSignal) => Promise<unknown>;
  readonly work: (rollouts: MemberRollouts, signal: AbortSignal) => Promise<unknown>;
  readonly end: readonly string[];
}

const stories: Readonly<Record<string, Story>> = {
  install: {
    given: async () => {},
    work: async (rollouts, signal) => {
      await rollouts.prepare(custom, place, signal);
      await rollouts.install(custom, place, signal);
    },
    end: whole,
  },
  remove: {
    given: (rollouts, signal) => rollouts.install(custom, place, signal),
    work: (rollouts, signal) => rollouts.remove(plannedRollout(custom), place, signal),
    end: [],
  },
  'move to another workload': {
    given: (rollouts, signal) => rollouts.install(custom, place, signal),
    work: (rollouts, signal) => rollouts.install(moved, place, signal),
    end: ['Canary frontend', 'MetricTemplate errors', 'istio-injection enabled'],
  },
};

async function prepared(story: Story): Promise<MemberWorld> {
  const world = await MemberWorld.open();
  await world.workload('frontend');
  world.runAgent();
  const life = world.start();
  await world.run(story.given(life.rollouts, world.signal));
  await world.clock.advance(pauseMs);
  await life.end();
  return world;
}

/** Lets a new life do the work, as often as it takes. */
async function carryOn(world: MemberWorld, story: Story): Promise<Life> {
  const life = world.start();
  await world.run(story.work(life.rollouts, world.signal));
  await world.clock.advance(pauseMs);
  return life;
}

async function survives(story: Story, death: Death): Promise<boolean> {
  const world = await prepared(story);
  const first = world.start(death);
  const outcome = await world.run(
    story.work(first.rollouts, world.signal).then(
      () => 'done',
      () => 'died',
    ),
  );
  const wasKilled = first.isDead();
  await first.end();
  expect(wasKilled || outcome === 'done').toBe(true);
  const life = await carryOn(world, story);
  expect(await world.traces()).toEqual(story.end);
  expect(world.lost).toEqual([]);
  life.requests.length = 0;
  await world.run(story.work(life.rollouts, world.signal));
  expect(life.requests.filter((request) => !request.startsWith('GET '))).toEqual([]);
  await life.end();
  await world.close();
  return wasKilled;
}

test.each(Object.entries(stories))(
  '%s, killed at any request, ends as if nothing had happened',
  async (_, story) => {
    let deaths = 0;
    for (const when of ['before', 'after'] as const) {
      for (let at = 1; await survives(story, { at, when }); at += 1) deaths += 1;
    }
    expect(deaths).toBeGreaterThan(15);
  },
  60_000,
);

test('given up by its caller at any moment, it goes on from there', async () => {
  const story = stories['remove'];
  if (story === undefined) throw new Error('no such story');
  for (let afterMs = 0; afterMs <= 2500; afterMs += 100) {
    const world = await prepared(story);
    const life = world.start();
    const giveUp = new AbortController();
    const work = story.work(life.rollouts, giveUp.signal).then(
      () => undefined,
      (error: unknown) => error,
    );
    await world.clock.advance(afterMs);
    giveUp.abort();
    await world.run(work);
    await world.run(story.work(life.rollouts, world.signal));
    expect(await world.traces()).toEqual([]);
    expect(world.lost).toEqual([]);
    expect(await world.get(serviceKind, 'backend')).toBeDefined();
    await life.end();
    await world.close();
  }
}, 60_000);

test('the kinds of the engine go and come again', async () => {
  const world = await MemberWorld.open();
  const { rollouts, end } = world.start();
  await world.run(rollouts.install(custom, place, world.signal));
  const definitions = world.client.resource(crdKind);
  await world.run(definitions.delete({ name: 'canaries.flagger.app' }));
  await world.clock.advance(60_000);
  const refused = rollouts.install(custom, place, world.signal);
  await expect(world.run(refused)).rejects.toThrow('does not serve Canaries');
  await world.installDefinitions();
  await world.run(rollouts.install(custom, place, world.signal));
  expect(await world.traces()).toEqual(whole);
  await end();
  await world.close();
});

test('a namespace that goes with all that is in it is no obstacle', async () => {
  const world = await MemberWorld.open();
  world.runAgent();
  const { rollouts, requests, end } = world.start();
  await world.run(rollouts.install(custom, place, world.signal));
  await world.clock.advance(pauseMs);
  await world.run(world.client.resource(namespaceKind).delete({ name: 'webapp' }));
  await world.run(rollouts.remove(plannedRollout(custom), place, world.signal));
  await world.clock.advance(pauseMs);
  expect(await world.traces()).toEqual([]);
  expect(await world.get(namespaceKind, 'webapp')).toBeUndefined();
  requests.length = 0;
  await world.run(rollouts.remove(plannedRollout(custom), place, world.signal));
  await world.clock.advance(600_000);
  expect(requests.filter((request) => !request.startsWith('GET '))).toEqual([]);
  await end();
  await world.close();
});

test('a DaemonSet, in whatever case it was written', async () => {
  const world = await MemberWorld.open();
  const { rollouts, end } = world.start();
  const rollout = { ...custom, workload: { ...workload, kind: 'daemonset' } };
  const install = (): Promise<unknown> => world.run(rollouts.install(rollout, place, world.signal));
  await world.workload('frontend');
  await expect(install()).rejects.toThrow('DaemonSet webapp/frontend is not there');
  await world.create(daemonSetKind, {
    metadata: { name: 'frontend', namespace: 'webapp' },
    spec: {
      selector: { matchLabels: { app: 'd' } },
      template: { metadata: { labels: { app: 'd' } }, spec: { containers: [{ name: 'd', image: 'd' }] } },
    },
  });
  await world.clock.advance(1000);
  await install();
  const canary = await world.get(canaryKind, 'frontend');
  expect(canary?.['spec']).toMatchObject({ targetRef: { kind: 'DaemonSet', name: 'frontend' } });
  await end();
  await world.close();
});

test('what is asked of a connection that was closed is given up', async () => {
  const world = await MemberWorld.open();
  const { rollouts, end } = world.start();
  await end();
  await expect(world.run(rollouts.prepare(custom, place, world.signal))).rejects.toThrow('was closed');
  await world.close();
});

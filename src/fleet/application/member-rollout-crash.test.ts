import { expect, test } from 'vitest';
import { canaryKind, serviceKind } from '../kinds.ts';
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
    expect(await world.get(canaryKind, 'backend')).toBeUndefined();
    expect(await world.get(serviceKind, 'backend')).toBeDefined();
    await life.end();
    await world.close();
  }
}, 60_000);

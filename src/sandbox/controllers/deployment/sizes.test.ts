import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Limits,
  limitsOf,
  newestSize,
  proportionalSizes,
  type Resize,
  rollingStep,
  type SetSize,
} from './sizes.ts';

const strategy = (maxSurge: number | string, maxUnavailable: number | string): object => ({
  type: 'RollingUpdate',
  rollingUpdate: { maxSurge, maxUnavailable },
});
const limitsFor = (replicas: number, rolling: object): Limits =>
  limitsOf({ replicas, strategy: rolling } as unknown as Parameters<typeof limitsOf>[0]);

describe('limits', () => {
  test.each([
    ['surge is rounded up, unavailability down', 10, '25%', '25%', { maxSurge: 3, maxUnavailable: 2 }],
    ['one replica surges', 1, '25%', '25%', { maxSurge: 1, maxUnavailable: 0 }],
    ['both rounded to zero would be stuck', 3, 0, '1%', { maxSurge: 0, maxUnavailable: 1 }],
    ['no more can be unavailable than there are', 2, 0, 5, { maxSurge: 0, maxUnavailable: 2 }],
    ['nothing can be unavailable of nothing', 0, '25%', '25%', { maxSurge: 0, maxUnavailable: 0 }],
  ])('%s', (_name, replicas, surge, unavailable, expected) => {
    expect(limitsFor(replicas, strategy(surge, unavailable))).toEqual({ replicas, ...expected });
  });

  test('Recreate has neither', () => {
    expect(limitsFor(4, { type: 'Recreate' })).toEqual({ replicas: 4, maxSurge: 0, maxUnavailable: 0 });
  });
});

interface World {
  readonly limits: Limits;
  readonly newest: SetSize;
  readonly old: readonly SetSize[];
}

const sizes = fc.nat({ max: 12 });
const limits = fc
  .record({ replicas: sizes, maxSurge: fc.nat({ max: 5 }), maxUnavailable: fc.nat({ max: 5 }) })
  .filter(({ maxSurge, maxUnavailable }) => maxSurge + maxUnavailable > 0)
  .map((drawn) => ({ ...drawn, maxUnavailable: Math.min(drawn.maxUnavailable, drawn.replicas) }))
  .filter(({ replicas, maxSurge, maxUnavailable }) => replicas === 0 || maxSurge + maxUnavailable > 0);
const set = (name: string): fc.Arbitrary<SetSize> =>
  fc
    .record({ replicas: fc.nat({ max: 8 }), missing: fc.nat({ max: 8 }) })
    .map(({ replicas, missing }) => ({ name, replicas, available: Math.max(0, replicas - missing) }));
const world: fc.Arbitrary<World> = fc.record({
  limits,
  newest: set('new'),
  old: fc.tuple(set('old-1'), set('old-2'), set('old-3')),
});

const all = ({ newest, old }: World): readonly SetSize[] => [newest, ...old];
const total = (now: World): number => all(now).reduce((sum, { replicas }) => sum + replicas, 0);
const available = (now: World): number => all(now).reduce((sum, set) => sum + set.available, 0);

/** A ReplicaSet that shrinks gives up what is not available first. */
function apply(now: World, steps: readonly Resize[]): World {
  const resize = (set: SetSize): SetSize => {
    const step = steps.find(({ name }) => name === set.name);
    return step === undefined
      ? set
      : { ...set, replicas: step.to, available: Math.min(set.available, step.to) };
  };
  return { ...now, newest: resize(now.newest), old: now.old.map(resize) };
}

describe('a step of a rolling update', () => {
  const step = ({ limits, newest, old }: World): Resize[] => rollingStep(limits, newest, old);

  test('never leaves fewer available than allowed, nor takes any where there are too few already', () => {
    fc.assert(
      fc.property(world, (before) => {
        // A Deployment that is scaled down while it rolls gives up pods of its newest set for that.
        fc.pre(before.newest.replicas <= before.limits.replicas);
        const after = apply(before, step(before));
        const { replicas, maxUnavailable } = before.limits;
        expect(available(after)).toBeGreaterThanOrEqual(
          Math.min(available(before), replicas - maxUnavailable),
        );
      }),
    );
  });

  test('never grows beyond replicas and surge', () => {
    fc.assert(
      fc.property(world, (before) => {
        const after = apply(before, step(before));
        const { replicas, maxSurge } = before.limits;
        expect(total(after)).toBeLessThanOrEqual(Math.max(total(before), replicas + maxSurge));
      }),
    );
  });

  test('starts from what it is told, and only changes what differs', () => {
    fc.assert(
      fc.property(world, (before) => {
        for (const { name, from, to } of step(before)) {
          expect(all(before).find((set) => set.name === name)?.replicas).toBe(from);
          expect(to).not.toBe(from);
          expect(to).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });

  test('leads to the newest set alone, when pods that were made become available in any order', () => {
    fc.assert(
      fc.property(world, fc.infiniteStream(fc.boolean()), (start, chance) => {
        let now = start;
        for (let i = 0; i < 500; i += 1) {
          const steps = step(now);
          now = apply(now, steps);
          const ready = (set: SetSize): SetSize => {
            const isLucky: boolean = chance.next().value === true;
            const grows = set.available < set.replicas && (isLucky || steps.length === 0);
            return grows ? { ...set, available: set.available + 1 } : set;
          };
          now = { ...now, newest: ready(now.newest), old: now.old.map(ready) };
        }
        expect(now.newest.replicas).toBe(start.limits.replicas);
        expect(now.old.map(({ replicas }) => replicas)).toEqual([0, 0, 0]);
        expect(step(now)).toEqual([]);
      }),
      { numRuns: 50 },
    );
  });

  test('clears old pods away that are not available, also while the newest are not either', () => {
    const stuck: World = {
      limits: { replicas: 4, maxSurge: 1, maxUnavailable: 1 },
      newest: { name: 'new', replicas: 1, available: 0 },
      old: [{ name: 'old-1', replicas: 4, available: 2 }],
    };
    expect(step(stuck)).toEqual([{ name: 'old-1', from: 4, to: 3 }]);
  });
});

describe('scaling during a rollout', () => {
  test('keeps the proportions', () => {
    const grown = { replicas: 20, maxSurge: 0, maxUnavailable: 0 };
    const sets = [
      { name: 'old', replicas: 8, available: 8, maxReplicasBefore: 10 },
      { name: 'new', replicas: 2, available: 2, maxReplicasBefore: 10 },
    ];
    expect(proportionalSizes(grown, sets, 10)).toEqual([
      { name: 'old', from: 8, to: 16 },
      { name: 'new', from: 2, to: 4 },
    ]);
  });

  test('fills what is allowed exactly, and no set falls below zero', () => {
    const drawn = fc.record({
      limits,
      sets: fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 2, maxLength: 5 }),
      before: fc.option(fc.nat({ max: 40 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(drawn, ({ limits: { replicas, ...rest }, sets, before }) => {
        const active = sets.map((size, i) => ({
          name: `${i}`,
          replicas: size,
          available: 0,
          maxReplicasBefore: before,
        }));
        const after = proportionalSizes({ replicas, ...rest }, active, 5);
        for (const { to } of after) expect(to).toBeGreaterThanOrEqual(0);
        const allowed = replicas === 0 ? 0 : replicas + rest.maxSurge;
        expect(after.reduce((sum, { to }) => sum + to, 0)).toBe(allowed);
      }),
    );
  });
});

test('a new set takes the room that the others leave', () => {
  const limits = { replicas: 10, maxSurge: 3, maxUnavailable: 2 };
  expect(newestSize(limits, 0, 10)).toBe(3);
  expect(newestSize(limits, 0, 13)).toBe(0);
  expect(newestSize(limits, 3, 2)).toBe(10);
});

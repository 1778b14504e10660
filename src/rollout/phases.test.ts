import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CanaryStatus } from '../api/canary-status.ts';
import { phases } from '../api/canary-status.ts';
import { webhookTypes } from '../api/canary-analysis.ts';
import type { CanarySpec } from '../api/canary.ts';
import { validateCanary } from '../api/canary-validation.ts';
import { contextOf } from './context.ts';
import { hasEffects } from './decision.ts';
import { ModelWorld, ready, revisions, specOf, stuck, waiting } from './model-world.test-double.ts';
import type { Observation } from './observation.ts';
import { decide } from './phases.ts';

const option = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const revision = fc.constantFrom(revisions.a, revisions.b, revisions.c, '85d557f47b', '');
const readiness = fc.constantFrom(ready, waiting, stuck);
const count = fc.oneof(
  fc.integer({ min: -3, max: 120 }),
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, 0.5),
);

/** What is malformed never gets far: most values are good. */
const setting = fc.oneof(
  { weight: 19, arbitrary: fc.integer({ min: 1, max: 100 }) },
  { weight: 1, arbitrary: count },
);

const steps = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ iterations: setting, match: option(fc.constant([{}])) }),
  },
  { weight: 4, arbitrary: fc.record({ stepWeight: setting, maxWeight: option(setting) }) },
  { weight: 4, arbitrary: fc.record({ stepWeights: fc.constantFrom([10, 50], [1, 2, 80], [100]) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      iterations: option(count),
      stepWeight: option(count),
      stepWeights: option(fc.array(count, { maxLength: 4 })),
    }),
  },
);

const checks = fc.record({
  interval: option(fc.constantFrom('10s', '1m', '1m30s', '0s', 'x')),
  threshold: option(setting),
  stepWeightPromotion: option(setting),
  mirror: option(fc.boolean()),
  metrics: option(fc.constant([{ name: 'request-duration' }])),
  webhooks: option(
    fc.array(
      fc.record({
        name: fc.constantFrom('a', 'b'),
        url: fc.constant('http://u'),
        type: option(fc.constantFrom(...webhookTypes)),
      }),
    ),
  ),
});

const anySpec: fc.Arbitrary<CanarySpec> = fc.record({
  provider: option(fc.constantFrom('istio', 'kubernetes')),
  targetRef: fc.constantFrom(
    ...['Deployment', 'DaemonSet', 'Service'].map((kind) => ({ apiVersion: 'v1', kind, name: 'podinfo' })),
  ),
  service: fc.constantFrom({ port: 9898 }, { port: 9898 }, { port: 9898, appProtocol: 'tcp' }, undefined),
  skipAnalysis: option(fc.boolean()),
  suspend: option(fc.constantFrom(true, false, false, false)),
  progressDeadlineSeconds: option(setting),
  analysis: fc.tuple(steps, checks).map((parts) => Object.assign({}, ...parts) as CanarySpec['analysis']),
}) as fc.Arbitrary<CanarySpec>;

test('most specs of these properties are good', () => {
  const specs = fc.sample(anySpec, { numRuns: 500, seed: 1 });
  const good = specs.filter((spec) => validateCanary(spec, { namespace: 'test' }).length === 0);

  expect(good.length).toBeGreaterThan(150);
  expect(good.length).toBeLessThan(450);
});

const anyStatus: fc.Arbitrary<CanaryStatus> = fc.record({
  phase: option(fc.constantFrom(...phases)),
  canaryWeight: option(count),
  failedChecks: option(count),
  iterations: option(count),
  lastAppliedSpec: option(revision),
  lastPromotedSpec: option(revision),
  lastTransitionTime: option(fc.constantFrom('2026-01-01T00:00:00Z', 'yesterday')),
  conditions: option(
    fc.constantFrom(
      [],
      [{ type: 'Promoted', status: 'True', reason: 'Initialized' }],
      [{ type: 'Paused', status: 'True', reason: 'ProviderUnavailable', lastTransitionTime: 'x' }],
    ),
  ),
});

const hookResults = fc.array(
  fc.record({ name: fc.constantFrom('a', 'b'), passed: fc.boolean(), error: fc.constant('') }),
);
const anyObservation: fc.Arbitrary<Observation> = fc.record({
  name: fc.constant('podinfo'),
  namespace: fc.constant('test'),
  provider: fc.constantFrom('istio', 'kubernetes'),
  isDeleting: fc.constantFrom(false, false, false, true),
  hasFinalizer: fc.boolean(),
  conflict: option(
    fc.constant({ reason: 'TargetConflict' as const, message: 'another Canary has this target' }),
  ),
  target: option(
    fc.record({ revision, configs: option(fc.constant({})), isScaledToZero: fc.boolean(), readiness }),
  ),
  primary: option(fc.record({ revision: option(revision), readiness })),
  routes: option(
    fc
      .record({ canary: fc.integer({ min: 0, max: 100 }), mirrored: fc.boolean() })
      .map(({ canary, mirrored }) => ({ primary: 100 - canary, canary, mirrored })),
  ),
  endpoints: fc.record({ primary: fc.integer({ min: 0, max: 2 }), canary: fc.integer({ min: 0, max: 2 }) }),
  answers: fc.record({
    hooks: fc.record(Object.fromEntries(webhookTypes.filter(Boolean).map((type) => [type, hookResults])), {
      requiredKeys: [],
    }),
    metrics: option(
      fc.record({
        verdict: fc.constantFrom('passed', 'failed', 'unavailable'),
        message: fc.constant('Halt'),
      }),
    ),
    probe: option(fc.record({ error: option(fc.constant('down')) })),
  }),
  memory: fc.record({ lastTickAt: fc.integer(), announced: fc.constant('suspended') }, { requiredKeys: [] }),
}) as fc.Arbitrary<Observation>;

describe('decide', () => {
  test('has an answer to everything, and never one that hurts', () => {
    fc.assert(
      fc.property(
        anySpec,
        anyStatus,
        anyObservation,
        fc.integer({ min: 0, max: 2 ** 41 }),
        (spec, status, seen, now) => {
          const { counters, routes, scale, ask, wakeAt } = decide(spec, status, seen, now);
          expect(phases).toContain(decide(spec, status, seen, now).phase);
          expect(counters.canaryWeight).toBeGreaterThanOrEqual(0);
          expect(counters.canaryWeight).toBeLessThanOrEqual(100);
          expect(counters.failedChecks).toBeGreaterThanOrEqual(0);
          expect(counters.iterations).toBeGreaterThanOrEqual(0);
          expect(Number.isNaN(wakeAt)).toBe(false);
          if (ask !== undefined) expect([routes, scale]).toEqual([undefined, undefined]);
          if (routes === undefined) return;
          expect(routes.primary + routes.canary).toBe(100);
          if (routes.primary > (seen.routes?.primary ?? 0)) expect(seen.endpoints.primary).toBeGreaterThan(0);
          if (routes.canary > (seen.routes?.canary ?? 0)) expect(seen.endpoints.canary).toBeGreaterThan(0);
        },
      ),
      { numRuns: 3000 },
    );
  });

  test('is a function: the same question gets the same answer, and nothing is changed by asking', () => {
    fc.assert(
      fc.property(anySpec, anyStatus, anyObservation, (spec, status, seen) => {
        const before = structuredClone({ spec, status, seen });
        expect(decide(spec, status, seen, 1e12)).toEqual(decide(spec, status, seen, 1e12));
        expect({ spec, status, seen }).toEqual(before);
      }),
      { numRuns: 300 },
    );
  });
});

const validAnalysis = fc.oneof(
  fc.record({
    stepWeight: fc.integer({ min: 1, max: 100 }),
    maxWeight: option(fc.integer({ min: 0, max: 100 })),
    stepWeightPromotion: option(fc.integer({ min: 0, max: 100 })),
    mirror: option(fc.boolean()),
  }),
  fc.record({
    stepWeights: fc
      .uniqueArray(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 5 })
      .map((steps) => steps.sort((a, b) => a - b)),
  }),
  fc.record({ iterations: fc.integer({ min: 1, max: 5 }), mirror: option(fc.boolean()) }),
  fc.record({ iterations: fc.integer({ min: 1, max: 5 }), match: fc.constant([{}]) }),
);

describe('a rollout that is carried out', () => {
  test('ends in Succeeded, whatever the steps, wherever the process crashes', () => {
    const crashes = fc.array(fc.integer({ min: 0, max: 6 }), { maxLength: 40 });
    fc.assert(
      fc.property(validAnalysis, crashes, (analysis, effects) => {
        const world = new ModelWorld(specOf(analysis as CanarySpec['analysis'])).initialize();
        world.environment.revision = revisions.b;
        for (const count of effects) {
          world.apply(world.decide(), count);
          world.now += 11_000;
        }
        world.settle();
        world.tick(220);

        expect(world.status).toMatchObject({
          phase: 'Succeeded',
          lastPromotedSpec: revisions.b,
          failedChecks: 0,
        });
        expect(world.primaryRevision).toBe(revisions.b);
        expect(world.routes).toEqual({ primary: 100, canary: 0, mirrored: false });
        expect(world.isScaledToZero).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  test('raises the weight with each row, and says nothing when there is nothing to say', () => {
    fc.assert(
      fc.property(validAnalysis, (analysis) => {
        const world = new ModelWorld(specOf(analysis as CanarySpec['analysis'])).initialize();
        world.change(revisions.b);
        world.tick(220);

        const weights = world.rows
          .filter(({ phase }) => phase === 'Progressing')
          .map(({ canaryWeight = 0 }) => canaryWeight);
        expect(weights).toEqual(weights.toSorted((a, b) => a - b));
        expect(hasEffects(world.decide())).toBe(false);
        expect(world.decide().wakeAt).toBeUndefined();
      }),
      { numRuns: 200 },
    );
  });
});

test.each([
  ['0s', 10_000],
  ['5s', 10_000],
  ['90s', 90_000],
  ['', 60_000],
])('an analysis with the interval %j looks every %d ms', (interval, expected) => {
  const world = new ModelWorld(specOf({ interval, stepWeight: 20 })).initialize();
  const seen = { ...world.observe(), minIntervalMs: 10_000, answers: { hooks: {} } };

  expect(contextOf(world.spec, world.status, seen, world.now).intervalMs).toBe(expected);
});

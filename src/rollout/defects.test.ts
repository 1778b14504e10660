import { describe, expect, test } from 'vitest';
import type { CanaryWebhook, WebhookType } from '../api/canary-analysis.ts';
import { decide } from './phases.ts';
import { ModelWorld, ready, revisions, specOf, stuck, waiting } from './model-world.test-double.ts';
import { daemonSetReadiness } from './readiness.ts';
import { revisionOf } from './revision.ts';

/*
 * The defects that Flagger is known for, decided the sane way. The numbers are those of the reference, §11. Those
 * that live in objects (routers, metrics, webhooks, copies of configs) have their tests there.
 */

const { a, b, c } = revisions;
const hook = (type: WebhookType): CanaryWebhook => ({ name: type, type, url: 'http://gate' });

function progressing(analysis: Parameters<typeof specOf>[0] = { stepWeight: 20 }, ticks = 1): ModelWorld {
  const world = new ModelWorld(specOf(analysis)).initialize().change(b);
  world.tick(ticks);
  world.clear();
  return world;
}

function failed(): ModelWorld {
  const world = new ModelWorld(specOf({ stepWeight: 20 })).initialize();
  world.environment.canary = stuck;
  world.change(b);
  world.environment.canary = ready;
  world.clear();
  return world;
}

function failedPromotion(): ModelWorld {
  const world = new ModelWorld(specOf({ stepWeight: 50, maxWeight: 50 })).initialize().change(b);
  world.environment.primary = waiting;
  world.endpoints.primary = 1;
  world.tick();
  world.environment.primary = stuck;
  world.settle();
  world.endpoints.primary = 0;
  world.clear();
  return world;
}

describe('11.1 change detection and restarts', () => {
  test('1: another engine’s hash is adopted without a rollout', () => {
    const world = new ModelWorld(specOf({ stepWeight: 20 })).initialize();
    world.status = {
      ...world.status,
      phase: 'Succeeded',
      lastAppliedSpec: '85d557f47b',
      lastPromotedSpec: '85d557f47b',
    };
    world.settle();

    expect(world.events).toEqual([]);
    expect(world.status).toMatchObject({ phase: 'Succeeded', lastAppliedSpec: a, lastPromotedSpec: a });
  });

  test('1: a run of another engine starts over, traffic first', () => {
    const world = progressing();
    world.status = { ...world.status, lastAppliedSpec: '85d557f47b', lastPromotedSpec: '79d699c99' };
    world.settle();

    expect(world.trace[0]).toBe('routes 100/0');
    expect(world.events[0]).toBe('N New revision detected! Restarting analysis for podinfo.test');
  });

  test('2: a revision that arrives while Failed is not swallowed when the start is cut short', () => {
    const world = failed();
    world.environment.revision = c;
    world.apply(world.decide(), 1);
    expect(world.status).toMatchObject({ phase: 'Failed', lastAppliedSpec: b });
    world.settle();

    expect(world.status).toMatchObject({ phase: 'Progressing', lastAppliedSpec: c });
  });

  test('3: a Failed Canary is left alone', () => {
    const world = failed();
    world.tick(5);

    expect(world.rows).toEqual([]);
    expect(world.decide().wakeAt).toBeUndefined();
  });

  test('4: the promoted revision restored in the middle ends the run', () => {
    const world = progressing();
    world.change(a);

    expect(world.trace).toEqual([
      'routes 100/0',
      'scale to-zero',
      'row Initialized weight 0 iterations 0 failed 0',
    ]);
    expect(world.events).toEqual(['N Promoted revision restored! Cancelling analysis for podinfo.test']);
    world.tick(3);
    expect(world.rows).toHaveLength(1);
  });

  test('5: an edit while the primary starts is rolled out afterwards', () => {
    const world = new ModelWorld(specOf({ stepWeight: 20 }));
    world.environment.primary = waiting;
    world.settle();
    world.environment.revision = b;
    world.environment.primary = ready;
    world.settle();

    expect(world.rows[1]).toMatchObject({ phase: 'Initialized', lastAppliedSpec: a, lastPromotedSpec: a });
    expect(world.status).toMatchObject({ phase: 'Progressing', lastAppliedSpec: b, lastPromotedSpec: a });
  });

  test('6: what is promoted is what was tested', () => {
    const world = progressing({ stepWeight: 100 }, 0);
    world.now += 11_000;
    const decided = world.decide();
    expect(decided.promote).toEqual({ revision: b });
    world.environment.revision = c;

    expect(() => world.apply(decided)).toThrow('another revision');
    world.settle();
    expect(world.status).toMatchObject({ phase: 'Progressing', lastAppliedSpec: c });
  });

  test('7: a change taken back before its approval starts nothing', () => {
    const world = new ModelWorld(
      specOf({ stepWeight: 20, webhooks: [hook('confirm-rollout')] }),
    ).initialize();
    world.environment.closed = new Set(['confirm-rollout']);
    world.change(b);
    world.environment.closed = new Set();
    world.change(a);
    world.tick(2);

    expect(world.rows.map(({ phase }) => phase)).toEqual(['Waiting', 'Initialized']);
  });

  test('8: changed configs reach pods that read them only at their start', () => {
    const world = progressing();
    world.environment.configs = { 'configmap/env': '241889ca0604e333' };
    world.change(c);

    expect(world.trace.slice(0, 2)).toEqual(['routes 100/0', 'scale restart']);
  });

  test('8: configs are part of the revision', () => {
    const template = { spec: { containers: [] } };

    expect(revisionOf(template, { 'configmap/a': '1' })).not.toBe(
      revisionOf(template, { 'configmap/a': '2' }),
    );
    expect(revisionOf({ b: 1, a: 2 }, {})).toBe(revisionOf({ a: 2, b: 1 }));
  });

  test('9: a changed number of replicas scales the primary and starts no analysis', () => {
    const world = new ModelWorld(specOf({ stepWeight: 20 })).initialize();
    const before = world.observe();
    const primary = { revision: a, readiness: ready, replicas: 2 };
    const seen = { ...before, primary, wantedReplicas: 5, answers: { hooks: {} } };

    expect(decide(world.spec, world.status, seen, world.now)).toMatchObject({
      phase: 'Initialized',
      scalePrimary: 5,
      events: [],
    });
    expect(
      decide(world.spec, world.status, { ...seen, wantedReplicas: 2 }, world.now).scalePrimary,
    ).toBeUndefined();
  });

  test('10: a start whose status cannot be written says nothing until it can', () => {
    const world = new ModelWorld(specOf({ stepWeight: 20 })).initialize();
    world.environment.revision = b;
    for (let i = 0; i < 3; i += 1) world.apply(world.decide(), 1);
    expect(world.events).toEqual([]);
    world.settle();

    expect(world.events.filter((event) => event.includes('Scaling up'))).toHaveLength(1);
  });

  test('11: the hook that confirms a rollout is told which one', () => {
    const world = new ModelWorld(specOf({ stepWeight: 20, webhooks: [hook('confirm-rollout')] }))
      .initialize()
      .change(b);

    expect(world.asked[0]).toEqual({
      kind: 'hooks',
      type: 'confirm-rollout',
      phase: 'Initialized',
      revision: b,
    });
  });
});

describe('11.2 readiness, deadline, promotion', () => {
  test('1: a broken primary does not lock out the revision that would repair it', () => {
    const world = new ModelWorld(specOf({ iterations: 1 })).initialize();
    world.environment.primary = stuck;
    world.change(b);
    world.tick(2);
    expect(world.status.phase).toBe('Promoting');
    world.environment.primary = ready;
    world.settle();

    expect(world.status).toMatchObject({ phase: 'Succeeded', lastPromotedSpec: b });
  });

  test('1: nor does one pod of four that is down', () => {
    const world = new ModelWorld(specOf({ stepWeight: 50 })).initialize();
    world.environment.primary = waiting;
    world.endpoints.primary = 3;
    world.change(b);
    world.tick();

    expect(world.status).toMatchObject({ phase: 'Progressing', canaryWeight: 100 });
  });

  test('2: after a failed promotion a fix is not sent to the broken primary', () => {
    const world = failedPromotion();
    expect(world.routes?.canary).toBe(100);
    world.change(c);
    world.tick();
    expect(world.routes?.canary).toBe(100);
    expect(world.isScaledToZero).toBe(false);
    world.environment.primary = ready;
    world.endpoints = {};
    world.tick(4);

    expect(world.status).toMatchObject({ phase: 'Succeeded', lastPromotedSpec: c });
  });

  test('2: after a failed promotion the way back to the old revision goes through the primary', () => {
    const world = failedPromotion();
    world.change(a);
    world.environment.primary = ready;
    world.endpoints = {};
    world.tick(5);

    expect(world.status).toMatchObject({ phase: 'Succeeded', lastPromotedSpec: a });
    expect(world.primaryRevision).toBe(a);
  });

  test('3: a deadline is an alert and a reason', () => {
    const world = progressing();
    world.environment.canary = stuck;
    world.settle();

    expect(world.alerts[0]).toContain('Progress deadline exceeded');
    expect(world.events[1]).toContain('Rolling back podinfo.test progress deadline exceeded');
  });

  test('4: the deadline of a DaemonSet runs from the start of the wait', () => {
    const daemonSet = {
      metadata: { generation: 1 },
      status: {
        observedGeneration: 1,
        desiredNumberScheduled: 2,
        updatedNumberScheduled: 2,
        numberAvailable: 1,
      },
    };
    const options = { threshold: 100, deadlineSeconds: 60, since: 0 };

    expect(daemonSetReadiness(daemonSet, { ...options, now: 59_000 }).state).toBe('waiting');
    expect(daemonSetReadiness(daemonSet, { ...options, now: 61_000 })).toEqual({
      state: 'stuck',
      message: 'exceeded its progressDeadlineSeconds: 60',
    });
  });

  test('5: a primary that does not start leaves the target serving', () => {
    const world = new ModelWorld(specOf({ stepWeight: 20 }));
    world.environment.primary = stuck;
    world.settle();
    world.tick(5);

    expect(world.status.phase).toBe('Initializing');
    expect(world.isScaledToZero).toBe(false);
    expect(world.routes).toBeUndefined();
  });

  test('a Canary without a Service is told so, and its target goes on serving', () => {
    const world = new ModelWorld(specOf({ stepWeight: 20 }, { service: undefined }));
    world.settle();
    world.tick(3);

    expect(world.isScaledToZero).toBe(false);
    expect(world.hasPrimary).toBe(false);
    expect(world.events).toEqual([
      expect.stringContaining('W invalid canary spec: spec.service: must be given'),
    ]);
  });

  test('5: a first version that does not start gives way to the one that mends it', () => {
    const world = new ModelWorld(specOf({ stepWeight: 20 }));
    world.environment.primary = stuck;
    world.endpoints.primary = 0;
    world.settle();
    world.change(b);
    world.settle();
    expect(world.primaryRevision).toBe(b);
    world.environment.primary = ready;
    delete world.endpoints.primary;
    world.settle();

    expect(world.status).toMatchObject({ phase: 'Initialized', lastAppliedSpec: b });
  });

  test('6: a deleted primary is never made again from the revision that failed', () => {
    const world = failed();
    world.hasPrimary = false;
    world.tick();
    expect(world.trace).toEqual([]);
    expect(world.events[0]).toContain('apply the good one to bring it back');
    world.change(a);

    expect(world.trace).toContain('create primary');
  });

  test('6: made again from the promoted one, it gets traffic when it is ready', () => {
    const world = new ModelWorld(specOf({ stepWeight: 20 })).initialize();
    world.hasPrimary = false;
    world.settle();

    expect(world.trace).toEqual(['create primary']);
    expect(world.primaryRevision).toBe(a);
  });

  test('8: an idle target that git scaled up is scaled down, without a rollout', () => {
    const world = new ModelWorld(specOf({ stepWeight: 20 })).initialize();
    world.isScaledToZero = false;
    world.settle();

    expect(world.trace).toEqual(['scale to-zero']);
  });

  test('9: without analysis, too, success means that the primary runs the revision', () => {
    const world = new ModelWorld(specOf({ stepWeight: 20 }, { skipAnalysis: true })).initialize();
    world.environment.primary = waiting;
    world.endpoints.primary = 1;
    world.change(b);
    expect(world.status.phase).toBe('Promoting');
    world.environment.primary = ready;
    world.settle();

    expect(world.status.phase).toBe('Succeeded');
  });

  test('11: nothing but the way back is decided about a Canary that is being deleted', () => {
    const world = new ModelWorld(specOf({ stepWeight: 0 }, { revertOnDeletion: true }));
    world.status = { phase: 'Succeeded', conditions: [] };
    Object.assign(world, { hasPrimary: true, hasFinalizer: true, isScaledToZero: true });
    world.environment.isDeleting = true;
    world.settle();

    // The spec is invalid and there is no route: neither holds the deletion up.
    expect(world.trace.slice(1)).toEqual(['scale from-zero', 'revert', 'remove finalizer']);
    world.environment.revision = undefined;
    expect(world.decide().apex).toBe(true);
  });
});

describe('11.3 routing', () => {
  test('1: routes that somebody reset go back to the current step, and the analysis goes on', () => {
    const world = progressing({ stepWeight: 20, webhooks: [hook('pre-rollout')] });
    world.routes = { primary: 100, canary: 0, mirrored: false };
    world.settle();
    expect(world.trace).toEqual(['routes 60/40']);
    world.tick();

    expect(world.events).toEqual(['N Advance podinfo.test canary weight 60']);
  });

  test('2: routes reset while Promoting do not keep it there', () => {
    const world = progressing({ stepWeight: 100, stepWeightPromotion: 10 }, 1);
    world.routes = { primary: 100, canary: 0, mirrored: false };
    world.tick();

    expect(world.status.phase).toBe('Succeeded');
  });

  test('8: the status never shows less traffic than the canary has while it waits, nor a negative iteration', () => {
    const world = progressing({ stepWeight: 50, maxWeight: 50, webhooks: [hook('confirm-promotion')] }, 0);
    world.environment.closed = new Set(['confirm-promotion']);
    world.tick(2);

    expect(world.status).toMatchObject({ phase: 'WaitingPromotion', canaryWeight: 50, iterations: 0 });
  });

  test('9: stepWeights that were edited in the middle lead to the next greater step', () => {
    const world = progressing({ stepWeights: [10, 20, 80] });
    world.spec = specOf({ stepWeights: [15, 30, 60] });
    world.tick();

    expect(world.status.canaryWeight).toBe(30);
  });

  test.each([
    ['stepWeight', { stepWeight: 0 }],
    ['stepWeights', { stepWeights: [20, 10] }],
    ['iterations', { iterations: 3, stepWeight: 20 }],
  ])('9: steps that never end are told as such: %s', (field, analysis) => {
    const world = progressing();
    world.spec = specOf(analysis);
    world.settle();
    world.tick(3);

    expect(world.routes).toEqual({ primary: 100, canary: 0, mirrored: false });
    expect(world.events).toHaveLength(1);
    expect(world.events[0]).toContain(`W invalid canary spec: spec.analysis.${field}`);
    expect(world.status.conditions?.find(({ type }) => type === 'Stalled')).toMatchObject({
      reason: 'InvalidSpec',
    });
    world.spec = specOf({ stepWeight: 20 });
    world.settle();
    expect(world.status.conditions?.map(({ type }) => type)).toEqual(['Promoted']);
  });

  test('10: the first real step after a mirror pass asks for approval', () => {
    const world = progressing(
      { stepWeight: 20, mirror: true, webhooks: [hook('confirm-traffic-increase')] },
      0,
    );
    world.environment.closed = new Set(['confirm-traffic-increase']);
    world.tick(2);

    expect(world.routes).toEqual({ primary: 100, canary: 0, mirrored: true });
  });
});

describe('11.4 hooks, metrics, alerts', () => {
  test('1: a rollback hook is heard while a rollout waits for its approval', () => {
    const hooks = [hook('confirm-rollout'), hook('rollback')];
    const world = new ModelWorld(specOf({ stepWeight: 20, webhooks: hooks })).initialize();
    world.environment.closed = new Set(['confirm-rollout']);
    world.change(b);
    world.environment.rollback = true;
    world.tick();

    expect(world.status.phase).toBe('Failed');
  });

  test('3: a slow hook delays the next tick instead of losing it', () => {
    const world = progressing();
    const { wakeAt = 0 } = world.decide();
    world.now = wakeAt + 45_000;
    world.settle();

    expect(world.rows).toHaveLength(1);
    expect(world.decide().wakeAt).toBe(world.now + 10_000);
  });

  test('4: a closed gate for traffic alerts once', () => {
    const world = progressing({ stepWeight: 20, webhooks: [hook('confirm-traffic-increase')] });
    world.environment.closed = new Set(['confirm-traffic-increase']);
    world.tick(4);

    expect(world.alerts).toEqual(['Canary traffic increase is waiting for approval.']);
    expect(world.events).toHaveLength(4);
  });

  test('6: no metric is asked for before a whole interval of the step has passed', () => {
    const world = progressing({ stepWeight: 20, metrics: [{ name: 'request-success-rate' }] });
    world.now += 9_000;
    world.settle();
    expect(world.asked).toEqual([]);
    world.now += 2_000;
    world.settle();

    expect(world.asked).toEqual([{ kind: 'metrics' }]);
  });

  test('a provider that is down pauses the analysis, for as long as the progress deadline', () => {
    const world = new ModelWorld(
      specOf(
        { stepWeight: 20, metrics: [{ name: 'latency', templateRef: { name: 'latency' } }] },
        { progressDeadlineSeconds: 30 },
      ),
    );
    world.initialize().change(b);
    world.clear();
    world.environment.metrics = {
      verdict: 'unavailable',
      message: 'Prometheus query failed: connection refused',
    };
    world.tick(2);
    expect(world.status).toMatchObject({ phase: 'Progressing', failedChecks: 0, canaryWeight: 20 });
    expect(world.status.conditions?.map(({ type }) => type)).toEqual(['Promoted', 'Paused']);
    expect(world.events).toHaveLength(1);
    world.tick(4);

    expect(world.status.phase).toBe('Failed');
  });
});

describe('11.5 objects', () => {
  test('7: two Canaries on one target are told so, and neither moves', () => {
    const world = new ModelWorld(specOf({ stepWeight: 20 })).initialize();
    const message =
      'Deployment podinfo.test is the target of podinfo.test and other.test: delete one of them';
    const conflict = { reason: 'TargetConflict', message } as const;
    const seen = { ...world.observe(), conflict, answers: { hooks: {} } };
    const decided = decide(world.spec, world.status, seen, world.now);

    expect(decided.events.map(({ message }) => message)).toEqual([message]);
    expect(decided.status?.conditions?.at(-1)).toMatchObject({ type: 'Stalled', reason: 'TargetConflict' });
  });
});

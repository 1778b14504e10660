import { describe, expect, test } from 'vitest';
import { parseTime } from '../base/time.ts';
import { ModelWorld, revisions, specOf, stuck, waiting } from './model-world.test-double.ts';
import { finalizerChange } from './termination.ts';

/*
 * The traces of Flagger (canary, A/B, blue/green, mirrored, failed, deadline), tick by tick: what the routes were
 * after each row, and every event in its order.
 */

const { a, b } = revisions;
const hooks = (...types: string[]) =>
  types.map((type) => ({ name: type, type, url: 'http://gate' })) as NonNullable<
    ReturnType<typeof specOf>['analysis']['webhooks']
  >;

function started(analysis: Parameters<typeof specOf>[0], provider = 'istio'): ModelWorld {
  const world = new ModelWorld(specOf(analysis));
  world.provider = provider;
  world.initialize();
  world.environment.canary = waiting;
  return world.change(b);
}

function rowsOf(world: ModelWorld): string[] {
  return world.rows.map(({ phase, canaryWeight, iterations, failedChecks }) =>
    [phase, canaryWeight, iterations, failedChecks].join(' '),
  );
}

const scalingUp = 'N New revision detected! Scaling up podinfo.test';
const starting = 'N Starting canary analysis for podinfo.test';
const notReady =
  'W canary deployment podinfo.test not ready: waiting for rollout to finish: 0 of 1 (readyThreshold 100%) updated replicas are available';
const primaryNotReady =
  'W podinfo-primary.test not ready: waiting for rollout to finish: 0 of 1 (readyThreshold 100%) updated replicas are available';
const copying = 'N Copying podinfo.test template spec to podinfo-primary.test';
const toPrimary = 'N Routing all traffic to primary';
const completed = 'N Promotion completed! Scaling down podinfo.test';

describe('initialisation', () => {
  test('waits for the primary, moves the traffic, scales the target down, in this order', () => {
    const world = new ModelWorld(specOf({ stepWeight: 20 }));
    world.environment.primary = waiting;
    world.settle();
    world.tick();
    world.environment.primary = { state: 'ready', message: '' };
    world.settle();

    expect(world.trace).toEqual([
      'row Initializing weight 0 iterations 0 failed 0',
      'create primary',
      'routes 100/0',
      'scale to-zero',
      'row Initialized weight 0 iterations 0 failed 0',
    ]);
    expect(world.events).toEqual([
      'N all the metrics providers are available!',
      primaryNotReady,
      'N all the metrics providers are available!',
      'N Initialization done! podinfo.test',
    ]);
    expect(world.status).toMatchObject({
      lastAppliedSpec: a,
      lastPromotedSpec: a,
      trackedConfigs: {},
      conditions: [
        {
          type: 'Promoted',
          status: 'True',
          reason: 'Initialized',
          message: 'Deployment initialization completed.',
        },
      ],
    });
  });
});

describe('promotion', () => {
  test('canary by weights, stepWeight 20, maxWeight 50', () => {
    const world = started({ stepWeight: 20, maxWeight: 50 });
    world.tick();
    world.environment.canary = { state: 'ready', message: '' };
    world.tick(3);
    world.environment.primary = waiting;
    world.endpoints.primary = 1;
    world.tick();
    world.tick();
    world.environment.primary = { state: 'ready', message: '' };
    world.settle();

    expect(world.trace).toEqual([
      'scale from-zero',
      'row Progressing weight 0 iterations 0 failed 0',
      'routes 80/20',
      'row Progressing weight 20 iterations 0 failed 0',
      'routes 60/40',
      'row Progressing weight 40 iterations 0 failed 0',
      'routes 40/60',
      'row Progressing weight 60 iterations 0 failed 0',
      'promote',
      'row Promoting weight 60 iterations 0 failed 0',
      'routes 100/0',
      'row Finalising weight 0 iterations 0 failed 0',
      'scale to-zero',
      'row Succeeded weight 0 iterations 0 failed 0',
    ]);
    expect(world.events).toEqual([
      scalingUp,
      notReady,
      starting,
      'N Advance podinfo.test canary weight 20',
      'N Advance podinfo.test canary weight 40',
      'N Advance podinfo.test canary weight 60',
      copying,
      primaryNotReady,
      toPrimary,
      completed,
    ]);
    expect(world.alerts).toEqual([
      'New revision detected, progressing canary analysis.',
      'Canary analysis completed successfully, promotion finished.',
    ]);
    expect(world.status).toMatchObject({ lastAppliedSpec: b, lastPromotedSpec: b });
  });

  test('every kind of hook, in the order of Flagger’s own test', () => {
    const types = [
      'confirm-rollout',
      'pre-rollout',
      'confirm-traffic-increase',
      'rollout',
      'confirm-promotion',
      'post-rollout',
    ];
    const world = new ModelWorld(
      specOf({ stepWeight: 100, stepWeightPromotion: 50, webhooks: hooks(...types) }),
    );
    world.initialize();
    world.change(b);
    world.tick(3);

    expect(world.events).toEqual([
      'N Confirm-rollout check confirm-rollout passed',
      scalingUp,
      starting,
      'N Pre-rollout check pre-rollout passed',
      'N Confirm-traffic-increase check confirm-traffic-increase passed',
      'N Advance podinfo.test canary weight 100',
      'N Confirm-traffic-increase check confirm-traffic-increase passed',
      'N Confirm-promotion check confirm-promotion passed',
      copying,
      'N Advance podinfo.test primary weight 50',
      'N Advance podinfo.test primary weight 100',
      'N Post-rollout check post-rollout passed',
      completed,
    ]);
    expect(world.hooks).toEqual([{ type: 'post-rollout', phase: 'Succeeded', revision: b }]);
  });

  test('stepWeights are absolute, and their last one suffices', () => {
    const world = started({ stepWeights: [1, 2, 10, 80] });
    world.environment.canary = { state: 'ready', message: '' };
    world.tick(5);

    expect(rowsOf(world)).toEqual([
      'Progressing 0 0 0',
      'Progressing 1 0 0',
      'Progressing 2 0 0',
      'Progressing 10 0 0',
      'Progressing 80 0 0',
      'Promoting 80 0 0',
      'Finalising 0 0 0',
      'Succeeded 0 0 0',
    ]);
  });

  test.each([
    ['istio', ['N Routing all traffic to canary'], [toPrimary], ['routes 0/100'], ['routes 100/0']],
    ['kubernetes', [], [], [], []],
  ])('blue/green with two iterations, provider %s', (provider, toCanary, back, there, andBack) => {
    const world = started({ iterations: 2 }, provider);
    world.environment.canary = { state: 'ready', message: '' };
    world.settle();
    world.tick(3);

    expect(world.events).toEqual([
      scalingUp,
      starting,
      'N Advance podinfo.test canary iteration 1/2',
      'N Advance podinfo.test canary iteration 2/2',
      ...toCanary,
      copying,
      ...back,
      completed,
    ]);
    expect(world.trace).toEqual([
      'scale from-zero',
      'row Progressing weight 0 iterations 0 failed 0',
      'row Progressing weight 0 iterations 1 failed 0',
      'row Progressing weight 0 iterations 2 failed 0',
      ...there,
      'row Progressing weight 0 iterations 3 failed 0',
      'promote',
      'row Promoting weight 0 iterations 3 failed 0',
      ...andBack,
      'row Finalising weight 0 iterations 0 failed 0',
      'scale to-zero',
      'row Succeeded weight 0 iterations 0 failed 0',
    ]);
  });

  test('blue/green with a mirror stops mirroring when the canary gets the traffic', () => {
    const world = started({ iterations: 1, mirror: true });
    world.environment.canary = { state: 'ready', message: '' };
    world.settle();
    world.tick(2);

    expect(world.trace.filter((line) => line.startsWith('routes'))).toEqual([
      'routes 100/0 mirrored',
      'routes 0/100',
      'routes 100/0',
    ]);
    expect(world.events).toContain('N Stop traffic mirroring and route all traffic to canary');
  });

  test('a canary with a mirror copies requests before it gets any', () => {
    const world = started({ stepWeight: 50, mirror: true });
    world.environment.canary = { state: 'ready', message: '' };
    world.settle();
    world.tick(3);

    expect(world.trace.filter((line) => line.startsWith('routes'))).toEqual([
      'routes 100/0 mirrored',
      'routes 50/50',
      'routes 0/100',
      'routes 100/0',
    ]);
    expect(world.events.slice(1, 5)).toEqual([
      starting,
      'N Advance podinfo.test canary weight 0',
      'N Advance podinfo.test canary weight 50',
      'N Advance podinfo.test canary weight 100',
    ]);
  });

  test('an A/B test gives matching requests to the canary from the first iteration on', () => {
    const world = started({ iterations: 2, match: [{ headers: { 'x-canary': { exact: 'insider' } } }] });
    world.environment.canary = { state: 'ready', message: '' };
    world.settle();
    world.tick(2);

    expect(world.events).toEqual([
      scalingUp,
      starting,
      'N Advance podinfo.test canary iteration 1/2',
      'N Advance podinfo.test canary iteration 2/2',
      copying,
      toPrimary,
      completed,
    ]);
    expect(world.trace.filter((line) => line.startsWith('routes'))).toEqual(['routes 0/100', 'routes 100/0']);
  });

  test('plain Kubernetes says what it cannot do and runs ten iterations', () => {
    const world = started({ stepWeight: 10 }, 'kubernetes');
    world.environment.canary = { state: 'ready', message: '' };
    world.settle();

    expect(world.events.slice(1)).toEqual([
      starting,
      'W Progressive traffic is not supported when using the kubernetes provider',
      'W Setting canaryAnalysis.iterations: 10',
      'N Advance podinfo.test canary iteration 1/10',
    ]);
  });

  test('without analysis the primary is updated and awaited, and no hook but the first and the last is asked', () => {
    const types = [
      'confirm-rollout',
      'pre-rollout',
      'rollout',
      'confirm-promotion',
      'rollback',
      'post-rollout',
    ];
    const world = new ModelWorld(
      specOf({ stepWeight: 10, webhooks: hooks(...types) }, { skipAnalysis: true }),
    );
    world.initialize();
    world.change(b);

    expect(world.events).toEqual([
      'N Confirm-rollout check confirm-rollout passed',
      scalingUp,
      copying,
      'N Post-rollout check post-rollout passed',
      'N Promotion completed! Canary analysis was skipped for podinfo.test',
    ]);
    expect(world.decisions.map(({ outcome }) => outcome).filter(Boolean)).toEqual(['skipped']);
  });
});

describe('the walkthrough: blue/green, three iterations, two failed checks', () => {
  const seed = { interval: '90s', iterations: 3, threshold: 2, metrics: [{ name: 'request-success-rate' }] };

  function run(verdict: 'passed' | 'failed'): ModelWorld {
    const world = new ModelWorld(specOf(seed)).initialize();
    world.environment.metrics = { verdict, message: verdict === 'failed' ? 'Halt' : '' };
    world.change(b);
    for (let i = 0; i < 4; i += 1) {
      world.now += 90_000;
      world.settle();
    }
    return world;
  }

  test('shows five rows of Progressing, then the three of a promotion, 90 s apart while it analyses', () => {
    const world = run('passed');

    expect(rowsOf(world)).toEqual([
      'Progressing 0 0 0',
      'Progressing 0 1 0',
      'Progressing 0 2 0',
      'Progressing 0 3 0',
      'Progressing 0 4 0',
      'Promoting 0 4 0',
      'Finalising 0 0 0',
      'Succeeded 0 0 0',
    ]);
    const times = world.rows.map(({ lastTransitionTime = '' }) => parseTime(lastTransitionTime) / 1000);
    expect(times.map((time, i) => time - (times[i - 1] ?? time))).toEqual([0, 0, 90, 90, 90, 90, 0, 0]);
  });

  test('shows four rows of Progressing, then Failed, when every check fails', () => {
    expect(rowsOf(run('failed'))).toEqual([
      'Progressing 0 0 0',
      'Progressing 0 1 0',
      'Progressing 0 1 1',
      'Progressing 0 1 2',
      'Failed 0 0 0',
    ]);
  });
});

describe('gates', () => {
  test('a closed confirm-rollout holds the start, silently after the first time', () => {
    const world = new ModelWorld(specOf({ stepWeight: 50, webhooks: hooks('confirm-rollout') })).initialize();
    world.environment.closed = new Set(['confirm-rollout']);
    world.change(b);
    world.tick(3);
    expect(rowsOf(world)).toEqual(['Waiting 0 0 0']);
    expect(world.events).toEqual(['W Halt podinfo.test advancement waiting for approval confirm-rollout']);
    expect(world.isScaledToZero).toBe(true);

    world.environment.closed = new Set();
    world.tick();
    expect(world.events.slice(1, 3)).toEqual(['N Confirm-rollout check confirm-rollout passed', scalingUp]);
  });

  test('a closed confirm-promotion holds the traffic while the analysis goes on', () => {
    const world = started({ stepWeight: 50, maxWeight: 50, webhooks: hooks('confirm-promotion', 'rollout') });
    world.environment.canary = { state: 'ready', message: '' };
    world.environment.closed = new Set(['confirm-promotion']);
    world.settle();
    world.tick(3);
    expect(rowsOf(world)).toEqual(['Progressing 0 0 0', 'Progressing 50 0 0', 'WaitingPromotion 50 0 0']);
    expect(world.events.slice(3)).toEqual([
      'W Halt podinfo.test advancement waiting for promotion approval confirm-promotion',
    ]);
    const rollouts = world.asked.filter((ask) => ask.kind === 'hooks' && ask.type === 'rollout');
    expect(rollouts).toHaveLength(3);

    world.environment.closed = new Set(['rollout']);
    world.tick(2);
    expect(world.status.phase).toBe('Failed');
  });

  test('a closed confirm-traffic-increase holds the weight and alerts once', () => {
    const world = started({ stepWeight: 50, webhooks: hooks('confirm-traffic-increase') });
    world.environment.canary = { state: 'ready', message: '' };
    world.settle();
    world.environment.closed = new Set(['confirm-traffic-increase']);
    world.tick(3);

    expect(world.status).toMatchObject({ phase: 'Progressing', canaryWeight: 50, failedChecks: 0 });
    expect(world.alerts.filter((text) => text.includes('traffic increase'))).toHaveLength(1);
  });

  test('a rollback hook that passes ends the run', () => {
    const world = started({ stepWeight: 50, webhooks: hooks('rollback') });
    world.environment.canary = { state: 'ready', message: '' };
    world.settle();
    world.environment.rollback = true;
    world.tick();

    expect(world.events.slice(-3)).toEqual([
      'W Rollback check rollback passed',
      'W Rolling back podinfo.test manual webhook invoked',
      'W Canary failed! Scaling down podinfo.test',
    ]);
    expect(world.trace.slice(-3)).toEqual([
      'routes 100/0',
      'scale to-zero',
      'row Failed weight 0 iterations 0 failed 0',
    ]);
  });
});

describe('failure', () => {
  test('the failed check that reaches the threshold: route back, its row, then Failed, in one reconcile', () => {
    const world = started({
      stepWeight: 20,
      metrics: [{ name: 'request-success-rate' }],
      webhooks: hooks('post-rollout'),
    });
    world.environment.canary = { state: 'ready', message: '' };
    world.settle();
    const message = 'Halt podinfo.test advancement success rate 69.17% < 99%';
    world.environment.metrics = { verdict: 'failed', message };
    world.clear();
    world.tick();
    expect(world.trace).toEqual(['row Progressing weight 20 iterations 0 failed 1']);
    world.now += 11_000;
    world.settle();

    expect(world.trace.slice(1)).toEqual([
      'routes 100/0',
      'row Progressing weight 20 iterations 0 failed 2',
      'scale to-zero',
      'row Failed weight 0 iterations 0 failed 0',
    ]);
    expect(world.events).toEqual([
      `W ${message}`,
      `W ${message}`,
      'W Rolling back podinfo.test failed checks threshold reached 2',
      'W Canary failed! Scaling down podinfo.test',
      'N Post-rollout check post-rollout passed',
    ]);
    expect(world.alerts).toEqual(['Failed checks threshold reached 2']);
    expect(world.hooks).toEqual([{ type: 'post-rollout', phase: 'Failed', revision: b }]);
    expect(world.status).toMatchObject({
      lastAppliedSpec: b,
      lastPromotedSpec: a,
      conditions: [{ status: 'False', message: 'Canary analysis failed, Deployment scaled to zero.' }],
    });
  });

  test('one failed check of two does not roll back, and success does not forget it', () => {
    const world = started({ iterations: 3, metrics: [{ name: 'request-success-rate' }] });
    world.environment.canary = { state: 'ready', message: '' };
    world.settle();
    world.environment.metrics = { verdict: 'failed', message: 'Halt' };
    world.tick();
    world.environment.metrics = { verdict: 'passed', message: '' };
    world.tick(4);

    expect(world.status).toMatchObject({ phase: 'Succeeded', failedChecks: 1 });
  });

  test('a canary that exceeds its deadline is rolled back with an alert', () => {
    const world = started({ stepWeight: 20 });
    world.environment.canary = stuck;
    world.settle();

    const message =
      'canary deployment podinfo.test not ready: deployment "podinfo" exceeded its progress deadline';
    expect(world.events.slice(1)).toEqual([
      `W ${message}`,
      `W Rolling back podinfo.test progress deadline exceeded ${message}`,
      'W Canary failed! Scaling down podinfo.test',
    ]);
    expect(world.alerts).toContain(`Progress deadline exceeded ${message}`);
    expect(world.status.phase).toBe('Failed');
  });

  test('a primary that does not survive its promotion leaves the traffic with the canary', () => {
    const world = started({ stepWeight: 50, maxWeight: 50 });
    world.environment.canary = { state: 'ready', message: '' };
    world.settle();
    world.environment.primary = waiting;
    world.endpoints.primary = 1;
    world.tick();
    world.environment.primary = stuck;
    world.settle();

    expect(world.routes).toEqual({ primary: 0, canary: 100, mirrored: false });
    expect(world.isScaledToZero).toBe(false);
    expect(rowsOf(world).at(-1)).toBe('Failed 100 0 0');
    expect(world.events.at(-1)).toContain('W Promotion of podinfo.test failed, primary not ready: ');
  });

  test('a new revision in the middle sends the traffic back at once and starts over', () => {
    const world = started({ stepWeight: 20, webhooks: hooks('pre-rollout') });
    world.environment.canary = { state: 'ready', message: '' };
    world.settle();
    world.tick();
    world.clear();
    world.environment.canary = waiting;
    world.change(revisions.c);

    expect(world.trace.slice(0, 2)).toEqual([
      'routes 100/0',
      'row Progressing weight 0 iterations 0 failed 0',
    ]);
    expect(world.events).toEqual(['N New revision detected! Restarting analysis for podinfo.test']);
    world.environment.canary = { state: 'ready', message: '' };
    world.settle();
    expect(world.events.slice(1)).toEqual([
      starting,
      'N Pre-rollout check pre-rollout passed',
      'N Advance podinfo.test canary weight 20',
    ]);
  });

  test('the promoted revision restored after a failure starts nothing', () => {
    const world = started({ stepWeight: 20 });
    world.environment.canary = stuck;
    world.settle();
    world.clear();
    world.change(a);

    expect(world.events).toEqual([]);
    expect(world.status).toMatchObject({ phase: 'Failed', lastAppliedSpec: a });
  });
});

describe('suspension and deletion', () => {
  test('the finalizer follows revertOnDeletion', () => {
    expect(finalizerChange(false, true)).toEqual({ add: 'finalizer.flagger.app' });
    expect(finalizerChange(true, undefined)).toEqual({ remove: 'finalizer.flagger.app' });
    expect(finalizerChange(true, true)).toEqual({});
    expect(finalizerChange(false, false)).toEqual({});
  });

  test('a suspended Canary says so once and does nothing', () => {
    const world = new ModelWorld(specOf({ stepWeight: 20 })).initialize();
    world.spec = { ...world.spec, suspend: true };
    world.change(b);
    world.tick(2);
    expect(world.events).toEqual(['N skipping canary run as object is suspended']);
    expect(world.trace).toEqual([]);

    world.spec = { ...world.spec, suspend: false };
    world.settle();
    expect(world.status.phase).toBe('Progressing');
  });

  test('with revertOnDeletion the target serves again before anything is taken away', () => {
    const world = new ModelWorld(specOf({ stepWeight: 20 }, { revertOnDeletion: true })).initialize();
    world.hasFinalizer = true;
    world.environment.isDeleting = true;
    world.environment.canary = waiting;
    world.settle();
    expect(world.trace).toEqual(['row Terminating weight 0 iterations 0 failed 0', 'scale from-zero']);
    world.environment.canary = { state: 'ready', message: '' };
    world.settle();

    expect(world.trace.slice(2)).toEqual(['revert', 'remove finalizer']);
    expect(world.events).toEqual(['N Terminating canary podinfo.test', 'N Terminated canary podinfo.test']);
  });
});

import type { CanarySpec } from '../../src/api/canary.ts';
import type { Random } from '../../src/base/random.ts';
import { apex, type Side, type WorkloadKind } from './kinds.ts';
import type { Quality } from './workload-view.ts';

/** What somebody does to the cluster. What is done for a while goes on beside the next steps. */
export type Action =
  | { readonly kind: 'deploy'; readonly quality: Quality }
  | { readonly kind: 'undo' }
  | { readonly kind: 'edit config' }
  | { readonly kind: 'suspend'; readonly ms: number }
  | { readonly kind: 'skip analysis'; readonly ms: number }
  | { readonly kind: 'close gates'; readonly ms: number }
  | { readonly kind: 'roll back'; readonly ms: number }
  | { readonly kind: 'threshold'; readonly threshold: number }
  | { readonly kind: 'strategy'; readonly strategy: Strategy }
  | { readonly kind: 'crash'; readonly side: Side; readonly ms: number }
  | { readonly kind: 'edit routes' }
  | { readonly kind: 'delete routes' }
  | { readonly kind: 'delete service'; readonly side: Side }
  | { readonly kind: 'scale'; readonly replicas: number }
  | { readonly kind: 'revert on deletion'; readonly revert: boolean }
  | { readonly kind: 'recreate target'; readonly ms: number }
  /** `revert`: what is asked for just before the deletion. */
  | { readonly kind: 'recreate'; readonly revert: boolean; readonly ms: number };

/**
 * When: some time after the step before, in milliseconds; or just before, or just after, the server carries out the
 * n-th write of the engine from there on.
 */
export type Moment =
  | { readonly afterMs: number }
  | { readonly beforeWrite: number }
  | { readonly afterWrite: number };

export interface Step {
  readonly moment: Moment;
  readonly action: Action;
}

/** One history of one cluster, drawn from a seed. */
export interface Scenario {
  readonly workload: WorkloadKind;
  readonly strategy: Strategy;
  readonly spec: CanarySpec;
  /** Whether the Service that users call is there before the Canary, and not made for it. */
  readonly ownService: boolean;
  /** While all may fail. */
  readonly steps: readonly Step[];
  /** What is deployed at the end. */
  readonly last: Quality;
  /** Whether the Canary is deleted after that, and its workload restored. */
  readonly farewell: boolean;
}

const strategies = ['canary', 'step weights', 'blue/green', 'mirror', 'a/b', 'skip'] as const;
type Strategy = (typeof strategies)[number];
type Pick = <T>(...from: readonly [T, ...T[]]) => T;

/** Seconds after which pods that do not start are given up. */
export const progressDeadlineSeconds = 60;

export function drawScenario(random: Random): Scenario {
  const pick: Pick = (...from) => from[random.int(from.length)] ?? from[0];
  const workload = pick<WorkloadKind>('Deployment', 'Deployment', 'DaemonSet');
  const strategy = pick(...strategies);
  const spec = specOf(workload, strategy, { hooks: pick(true, false), revertOnDeletion: pick(true, false) });
  const steps = Array.from({ length: random.int(6) }, (): Step => {
    const moment = drawMoment(random, pick);
    return { moment, action: drawAction(random, pick, workload) };
  });
  return {
    workload,
    strategy,
    spec,
    ownService: pick(true, false),
    steps,
    last: pick<Quality>('good', 'good', 'bad', 'crashing'),
    farewell: pick(true, false, false),
  };
}

function drawMoment(random: Random, pick: Pick): Moment {
  const writes = 1 + random.int(8);
  return pick<Moment>(
    { afterMs: pick(0, 300, 3000, 20_000, 90_000) + random.int(3000) },
    { beforeWrite: writes },
    { afterWrite: writes },
  );
}

function drawAction(random: Random, pick: Pick, workload: WorkloadKind): Action {
  const isDeployment = workload === 'Deployment';
  return pick<() => Action>(
    () => ({ kind: 'deploy', quality: pick<Quality>('good', 'good', 'bad', 'crashing') }),
    () => ({ kind: 'deploy', quality: 'good' }),
    () => ({ kind: 'deploy', quality: 'good' }),
    () => ({ kind: 'deploy', quality: 'bad' }),
    () => ({ kind: 'undo' }),
    () => ({ kind: 'edit config' }),
    () => ({ kind: 'suspend', ms: random.int(60_000) }),
    () => ({ kind: 'skip analysis', ms: random.int(60_000) }),
    () => ({ kind: 'close gates', ms: random.int(90_000) }),
    () => ({ kind: 'roll back', ms: random.int(60_000) }),
    () => ({ kind: 'threshold', threshold: 1 + random.int(3) }),
    () => ({ kind: 'strategy', strategy: pick('canary', 'step weights', 'blue/green', 'mirror', 'a/b') }),
    () => ({ kind: 'crash', side: pick<Side>('primary', 'canary'), ms: random.int(20_000) }),
    () => ({ kind: 'edit routes' }),
    () => ({ kind: 'delete routes' }),
    () => ({ kind: 'delete service', side: pick<Side>('primary', 'canary') }),
    () => (isDeployment ? { kind: 'scale', replicas: 1 + random.int(4) } : { kind: 'undo' }),
    () => ({ kind: 'revert on deletion', revert: pick(true, false) }),
    () => ({ kind: 'recreate target', ms: random.int(20_000) }),
    () => ({ kind: 'recreate', revert: pick(true, false), ms: random.int(20_000) }),
    () => ({ kind: 'recreate', revert: true, ms: random.int(20_000) }),
  )();
}

/** Where the hooks of a Canary are. */
export const hookUrls = {
  gate: 'http://hooks.test/gate',
  rollback: 'http://hooks.test/rollback',
  load: 'http://hooks.test/load',
} as const;

const webhooks = [
  { name: 'start', type: 'confirm-rollout', url: hookUrls.gate, timeout: '5s' },
  { name: 'more', type: 'confirm-traffic-increase', url: hookUrls.gate, timeout: '5s' },
  { name: 'finish', type: 'confirm-promotion', url: hookUrls.gate, timeout: '5s' },
  { name: 'back', type: 'rollback', url: hookUrls.rollback, timeout: '5s' },
  { name: 'smoke', type: 'pre-rollout', url: hookUrls.load, timeout: '5s' },
  { name: 'load', type: 'rollout', url: hookUrls.load, timeout: '5s' },
  { name: 'report', type: 'post-rollout', url: hookUrls.load, timeout: '5s' },
] satisfies CanarySpec['analysis']['webhooks'];

function specOf(
  workload: WorkloadKind,
  strategy: Strategy,
  { hooks, revertOnDeletion }: { readonly hooks: boolean; readonly revertOnDeletion: boolean },
): CanarySpec {
  return {
    targetRef: { apiVersion: 'apps/v1', kind: workload, name: apex },
    progressDeadlineSeconds,
    service: { port: 9898 },
    revertOnDeletion,
    ...(strategy === 'skip' ? { skipAnalysis: true } : {}),
    analysis: {
      interval: '10s',
      threshold: 2,
      metrics: [
        { name: 'request-success-rate', thresholdRange: { min: 99 }, interval: '20s' },
        { name: 'request-duration', thresholdRange: { max: 500 }, interval: '20s' },
      ],
      ...(hooks ? { webhooks } : {}),
      ...analysisOf[strategy],
    },
  };
}

export const analysisOf: Readonly<Record<Strategy, Partial<CanarySpec['analysis']>>> = {
  canary: { stepWeight: 20, maxWeight: 60 },
  'step weights': { stepWeights: [5, 30, 80], stepWeightPromotion: 50 },
  'blue/green': { iterations: 3 },
  mirror: { iterations: 2, mirror: true },
  'a/b': { iterations: 2, match: [{ headers: { 'x-canary': { exact: 'insider' } } }] },
  skip: { stepWeight: 50 },
};

import type { CanarySpec } from '../../src/api/canary.ts';
import type { Random } from '../../src/base/random.ts';
import { apex, type Side, type WorkloadKind } from './kinds.ts';
import type { Quality } from './workload-view.ts';

/** What somebody does to the cluster. */
export type Action =
  | { readonly kind: 'deploy'; readonly quality: Quality }
  | { readonly kind: 'undo' }
  | { readonly kind: 'suspend'; readonly ms: number }
  | { readonly kind: 'threshold'; readonly threshold: number }
  | { readonly kind: 'crash'; readonly side: Side; readonly ms: number }
  | { readonly kind: 'edit routes' }
  | { readonly kind: 'scale'; readonly replicas: number }
  | { readonly kind: 'recreate' };

export interface Step {
  /** Waited for before it, in milliseconds. */
  readonly afterMs: number;
  readonly action: Action;
}

/** One history of one cluster, drawn from a seed. */
export interface Scenario {
  readonly workload: WorkloadKind;
  readonly strategy: Strategy;
  readonly spec: CanarySpec;
  /** While all may fail. */
  readonly steps: readonly Step[];
  /** What is deployed at the end. */
  readonly last: Quality;
}

const strategies = ['canary', 'step weights', 'blue/green', 'mirror', 'a/b', 'skip'] as const;
type Strategy = (typeof strategies)[number];

/** Seconds after which pods that do not start are given up. */
export const progressDeadlineSeconds = 60;

export function drawScenario(random: Random): Scenario {
  const pick = <T>(...from: readonly [T, ...T[]]): T => from[random.int(from.length)] ?? from[0];
  const workload = pick<WorkloadKind>('Deployment', 'Deployment', 'DaemonSet');
  const strategy = pick(...strategies);
  const withHooks = pick(true, false);
  const steps = Array.from({ length: random.int(5) }, (): Step => {
    const afterMs = pick(0, 300, 3000, 20_000, 90_000) + random.int(3000);
    return { afterMs, action: drawAction(random, pick, workload) };
  });
  return {
    workload,
    strategy,
    spec: specOf(workload, strategy, withHooks),
    steps,
    last: pick<Quality>('good', 'good', 'bad', 'crashing'),
  };
}

function drawAction(
  random: Random,
  pick: <T>(...from: readonly [T, ...T[]]) => T,
  workload: WorkloadKind,
): Action {
  const actions: readonly [Action, ...Action[]] = [
    { kind: 'deploy', quality: pick<Quality>('good', 'good', 'bad', 'crashing') },
    { kind: 'deploy', quality: pick<Quality>('good', 'bad') },
    { kind: 'undo' },
    { kind: 'suspend', ms: random.int(60_000) },
    { kind: 'threshold', threshold: 1 + random.int(3) },
    { kind: 'crash', side: pick<Side>('primary', 'canary'), ms: random.int(20_000) },
    { kind: 'edit routes' },
    { kind: 'recreate' },
    workload === 'Deployment' ? { kind: 'scale', replicas: 1 + random.int(4) } : { kind: 'undo' },
  ];
  return pick(...actions);
}

function specOf(workload: WorkloadKind, strategy: Strategy, withHooks: boolean): CanarySpec {
  const webhooks = [
    { name: 'load', type: 'rollout', url: 'http://hooks.test/load', timeout: '5s' },
    { name: 'smoke', type: 'pre-rollout', url: 'http://hooks.test/smoke', timeout: '5s' },
  ] satisfies CanarySpec['analysis']['webhooks'];
  return {
    targetRef: { apiVersion: 'apps/v1', kind: workload, name: apex },
    progressDeadlineSeconds,
    service: { port: 9898 },
    revertOnDeletion: true,
    ...(strategy === 'skip' ? { skipAnalysis: true } : {}),
    analysis: {
      interval: '10s',
      threshold: 2,
      metrics: [
        { name: 'request-success-rate', thresholdRange: { min: 99 }, interval: '20s' },
        { name: 'request-duration', thresholdRange: { max: 500 }, interval: '20s' },
      ],
      ...(withHooks ? { webhooks } : {}),
      ...analysisOf[strategy],
    },
  };
}

const analysisOf: Readonly<Record<Strategy, Partial<CanarySpec['analysis']>>> = {
  canary: { stepWeight: 20, maxWeight: 60 },
  'step weights': { stepWeights: [5, 30, 80], stepWeightPromotion: 50 },
  'blue/green': { iterations: 3 },
  mirror: { iterations: 2, mirror: true },
  'a/b': { iterations: 2, match: [{ headers: { 'x-canary': { exact: 'insider' } } }] },
  skip: { stepWeight: 50 },
};

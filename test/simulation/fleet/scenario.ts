import type { Random } from '../../../src/base/random.ts';
import type { Quality } from '../workload-view.ts';

export const memberNames = ['member1', 'member2'] as const;
export type MemberName = (typeof memberNames)[number];

/** What somebody does to the fleet. What is done for a while goes on beside the next steps. */
export type Action =
  | { readonly kind: 'push'; readonly quality: Quality }
  | { readonly kind: 'set image'; readonly member: MemberName; readonly quality: Quality }
  | { readonly kind: 'drift'; readonly member: MemberName; readonly what: Drift }
  | { readonly kind: 'thresholds'; readonly checkFailedTimes: number }
  | { readonly kind: 'strategy'; readonly strategy: Strategy }
  | { readonly kind: 'replicas'; readonly replicas: number }
  | { readonly kind: 'without rollout'; readonly ms: number }
  | { readonly kind: 'without shop'; readonly ms: number }
  | { readonly kind: 'recreate application'; readonly ms: number }
  | { readonly kind: 'cut off'; readonly member: MemberName; readonly ms: number }
  | { readonly kind: 'bad kubeconfig'; readonly member: MemberName; readonly ms: number }
  | { readonly kind: 'leave fleet'; readonly member: MemberName; readonly ms: number }
  | { readonly kind: 'git down'; readonly ms: number };

const drifts = [
  'delete shop service',
  'edit shop image',
  'scale shop',
  'delete canary',
  'label service',
] as const;
export type Drift = (typeof drifts)[number];

const strategies = ['canary', 'blue/green', 'a/b'] as const;
export type Strategy = (typeof strategies)[number];

export interface Step {
  /** After the step before, in milliseconds. */
  readonly afterMs: number;
  readonly action: Action;
}

/** What is taken away at the end: nothing, the rollout, the Application, or then the plugin too. */
const farewells = ['nothing', 'rollout', 'application', 'plugin'] as const;

/** One history of a fleet, drawn from a seed. */
export interface FleetScenario {
  readonly strategy: Strategy;
  /** Of the Application's syncs. */
  readonly interval: '0s' | '10s' | '1m';
  /** Whether git says how many pods there are. */
  readonly hasReplicas: boolean;
  readonly testLoader: boolean;
  readonly revertOnDeletion: boolean;
  /** While all may fail. */
  readonly steps: readonly Step[];
  /** What is pushed at the end. */
  readonly last: Quality;
  readonly farewell: (typeof farewells)[number];
  /** Whether the plugin goes at the same time. */
  readonly isAtOnce: boolean;
}

type Pick = <T>(from: readonly T[]) => T;

export function drawFleetScenario(random: Random): FleetScenario {
  const pick: Pick = (from) => from[random.int(from.length)]!;
  return {
    strategy: pick(strategies),
    interval: pick(['0s', '10s', '1m']),
    hasReplicas: pick([true, false]),
    testLoader: pick([true, false]),
    revertOnDeletion: pick([true, false]),
    steps: Array.from({ length: random.int(5) }, () => ({
      afterMs: pick([0, 300, 3000, 20_000, 60_000]) + random.int(3000),
      action: drawAction(random, pick),
    })),
    last: pick(['good', 'good', 'bad', 'crashing']),
    farewell: pick(farewells),
    isAtOnce: pick([true, false]),
  };
}

function drawAction(random: Random, pick: Pick): Action {
  const member = pick(memberNames);
  const ms = random.int(pick([3000, 40_000, 120_000]));
  return pick<() => Action>([
    () => ({ kind: 'push', quality: 'good' }),
    () => ({ kind: 'push', quality: pick(['good', 'bad', 'crashing']) }),
    () => ({ kind: 'set image', member, quality: pick(['good', 'good', 'bad']) }),
    () => ({ kind: 'drift', member, what: pick(drifts) }),
    () => ({ kind: 'drift', member, what: pick(drifts) }),
    () => ({ kind: 'thresholds', checkFailedTimes: 1 + random.int(3) }),
    () => ({ kind: 'strategy', strategy: pick(strategies) }),
    () => ({ kind: 'replicas', replicas: 1 + random.int(4) }),
    () => ({ kind: 'without rollout', ms }),
    () => ({ kind: 'without shop', ms }),
    () => ({ kind: 'recreate application', ms }),
    () => ({ kind: 'cut off', member, ms }),
    () => ({ kind: 'bad kubeconfig', member, ms }),
    () => ({ kind: 'leave fleet', member, ms }),
    () => ({ kind: 'git down', ms }),
  ])();
}

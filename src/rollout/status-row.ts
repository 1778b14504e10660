import { formatTime } from '../base/time.ts';
import type { CanaryCondition, CanaryStatus, Phase } from '../api/canary-status.ts';
import type { CanarySpec } from '../api/canary.ts';

/** What one write of the status says; counters that are left out stay. */
export interface Row {
  readonly phase: Phase;
  readonly canaryWeight?: number;
  readonly failedChecks?: number;
  readonly iterations?: number;
  readonly lastAppliedSpec?: string | undefined;
  readonly lastPromotedSpec?: string | undefined;
  readonly trackedConfigs?: Readonly<Record<string, string>> | undefined;
}

/** Counters at the start of a run, and after a failed one. */
export const zeros = { canaryWeight: 0, failedChecks: 0, iterations: 0 } as const;

/** Reasons why a rollout does not move, as conditions beside `Promoted`. */
export type Hindrance =
  | {
      readonly type: 'Stalled';
      readonly reason: 'InvalidSpec' | 'TargetConflict' | 'Unsupported';
      readonly message: string;
    }
  | { readonly type: 'Paused'; readonly reason: 'ProviderUnavailable'; readonly message: string };

const promotedText: Readonly<Record<Phase, readonly [status: string, message: string]>> = {
  '': ['Unknown', 'New {kind} detected, starting initialization.'],
  Initializing: ['Unknown', 'New {kind} detected, starting initialization.'],
  Initialized: ['True', '{kind} initialization completed.'],
  Waiting: ['Unknown', 'Waiting for approval.'],
  WaitingPromotion: ['Unknown', 'Waiting for approval.'],
  Progressing: ['Unknown', 'New revision detected, progressing canary analysis.'],
  Promoting: ['Unknown', 'Canary analysis completed, starting primary rolling update.'],
  Finalising: ['Unknown', 'Canary analysis completed, routing all traffic to primary.'],
  Succeeded: ['True', 'Canary analysis completed successfully, promotion finished.'],
  Failed: ['False', 'Canary analysis failed, {kind} scaled to zero.'],
  Terminating: ['Unknown', 'New {kind} detected, starting initialization.'],
  Terminated: ['Unknown', 'New {kind} detected, starting initialization.'],
};

interface RowContext {
  readonly spec: CanarySpec;
  readonly status: CanaryStatus;
  readonly now: number;
}

/** The whole status with a row written into it. */
export function writeRow({ spec, status, now }: RowContext, row: Row): CanaryStatus {
  return {
    ...status,
    canaryWeight: status.canaryWeight ?? 0,
    failedChecks: status.failedChecks ?? 0,
    iterations: status.iterations ?? 0,
    ...Object.fromEntries(Object.entries(row).filter(([, value]) => value !== undefined)),
    phase: row.phase,
    lastTransitionTime: formatTime(now),
    conditions: promotedCondition(status.conditions ?? [], row.phase, spec.targetRef.kind, now),
  };
}

/** What hindered the rollout before is over when a row can be written. */
function promotedCondition(
  conditions: readonly CanaryCondition[],
  phase: Phase,
  kind: string,
  now: number,
): CanaryCondition[] {
  const before = conditions.find(({ type }) => type === 'Promoted');
  const [status, text] = promotedText[phase];
  if (before?.status === status && before.reason === phase) return [before];
  const time = formatTime(now);
  const lastTransitionTime = before?.status === status ? (before.lastTransitionTime ?? time) : time;
  const message = text.replace('{kind}', kind);
  return [{ type: 'Promoted', status, reason: phase, message, lastUpdateTime: time, lastTransitionTime }];
}

/** The status with a hindrance, or without any; the same status if it says so already. */
export function withHindrance(
  status: CanaryStatus,
  hindrance: Hindrance | undefined,
  now: number,
): CanaryStatus {
  const conditions = status.conditions ?? [];
  const others = conditions.filter(({ type }) => type !== 'Stalled' && type !== 'Paused');
  const current = conditions.find(({ type }) => type === hindrance?.type);
  if (hindrance === undefined) {
    return others.length === conditions.length ? status : { ...status, conditions: others };
  }
  if (current?.reason === hindrance.reason && current.message === hindrance.message) return status;
  const time = formatTime(now);
  const lastTransitionTime = current?.lastTransitionTime ?? time;
  const condition = { ...hindrance, status: 'True', lastUpdateTime: time, lastTransitionTime };
  return { ...status, conditions: [...others, condition] };
}

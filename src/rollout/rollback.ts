import {
  alert,
  canaryName,
  consult,
  type Context,
  decision,
  hold,
  normal,
  primaryName,
  revisionUnderTest,
  type Step,
  targetName,
  warning,
} from './context.ts';
import type { Decision, RolloutAlert, RolloutEvent } from './decision.ts';
import type { HookResult } from './observation.ts';
import { admit, allToCanary } from './routes.ts';
import { zeros } from './status-row.ts';
import { wayBack } from './traffic.ts';

/** Ends a run: traffic to the primary, then the canary to zero, then `Failed`. */
function rollback(
  context: Context,
  step: string,
  because: { readonly events: readonly RolloutEvent[]; readonly alerts: readonly RolloutAlert[] },
): Decision {
  const way = wayBack(context);
  if (way === 'blocked') {
    const message = `Rollback of ${canaryName(context)} waits: ${primaryName(context)} has no ready endpoints, traffic stays on the canary`;
    return hold(context, `${step}: blocked`, warning(context, message));
  }
  const revision = revisionUnderTest(context);
  const failed = `Canary failed! Scaling down ${canaryName(context)}`;
  return decision(context, step, {
    ...way,
    scale: 'to-zero',
    row: {
      phase: 'Failed',
      ...zeros,
      lastAppliedSpec: revision,
      trackedConfigs: context.seen.target?.configs,
    },
    events: [...because.events, warning(context, failed, 'Failed')],
    alerts: because.alerts,
    hooks: [{ type: 'post-rollout', phase: 'Failed', revision }],
    outcome: 'failed',
    memory: {},
    wakeAt: context.now,
  });
}

/** The failed check that reached the threshold has been written: now the rest. */
export const thresholdReached: Step = (context) => {
  const { failedChecks, threshold } = context;
  if (failedChecks < threshold) return undefined;
  const text = `failed checks threshold reached ${failedChecks}`;
  return rollback(context, 'threshold reached', {
    events: [warning(context, `Rolling back ${canaryName(context)} ${text}`)],
    alerts: [alert('error', `Failed checks threshold reached ${failedChecks}`)],
  });
};

/** Asks the rollback hooks; the first that passes ends the run. */
export function consultRollback(context: Context): Decision | { readonly events: readonly RolloutEvent[] } {
  const answer = consult(context, 'rollback');
  if ('ask' in answer) return answer.ask;
  const events = answer.results.map((result) => rollbackEvent(context, result));
  if (!answer.results.some(({ passed }) => passed)) return { events };
  return rollback(context, 'rollback hook', {
    events: [...events, warning(context, `Rolling back ${canaryName(context)} manual webhook invoked`)],
    alerts: [alert('warn', 'Rolling back manual webhook invoked')],
  });
}

function rollbackEvent(context: Context, { name, passed }: HookResult): RolloutEvent {
  return passed
    ? warning(context, `Rollback check ${name} passed`)
    : normal(context, `Rollback hook ${name} not signaling a rollback`);
}

/** The canary will not get ready any more. */
export function deadlineExceeded(context: Context, notReady: string): Decision {
  return rollback(context, 'progress deadline', {
    events: [
      warning(context, notReady),
      warning(context, `Rolling back ${canaryName(context)} progress deadline exceeded ${notReady}`),
    ],
    alerts: [alert('error', `Progress deadline exceeded ${notReady}`)],
  });
}

/** The primary did not survive its update: the canary, which passed, serves until somebody changes the target. */
export function failedPromotion(context: Context, notReady: string): Decision {
  const routes = context.isRouted ? admit(allToCanary, context.seen) : undefined;
  const revision = context.status.lastAppliedSpec ?? '';
  const message = `Promotion of ${targetName(context)} failed, primary not ready: ${notReady}`;
  return decision(context, 'failed promotion', {
    ...(routes === undefined ? {} : { routes }),
    row: {
      phase: 'Failed',
      ...zeros,
      canaryWeight: (routes ?? context.live).canary,
    },
    events: [warning(context, message)],
    alerts: [alert('error', `Promotion failed, primary not ready: ${notReady}`)],
    hooks: [{ type: 'post-rollout', phase: 'Failed', revision }],
    outcome: 'failed',
    memory: {},
  });
}

/** The events about answers of post-rollout hooks, for who calls them. */
export function postRolloutEvent(
  phase: RolloutEvent['phase'],
  { name, passed, error }: HookResult,
): RolloutEvent {
  return passed
    ? { type: 'Normal', phase, message: `Post-rollout check ${name} passed` }
    : { type: 'Warning', phase, message: `Post-rollout hook ${name} failed ${error}` };
}

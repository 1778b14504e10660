import {
  alert,
  canaryName,
  type Context,
  decision,
  hold,
  normal,
  primaryName,
  type Step,
  targetName,
  warning,
} from './context.ts';
import type { Decision, RolloutEvent } from './decision.ts';
import type { Readiness } from './observation.ts';
import { failedPromotion } from './rollback.ts';
import { allToPrimary } from './routes.ts';
import { backIfPossible, canaryReadiness, primaryNotReady, primaryReadiness, wayBack } from './traffic.ts';

/** Copies what was tested to the primary. Traffic stays where it is until the primary runs it. */
export function promote(context: Context, events: readonly RolloutEvent[]): Decision {
  const { seen, now } = context;
  const copying = `Copying ${targetName(context)} template spec to ${primaryName(context)}`;
  return decision(context, 'promote', {
    ...(context.spec.skipAnalysis === true ? backIfPossible(context) : {}),
    promote: { revision: seen.target?.revision ?? '' },
    row: { phase: 'Promoting' },
    events: [...events, normal(context, copying)],
    memory: {},
    wakeAt: now,
  });
}

/** The target changed while its tested revision is being promoted: its new pods must not serve. */
export const leaveChangedCanary: Step = (context) => {
  const { seen, status, live, now } = context;
  const isSame = seen.target === undefined || seen.target.revision === status.lastAppliedSpec;
  if (isSame || live.canary === 0 || seen.endpoints.primary === 0) return undefined;
  const message = `New revision detected! Routing all traffic to primary until ${targetName(context)} is promoted`;
  return decision(context, 'leave changed canary', {
    routes: allToPrimary,
    events: [normal(context, message)],
    wakeAt: now,
  });
};

const notYet: Readiness = { state: 'waiting', message: 'it does not have the promoted revision yet' };

/** A cache that has not seen the promotion still shows the old primary, ready as ever. */
function isStale({ seen, status, phase }: Context): boolean {
  const revision = seen.primary?.revision;
  return phase === 'Promoting' && revision !== undefined && revision !== status.lastAppliedSpec;
}

export const awaitPromotedPrimary: Step = (context) => {
  const readiness = isStale(context) ? notYet : primaryReadiness(context);
  if (readiness.state === 'ready') return undefined;
  const message = primaryNotReady(context, readiness);
  if (readiness.state === 'waiting') return hold(context, 'primary rolls', warning(context, message));
  return failedPromotion(context, message);
};

/** The primary runs the new revision: traffic goes back to it, at once or in steps. */
export const shiftTraffic: Step = (context) => {
  const { analysis, live, isRouted, spec, seen, now, intervalMs } = context;
  if (spec.skipAnalysis === true) return succeed(context);
  if (!isRouted) return finalise(context, []);
  const step = analysis.stepWeightPromotion ?? 0;
  const isAtOnce = step <= 0 || live.canary === 0 || canaryReadiness(context).state !== 'ready';
  if (isAtOnce) return finalise(context, [normal(context, 'Routing all traffic to primary')]);
  const dueAt = (seen.memory.lastTickAt ?? now - intervalMs) + intervalMs;
  if (now < dueAt) return decision(context, 'between shifts', { wakeAt: dueAt });
  const primary = Math.min(100, live.primary + step);
  const advance = normal(context, `Advance ${canaryName(context)} primary weight ${primary}`);
  if (primary === 100) return finalise(context, [advance]);
  return decision(context, 'shift', {
    routes: { primary, canary: 100 - primary, mirrored: false },
    row: { phase: 'Promoting', canaryWeight: 100 - primary },
    events: [advance],
    memory: { lastTickAt: now },
    wakeAt: now + intervalMs,
  });
};

function finalise(context: Context, events: readonly RolloutEvent[]): Decision {
  return decision(context, 'finalise', {
    ...backIfPossible(context),
    row: { phase: 'Finalising', canaryWeight: 0, iterations: 0 },
    events,
    memory: {},
    wakeAt: context.now,
  });
}

/** The end of a good run. Only the target's pods are still there to be taken away. */
export const succeed = (context: Context): Decision => {
  const { status, spec, now, seen } = context;
  const isSkipped = spec.skipAnalysis === true;
  const way = wayBack(context);
  // What the primary says of itself counts: it may have been made again meanwhile.
  const revision = seen.primary?.revision ?? status.lastAppliedSpec ?? '';
  const message = isSkipped
    ? `Promotion completed! Canary analysis was skipped for ${targetName(context)}`
    : `Promotion completed! Scaling down ${targetName(context)}`;
  return decision(context, 'succeed', {
    ...(way === 'blocked' ? {} : way),
    scale: 'to-zero',
    row: { phase: 'Succeeded', canaryWeight: 0, iterations: 0, lastPromotedSpec: revision },
    hooks: [{ type: 'post-rollout', phase: 'Succeeded', revision }],
    closingEvents: [normal(context, message, 'Succeeded')],
    alerts: [
      alert(
        'info',
        isSkipped
          ? 'Canary analysis was skipped, promotion finished.'
          : 'Canary analysis completed successfully, promotion finished.',
      ),
    ],
    outcome: isSkipped ? 'skipped' : 'completed',
    memory: {},
    wakeAt: now,
  });
};

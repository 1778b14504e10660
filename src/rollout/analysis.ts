import { parseTime } from '../base/time.ts';
import { consultTraffic, consultPromotion } from './gates.ts';
import {
  canaryName,
  consult,
  type Context,
  decision,
  hold,
  normal,
  type Step,
  targetName,
  tickDueAt,
  warning,
} from './context.ts';
import type { Decision, RolloutEvent } from './decision.ts';
import { isChanged, progressing } from './detection.ts';
import { promote } from './promotion.ts';
import { consultRollback, deadlineExceeded } from './rollback.ts';
import { admit, sameRoutes } from './routes.ts';
import { withHindrance, zeros } from './status-row.ts';
import type { AnalysisStep } from './strategy.ts';
import {
  backIfPossible,
  canaryNotReady,
  canaryReadiness,
  primaryNotReady,
  primaryReadiness,
  wayBack,
} from './traffic.ts';

/** A newer revision: traffic leaves the canary before its new pods can be ready, and the analysis starts over. */
export const restart: Step = (context) => {
  const { seen, status, now } = context;
  if (!isChanged(context)) return undefined;
  const isConfigChanged = configsDiffer(status.trackedConfigs ?? {}, seen.target?.configs ?? {});
  return decision(context, 'restart', {
    ...backIfPossible(context),
    // Pods that are replaced read new configs anyway; a change of configs alone replaces none.
    ...(isConfigChanged ? { scale: 'restart' as const } : {}),
    row: progressing(context),
    events: [normal(context, `New revision detected! Restarting analysis for ${targetName(context)}`)],
    memory: {},
    wakeAt: now,
  });
};

function configsDiffer(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...names].some((name) => a[name] !== b[name]);
}

/** The target went back to the promoted revision: there is nothing left to test. */
export const cancel: Step = (context) => {
  const { seen, status, now } = context;
  const revision = seen.target?.revision;
  if (revision === undefined || revision !== status.lastPromotedSpec) return undefined;
  if (revision === status.lastAppliedSpec) return undefined;
  const way = wayBack(context);
  if (way === 'blocked') {
    const message = `Promoted revision restored, but the primary has no ready endpoints: traffic stays on ${targetName(context)}`;
    return hold(context, 'cancel: blocked', warning(context, message));
  }
  return decision(context, 'cancel', {
    ...way,
    scale: 'to-zero',
    row: { phase: 'Initialized', ...zeros, lastAppliedSpec: revision, trackedConfigs: seen.target?.configs },
    events: [normal(context, `Promoted revision restored! Cancelling analysis for ${targetName(context)}`)],
    hooks: [{ type: 'post-rollout', phase: 'Failed', revision: status.lastAppliedSpec ?? '' }],
    memory: {},
    wakeAt: now,
  });
};

/** Whoever scaled the canary down in the middle of its test does not end it. */
export const rescale: Step = (context) =>
  context.seen.target?.isScaledToZero === true
    ? decision(context, 'rescale', { scale: 'from-zero', wakeAt: context.now + context.intervalMs })
    : undefined;

/**
 * A primary that starts is waited for. One that is broken for good is not: the new revision may be its cure, and
 * failing it would lock the door.
 */
export const awaitPrimary: Step = (context) => {
  const readiness = primaryReadiness(context);
  if (context.seen.endpoints.primary > 0 || readiness.state !== 'waiting') return undefined;
  if (context.spec.skipAnalysis === true) return undefined;
  return hold(context, 'primary not ready', warning(context, primaryNotReady(context, readiness)));
};

export const awaitCanary: Step = (context) => {
  const readiness = canaryReadiness(context);
  if (readiness.state === 'ready') return undefined;
  const message = canaryNotReady(context, readiness);
  if (readiness.state === 'stuck') return deadlineExceeded(context, message);
  return hold(context, 'canary not ready', warning(context, message));
};

export const skip: Step = (context) =>
  context.spec.skipAnalysis === true ? promote(context, []) : undefined;

/** Brings routes that somebody moved back to the current step; finishes a step that a crash cut in two. */
export const repairRoutes: Step = (context) => {
  const { strategy, analysis, progress, live, isRouted, seen } = context;
  if (!isRouted) return undefined;
  const next = strategy.next(analysis, progress);
  if (next?.routes !== undefined && live.canary > 0 && hasStarted(context) && sameRoutes(next.routes, live)) {
    return advance(context, next, []);
  }
  const belongs = strategy.belongs(analysis, progress) ?? { primary: 100, canary: 0, mirrored: false };
  if (seen.routes !== undefined && sameRoutes(belongs, live)) return undefined;
  const routes = admit(belongs, seen);
  const isNew = routes !== undefined && (seen.routes === undefined || !sameRoutes(routes, live));
  return isNew ? decision(context, 'repair routes', { routes, wakeAt: context.now }) : undefined;
};

/** Whether the first step was taken. */
function hasStarted({ strategy, analysis, progress }: Context): boolean {
  return progress.iterations > 0 || strategy.belongs(analysis, progress) !== undefined;
}

function isDue(context: Context): boolean {
  const { now, seen, failedChecks } = context;
  const isFirst = !hasStarted(context) && failedChecks === 0 && seen.memory.lastTickAt === undefined;
  return isFirst || now >= tickDueAt(context);
}

/** One tick: hooks and metrics, then the step. */
export const tick: Step = (context) => {
  if (!isDue(context)) return decision(context, 'between ticks', { wakeAt: tickDueAt(context) });
  const verdict = consultRollback(context);
  if ('step' in verdict) return verdict;
  const check = hasStarted(context) ? analyse(context) : prepare(context);
  if ('step' in check) return check;
  return takeStep(context, [...verdict.events, ...check.events, ...unsupported(context)]);
};

type Checked = Decision | { readonly events: readonly RolloutEvent[] };

function prepare(context: Context): Checked {
  const answer = consult(context, 'pre-rollout', 'Progressing');
  if ('ask' in answer) return answer.ask;
  const events = [normal(context, `Starting canary analysis for ${targetName(context)}`)];
  for (const { name, passed, error } of answer.results) {
    if (!passed) {
      const message = `Halt ${canaryName(context)} advancement pre-rollout check ${name} failed ${error}`;
      return failCheck(context, [...events, warning(context, message)]);
    }
    events.push(normal(context, `Pre-rollout check ${name} passed`));
  }
  return { events };
}

function analyse(context: Context): Checked {
  const answer = consult(context, 'rollout', 'Progressing');
  if ('ask' in answer) return answer.ask;
  const failed = answer.results.find(({ passed }) => !passed);
  if (failed !== undefined) {
    const message = `Halt ${canaryName(context)} advancement external check ${failed.name} failed ${failed.error}`;
    return failCheck(context, [warning(context, message)]);
  }
  if ((context.analysis.metrics ?? []).length === 0) return { events: [] };
  const { metrics } = context.seen.answers;
  if (metrics === undefined) return decision(context, 'ask metrics', { ask: { kind: 'metrics' } });
  if (metrics.verdict === 'passed') return { events: [] };
  if (metrics.verdict === 'failed') return failCheck(context, [warning(context, metrics.message)]);
  return pause(context, metrics.message);
}

/** One more failed check. The one that reaches the threshold takes the traffic back before anything is written. */
function failCheck(context: Context, events: readonly RolloutEvent[]): Decision {
  const { failedChecks, threshold, now, intervalMs, phase, seen } = context;
  const count = failedChecks + 1;
  const isLast = count >= threshold;
  return decision(context, isLast ? 'last failed check' : 'failed check', {
    ...(isLast ? backIfPossible(context) : {}),
    row: { phase, failedChecks: count },
    events,
    memory: { ...seen.memory, lastTickAt: now },
    wakeAt: isLast ? now : now + intervalMs,
  });
}

/** No verdict: the analysis waits with the weights it has, as long as a target may take to get ready. */
function pause(context: Context, message: string): Decision {
  const { status, now, intervalMs, seen, spec } = context;
  const before = status.conditions?.find(({ type }) => type === 'Paused');
  const since = before?.lastTransitionTime;
  const budgetMs = (spec.progressDeadlineSeconds ?? 600) * 1000;
  if (before !== undefined && since !== undefined && now >= parseTime(since) + budgetMs) {
    const failed = failCheck(context, [warning(context, message)]);
    // Still without a verdict: the next tick must not begin a new budget.
    const conditions = [...(failed.status?.conditions ?? []), before];
    return {
      ...failed,
      ...(failed.status === undefined ? {} : { status: { ...failed.status, conditions } }),
    };
  }
  const paused = withHindrance(status, { type: 'Paused', reason: 'ProviderUnavailable', message }, now);
  return decision(context, 'pause', {
    ...(paused === status ? {} : { status: paused }),
    events: paused === status ? [] : [warning(context, message)],
    memory: { ...seen.memory, lastTickAt: now },
    wakeAt: now + intervalMs,
  });
}

/** What plain Kubernetes cannot do, told with every tick, as Flagger does. */
function unsupported(context: Context): readonly RolloutEvent[] {
  const { isRouted, spec } = context;
  if (isRouted) return [];
  const { match = [], iterations = 0 } = spec.analysis;
  const texts: string[] = [];
  if (match.length > 0) texts.push('A/B testing is not supported when using the kubernetes provider');
  if (iterations < 1) {
    texts.push(
      'Progressive traffic is not supported when using the kubernetes provider',
      'Setting canaryAnalysis.iterations: 10',
    );
  }
  return texts.map((text) => warning(context, text));
}

function takeStep(context: Context, events: readonly RolloutEvent[]): Decision {
  const { strategy, analysis, progress, phase } = context;
  const next = strategy.next(analysis, progress);
  const told = [...events];
  if (strategy.raisesTraffic && phase !== 'WaitingPromotion') {
    const gate = consultTraffic(context, told);
    if ('step' in gate) return gate;
    told.push(...gate.events);
  }
  if (next === undefined || next.gate !== undefined) {
    const gate = consultPromotion(context, told);
    if ('step' in gate) return gate;
    told.push(...gate.events);
  }
  return next === undefined ? promote(context, told) : advance(context, next, told);
}

function advance(context: Context, next: AnalysisStep, events: readonly RolloutEvent[]): Decision {
  const { now, intervalMs, seen, live, isRouted } = context;
  const isMove = next.routes !== undefined && (seen.routes === undefined || !sameRoutes(next.routes, live));
  const routes = isMove && next.routes !== undefined ? admit(next.routes, seen) : undefined;
  return decision(context, 'advance', {
    ...(routes === undefined ? {} : { routes }),
    row: { phase: 'Progressing', canaryWeight: next.canaryWeight, iterations: next.iterations },
    events: [...events, ...stepEvent(context, next, isRouted)],
    memory: { lastTickAt: now },
    wakeAt: now + intervalMs,
  });
}

function stepEvent(context: Context, { event }: AnalysisStep, isRouted: boolean): readonly RolloutEvent[] {
  if (event === undefined) return [];
  if (event.kind === 'advance') return [normal(context, `Advance ${canaryName(context)} ${event.text}`)];
  return isRouted ? [normal(context, event.text)] : [];
}

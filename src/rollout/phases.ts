import type { CanarySpec } from '../api/canary.ts';
import type { CanaryStatus, Phase } from '../api/canary-status.ts';
import { validateCanary } from '../api/canary-validation.ts';
import { awaitCanary, awaitPrimary, cancel, repairRoutes, rescale, restart, skip, tick } from './analysis.ts';
import { begin, bootstrap, createPrimary, replaceFirstVersion, replacePrimary } from './bootstrap.ts';
import {
  type Context,
  contextOf,
  decision,
  hold,
  normal,
  type Step,
  suspendedNotice,
  warning,
} from './context.ts';
import type { Decision } from './decision.ts';
import { adopt, followReplicas, forgetFailed, scaleIdleTarget, start, withdrawn } from './detection.ts';
import type { Observation } from './observation.ts';
import { awaitPromotedPrimary, leaveChangedCanary, shiftTraffic, succeed } from './promotion.ts';
import { thresholdReached } from './rollback.ts';
import { type Hindrance, withHindrance, writeRow, zeros } from './status-row.ts';
import { terminate } from './termination.ts';
import { leaveDeadCanary, settleRoutes, wayBack } from './traffic.ts';

const suspended: Step = (context) => {
  const { spec, seen } = context;
  if (spec.suspend !== true) return undefined;
  const isNew = seen.memory.announced !== suspendedNotice;
  return decision(context, 'suspended', {
    events: isNew ? [normal(context, 'skipping canary run as object is suspended')] : [],
    memory: { ...seen.memory, announced: suspendedNotice },
  });
};

/**
 * A spec that contradicts itself: says so, once, and keeps what users get as it is. Only an analysis, which would
 * stop watching, gives the traffic back. A promotion goes on: it needs nothing from the analysis.
 */
const contradiction: Step = (context) => {
  const { spec, seen, status, now, phase, live } = context;
  const hindrance = hindranceOf(context);
  if (hindrance === undefined || phase === 'Promoting' || phase === 'Finalising') {
    return hindrance === undefined ? recovered(context) : undefined;
  }
  const way = wayBack(context);
  const isAnalysing = phase === 'Progressing' || phase === 'WaitingPromotion';
  const isMove = isAnalysing && way !== 'blocked' && (live.canary > 0 || live.mirrored);
  const before = isMove ? writeRow({ spec, status, now }, { phase: 'Progressing', ...zeros }) : status;
  const told = withHindrance(before, hindrance, now);
  if (told === status) return decision(context, 'stalled');
  const events = [warning(context, hindrance.message)];
  return decision(context, 'stalled', { ...(isMove ? way : {}), status: told, events, memory: seen.memory });
};

function hindranceOf({ spec, seen }: Context): Hindrance | undefined {
  const { namespace, provider, noCrossNamespaceRefs, conflict } = seen;
  const problems = validateCanary(spec, { namespace, provider, noCrossNamespaceRefs });
  if (problems.length > 0) {
    const message = problems.map(({ field, message: why }) => `${field}: ${why}`).join('; ');
    return { type: 'Stalled', reason: 'InvalidSpec', message: `invalid canary spec: ${message}` };
  }
  return conflict === undefined ? undefined : { type: 'Stalled', ...conflict };
}

const recovered: Step = (context) => {
  const { status, now } = context;
  if (status.conditions?.some(({ type }) => type === 'Stalled') !== true) return undefined;
  return decision(context, 'recovered', { status: withHindrance(status, undefined, now), wakeAt: now });
};

/** Without the target there is nothing to decide, and nothing to poll: its return wakes us. */
const targetMissing: Step = (context) => {
  const { seen, spec } = context;
  if (seen.target !== undefined) return undefined;
  const { kind, name } = spec.targetRef;
  const message =
    seen.targetError ?? `${kind.toLowerCase()} ${name}.${seen.namespace} get query error: not found`;
  return hold(context, 'target missing', warning(context, message));
};

const settled: readonly Step[] = [
  adopt,
  replacePrimary,
  forgetFailed,
  start,
  settleRoutes,
  scaleIdleTarget,
  followReplicas,
];
const analysing: readonly Step[] = [
  adopt,
  replacePrimary,
  cancel,
  restart,
  thresholdReached,
  rescale,
  awaitPrimary,
  awaitCanary,
  skip,
  repairRoutes,
  tick,
];

/** Before the phase has its say. */
const always: readonly Step[] = [terminate, suspended, begin, contradiction, leaveDeadCanary, targetMissing];

/** The state machine: the rules of each phase, of which the first that applies decides. */
const rules: Readonly<Record<Phase, readonly Step[]>> = {
  '': [],
  Initializing: [createPrimary, replaceFirstVersion, bootstrap],
  Initialized: settled,
  Waiting: [adopt, replacePrimary, withdrawn, settleRoutes, start],
  Progressing: analysing,
  WaitingPromotion: analysing,
  Promoting: [replacePrimary, leaveChangedCanary, awaitPromotedPrimary, shiftTraffic],
  Finalising: [replacePrimary, awaitPromotedPrimary, succeed],
  Succeeded: settled,
  Failed: settled,
  Terminating: [],
  Terminated: [],
};

/**
 * Decides what happens next to a Canary. Pure and total: the same arguments give the same answer, and every
 * combination of them has one. Carry it out (see `effectOrder`), observe again, decide again, until there is
 * nothing left to do before `wakeAt`.
 *
 * @param status as stored; empty for a new Canary
 * @param now milliseconds since the epoch
 */
export function decide(
  spec: CanarySpec,
  status: CanaryStatus,
  observation: Observation,
  now: number,
): Decision {
  const context = contextOf(spec, status, observation, now);
  for (const step of [...always, ...rules[context.phase]]) {
    const decided = step(context);
    if (decided !== undefined) return decided;
  }
  return decision(context, 'idle');
}

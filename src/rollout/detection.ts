import {
  alert,
  canaryName,
  consult,
  type Context,
  decision,
  isMuted,
  normal,
  type Step,
  targetName,
  tickDueAt,
  warning,
} from './context.ts';
import type { Decision } from './decision.ts';
import { isOwnRevision, unknownRevision } from './revision.ts';
import { consultRollback } from './rollback.ts';
import { type Row, zeros } from './status-row.ts';
import { backIfPossible } from './traffic.ts';

/** Whether the target has something that was neither promoted nor tested yet. */
export function isChanged({ seen, status, phase }: Context): boolean {
  const revision = seen.target?.revision;
  if (revision === undefined) return false;
  const { lastAppliedSpec = '', lastPromotedSpec } = status;
  if (lastAppliedSpec === '') return true;
  if (revision !== lastPromotedSpec) return revision !== lastAppliedSpec;
  // A failed promotion left the primary with another revision: going back must go through it.
  const { primary } = seen;
  return phase === 'Failed' && primary?.revision !== undefined && primary.revision !== lastPromotedSpec;
}

/**
 * Another engine's revisions cannot be compared. A settled Canary is taken as it is, unless its configs, whose
 * checksums are the same everywhere, say otherwise; a run is started over.
 */
export const adopt: Step = (context) => {
  const { seen, status, phase, now } = context;
  const { target } = seen;
  const { lastAppliedSpec = '' } = status;
  if (target === undefined || lastAppliedSpec === '' || isOwnRevision(lastAppliedSpec)) return undefined;
  const isSettled = phase === 'Initialized' || phase === 'Succeeded' || phase === 'Failed';
  const tracked = status.trackedConfigs ?? {};
  const configs = target.configs ?? {};
  const isSame =
    Object.keys(tracked).length === Object.keys(configs).length &&
    Object.entries(configs).every(([name, checksum]) => tracked[name] === checksum);
  const isPromoted = isSettled && phase !== 'Failed' && isSame;
  const revision = isSettled && isSame ? target.revision : unknownRevision;
  return decision(context, 'adopt', {
    ...(isSettled ? {} : backIfPossible(context)),
    row: {
      phase,
      lastAppliedSpec: revision,
      lastPromotedSpec: isPromoted ? target.revision : unknownRevision,
      trackedConfigs: configs,
    },
    wakeAt: now,
  });
};

/** A new revision: asks for approval, then starts the canary. Also where a run waits for that approval. */
export const start: Step = (context) => {
  const { phase, now } = context;
  if (!isChanged(context)) return undefined;
  if (phase === 'Waiting') {
    if (now < tickDueAt(context))
      return decision(context, 'wait for approval', { wakeAt: tickDueAt(context) });
    const verdict = consultRollback(context);
    if ('step' in verdict) return verdict;
  }
  const answer = consult(context, 'confirm-rollout');
  if ('ask' in answer) return answer.ask;
  const passed = answer.results.filter((result) => result.passed);
  const events = passed.map(({ name }) => normal(context, `Confirm-rollout check ${name} passed`));
  const closed = answer.results.find((result) => !result.passed);
  if (closed !== undefined) return halt(context, closed.name);
  return decision(context, 'start', {
    ...backIfPossible(context),
    scale: 'from-zero',
    row: progressing(context),
    events: [
      ...events,
      normal(context, `New revision detected! Scaling up ${targetName(context)}`, 'Progressing'),
    ],
    alerts: [alert('info', 'New revision detected, progressing canary analysis.', true)],
    memory: {},
    wakeAt: now,
  });
};

/** The row at the start of a run. */
export function progressing({ seen }: Context): Row {
  return {
    phase: 'Progressing',
    ...zeros,
    lastAppliedSpec: seen.target?.revision,
    trackedConfigs: seen.target?.configs,
  };
}

function halt(context: Context, hook: string): Decision {
  const { phase, now, intervalMs, seen } = context;
  const later = { memory: { ...seen.memory, lastTickAt: now }, wakeAt: now + intervalMs };
  if (phase === 'Waiting') return decision(context, 'wait for approval', later);
  const message = `Halt ${canaryName(context)} advancement waiting for approval ${hook}`;
  return decision(context, 'halt', {
    ...later,
    ...backIfPossible(context),
    row: { phase: 'Waiting' },
    events: [warning(context, message)],
    alerts: isMuted(context, 'confirm-rollout', hook)
      ? []
      : [alert('warn', 'Canary is waiting for approval.')],
  });
}

/** The change was taken back before anybody approved it. */
export const withdrawn: Step = (context) => {
  const { seen, status, now } = context;
  if (isChanged(context) || seen.target === undefined) return undefined;
  const isPromoted = seen.target.revision === status.lastPromotedSpec;
  return decision(context, 'withdrawn', {
    row: { phase: isPromoted ? 'Initialized' : 'Failed', ...zeros, lastAppliedSpec: seen.target.revision },
    events: [normal(context, `New revision withdrawn! Nothing to roll out for ${targetName(context)}`)],
    memory: {},
    wakeAt: now,
  });
};

/** The target went back to what the primary runs: a later return to the failed revision is a change again. */
export const forgetFailed: Step = (context) => {
  const { seen, status, phase, now } = context;
  const revision = seen.target?.revision;
  if (revision === undefined || revision !== status.lastPromotedSpec) return undefined;
  if (revision === status.lastAppliedSpec) return undefined;
  return decision(context, 'forget failed', {
    row: { phase, lastAppliedSpec: revision, trackedConfigs: seen.target?.configs },
    wakeAt: now,
  });
};

/** A changed number of replicas is a matter for the primary, and nothing to analyse. An autoscaler knows better. */
export const followReplicas: Step = (context) => {
  const { wantedReplicas, primary } = context.seen;
  if (wantedReplicas === undefined || primary?.replicas === undefined) return undefined;
  if (wantedReplicas === primary.replicas || context.spec.autoscalerRef !== undefined) return undefined;
  return decision(context, 'follow replicas', { scalePrimary: wantedReplicas });
};

/** Whoever scaled the idle target up (git, as a rule) does not keep it there. */
export const scaleIdleTarget: Step = (context) => {
  const { seen, live } = context;
  if (seen.target === undefined || seen.target.isScaledToZero || live.canary > 0) return undefined;
  if (seen.endpoints.primary === 0) return undefined;
  return decision(context, 'scale idle target', { scale: 'to-zero' });
};

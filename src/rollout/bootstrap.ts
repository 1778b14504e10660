import {
  alert,
  canaryName,
  type Context,
  decision,
  hold,
  isNoticeDue,
  normal,
  primaryName,
  type Step,
  targetName,
  warning,
} from './context.ts';
import type { RolloutEvent } from './decision.ts';
import { admit, allToCanary, allToPrimary, sameRoutes } from './routes.ts';
import { zeros } from './status-row.ts';
import { primaryNotReady, primaryReadiness } from './traffic.ts';

/** The Canary is new to us. */
export const begin: Step = (context) =>
  context.status.conditions === undefined
    ? decision(context, 'begin', { row: { phase: 'Initializing' }, wakeAt: context.now })
    : undefined;

export const createPrimary: Step = (context) =>
  context.seen.primary === undefined
    ? decision(context, 'create primary', { createPrimary: true, wakeAt: context.now })
    : undefined;

/**
 * The first version never got ready, and somebody has mended it. Nobody is served by that primary, and waiting for it
 * would be for ever. One that was promoted before, and is down, is never given up for a version that was not tested.
 */
export const replaceFirstVersion: Step = (context) => {
  const { seen, status, now } = context;
  const revision = seen.target?.revision;
  const first = seen.primary?.revision;
  const isBroken = primaryReadiness(context).state === 'stuck' && seen.endpoints.primary === 0;
  if (!isBroken || revision === undefined || revision === first || first === status.lastPromotedSpec) {
    return undefined;
  }
  if (status.lastAppliedSpec !== revision) {
    const row = { phase: 'Initializing', lastAppliedSpec: revision } as const;
    return decision(context, 'accept first version', { row, wakeAt: now });
  }
  return decision(context, 'replace first version', {
    promote: { revision },
    events: [normal(context, `Copying ${targetName(context)} template spec to ${primaryName(context)}`)],
    wakeAt: now,
  });
};

/**
 * Waits for the primary, then gives it the traffic, then scales the target down: in this order nobody notices.
 * A primary that does not get ready never costs the target its pods, which are the only ones that serve.
 */
export const bootstrap: Step = (context) => {
  const { seen, now, spec } = context;
  const readiness = primaryReadiness(context);
  const isReady = readiness.state === 'ready';
  if (isReady || isNoticeDue(context)) {
    if (seen.answers.probe === undefined && spec.skipAnalysis !== true) {
      return decision(context, 'ask probe', { ask: { kind: 'probe' } });
    }
  }
  const probe = probeEvents(context);
  if (!isReady) {
    return hold(context, 'primary starts', ...probe, warning(context, primaryNotReady(context, readiness)));
  }
  // The target may have been edited while the primary started: what the primary runs is what was promoted.
  const revision = seen.primary?.revision ?? seen.target?.revision;
  const done = normal(context, `Initialization done! ${canaryName(context)}`, 'Initialized');
  const detected = `New ${spec.targetRef.kind} detected, initialization completed.`;
  return decision(context, 'initialized', {
    apex: true,
    ...(isSettled(context) ? {} : { routes: allToPrimary }),
    scale: 'to-zero',
    row: {
      phase: 'Initialized',
      ...zeros,
      lastAppliedSpec: revision,
      lastPromotedSpec: revision,
      trackedConfigs: seen.target?.configs,
    },
    events: [...probe, done],
    alerts: [alert('info', detected, true)],
    memory: {},
    wakeAt: now,
  });
};

function isSettled({ seen }: Context): boolean {
  return seen.routes !== undefined && sameRoutes(seen.routes, allToPrimary);
}

function probeEvents(context: Context): readonly RolloutEvent[] {
  const { probe } = context.seen.answers;
  if (probe === undefined) return [];
  return [
    probe.error === undefined
      ? normal(context, 'all the metrics providers are available!')
      : warning(context, `Error checking metric providers: ${probe.error}`),
  ];
}

/**
 * Somebody deleted the primary. From the promoted template it is made again; from another one it is a new
 * bootstrap, during which the target serves; from the template that just failed, never.
 */
export const replacePrimary: Step = (context) => {
  const { seen, status, phase, now } = context;
  const revision = seen.target?.revision;
  if (seen.primary !== undefined || revision === undefined) return undefined;
  const isPromoting = phase === 'Promoting' || phase === 'Finalising';
  if (revision === (isPromoting ? status.lastAppliedSpec : status.lastPromotedSpec)) {
    return decision(context, 'recreate primary', { createPrimary: true, wakeAt: now });
  }
  if (phase === 'Failed' && revision === status.lastAppliedSpec) {
    const { name, kind } = context.spec.targetRef;
    const message = `${name}-primary.${seen.namespace} is gone, and the ${kind} has the revision that failed: apply the good one to bring it back`;
    return hold(context, 'primary lost', warning(context, message));
  }
  const routes = admit(allToCanary, seen);
  return decision(context, 'bootstrap again', {
    ...(routes === undefined ? {} : { routes }),
    row: { phase: 'Initializing', ...zeros },
    scale: 'from-zero',
    memory: {},
    wakeAt: now,
  });
};

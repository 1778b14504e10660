import type { Readiness } from './observation.ts';
import { type Context, decision, primaryName, type Step, targetName } from './context.ts';
import { admit, allToPrimary, sameRoutes } from './routes.ts';

/** What it takes to have all traffic on the primary: nothing, a write, or the primary's pods. */
export function wayBack({ live, seen }: Context): { readonly routes?: typeof allToPrimary } | 'blocked' {
  if (live.canary === 0) return live.mirrored ? { routes: allToPrimary } : {};
  return seen.endpoints.primary > 0 ? { routes: allToPrimary } : 'blocked';
}

/** The same where nothing depends on it: back if possible. */
export function backIfPossible(context: Context): { readonly routes?: typeof allToPrimary } {
  const way = wayBack(context);
  return way === 'blocked' ? {} : way;
}

/** A canary that lost its last pod gets no requests, at once. */
export const leaveDeadCanary: Step = (context) => {
  const { live, seen } = context;
  if (live.canary === 0 || seen.endpoints.canary > 0 || seen.endpoints.primary === 0) return undefined;
  return decision(context, 'leave dead canary', { routes: allToPrimary, wakeAt: context.now });
};

/** Settled: whatever moved the routes, all traffic belongs to the primary. */
export const settleRoutes: Step = (context) => {
  const { seen, isRouted, phase, progress } = context;
  const isCanaryServing = phase === 'Failed' && progress.canaryWeight > 0;
  if (!isRouted || isCanaryServing) return undefined;
  if (seen.routes !== undefined && sameRoutes(seen.routes, allToPrimary)) return undefined;
  const routes = admit(allToPrimary, seen);
  return routes === undefined
    ? undefined
    : decision(context, 'settle routes', { routes, wakeAt: context.now });
};

export function canaryReadiness({ seen }: Context): Readiness {
  const readiness = seen.target?.readiness ?? { state: 'waiting', message: 'it is missing' };
  const isEmpty = readiness.state === 'ready' && seen.endpoints.canary === 0;
  return isEmpty ? { state: 'waiting', message: 'its Service has no ready endpoint yet' } : readiness;
}

export function primaryReadiness({ seen }: Context): Readiness {
  const readiness = seen.primary?.readiness ?? { state: 'waiting', message: 'it is missing' };
  const isEmpty = readiness.state === 'ready' && seen.endpoints.primary === 0;
  return isEmpty ? { state: 'waiting', message: 'its Service has no ready endpoint yet' } : readiness;
}

/** The text of the event about a primary that is not ready. */
export function primaryNotReady(context: Context, { message }: Readiness): string {
  const what = context.spec.targetRef.kind === 'DaemonSet' ? 'primary daemonset ' : '';
  return `${what}${primaryName(context)} not ready: ${message}`;
}

/** The text of the event about a canary that is not ready; the misspelling is Flagger's, and scripts know it. */
export function canaryNotReady(context: Context, { state, message }: Readiness): string {
  return context.spec.targetRef.kind === 'DaemonSet'
    ? `canary damonset ${targetName(context)} not ready with retryable ${state === 'waiting'}: ${message}`
    : `canary deployment ${targetName(context)} not ready: ${message}`;
}

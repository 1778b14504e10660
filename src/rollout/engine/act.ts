import type { Canary } from '../../api/canary.ts';
import type { Decision } from '../decision.ts';
import type { Cookies, Services } from '../effects.ts';
import type { RolloutCluster } from '../cluster.ts';
import type { Parts, Sight } from './observe.ts';
import { guardRoutes, guardScaleDown } from './traffic-guard.ts';

/** One decision about one Canary, to be carried out. */
export interface Act {
  readonly canary: Canary;
  readonly decided: Decision;
  readonly parts: Parts;
  readonly sight: Sight;
  readonly signal: AbortSignal;
}

/** What came of it. */
export interface Acted {
  /** What the status has to keep. */
  readonly cookies: Cookies | undefined;
  /** A repair that failed, and that nothing else waits for. */
  readonly trouble: unknown;
}

/**
 * Brings the cluster in line with a decision, in the order of `effectOrder`, up to the status; what is told comes
 * after that. Services and routes are repaired with every decision, which makes no request where nothing differs.
 * A repair that fails does not stop the rest: an analysis must not lose sight of its traffic because of it.
 *
 * @throws TypedError `TrafficAtRisk` for a step that users would notice, and whatever a write throws; nothing after
 *   it was done
 */
export async function act(services: Services, act: Act): Promise<Acted> {
  const { canary, decided, signal, parts, sight } = act;
  const { target, router } = parts;
  const isKept = keepsServices(act);
  if (decided.createPrimary === true) {
    // Their endpoints are what tells when the primary is ready.
    await services.reconcile(canary, false, signal);
    await target?.createPrimary(canary, signal);
  }
  if (decided.scalePrimary !== undefined) await target?.scalePrimary(canary, decided.scalePrimary, signal);
  // The bootstrap needs them for what comes next, unless it was given up.
  const isRepair = canary.status?.phase !== 'Initializing' || sight.observation.isDeleting;
  const served = isKept
    ? await attempt(isRepair, signal, () => services.reconcile(canary, decided.apex, signal))
    : {};
  const routed =
    isKept || decided.routes !== undefined
      ? await attempt(decided.routes === undefined, signal, () => route(services, act))
      : {};
  await scale(act);
  if (decided.promote !== undefined) await target?.promote(canary, decided.promote.revision, signal);
  if (decided.revert === true) {
    await services.revert(canary, signal);
    await router?.revert(canary, signal);
    await target?.release(canary, signal);
  }
  return { cookies: routed.result ?? undefined, trouble: served.trouble ?? routed.trouble };
}

async function attempt<T>(
  mayFail: boolean,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<{ readonly result?: T; readonly trouble?: unknown }> {
  try {
    return { result: await work() };
  } catch (error) {
    if (!mayFail || signal.aborted) throw error;
    return { trouble: error };
  }
}

/** Whether Services and routes are ours to repair: not yet, or while nothing moves, or no more. */
function keepsServices({ canary, decided, sight }: Act): boolean {
  const { isDeleting, hasFinalizer, target, conflict } = sight.observation;
  const isNew = (canary.status?.phase ?? '') === '';
  const isStill = canary.spec.suspend === true || decided.step === 'stalled' || conflict !== undefined;
  const isOver = decided.revert === true || (isDeleting && !hasFinalizer);
  return target !== undefined && !isNew && !isStill && !isOver;
}

async function route(
  services: Services,
  { canary, decided, parts: { router }, signal }: Act,
): Promise<Cookies | undefined> {
  // Before the primary serves there is nothing that a route could choose from.
  if (router === undefined || (!decided.apex && decided.routes === undefined)) return undefined;
  const { routes } = decided;
  if (routes !== undefined) guardRoutes(routes, router.observe(canary), services.endpoints(canary));
  return router.reconcile(canary, routes, signal);
}

async function scale({ canary, decided, parts: { target, router }, signal }: Act): Promise<void> {
  if (decided.scale === undefined) return;
  if (decided.scale !== 'from-zero') guardScaleDown(router?.observe(canary));
  await target?.scale(canary, decided.scale, signal);
}

/**
 * Writes the status, with the cookies, once.
 * @returns whether there was anything to write
 * @throws ApiError `Conflict` when the Canary has changed meanwhile
 */
export async function writeStatus(
  { canaries }: RolloutCluster,
  canary: Canary,
  decided: Decision,
  cookies: Cookies | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  if (decided.status === undefined && cookies === undefined) return false;
  const status = { ...(decided.status ?? canary.status), ...cookies };
  return (await canaries.patchStatus(canary, status, { signal })).changed;
}

import { canaryFinalizer } from '../api/canary.ts';
import { canaryName, decision, hold, normal, type Step, warning } from './context.ts';
import { canaryReadiness } from './traffic.ts';

/**
 * `revertOnDeletion`: the target serves again before its Services and routes go back to their owner. Nothing else
 * is decided meanwhile, and nothing that is already gone can block it.
 */
export const terminate: Step = (context) => {
  const { seen, phase, now } = context;
  if (!seen.isDeleting) return undefined;
  if (!seen.hasFinalizer) return decision(context, 'being deleted');
  if (phase !== 'Terminating') {
    return decision(context, 'terminate', {
      row: { phase: 'Terminating', canaryWeight: 0, iterations: 0 },
      events: [normal(context, `Terminating canary ${canaryName(context)}`)],
      memory: {},
      wakeAt: now,
    });
  }
  if (seen.target !== undefined) {
    if (seen.target.isScaledToZero) return decision(context, 'scale back', { scale: 'from-zero' });
    // What has never begun has no Service, and has taken nothing that the target would have to serve by itself again.
    const readiness = seen.endpoints.lacksCanary === true ? seen.target.readiness : canaryReadiness(context);
    if (readiness.state !== 'ready') {
      const message = `canary not ready during finalizing: ${readiness.message}`;
      return hold(context, 'target starts', warning(context, message));
    }
  }
  return decision(context, 'terminated', {
    apex: false,
    revert: true,
    removeFinalizer: true,
    events: [normal(context, `Terminated canary ${canaryName(context)}`)],
  });
};

/** The finalizer that the Canary should have and has not, or the other way round. */
export function finalizerChange(
  hasFinalizer: boolean,
  revertOnDeletion: boolean | undefined,
): { readonly add?: string; readonly remove?: string } {
  if (hasFinalizer === (revertOnDeletion === true)) return {};
  return hasFinalizer ? { remove: canaryFinalizer } : { add: canaryFinalizer };
}

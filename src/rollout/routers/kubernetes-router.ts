import type { Router } from '../effects.ts';
import { allToCanary, allToPrimary } from '../routes.ts';

/**
 * Plain Kubernetes has no routes: the apex Service stays with the primary, and the canary is reached through its own
 * Service alone. What is reported says which of the two the analysis calls.
 */
export function kubernetesRouter(): Router {
  return {
    observe: ({ status }) => ((status?.iterations ?? 0) > 0 ? allToCanary : allToPrimary),
    reconcile: () => Promise.resolve(undefined),
    revert: () => Promise.resolve(),
  };
}

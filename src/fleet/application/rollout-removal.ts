import { type Canary, canaryFinalizer } from '../../api/canary.ts';
import type { Clock } from '../../base/clock.ts';
import { isConflict, isNotFound } from '../../kube/api-error.ts';
import type { CachedResource } from '../../kube/cached-resource.ts';
import { formatKey } from '../../kube/object-key.ts';
import type { InstalledRollout } from './member-engine.ts';
import { notRestored } from './rollout-errors.ts';
import { type RolloutPlace, rolloutAnnotation } from './render-rollout.ts';
import { isOurs } from './rollout-ownership.ts';

/** How long an agent may take to give a workload back, in milliseconds. */
const restoreMs = 60_000;

/**
 * Deletes a Canary so that its workload serves again before anything that serves now is gone: `revertOnDeletion` first,
 * then the deletion once the agent holds the Canary with its finalizer, then the agent's work. Can be interrupted
 * anywhere, and goes on from what there is.
 *
 * @throws TypedError `RolloutNotRestored` (retry) when the agent does not do its part in time
 */
export async function restoreWorkload(
  canaries: CachedResource<Canary>,
  installed: InstalledRollout,
  place: RolloutPlace,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  using deadline = clock.timeout(restoreMs, signal);
  let canary: Canary | undefined;
  try {
    for (;;) {
      canary = canaries.get(installed);
      // One of somebody else, by now.
      if (canary === undefined || !isOurs(canary, place)) return;
      await step(canaries, canary, place, deadline.signal);
    }
  } catch (error) {
    if (signal.aborted || !deadline.signal.aborted) throw error;
    throw notRestored(installed, canary, place.cluster, restoreMs);
  }
}

/** Resolves when there is something new to look at. */
async function step(
  canaries: CachedResource<Canary>,
  canary: Canary,
  place: RolloutPlace,
  signal: AbortSignal,
): Promise<void> {
  const { namespace, name = '', uid, resourceVersion, deletionTimestamp, finalizers = [] } = canary.metadata;
  const key = { namespace, name };
  const isHeld = finalizers.includes(canaryFinalizer);
  try {
    if (deletionTimestamp === undefined) {
      const preconditions = isHeld ? { uid } : { uid, resourceVersion };
      if (isHeld ? canary.spec.revertOnDeletion === true : isUntouched(canary, canaries)) {
        return await canaries.delete(key, { signal, preconditions });
      }
      if (canary.spec.revertOnDeletion !== true) {
        await canaries.apply(reverting(canary, place), { signal });
        return;
      }
    }
  } catch (error) {
    // It has changed or gone since, which the cache is about to tell.
    if (!isConflict(error) && !isNotFound(error)) throw error;
  }
  await canaries.store.waitFor(formatKey(key), (seen) => seen?.metadata.resourceVersion !== resourceVersion, {
    signal,
  });
}

/** All of it is ours now: what is not applied again would go. */
function reverting(
  { apiVersion, kind, metadata, spec }: Canary,
  { labels, policyName }: RolloutPlace,
): Canary {
  const { name, namespace, uid } = metadata;
  return {
    apiVersion,
    kind,
    metadata: {
      ...(name === undefined ? {} : { name }),
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      labels: { ...labels },
      annotations: { [rolloutAnnotation]: policyName },
    },
    spec: { ...spec, revertOnDeletion: true },
  };
}

/**
 * Whether nothing was done for this Canary yet. An agent writes its first status before it touches anything, so that
 * a deletion of this very version is safe; and one that lost its target to an older Canary is left alone by it.
 */
function isUntouched(canary: Canary, { store }: CachedResource<Canary>): boolean {
  const { phase = '', conditions } = canary.status ?? {};
  if (phase === '' && conditions === undefined) return true;
  return store.list().some((other) => sharesTarget(other, canary) && age(other) < age(canary));
}

function sharesTarget(one: Canary, other: Canary): boolean {
  const [a, b] = [one.metadata, other.metadata];
  const [{ targetRef: target }, { targetRef }] = [one.spec, other.spec];
  return (
    a.namespace === b.namespace &&
    a.name !== b.name &&
    target.kind === targetRef.kind &&
    target.name === targetRef.name
  );
}

/** As the engine orders them. */
function age({ metadata }: Canary): string {
  return `${metadata.creationTimestamp ?? ''} ${metadata.name ?? ''}`;
}

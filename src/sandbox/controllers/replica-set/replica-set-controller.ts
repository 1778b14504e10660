import { errorMessage } from '../../../base/errors.ts';
import { patchStatusIfChanged } from '../../../kube/apply-if-changed.ts';
import type { Controller, ReconcileContext, Result } from '../../../kube/controller.ts';
import { parseKey } from '../../../kube/object-key.ts';
import { forObject, forOwner } from '../../../kube/sources.ts';
import { controllerOf } from '../../../machinery/owner-references.ts';
import { fieldManager } from '../cached.ts';
import { claim, forOrphans } from '../claim.ts';
import { byController, byNamespace, type ControllerContext } from '../context.ts';
import { type Pod, type ReplicaSet, replicaSetKind } from '../kinds.ts';
import { PodControl, podOf, podPrefix } from '../pod-control.ts';
import { isActive, isTerminating, nextAvailability } from '../pods.ts';
import { rankForDeletion } from './ranking.ts';
import { replicaSetStatus } from './status.ts';

/** Pods created or deleted in one go. Source: BurstReplicas of pkg/controller/replicaset. */
const burst = 500;

/** Keeps as many pods of each ReplicaSet as it asks for. */
export function createReplicaSetController(context: ControllerContext): Controller {
  const { replicaSets, pods } = context;
  const control = new PodControl(pods, context.recorder('replicaset-controller'));
  return context.controller(
    'replicaset',
    [
      forObject(replicaSets.store),
      forOwner(pods.store, replicaSetKind),
      forOrphans(pods.store, replicaSets.store),
    ],
    (key, { signal }) => reconcile(context, control, key, signal),
  );
}

async function reconcile(
  context: ControllerContext,
  control: PodControl,
  key: string,
  signal: ReconcileContext['signal'],
): Promise<Result> {
  const { replicaSets, pods } = context;
  await Promise.all([replicaSets.caughtUp(signal), pods.caughtUp(signal)]);
  const { namespace, name } = parseKey(key);
  const set = replicaSets.get(namespace, name);
  if (set === undefined) return undefined;
  const mine = await claim(pods, replicaSets, set, signal, isActive);
  let failure: Error | undefined;
  if (!isTerminating(set)) {
    try {
      await resize(context, control, set, mine, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      failure = error instanceof Error ? error : new Error(errorMessage(error));
    }
  }
  const now = context.now();
  const status = replicaSetStatus(set, mine, failure, now);
  const written = await patchStatusIfChanged(replicaSets.client, set, status, { fieldManager, signal });
  if (written.changed) replicaSets.wrote(written.object);
  if (failure !== undefined) throw failure;
  const waitMs = nextAvailability(mine.filter(isActive), set.spec.minReadySeconds ?? 0, now);
  return waitMs === undefined ? undefined : { requeueAfterMs: waitMs };
}

/** Creates what is missing, or deletes what is too much. */
async function resize(
  context: ControllerContext,
  control: PodControl,
  set: ReplicaSet,
  mine: readonly Pod[],
  signal: AbortSignal,
): Promise<void> {
  const active = mine.filter(isActive);
  const missing = set.spec.replicas - active.length;
  if (missing > 0) {
    const pod = podOf(set, set.spec.template, { generateName: podPrefix(set) });
    // One after the other: the first that is refused ends it, as all others would be refused too.
    for (let i = 0; i < Math.min(missing, burst); i += 1) await control.create(set, pod, signal);
    return;
  }
  if (missing === 0) return;
  const ranked = rankForDeletion(active, relatedPods(context, set), context.now());
  for (const pod of ranked.slice(0, Math.min(-missing, burst))) await control.delete(set, pod, signal);
}

/** The pods of all ReplicaSets with the same controller. */
function relatedPods({ replicaSets, pods }: ControllerContext, set: ReplicaSet): Pod[] {
  const controller = controllerOf(set)?.uid;
  const siblings =
    controller === undefined
      ? [set]
      : replicaSets.store
          .byIndex(byNamespace, set.metadata.namespace ?? '')
          .filter((other) => controllerOf(other)?.uid === controller);
  return siblings.flatMap(({ metadata }) => pods.store.byIndex(byController, metadata.uid ?? ''));
}

import type {
  ApplicationInventoryItem,
  KustomizationStatus,
  RolloutStatus,
  SyncStatus,
} from '../../api/application-status.ts';
import { formatTime } from '../../base/time.ts';
import { type Condition, getCondition } from '../../machinery/conditions.ts';
import type { Known, Placement, Readiness } from './placement.ts';

/** What a Kustomization has before it was looked at. */
const neverObserved = -1;

/**
 * The entry of a placement in `status.syncStatus`: what the Kustomization of Flux and the Canary of Flagger would say.
 *
 * @param previous the entry as it is: conditions whose status stays keep their time
 * @param now milliseconds since the Unix epoch
 */
export function syncStatusOf(
  placement: Placement,
  previous: SyncStatus | undefined,
  now: number,
): SyncStatus {
  const { known, cluster, name, spec } = placement;
  const rollout = rolloutStatusOf(known, cluster.name);
  return {
    name,
    ...(spec?.helm === undefined
      ? { kustomizationStatus: kustomizationStatusOf(known, previous?.kustomizationStatus, now) }
      : { HelmReleaseStatus: revisionsOf(known, previous?.HelmReleaseStatus, now) }),
    ...(rollout === undefined ? {} : { rolloutStatus: rollout }),
  };
}

/** The entry in `status.inventory`; undefined when nothing would be left to remove. */
export function inventoryItemOf(placement: Placement): ApplicationInventoryItem | undefined {
  const { known, cluster, owner } = placement;
  // What is not to be pruned need not be found again.
  const entries = placement.prunes ? known.entries : [];
  if (entries.length === 0 && known.rollout === undefined) return undefined;
  return {
    name: owner.name,
    policy: owner.policy,
    clusterKind: cluster.kind,
    clusterName: cluster.name,
    ...(entries.length === 0 ? {} : { entries: [...entries] }),
    ...(known.rollout === undefined ? {} : { rollout: known.rollout }),
  };
}

function kustomizationStatusOf(
  known: Known,
  previous: KustomizationStatus | undefined,
  now: number,
): KustomizationStatus {
  const entries = [...known.entries];
  return {
    ...revisionsOf(known, previous, now),
    ...(entries.length === 0 ? {} : { inventory: { entries } }),
  };
}

type Revisions = Omit<KustomizationStatus, 'inventory'>;

/** What Kustomizations and HelmReleases have in common. */
function revisionsOf(known: Known, previous: Revisions | undefined, now: number): Revisions {
  const { ready, obstacle, generation, observedGeneration = neverObserved } = known;
  const conditions = conditionsOf(obstacle ?? ready).map((wanted): Condition => {
    const before = getCondition(previous?.conditions, wanted.type);
    const isSame = before?.status === wanted.status;
    return {
      ...wanted,
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      lastTransitionTime: isSame ? before.lastTransitionTime : formatTime(now),
    };
  });
  return {
    ...(conditions.length === 0 ? {} : { conditions }),
    lastAppliedRevision: known.appliedRevision,
    lastAttemptedRevision: known.attemptedRevision,
    lastHandledReconcileAt: known.handledAt,
    observedGeneration,
  };
}

type Wanted = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

/** In Flux's order: Stalled, Reconciling, Ready. */
function conditionsOf(ready: Readiness | undefined): readonly Wanted[] {
  if (ready === undefined) return [];
  const { outlook, ...condition } = ready;
  const { reason, message } = condition;
  const last: Wanted = { type: 'Ready', ...condition };
  if (outlook === 'done') return [last];
  if (outlook === 'stalled') return [{ type: 'Stalled', status: 'True', reason, message }, last];
  const progress = outlook === 'retrying' ? 'ProgressingWithRetry' : 'Progressing';
  return [{ type: 'Reconciling', status: 'True', reason: progress, message }, last];
}

function rolloutStatusOf({ rollout, canary }: Known, clusterName: string): RolloutStatus | undefined {
  if (rollout === undefined) return undefined;
  const { name } = rollout;
  return {
    clusterName,
    rolloutNameInCluster: name,
    backupNameInCluster: name,
    ...(canary === undefined ? {} : { rolloutStatusInCluster: canary, backupStatusInCluster: canary }),
  };
}

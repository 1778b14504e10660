import type { Pod, StatefulSet } from '../kinds.ts';
import { isAvailable, isFinished, isReady, isTerminating } from '../pods.ts';
import { revisionLabel } from '../revisions.ts';

// Which pod of a StatefulSet comes or goes next: pure. Source: pkg/controller/statefulset of Kubernetes 1.36.

export interface StatefulRollout {
  readonly set: StatefulSet;
  /** Hash of the template that pods are to have in the end, and of the one that they had before. */
  readonly updateHash: string;
  readonly currentHash: string;
  readonly now: number;
}

export interface StatefulChanges {
  /** Ordinals with the hash of the revision that each is to have. */
  readonly create: readonly { readonly ordinal: number; readonly hash: string }[];
  readonly remove: readonly Pod[];
}

const none: StatefulChanges = { create: [], remove: [] };

/** The number at the end of a pod's name; undefined for a pod that is none of the set's. */
export function ordinalOf({ metadata }: StatefulSet, pod: Pod): number | undefined {
  const prefix = `${metadata.name ?? ''}-`;
  const { name = '' } = pod.metadata;
  const text = name.startsWith(prefix) ? name.slice(prefix.length) : '';
  return /^(0|[1-9]\d{0,8})$/.test(text) ? Number(text) : undefined;
}

/** What to do next. One pod at a time where the pods depend on each other, and nothing while one is in between. */
export function decideStatefulSet(rollout: StatefulRollout, pods: readonly Pod[]): StatefulChanges {
  const { set } = rollout;
  const { replicas, ordinals, podManagementPolicy } = set.spec;
  const start = ordinals?.start ?? 0;
  const isParallel = podManagementPolicy === 'Parallel';
  const byOrdinal = new Map(pods.map((pod) => [ordinalOf(set, pod), pod]));
  const wanted = Array.from({ length: replicas }, (_, i) => start + i);
  const healthy = (pod: Pod | undefined): boolean =>
    pod !== undefined && !isTerminating(pod) && isAvailable(pod, set.spec.minReadySeconds ?? 0, rollout.now);
  const create: { ordinal: number; hash: string }[] = [];
  const remove: Pod[] = [];
  for (const ordinal of wanted) {
    const pod = byOrdinal.get(ordinal);
    if (pod === undefined) create.push({ ordinal, hash: hashFor(rollout, ordinal) });
    else if (isFinished(pod) && !isTerminating(pod)) remove.push(pod);
    if (!isParallel && !healthy(pod)) return { create, remove };
  }
  const condemned = pods
    .filter((pod) => !wanted.includes(ordinalOf(set, pod) ?? -1))
    .sort((a, b) => (ordinalOf(set, b) ?? 0) - (ordinalOf(set, a) ?? 0));
  const leaving = condemned.filter((pod) => !isTerminating(pod));
  if (isParallel) remove.push(...leaving);
  else if (condemned.length > 0) {
    return leaving.length === condemned.length ? { create, remove: leaving.slice(0, 1) } : none;
  }
  if (create.length > 0 || remove.length > 0) return { create, remove };
  return { create: [], remove: nextToUpdate(rollout, wanted, byOrdinal, healthy) };
}

/** Pods below the partition keep the template that they had. */
function hashFor({ set, currentHash, updateHash }: StatefulRollout, ordinal: number): string {
  const { updateStrategy, ordinals } = set.spec;
  if (updateStrategy.type !== 'RollingUpdate') return updateHash;
  const partition = (ordinals?.start ?? 0) + (updateStrategy.rollingUpdate?.partition ?? 0);
  return ordinal < partition ? currentHash : updateHash;
}

/** From the highest ordinal down, the first pod that is not up to date: once all above it are well. */
function nextToUpdate(
  { set, updateHash }: StatefulRollout,
  wanted: readonly number[],
  byOrdinal: ReadonlyMap<number | undefined, Pod>,
  healthy: (pod: Pod | undefined) => boolean,
): Pod[] {
  const { updateStrategy, ordinals } = set.spec;
  if (updateStrategy.type !== 'RollingUpdate') return [];
  const partition = (ordinals?.start ?? 0) + (updateStrategy.rollingUpdate?.partition ?? 0);
  for (const ordinal of wanted.toReversed()) {
    if (ordinal < partition) return [];
    const pod = byOrdinal.get(ordinal);
    if (pod === undefined) return [];
    if (pod.metadata.labels?.[revisionLabel] !== updateHash) return isTerminating(pod) ? [] : [pod];
    if (!healthy(pod)) return [];
  }
  return [];
}

type Status = NonNullable<StatefulSet['status']>;

/** @param revisions names of the revision before, and of the one that is rolled out */
export function statefulSetStatus(
  { set, updateHash, currentHash, now }: StatefulRollout,
  pods: readonly Pod[],
  revisions: { readonly current: string; readonly update: string },
): Status {
  const created = pods.filter((pod) => !isFinished(pod));
  const live = created.filter((pod) => !isTerminating(pod));
  const ofRevision = (hash: string): number =>
    live.filter((pod) => pod.metadata.labels?.[revisionLabel] === hash).length;
  const readyReplicas = live.filter(isReady).length;
  const updatedReplicas = ofRevision(updateHash);
  const availableReplicas = live.filter((pod) => isAvailable(pod, set.spec.minReadySeconds ?? 0, now)).length;
  const isComplete =
    updatedReplicas === set.spec.replicas &&
    created.length === updatedReplicas &&
    readyReplicas === updatedReplicas;
  const currentReplicas = isComplete ? updatedReplicas : ofRevision(currentHash);
  return {
    observedGeneration: set.metadata.generation ?? 0,
    replicas: created.length,
    availableReplicas,
    ...(readyReplicas > 0 && { readyReplicas }),
    ...(currentReplicas > 0 && { currentReplicas }),
    ...(updatedReplicas > 0 && { updatedReplicas }),
    currentRevision: isComplete ? revisions.update : revisions.current,
    updateRevision: revisions.update,
    collisionCount: set.status?.collisionCount ?? 0,
  };
}

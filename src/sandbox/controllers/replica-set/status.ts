import type { Pod, ReplicaSet } from '../kinds.ts';
import { isActive, isAvailable, isReady, isTerminating, isFinished } from '../pods.ts';
import { findCondition, withCondition, withoutCondition } from '../workload-conditions.ts';

/**
 * The status of a ReplicaSet, as it follows from its pods.
 *
 * Source: calculateStatus of pkg/controller/replicaset/replica_set_utils.go.
 *
 * @param failure why pods could not be created or deleted
 * @param now milliseconds since the Unix epoch
 */
export function replicaSetStatus(
  set: ReplicaSet,
  pods: readonly Pod[],
  failure: Error | undefined,
  now: number,
): NonNullable<ReplicaSet['status']> {
  const { replicas, minReadySeconds = 0, template } = set.spec;
  const active = pods.filter(isActive);
  const labels = Object.entries(template.metadata?.labels ?? {});
  const count = (test: (pod: Pod) => boolean): number => active.filter(test).length;
  const readyReplicas = count(isReady);
  const availableReplicas = count((pod) => isAvailable(pod, minReadySeconds, now));
  const fullyLabeledReplicas = count((pod) =>
    labels.every(([key, value]) => pod.metadata.labels?.[key] === value),
  );
  const reason = active.length < replicas ? 'FailedCreate' : active.length > replicas ? 'FailedDelete' : '';
  const known = set.status?.conditions ?? [];
  const conditions = conditionsAfter(known, failure, reason, now);
  return {
    // Always there, zero or not; the others are left out when they are zero.
    replicas: active.length,
    observedGeneration: set.metadata.generation ?? 0,
    terminatingReplicas: pods.filter((pod) => isTerminating(pod) && !isFinished(pod)).length,
    ...(fullyLabeledReplicas > 0 && { fullyLabeledReplicas }),
    ...(readyReplicas > 0 && { readyReplicas }),
    ...(availableReplicas > 0 && { availableReplicas }),
    ...(conditions.length > 0 && { conditions }),
  };
}

type Conditions = NonNullable<NonNullable<ReplicaSet['status']>['conditions']>;

function conditionsAfter(
  known: Conditions,
  failure: Error | undefined,
  reason: string,
  now: number,
): Conditions {
  if (failure === undefined) return withoutCondition(known, 'ReplicaFailure');
  if (findCondition(known, 'ReplicaFailure') !== undefined) return known;
  return withCondition(
    known,
    { type: 'ReplicaFailure', status: 'True', reason, message: failure.message },
    now,
  );
}

import { parseTime } from '../../base/time.ts';
import type { Pod } from './kinds.ts';
import { findCondition } from './workload-conditions.ts';

export function isTerminating(object: {
  readonly metadata: { readonly deletionTimestamp?: string };
}): boolean {
  return object.metadata.deletionTimestamp !== undefined;
}

/** Whether the pod has run to its end. */
export function isFinished(pod: Pod): boolean {
  const phase = pod.status?.phase;
  return phase === 'Succeeded' || phase === 'Failed';
}

/** Whether the pod counts as one of its owner's. */
export function isActive(pod: Pod): boolean {
  return !isFinished(pod) && !isTerminating(pod);
}

export function isReady(pod: Pod): boolean {
  return findCondition(pod.status?.conditions, 'Ready')?.status === 'True';
}

/** Since when the pod is ready, in milliseconds; undefined while it is not. */
export function readySince(pod: Pod): number | undefined {
  const condition = findCondition(pod.status?.conditions, 'Ready');
  if (condition?.status !== 'True' || typeof condition.lastTransitionTime !== 'string') return undefined;
  return parseTime(condition.lastTransitionTime);
}

/** Whether the pod has been ready for long enough. */
export function isAvailable(pod: Pod, minReadySeconds: number, now: number): boolean {
  if (!isReady(pod)) return false;
  if (minReadySeconds === 0) return true;
  const since = readySince(pod);
  return since !== undefined && since + minReadySeconds * 1000 <= now;
}

/** Milliseconds until the next of the pods becomes available by waiting alone. */
export function nextAvailability(
  pods: readonly Pod[],
  minReadySeconds: number,
  now: number,
): number | undefined {
  const waits = pods.flatMap((pod) => {
    const since = readySince(pod);
    return since === undefined || isAvailable(pod, minReadySeconds, now)
      ? []
      : [since + minReadySeconds * 1000 - now];
  });
  return waits.length === 0 ? undefined : Math.min(...waits);
}

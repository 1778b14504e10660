import { parseTime } from '../base/time.ts';
import { isObject, own, type Json, type JsonObject } from '../machinery/json.ts';
import type { Readiness } from './observation.ts';

export interface ReadinessOptions {
  /** Percentage of the updated pods that must be available. */
  readonly threshold: number;
  /** How long a wait may take. */
  readonly deadlineSeconds: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

const ready: Readiness = { state: 'ready', message: '' };

function objectAt(object: JsonObject, ...path: readonly string[]): JsonObject {
  let at: Json | undefined = object;
  for (const key of path) at = isObject(at) ? own(at, key) : undefined;
  return isObject(at) ? at : {};
}

function numberAt(object: JsonObject, key: string): number {
  const value = own(object, key);
  return typeof value === 'number' ? value : 0;
}

function conditionOf(status: JsonObject, type: string): JsonObject | undefined {
  const conditions = own(status, 'conditions');
  if (!Array.isArray(conditions)) return undefined;
  return conditions.filter(isObject).find((condition) => own(condition, 'type') === type);
}

/** Whether all pods of a Deployment are of its template and enough of them are available. Zero of zero are. */
export function deploymentReadiness(deployment: JsonObject, options: ReadinessOptions): Readiness {
  const status = objectAt(deployment, 'status');
  const generation = numberAt(objectAt(deployment, 'metadata'), 'generation');
  if (generation > numberAt(status, 'observedGeneration')) {
    const message =
      'waiting for rollout to finish: observed deployment generation less than desired generation';
    return { state: 'waiting', message };
  }
  const progressing = conditionOf(status, 'Progressing');
  if (progressing !== undefined && own(progressing, 'reason') === 'ProgressDeadlineExceeded') {
    const name = JSON.stringify(own(objectAt(deployment, 'metadata'), 'name') ?? '');
    return { state: 'stuck', message: `deployment ${name} exceeded its progress deadline` };
  }
  const message = unfinishedDeployment(deployment, status, options.threshold);
  if (message === undefined) return ready;
  const isLate = progressing !== undefined && isUnavailableTooLong(status, options);
  return { state: isLate ? 'stuck' : 'waiting', message };
}

function unfinishedDeployment(
  deployment: JsonObject,
  status: JsonObject,
  threshold: number,
): string | undefined {
  const wanted = own(objectAt(deployment, 'spec'), 'replicas');
  const updated = numberAt(status, 'updatedReplicas');
  const available = numberAt(status, 'availableReplicas');
  if (typeof wanted === 'number' && updated < wanted) {
    return `waiting for rollout to finish: ${updated} out of ${wanted} new replicas have been updated`;
  }
  const old = numberAt(status, 'replicas') - updated;
  if (old > 0) return `waiting for rollout to finish: ${old} old replicas are pending termination`;
  if (available < Math.trunc((updated * threshold) / 100)) {
    return `waiting for rollout to finish: ${available} of ${updated} (readyThreshold ${threshold}%) updated replicas are available`;
  }
  return undefined;
}

function isUnavailableTooLong(status: JsonObject, { deadlineSeconds, now }: ReadinessOptions): boolean {
  const available = conditionOf(status, 'Available');
  if (available === undefined || own(available, 'status') !== 'False') return false;
  if (own(available, 'reason') !== 'MinimumReplicasUnavailable') return false;
  const since = timeOf(own(available, 'lastUpdateTime'));
  return since !== undefined && since + deadlineSeconds * 1000 < now;
}

function timeOf(value: Json | undefined): number | undefined {
  if (typeof value !== 'string') return undefined;
  try {
    return parseTime(value);
  } catch {
    return undefined;
  }
}

/**
 * The same for a DaemonSet, which has no conditions of its own.
 *
 * @param since when the wait began, milliseconds since the epoch. Not the last status write, which a failed check
 *   would move
 */
export function daemonSetReadiness(
  daemonSet: JsonObject,
  { threshold, deadlineSeconds, now, since }: ReadinessOptions & { readonly since: number },
): Readiness {
  const status = objectAt(daemonSet, 'status');
  const generation = numberAt(objectAt(daemonSet, 'metadata'), 'generation');
  if (generation > numberAt(status, 'observedGeneration')) {
    const message =
      'waiting for rollout to finish: observed daemonset generation less than desired generation';
    return { state: 'waiting', message };
  }
  const desired = numberAt(status, 'desiredNumberScheduled');
  const updated = numberAt(status, 'updatedNumberScheduled');
  const available = numberAt(status, 'numberAvailable');
  const isUpdated = updated >= desired;
  if (isUpdated && available >= Math.trunc((desired * threshold) / 100)) return ready;
  if (since + deadlineSeconds * 1000 < now) {
    return { state: 'stuck', message: `exceeded its progressDeadlineSeconds: ${deadlineSeconds}` };
  }
  const message = isUpdated
    ? `waiting for rollout to finish: ${available} of ${desired} (readyThreshold ${threshold}%) updated pods are available`
    : `waiting for rollout to finish: ${updated} out of ${desired} new pods have been updated`;
  return { state: 'waiting', message };
}

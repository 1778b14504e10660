import { formatTime, parseTime } from '../../../base/time.ts';
import type { Deployment, DeploymentStatus, ReplicaSet, WorkloadCondition } from '../kinds.ts';
import { findCondition, withCondition, withoutCondition } from '../workload-conditions.ts';
import type { Limits } from './sizes.ts';

// Source: syncDeploymentStatus and syncRolloutStatus of pkg/controller/deployment of Kubernetes 1.36.

type Conditions = readonly WorkloadCondition[];

/** In seconds; larger is as good as none. */
const noDeadline = 2 ** 31 - 1;

/** Milliseconds that the rollout may go without progress; undefined for ever. */
export function progressDeadlineMs({ spec }: Deployment): number | undefined {
  const { progressDeadlineSeconds: seconds } = spec;
  return seconds === undefined || seconds >= noDeadline ? undefined : seconds * 1000;
}

/** The conditions with what is known of the rollout's progress. */
export function withProgress(
  conditions: Conditions,
  progress: Pick<WorkloadCondition, 'status' | 'reason' | 'message'>,
  now: number,
): Conditions {
  const condition = { type: 'Progressing', ...progress, lastUpdateTime: formatTime(now) };
  return withCondition(conditions, condition, now);
}

/** A paused rollout cannot be late: its progress is unknown until some time after it is resumed. */
export function withPause(deployment: Deployment, conditions: Conditions, now: number): Conditions {
  if (progressDeadlineMs(deployment) === undefined) return conditions;
  const reason = findCondition(conditions, 'Progressing')?.reason;
  if (reason === 'ProgressDeadlineExceeded') return conditions;
  const isMarked = reason === 'DeploymentPaused';
  if ((deployment.spec.paused === true) === isMarked) return conditions;
  const next = isMarked
    ? { reason: 'DeploymentResumed', message: 'Deployment is resumed' }
    : { reason: 'DeploymentPaused', message: 'Deployment is paused' };
  return withProgress(conditions, { status: 'Unknown', ...next }, now);
}

/** Sums of what the ReplicaSets report, with the condition `Available`. */
export function countedStatus(
  deployment: Deployment,
  sets: readonly ReplicaSet[],
  newest: ReplicaSet | undefined,
  conditions: Conditions,
  limits: Limits,
  now: number,
): DeploymentStatus {
  type Field = 'replicas' | 'readyReplicas' | 'availableReplicas' | 'terminatingReplicas';
  const sum = (field: Field): number => sets.reduce((n, { status }) => n + (status?.[field] ?? 0), 0);
  const availableReplicas = sum('availableReplicas');
  const asked = sets.reduce((n, { spec }) => n + spec.replicas, 0);
  const enough = availableReplicas >= limits.replicas - limits.maxUnavailable;
  const counts = {
    observedGeneration: deployment.metadata.generation ?? 0,
    replicas: sum('replicas'),
    updatedReplicas: newest?.status?.replicas ?? 0,
    readyReplicas: sum('readyReplicas'),
    availableReplicas,
    unavailableReplicas: Math.max(0, asked - availableReplicas),
  };
  const knowsTerminating = sets.some(({ status }) => status?.terminatingReplicas !== undefined);
  const { collisionCount } = deployment.status ?? {};
  return {
    ...withoutZeros(counts),
    ...(knowsTerminating && { terminatingReplicas: sum('terminatingReplicas') }),
    ...(collisionCount !== undefined && { collisionCount }),
    conditions: withCondition(
      conditions,
      {
        type: 'Available',
        status: enough ? 'True' : 'False',
        reason: enough ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
        message: enough
          ? 'Deployment has minimum availability.'
          : 'Deployment does not have minimum availability.',
        lastUpdateTime: formatTime(now),
      },
      now,
    ),
  };
}

function withoutZeros(counts: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0));
}

/** Whether all pods are of the newest template, available, and as many as wanted. */
export function isComplete({ spec, metadata }: Deployment, status: DeploymentStatus): boolean {
  const { updatedReplicas = 0, replicas = 0, availableReplicas = 0, observedGeneration = 0 } = status;
  return (
    updatedReplicas === spec.replicas &&
    replicas === spec.replicas &&
    availableReplicas === spec.replicas &&
    observedGeneration >= (metadata.generation ?? 0)
  );
}

function hasProgressed(before: DeploymentStatus, after: DeploymentStatus): boolean {
  const oldPods = ({ replicas = 0, updatedReplicas = 0 }: DeploymentStatus): number =>
    replicas - updatedReplicas;
  return (
    (after.updatedReplicas ?? 0) > (before.updatedReplicas ?? 0) ||
    oldPods(after) < oldPods(before) ||
    (after.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
    (after.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
  );
}

function isTimedOut(deadlineMs: number, progressing: WorkloadCondition | undefined, now: number): boolean {
  if (progressing === undefined || progressing.reason === 'NewReplicaSetAvailable') return false;
  if (progressing.reason === 'ProgressDeadlineExceeded') return true;
  return parseTime(progressing.lastUpdateTime ?? '') + deadlineMs < now;
}

/** The status with the conditions `Progressing` and `ReplicaFailure` of a rollout. */
export function rolloutStatus(
  deployment: Deployment,
  counted: DeploymentStatus,
  sets: readonly ReplicaSet[],
  newest: ReplicaSet | undefined,
  now: number,
): DeploymentStatus {
  const conditions = withFailure(judged(deployment, counted, newest, now), sets, newest);
  return { ...counted, conditions };
}

function judged(
  deployment: Deployment,
  counted: DeploymentStatus,
  newest: ReplicaSet | undefined,
  now: number,
): Conditions {
  const { conditions = [] } = counted;
  const deadlineMs = progressDeadlineMs(deployment);
  if (deadlineMs === undefined) return withoutCondition(conditions, 'Progressing');
  const current = findCondition(conditions, 'Progressing');
  const wasComplete =
    (counted.replicas ?? 0) === (counted.updatedReplicas ?? 0) &&
    current?.reason === 'NewReplicaSetAvailable';
  if (wasComplete) return conditions;
  const who =
    newest === undefined
      ? `Deployment "${deployment.metadata.name ?? ''}"`
      : `ReplicaSet "${newest.metadata.name ?? ''}"`;
  if (isComplete(deployment, counted)) {
    const message = `${who} has successfully progressed.`;
    return withProgress(conditions, { status: 'True', reason: 'NewReplicaSetAvailable', message }, now);
  }
  if (hasProgressed(deployment.status ?? {}, counted)) {
    // Also where the reason stays: each step of progress starts the deadline anew.
    const progress = {
      status: 'True',
      reason: 'ReplicaSetUpdated',
      message: `${who} is progressing.`,
    } as const;
    const since = current?.status === 'True' ? current.lastTransitionTime : undefined;
    const [fresh] = withProgress([], progress, now);
    const renewed = fresh === undefined ? [] : [{ ...fresh, lastTransitionTime: since ?? formatTime(now) }];
    return [...withoutCondition(conditions, 'Progressing'), ...renewed];
  }
  if (!isTimedOut(deadlineMs, current, now)) return conditions;
  const message = `${who} has timed out progressing.`;
  return withProgress(conditions, { status: 'False', reason: 'ProgressDeadlineExceeded', message }, now);
}

/** What a ReplicaSet fails at, the Deployment fails at; the newest one's trouble counts first. */
function withFailure(
  conditions: Conditions,
  sets: readonly ReplicaSet[],
  newest: ReplicaSet | undefined,
): Conditions {
  const failures = (newest === undefined ? sets : [newest, ...sets]).flatMap(({ status }) => {
    const failure = findCondition(status?.conditions, 'ReplicaFailure');
    return failure === undefined ? [] : [failure];
  });
  const [failure] = failures;
  if (failure === undefined) return withoutCondition(conditions, 'ReplicaFailure');
  const { lastTransitionTime } = failure;
  const at = typeof lastTransitionTime === 'string' ? { lastUpdateTime: lastTransitionTime } : {};
  return withCondition(conditions, { ...failure, ...at }, 0);
}

/** Milliseconds until the rollout would be late without any progress; undefined where it cannot be. */
export function untilLate(deployment: Deployment, status: DeploymentStatus, now: number): number | undefined {
  const deadlineMs = progressDeadlineMs(deployment);
  const progressing = findCondition(status.conditions, 'Progressing');
  if (deadlineMs === undefined || progressing?.lastUpdateTime === undefined) return undefined;
  if (progressing.reason === 'ProgressDeadlineExceeded' || isComplete(deployment, status)) return undefined;
  if (progressing.reason === 'NewReplicaSetAvailable' || deployment.spec.paused === true) return undefined;
  // A second later, since the times of conditions are whole seconds.
  return Math.max(1000, parseTime(progressing.lastUpdateTime) + deadlineMs - now + 1000);
}

import { formatTime, parseTime } from '../../../base/time.ts';
import type { Job, Pod, WorkloadCondition } from '../kinds.ts';
import { isActive, isReady, isTerminating } from '../pods.ts';
import { findCondition, withCondition, withoutCondition } from '../workload-conditions.ts';

// What a Job needs next, and how it stands: pure. Source: pkg/controller/job of Kubernetes 1.36.

type Status = NonNullable<Job['status']>;

export interface JobDecision {
  readonly status: Status;
  readonly create: number;
  readonly remove: readonly Pod[];
  /** Set when the Job has come to its end just now. */
  readonly outcome: WorkloadCondition | undefined;
  /** Milliseconds until something changes by waiting alone. */
  readonly wakeMs: number | undefined;
}

/** Delay after the first failed pod, doubled for each further one. Source: --job-pod-failure-backoff. */
const firstDelayMs = 10_000;
const longestDelayMs = 600_000;

export function isJobFinished({ status }: Job): boolean {
  return ['Complete', 'Failed'].some((type) => findCondition(status?.conditions, type)?.status === 'True');
}

/** @param now milliseconds since the Unix epoch */
export function decideJob(job: Job, pods: readonly Pod[], now: number): JobDecision {
  const { parallelism = 1, completions, backoffLimit = 6, suspend = false } = job.spec;
  const before = job.status ?? {};
  const active = pods.filter(isActive);
  const count = (phase: string): number => pods.filter((pod) => pod.status?.phase === phase).length;
  // Pods may be cleaned away; what was counted stays counted.
  const succeeded = Math.max(before.succeeded ?? 0, count('Succeeded'));
  const failed = Math.max(before.failed ?? 0, count('Failed'));
  const outcome = judge(job, { active: active.length, succeeded, failed, backoffLimit }, now);
  const startTime = suspend ? undefined : (before.startTime ?? formatTime(now));
  const ended = outcome !== undefined;
  const left = completions === undefined ? (succeeded > 0 ? 0 : parallelism) : completions - succeeded;
  const wanted = ended || suspend ? 0 : Math.max(0, Math.min(parallelism, left));
  const delayMs = failureDelay(pods, now);
  const missing = Math.max(0, wanted - active.length);
  // With no goal of their own, pods that still run are let finish once one has succeeded.
  const surplus =
    completions === undefined && succeeded > 0 && !ended && !suspend ? 0 : active.length - wanted;
  const remove = surplus > 0 ? active.slice(-surplus) : [];
  const gone = new Set(remove);
  const stays = active.filter((pod) => !gone.has(pod));
  const terminating = pods.filter(isTerminating).length + remove.length;
  const status: Status = {
    ...(stays.length > 0 && { active: stays.length }),
    ready: stays.filter(isReady).length,
    ...(succeeded > 0 && { succeeded }),
    ...(failed > 0 && { failed }),
    terminating,
    ...(startTime !== undefined && { startTime }),
    ...(outcome?.type === 'Complete' && { completionTime: formatTime(now) }),
    ...conditionsAfter(job, outcome, now),
    uncountedTerminatedPods: {},
  };
  return {
    status,
    create: delayMs > 0 ? 0 : missing,
    remove,
    outcome,
    wakeMs: ended
      ? undefined
      : earliest(missing > 0 && delayMs > 0 ? delayMs : undefined, untilDeadline(job, startTime, now)),
  };
}

function judge(
  job: Job,
  pods: {
    readonly active: number;
    readonly succeeded: number;
    readonly failed: number;
    readonly backoffLimit: number;
  },
  now: number,
): WorkloadCondition | undefined {
  const { completions } = job.spec;
  const failure = (reason: string, message: string): WorkloadCondition => ({
    type: 'Failed',
    status: 'True',
    reason,
    message,
  });
  if (pods.failed > pods.backoffLimit) {
    return failure('BackoffLimitExceeded', 'Job has reached the specified backoff limit');
  }
  const deadlineMs = untilDeadline(job, job.status?.startTime, now);
  if (deadlineMs !== undefined && deadlineMs <= 0 && job.spec.suspend !== true) {
    return failure('DeadlineExceeded', 'Job was active longer than specified deadline');
  }
  const isDone =
    completions === undefined ? pods.succeeded > 0 && pods.active === 0 : pods.succeeded >= completions;
  if (!isDone) return undefined;
  return {
    type: 'Complete',
    status: 'True',
    reason: 'CompletionsReached',
    message: 'Reached expected number of succeeded pods',
  };
}

function untilDeadline({ spec }: Job, startTime: string | undefined, now: number): number | undefined {
  if (spec.activeDeadlineSeconds === undefined || startTime === undefined) return undefined;
  return parseTime(startTime) + spec.activeDeadlineSeconds * 1000 - now;
}

function earliest(...times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

/** How long the next pod has to wait, for those that failed in a row before it. */
function failureDelay(pods: readonly Pod[], now: number): number {
  const ends = pods
    .filter((pod) => pod.status?.phase === 'Failed')
    .map((pod) => endOf(pod))
    .sort((a, b) => a - b);
  const last = ends.at(-1);
  if (last === undefined) return 0;
  const lastSuccess = Math.max(0, ...pods.filter((pod) => pod.status?.phase === 'Succeeded').map(endOf));
  const inARow = ends.filter((at) => at > lastSuccess).length;
  if (inARow === 0) return 0;
  return Math.max(0, last + Math.min(firstDelayMs * 2 ** (inARow - 1), longestDelayMs) - now);
}

/** When the pod's state last changed: where nobody says, when it was created. */
function endOf({ status, metadata }: Pod): number {
  const times = (status?.conditions ?? []).flatMap(({ lastTransitionTime }) =>
    typeof lastTransitionTime === 'string' ? [parseTime(lastTransitionTime)] : [],
  );
  return Math.max(parseTime(metadata.creationTimestamp ?? ''), ...times);
}

function conditionsAfter(
  { spec, status }: Job,
  outcome: WorkloadCondition | undefined,
  now: number,
): { readonly conditions?: readonly WorkloadCondition[] } {
  let conditions = status?.conditions ?? [];
  const time = { lastProbeTime: formatTime(now), lastTransitionTime: formatTime(now) };
  const isSuspended = findCondition(conditions, 'Suspended')?.status === 'True';
  if (outcome !== undefined) {
    const first = outcome.type === 'Complete' ? 'SuccessCriteriaMet' : 'FailureTarget';
    conditions = [
      ...withoutCondition(conditions, first),
      { ...outcome, type: first, ...time },
      { ...outcome, ...time },
    ];
  } else if (spec.suspend === true && !isSuspended) {
    const suspended = {
      type: 'Suspended',
      status: 'True',
      reason: 'JobSuspended',
      message: 'Job suspended',
    } as const;
    conditions = withCondition(conditions, { ...suspended, ...time }, now);
  } else if (spec.suspend !== true && isSuspended) {
    const resumed = {
      type: 'Suspended',
      status: 'False',
      reason: 'JobResumed',
      message: 'Job resumed',
    } as const;
    conditions = withCondition(conditions, { ...resumed, ...time }, now);
  }
  return conditions.length === 0 ? {} : { conditions };
}

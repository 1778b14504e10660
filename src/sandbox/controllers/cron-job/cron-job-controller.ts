import { formatTime } from '../../../base/time.ts';
import { patchStatusIfChanged } from '../../../kube/apply-if-changed.ts';
import { isAlreadyExists, isNamespaceTerminating } from '../../../kube/api-error.ts';
import type { Controller, Result } from '../../../kube/controller.ts';
import type { EventRecorder } from '../../../kube/event-recorder.ts';
import { parseKey } from '../../../kube/object-key.ts';
import { forObject, forOwner } from '../../../kube/sources.ts';
import { ownerReferenceOf } from '../../../machinery/owner-references.ts';
import { fieldManager } from '../cached.ts';
import { byController, type ControllerContext } from '../context.ts';
import { type CronJob, cronJobKind, type Job } from '../kinds.ts';
import { isJobFinished } from '../job/decide.ts';
import { isTerminating } from '../pods.ts';
import { findCondition } from '../workload-conditions.ts';
import { latest, Schedule, timeOf } from './schedule.ts';

/** Starts the Jobs of CronJobs at their times, which are UTC: other time zones are not known here. */
export function createCronJobController(context: ControllerContext): Controller {
  const { cronJobs, jobs } = context;
  const recorder = context.recorder('cronjob-controller');
  return context.controller(
    'cronjob',
    [forObject(cronJobs.store), forOwner(jobs.store, cronJobKind)],
    async (key, { signal }) => {
      await Promise.all([cronJobs.caughtUp(signal), jobs.caughtUp(signal)]);
      const { namespace, name } = parseKey(key);
      const cronJob = cronJobs.get(namespace, name);
      if (cronJob === undefined || isTerminating(cronJob)) return undefined;
      return sync(context, recorder, cronJob, signal);
    },
  );
}

async function sync(
  context: ControllerContext,
  recorder: EventRecorder,
  cronJob: CronJob,
  signal: AbortSignal,
): Promise<Result> {
  const { cronJobs, jobs } = context;
  const mine = jobs.store.byIndex(byController, cronJob.metadata.uid ?? '');
  const active = mine.filter((job) => !isJobFinished(job));
  reportFinished(recorder, cronJob, mine);
  await trim(context, cronJob, mine, signal);
  const now = context.now();
  const schedule = Schedule.parse(cronJob.spec.schedule);
  if (schedule === undefined) {
    recorder.record(
      cronJob,
      'Warning',
      'UnparseableSchedule',
      `unparseable schedule: "${cronJob.spec.schedule}"`,
    );
  }
  const due =
    schedule === undefined || cronJob.spec.suspend === true ? undefined : dueAt(cronJob, schedule, now);
  const started =
    due === undefined ? undefined : await start(context, recorder, cronJob, active, due, signal);
  const succeeded = mine.filter(({ status }) => status?.completionTime !== undefined);
  const lastSuccess = Math.max(0, ...succeeded.map(({ status }) => timeOf(status?.completionTime) ?? 0));
  const { lastScheduleTime, lastSuccessfulTime } = cronJob.status ?? {};
  const present = started === undefined ? active : [...active, started];
  const status = {
    active: present.length === 0 ? undefined : present.map(referenceTo),
    lastScheduleTime: started === undefined || due === undefined ? lastScheduleTime : formatTime(due),
    lastSuccessfulTime: lastSuccess === 0 ? lastSuccessfulTime : formatTime(lastSuccess),
  };
  const written = await patchStatusIfChanged(cronJobs.client, cronJob, status, { fieldManager, signal });
  if (written.changed) cronJobs.wrote(written.object);
  const next = cronJob.spec.suspend === true ? undefined : schedule?.next(now);
  return next === undefined ? undefined : { requeueAfterMs: next - now };
}

function dueAt(cronJob: CronJob, schedule: Schedule, now: number): number | undefined {
  const { startingDeadlineSeconds } = cronJob.spec;
  const since = timeOf(cronJob.status?.lastScheduleTime) ?? timeOf(cronJob.metadata.creationTimestamp) ?? now;
  const deadline = startingDeadlineSeconds === undefined ? since : now - startingDeadlineSeconds * 1000;
  return latest(schedule, Math.max(since, deadline), now);
}

/** @returns undefined where another Job is in the way, or this one has been started before */
async function start(
  { jobs }: ControllerContext,
  recorder: EventRecorder,
  cronJob: CronJob,
  active: readonly Job[],
  due: number,
  signal: AbortSignal,
): Promise<Job | undefined> {
  const { concurrencyPolicy, jobTemplate } = cronJob.spec;
  if (concurrencyPolicy === 'Forbid' && active.length > 0) {
    const message = 'Not starting job because prior execution is running and concurrency policy is Forbid';
    recorder.record(cronJob, 'Normal', 'JobAlreadyActive', message);
    return undefined;
  }
  for (const job of concurrencyPolicy === 'Replace' ? active : []) {
    await jobs.delete(job, signal, { propagationPolicy: 'Background' });
    recorder.record(cronJob, 'Normal', 'SuccessfulDelete', `Deleted job ${job.metadata.name ?? ''}`);
  }
  const { labels, annotations } = jobTemplate.metadata ?? {};
  const { name = '', namespace = '' } = cronJob.metadata;
  const job: Job = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: `${name}-${Math.floor(due / 60_000)}`,
      namespace,
      ...(labels && { labels }),
      annotations: { ...annotations, 'batch.kubernetes.io/cronjob-scheduled-timestamp': formatTime(due) },
      ownerReferences: [{ ...ownerReferenceOf(cronJob), controller: true, blockOwnerDeletion: true }],
    },
    spec: jobTemplate.spec,
  };
  try {
    const created = await jobs.create(job, signal);
    recorder.record(cronJob, 'Normal', 'SuccessfulCreate', `Created job ${created.metadata.name ?? ''}`);
    return created;
  } catch (error) {
    if (isNamespaceTerminating(error)) return undefined;
    if (isAlreadyExists(error))
      return jobs.client.get({ namespace, name: job.metadata.name ?? '' }, { signal });
    throw error;
  }
}

function referenceTo({ apiVersion, kind, metadata }: Job): object {
  const { namespace, name, uid, resourceVersion } = metadata;
  return { apiVersion, kind, namespace, name, uid, resourceVersion };
}

/** Jobs that have come to an end since the status was last written. */
function reportFinished(recorder: EventRecorder, cronJob: CronJob, mine: readonly Job[]): void {
  const known = JSON.stringify(cronJob.status?.active ?? []);
  for (const job of mine.filter(isJobFinished)) {
    if (!known.includes(`"${job.metadata.uid ?? ''}"`)) continue;
    const condition = findCondition(job.status?.conditions, 'Complete') === undefined ? 'Failed' : 'Complete';
    const message = `Saw completed job: ${job.metadata.name ?? ''}, condition: ${condition}`;
    recorder.record(cronJob, 'Normal', 'SawCompletedJob', message);
  }
}

/** Deletes the oldest finished Jobs beyond those that are to be kept. */
async function trim(
  { jobs }: ControllerContext,
  { spec }: CronJob,
  mine: readonly Job[],
  signal: AbortSignal,
): Promise<void> {
  const ended = (type: string): Job[] =>
    mine
      .filter((job) => findCondition(job.status?.conditions, type)?.status === 'True')
      .sort((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1));
  const surplus = (list: readonly Job[], keep = 0): readonly Job[] =>
    list.slice(0, Math.max(0, list.length - keep));
  const old = [
    ...surplus(ended('Complete'), spec.successfulJobsHistoryLimit),
    ...surplus(ended('Failed'), spec.failedJobsHistoryLimit),
  ];
  for (const job of old) await jobs.delete(job, signal, { propagationPolicy: 'Background' });
}

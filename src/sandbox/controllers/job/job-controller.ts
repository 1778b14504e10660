import { parseTime } from '../../../base/time.ts';
import { patchStatusIfChanged } from '../../../kube/apply-if-changed.ts';
import type { Controller, Result } from '../../../kube/controller.ts';
import type { EventRecorder } from '../../../kube/event-recorder.ts';
import { parseKey } from '../../../kube/object-key.ts';
import { forObject, forOwner } from '../../../kube/sources.ts';
import { fieldManager } from '../cached.ts';
import { claim, forOrphans } from '../claim.ts';
import type { ControllerContext } from '../context.ts';
import { type Job, jobKind } from '../kinds.ts';
import { PodControl, podOf, podPrefix } from '../pod-control.ts';
import { isTerminating } from '../pods.ts';
import { findCondition } from '../workload-conditions.ts';
import { decideJob, isJobFinished } from './decide.ts';

/** Runs the pods of Jobs until enough have succeeded or too many have failed, and clears finished Jobs away. */
export function createJobController(context: ControllerContext): Controller {
  const { jobs, pods } = context;
  const recorder = context.recorder('job-controller');
  const control = new PodControl(pods, recorder);
  return context.controller(
    'job',
    [forObject(jobs.store), forOwner(pods.store, jobKind), forOrphans(pods.store, jobs.store)],
    async (key, { signal }) => {
      await Promise.all([jobs.caughtUp(signal), pods.caughtUp(signal)]);
      const { namespace, name } = parseKey(key);
      const job = jobs.get(namespace, name);
      if (job === undefined || isTerminating(job)) return undefined;
      if (isJobFinished(job)) return clearAway(context, job, signal);
      return sync(context, control, recorder, job, signal);
    },
  );
}

async function sync(
  context: ControllerContext,
  control: PodControl,
  recorder: EventRecorder,
  job: Job,
  signal: AbortSignal,
): Promise<Result> {
  const { jobs, pods } = context;
  const mine = await claim(pods, jobs, job, signal);
  const { status, create, remove, outcome, wakeMs } = decideJob(job, mine, context.now());
  for (const pod of remove) await control.delete(job, pod, signal);
  const pod = podOf(job, job.spec.template, { generateName: podPrefix(job) });
  for (let i = 0; i < create; i += 1) await control.create(job, pod, signal);
  const known = job.status?.conditions ?? [];
  const written = await patchStatusIfChanged(jobs.client, job, status, { fieldManager, signal });
  if (written.changed) jobs.wrote(written.object);
  if (outcome?.type === 'Complete') recorder.record(job, 'Normal', 'Completed', 'Job completed');
  else if (outcome !== undefined)
    recorder.record(job, 'Warning', outcome.reason ?? '', outcome.message ?? '');
  const suspended = findCondition(status.conditions, 'Suspended');
  if (suspended !== undefined && suspended.status !== findCondition(known, 'Suspended')?.status) {
    const isSuspended = suspended.status === 'True';
    recorder.record(job, 'Normal', isSuspended ? 'Suspended' : 'Resumed', suspended.message ?? '');
  }
  return wakeMs === undefined ? undefined : { requeueAfterMs: wakeMs };
}

/** A finished Job that is to be kept only for a while. */
async function clearAway(context: ControllerContext, job: Job, signal: AbortSignal): Promise<Result> {
  const { ttlSecondsAfterFinished } = job.spec;
  const end = (job.status?.conditions ?? []).find(({ type }) => type === 'Complete' || type === 'Failed');
  if (ttlSecondsAfterFinished === undefined || typeof end?.lastTransitionTime !== 'string') return undefined;
  const leftMs = parseTime(end.lastTransitionTime) + ttlSecondsAfterFinished * 1000 - context.now();
  if (leftMs > 0) return { requeueAfterMs: leftMs };
  await context.jobs.delete(job, signal, { propagationPolicy: 'Foreground' });
  return undefined;
}

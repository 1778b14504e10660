import { patchStatusIfChanged } from '../../../kube/apply-if-changed.ts';
import type { Controller, Result } from '../../../kube/controller.ts';
import type { EventRecorder } from '../../../kube/event-recorder.ts';
import { errorMessage } from '../../../base/errors.ts';
import { isNamespaceTerminating, isNotFound } from '../../../kube/api-error.ts';
import { parseKey } from '../../../kube/object-key.ts';
import { forObject, forOwner } from '../../../kube/sources.ts';
import { isObject } from '../../../machinery/json.ts';
import { fieldManager } from '../cached.ts';
import { claim, forOrphans } from '../claim.ts';
import type { ControllerContext } from '../context.ts';
import { type Pod, type PodTemplate, type StatefulSet, statefulSetKind } from '../kinds.ts';
import { podOf } from '../pod-control.ts';
import { isTerminating, nextAvailability } from '../pods.ts';
import { type History, revisionLabel, syncHistory, trimHistory } from '../revisions.ts';
import { decideStatefulSet, ordinalOf, statefulSetStatus } from './decide.ts';

/**
 * Keeps the numbered pods of StatefulSets, each under its own name. Volume claims are not made: the cluster has no
 * storage.
 */
export function createStatefulSetController(context: ControllerContext): Controller {
  const { statefulSets, pods, revisions } = context;
  const recorder = context.recorder('statefulset-controller');
  return context.controller(
    'statefulset',
    [
      forObject(statefulSets.store),
      forOwner(pods.store, statefulSetKind),
      forOwner(revisions.store, statefulSetKind),
      forOrphans(pods.store, statefulSets.store),
    ],
    async (key, { signal }) => {
      await Promise.all([statefulSets.caughtUp(signal), pods.caughtUp(signal)]);
      const { namespace, name } = parseKey(key);
      const set = statefulSets.get(namespace, name);
      if (set === undefined || isTerminating(set)) return undefined;
      return reconcile(context, recorder, set, signal);
    },
  );
}

async function reconcile(
  context: ControllerContext,
  recorder: EventRecorder,
  set: StatefulSet,
  signal: AbortSignal,
): Promise<Result> {
  const { statefulSets, pods } = context;
  const isMember = (pod: Pod): boolean => ordinalOf(set, pod) !== undefined;
  const mine = await claim(pods, statefulSets, set, signal, isMember);
  const history = await syncHistory(context, set, signal);
  const update = history.current.metadata.name ?? '';
  const current = set.status?.currentRevision || update;
  const before = history.old.find(({ metadata }) => metadata.name === current);
  const currentHash = before?.metadata.labels?.[revisionLabel] ?? history.hash;
  const rollout = { set, updateHash: history.hash, currentHash, now: context.now() };
  const { create, remove } = decideStatefulSet(rollout, mine);
  for (const { ordinal, hash } of create) {
    await createPod(context, recorder, set, podFor(set, history, ordinal, hash), signal);
  }
  for (const pod of remove) {
    await pods.delete(pod, signal);
    recorder.record(set, 'Normal', 'SuccessfulDelete', describe('delete', set, pod));
  }
  const inUse = new Set([currentHash, ...mine.map(({ metadata }) => metadata.labels?.[revisionLabel] ?? '')]);
  await trimHistory(context, set, history, inUse, signal);
  const status = statefulSetStatus(rollout, mine, { current, update });
  const written = await patchStatusIfChanged(statefulSets.client, set, status, { fieldManager, signal });
  if (written.changed) statefulSets.wrote(written.object);
  const waitMs = nextAvailability(mine, set.spec.minReadySeconds ?? 0, rollout.now);
  return waitMs === undefined ? undefined : { requeueAfterMs: waitMs };
}

async function createPod(
  { pods }: ControllerContext,
  recorder: EventRecorder,
  set: StatefulSet,
  pod: Pod,
  signal: AbortSignal,
): Promise<void> {
  try {
    await pods.create(pod, signal);
    recorder.record(set, 'Normal', 'SuccessfulCreate', describe('create', set, pod));
  } catch (error) {
    if (isNamespaceTerminating(error) || isNotFound(error)) return;
    if (!signal.aborted) {
      const { name = '' } = pod.metadata;
      const message = `create Pod ${name} in StatefulSet ${set.metadata.name ?? ''} failed error: ${errorMessage(error)}`;
      recorder.record(set, 'Warning', 'FailedCreate', message);
    }
    throw error;
  }
}

function describe(verb: string, set: StatefulSet, pod: Pod): string {
  return `${verb} Pod ${pod.metadata.name ?? ''} in StatefulSet ${set.metadata.name ?? ''} successful`;
}

function podFor(set: StatefulSet, history: History, ordinal: number, hash: string): Pod {
  const template = hash === history.hash ? set.spec.template : templateOf(set, history, hash);
  const name = `${set.metadata.name ?? ''}-${ordinal}`;
  const labels = {
    ...template.metadata?.labels,
    'statefulset.kubernetes.io/pod-name': name,
    'apps.kubernetes.io/pod-index': String(ordinal),
    [revisionLabel]: hash,
  };
  const { serviceName = '' } = set.spec;
  const spec = { ...template.spec, hostname: name, ...(serviceName !== '' && { subdomain: serviceName }) };
  return podOf(set, { ...template, metadata: { ...template.metadata, labels }, spec }, { name });
}

/** The template of an earlier revision; the present one where that is lost. */
function templateOf(set: StatefulSet, { old }: History, hash: string): PodTemplate {
  const data = old.find(({ metadata }) => metadata.labels?.[revisionLabel] === hash)?.data;
  const spec = isObject(data) ? data['spec'] : undefined;
  const template = isObject(spec) ? spec['template'] : undefined;
  if (!isObject(template)) return set.spec.template;
  const { $patch: _, ...kept } = template;
  return kept as unknown as PodTemplate;
}

import { formatTime } from '../../../base/time.ts';
import { isConflict } from '../../../kube/api-error.ts';
import type { Controller } from '../../../kube/controller.ts';
import type { EventRecorder } from '../../../kube/event-recorder.ts';
import { formatKey, parseKey } from '../../../kube/object-key.ts';
import { forObject, mapped, type Source } from '../../../kube/sources.ts';
import { byNode, type ControllerContext } from '../context.ts';
import { type Node, type Pod, podKind } from '../kinds.ts';
import { isFinished, isTerminating } from '../pods.ts';
import { findCondition } from '../workload-conditions.ts';
import { chooseNode, type LoadedNode } from './fit.ts';
import { isWaiting } from './node-selection.ts';

const scheduler = 'kube-scheduler';

/** Puts pods on nodes: those that name no scheduler or the default one. */
export function createScheduler(context: ControllerContext): Controller {
  const { pods, nodes } = context;
  const recorder = context.recorder('default-scheduler');
  /** By key of the pod: where it was put, until the cache shows it. */
  const assumed = new Map<string, { readonly pod: Pod; readonly node: string }>();
  const keyOf = ({ metadata: { namespace, name = '' } }: Pod): string => formatKey({ namespace, name });
  const waiting = (): string[] => pods.store.list().filter(isWaiting).map(keyOf);
  const changesOfNodes = mapped(nodes.store, (_node, event) =>
    event.type === 'modified' && !concernsScheduling(event.old, event.object) ? [] : waiting(),
  );
  const roomMade: Source = mapped(pods.store, (pod, event) => {
    const left = event.type === 'deleted' || isFinished(pod);
    return left && (pod.spec.nodeName ?? '') !== '' ? waiting() : [];
  });
  return context.controller(
    'scheduler',
    [forObject(pods.store), changesOfNodes, roomMade],
    async (key, { signal }) => {
      const { namespace, name } = parseKey(key);
      const pod = pods.get(namespace, name);
      if (pod === undefined || !isWaiting(pod)) {
        assumed.delete(key);
        return;
      }
      const before = assumed.get(key);
      if (before?.pod.metadata.uid === pod.metadata.uid) return;
      const choice = chooseNode(pod, load(context, assumed));
      if ('misfit' in choice) {
        await reportMisfit(context, recorder, pod, choice.misfit, signal);
        return;
      }
      assumed.set(key, { pod, node: choice.node });
      try {
        await bind(context, pod, choice.node, signal);
      } catch (error) {
        assumed.delete(key);
        if (isConflict(error)) return;
        throw error;
      }
      const full = `${namespace ?? ''}/${name}`;
      recorder.record(pod, 'Normal', 'Scheduled', `Successfully assigned ${full} to ${choice.node}`);
    },
  );
}

/** Heartbeats are no news. */
function concernsScheduling(old: Node, now: Node): boolean {
  const view = ({ metadata, spec, status }: Node): string =>
    JSON.stringify([metadata.labels, spec, status?.allocatable]);
  return view(old) !== view(now);
}

function load(
  { nodes, pods }: ControllerContext,
  assumed: ReadonlyMap<string, { readonly pod: Pod; readonly node: string }>,
): LoadedNode[] {
  return nodes.store
    .list()
    .filter((node) => !isTerminating(node))
    .map((node) => {
      const name = node.metadata.name ?? '';
      const present = pods.store.byIndex(byNode, name).filter((pod) => !isFinished(pod));
      const known = new Set(present.map(({ metadata }) => metadata.uid));
      const coming = [...assumed.values()].filter(
        (other) => other.node === name && !known.has(other.pod.metadata.uid),
      );
      return { node, pods: [...present, ...coming.map(({ pod }) => pod)] };
    });
}

async function bind(context: ControllerContext, pod: Pod, node: string, signal: AbortSignal): Promise<void> {
  const { namespace = '', name = '', uid } = pod.metadata;
  const binding = {
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { namespace, name, ...(uid !== undefined && { uid }) },
    target: { apiVersion: 'v1', kind: 'Node', name: node },
  };
  const bindings = context.options.client.resource(podKind);
  await bindings.create(binding, { subresource: 'binding', fieldManager: scheduler, signal });
}

async function reportMisfit(
  context: ControllerContext,
  recorder: EventRecorder,
  pod: Pod,
  message: string,
  signal: AbortSignal,
): Promise<void> {
  const current = findCondition(pod.status?.conditions, 'PodScheduled');
  const reason = 'Unschedulable';
  if (current?.status === 'False' && current.reason === reason && current.message === message) return;
  recorder.record(pod, 'Warning', 'FailedScheduling', message);
  const now = formatTime(context.now());
  const { namespace, name = '', uid } = pod.metadata;
  const condition = {
    type: 'PodScheduled',
    status: 'False',
    reason,
    message,
    lastProbeTime: null,
    lastTransitionTime: current?.status === 'False' ? current.lastTransitionTime : now,
  };
  await context.pods.client.patch(
    { namespace, name },
    'strategic',
    { metadata: { uid }, status: { conditions: [condition] } },
    { subresource: 'status', fieldManager: scheduler, signal },
  );
}

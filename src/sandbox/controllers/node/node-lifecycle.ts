import { formatTime, parseTime } from '../../../base/time.ts';
import type { Controller, Result } from '../../../kube/controller.ts';
import type { EventRecorder } from '../../../kube/event-recorder.ts';
import { forObject, mapped } from '../../../kube/sources.ts';
import { jsonEqual } from '../../../machinery/json.ts';
import { byNode, type ControllerContext } from '../context.ts';
import type { Node, Pod, WorkloadCondition } from '../kinds.ts';
import { isReady, isTerminating } from '../pods.ts';
import { untoleratedTaint } from '../scheduler/node-selection.ts';
import { findCondition } from '../workload-conditions.ts';

/** How long a node may be silent, in milliseconds. Source: --node-monitor-grace-period. */
const graceMs = 50_000;
const leaseNamespace = 'kube-node-lease';
const notReady = 'node.kubernetes.io/not-ready';
const unreachable = 'node.kubernetes.io/unreachable';

interface Taint {
  readonly key: string;
  readonly effect: string;
  readonly value?: string;
  readonly timeAdded?: string;
}

/**
 * Notices nodes that have fallen silent (whose Lease is not renewed; one that never had a Lease is not expected to
 * speak), keeps new pods off nodes that are not ready, and after a while takes the pods from them.
 */
export function createNodeLifecycleController(context: ControllerContext): Controller {
  const { nodes, leases, pods } = context;
  const recorder = context.recorder('node-controller');
  const leasesOfNodes = mapped(leases.store, ({ metadata }) =>
    metadata.namespace === leaseNamespace ? [metadata.name ?? ''] : [],
  );
  const podsOnNodes = mapped(pods.store, ({ spec }, event) =>
    event.type === 'added' && (spec.nodeName ?? '') !== '' ? [spec.nodeName ?? ''] : [],
  );
  return context.controller(
    'node-lifecycle',
    [forObject(nodes.store), leasesOfNodes, podsOnNodes],
    async (name, { signal }) => {
      await nodes.caughtUp(signal);
      const node = nodes.get(undefined, name);
      if (node === undefined || isTerminating(node)) return undefined;
      const silentMs = untilSilent(context, name);
      const current =
        silentMs !== undefined && silentMs <= 0 ? await markUnknown(context, recorder, node, signal) : node;
      await syncTaints(context, current, signal);
      const evictMs = await evict(context, current, signal);
      return soonest(silentMs !== undefined && silentMs > 0 ? silentMs : undefined, evictMs);
    },
  );
}

function soonest(...times: readonly (number | undefined)[]): Result {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : { requeueAfterMs: Math.min(...known) };
}

/** Milliseconds until the node counts as silent; undefined for one that has never spoken. */
function untilSilent(context: ControllerContext, name: string): number | undefined {
  const renewTime = context.leases.get(leaseNamespace, name)?.spec?.renewTime;
  return typeof renewTime === 'string' ? parseTime(renewTime) + graceMs - context.now() : undefined;
}

async function markUnknown(
  context: ControllerContext,
  recorder: EventRecorder,
  node: Node,
  signal: AbortSignal,
): Promise<Node> {
  const conditions = node.status?.conditions ?? [];
  const ready = findCondition(conditions, 'Ready');
  if (ready?.status === 'Unknown') return node;
  const name = node.metadata.name ?? '';
  const unknown: WorkloadCondition = {
    ...ready,
    type: 'Ready',
    status: 'Unknown',
    reason: 'NodeStatusUnknown',
    message: 'Kubelet stopped posting node status.',
    lastTransitionTime: formatTime(context.now()),
  };
  const others = conditions.filter((condition) => condition !== ready);
  const marked = await context.nodes.patch(
    node,
    { status: { conditions: [...others, unknown] } },
    signal,
    'status',
  );
  recorder.record(node, 'Normal', 'NodeNotReady', `Node ${name} status is now: NodeNotReady`);
  for (const pod of context.pods.store.byIndex(byNode, name).filter(isReady)) {
    await markPodNotReady(context, pod, signal);
    recorder.record(pod, 'Warning', 'NodeNotReady', 'Node is not ready');
  }
  return marked;
}

async function markPodNotReady(context: ControllerContext, pod: Pod, signal: AbortSignal): Promise<void> {
  const lastTransitionTime = formatTime(context.now());
  const conditions = (pod.status?.conditions ?? []).map((condition) =>
    condition.type === 'Ready' ? { ...condition, status: 'False', lastTransitionTime } : condition,
  );
  await context.pods.patch(pod, { status: { conditions } }, signal, 'status');
}

/** The taints that say of a node that it is not ready, or cannot be reached. */
async function syncTaints(context: ControllerContext, node: Node, signal: AbortSignal): Promise<void> {
  const ready = findCondition(node.status?.conditions, 'Ready')?.status;
  // A node without the condition is one that nobody reports on.
  const key = ready === 'Unknown' ? unreachable : ready === 'False' ? notReady : undefined;
  const taints: readonly Taint[] = node.spec?.taints ?? [];
  const timeAdded = formatTime(context.now());
  const wanted = (key === undefined ? [] : ['NoSchedule', 'NoExecute']).map((effect): Taint => {
    const present = taints.find((taint) => taint.key === key && taint.effect === effect);
    return present ?? { key: key ?? '', effect, ...(effect === 'NoExecute' && { timeAdded }) };
  });
  const others = taints.filter((taint) => taint.key !== notReady && taint.key !== unreachable);
  const next = [...others, ...wanted];
  const isSame =
    next.length === taints.length && next.every((taint) => taints.some((old) => jsonEqual(old, taint)));
  if (isSame) return;
  await context.nodes.patch(node, { spec: { taints: next.length === 0 ? null : next } }, signal);
}

/** Deletes pods that may not stay. @returns milliseconds until the next one may not stay any longer */
async function evict(
  context: ControllerContext,
  node: Node,
  signal: AbortSignal,
): Promise<number | undefined> {
  const name = node.metadata.name ?? '';
  const fresh = context.nodes.get(undefined, name) ?? node;
  const taints = ((fresh.spec?.taints ?? []) as readonly Taint[]).filter(
    ({ effect }) => effect === 'NoExecute',
  );
  let nextMs: number | undefined;
  for (const pod of taints.length === 0 ? [] : context.pods.store.byIndex(byNode, name)) {
    if (isTerminating(pod)) continue;
    const staysMs = Math.min(...taints.map((taint) => mayStay(pod, taint, context.now())));
    if (staysMs <= 0) await context.pods.delete(pod, signal);
    else if (Number.isFinite(staysMs)) nextMs = Math.min(nextMs ?? staysMs, staysMs);
  }
  return nextMs;
}

/** Milliseconds that a pod may stay under a taint. */
function mayStay({ spec }: Pod, taint: Taint, now: number): number {
  const only = { apiVersion: 'v1', kind: 'Node', metadata: {}, spec: { taints: [taint] } };
  const tolerating = (spec.tolerations ?? []).filter(
    (toleration) => untoleratedTaint(only, [toleration], ['NoExecute']) === undefined,
  );
  if (tolerating.length === 0) return 0;
  const seconds = tolerating.flatMap(({ tolerationSeconds }) => tolerationSeconds ?? []);
  if (seconds.length === 0) return Number.POSITIVE_INFINITY;
  const since = taint.timeAdded === undefined ? now : parseTime(taint.timeAdded);
  return since + Math.min(...seconds) * 1000 - now;
}

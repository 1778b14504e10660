import { scaledValue } from '../int-or-percent.ts';
import type { DaemonSet, Node, Pod, PodSpec, Toleration } from '../kinds.ts';
import { isAvailable, isFinished, isReady, isTerminating } from '../pods.ts';
import { revisionLabel } from '../revisions.ts';
import { matchesNodeAffinity, untoleratedTaint } from '../scheduler/node-selection.ts';

// Which pods a DaemonSet should have where: pure.
// Source: pkg/controller/daemon of Kubernetes 1.36.

const condition = (name: string, effect: string): Toleration => ({
  key: `node.kubernetes.io/${name}`,
  operator: 'Exists',
  effect,
});
const hostNetworkToleration = condition('network-unavailable', 'NoSchedule');
/** What a daemon puts up with that other pods do not. */
const daemonTolerations: readonly Toleration[] = [
  condition('not-ready', 'NoExecute'),
  condition('unreachable', 'NoExecute'),
  condition('disk-pressure', 'NoSchedule'),
  condition('memory-pressure', 'NoSchedule'),
  condition('pid-pressure', 'NoSchedule'),
  condition('unschedulable', 'NoSchedule'),
];

/** The spec of the pod for one node. */
export function specFor(spec: PodSpec, nodeName: string): PodSpec {
  const own = spec.tolerations ?? [];
  const tolerations = [
    ...own,
    ...daemonTolerations,
    ...(spec.hostNetwork === true ? [hostNetworkToleration] : []),
  ];
  const matchFields = [{ key: 'metadata.name', operator: 'In', values: [nodeName] }];
  const { nodeAffinity } = spec.affinity ?? {};
  const terms = nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  const nodeSelectorTerms =
    terms.length === 0 ? [{ matchFields }] : terms.map((term) => ({ ...term, matchFields }));
  const required = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } };
  return {
    ...spec,
    tolerations,
    affinity: { ...spec.affinity, nodeAffinity: { ...nodeAffinity, ...required } },
  };
}

/** Whether a node should get a pod, and whether one that is there may stay. */
function placement({ spec }: DaemonSet, node: Node): { readonly run: boolean; readonly stay: boolean } {
  const pod = specFor(spec.template.spec, node.metadata.name ?? '');
  const isNamed = (pod.nodeName ?? '') === '' || pod.nodeName === node.metadata.name;
  if (!isNamed || !matchesNodeAffinity(pod, node)) return { run: false, stay: false };
  const tolerations = pod.tolerations ?? [];
  if (untoleratedTaint(node, tolerations) === undefined) return { run: true, stay: true };
  return { run: false, stay: untoleratedTaint(node, tolerations, ['NoExecute']) === undefined };
}

/** The node that a pod is on, or is meant for. */
export function nodeOf({ spec }: Pod): string {
  if ((spec.nodeName ?? '') !== '') return spec.nodeName ?? '';
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const [field] = (required?.nodeSelectorTerms ?? []).flatMap(({ matchFields = [] }) => matchFields);
  return field?.key === 'metadata.name' ? (field.values?.[0] ?? '') : '';
}

export interface NodePods {
  readonly node: Node;
  readonly pods: readonly Pod[];
}

export interface DaemonChanges {
  /** Names of nodes. */
  readonly create: readonly string[];
  readonly remove: readonly Pod[];
}

interface Rollout {
  readonly set: DaemonSet;
  /** Of the present template. */
  readonly hash: string;
  readonly now: number;
}

/** Pods that are missing, and pods that should not be (any more). */
export function decide(rollout: Rollout, nodes: readonly NodePods[]): DaemonChanges {
  const create: string[] = [];
  const remove: Pod[] = [];
  for (const { node, pods } of nodes) {
    const { run, stay } = placement(rollout.set, node);
    const live = pods.filter((pod) => !isTerminating(pod));
    const working = live.filter((pod) => !isFinished(pod));
    if (run && pods.length === 0) create.push(node.metadata.name ?? '');
    remove.push(...live.filter((pod) => !stay || isFinished(pod)));
    if (stay) remove.push(...surplus(rollout, working));
  }
  const moved = rollout.set.spec.updateStrategy.type === 'RollingUpdate' ? roll(rollout, nodes) : undefined;
  const removed = new Set([...remove, ...(moved?.remove ?? [])]);
  return { create: [...create, ...(moved?.create ?? [])], remove: [...removed] };
}

/** All but the oldest pod of each revision. */
function surplus(rollout: Rollout, working: readonly Pod[]): Pod[] {
  const surge = limits(rollout.set, 1).maxSurge > 0;
  const byRevision = (isNew: boolean): Pod[] =>
    working.filter((pod) => isCurrent(rollout, pod) === isNew).sort(byAge);
  if (surge) return [...byRevision(true).slice(1), ...byRevision(false).slice(1)];
  return working.toSorted(byAge).slice(1);
}

function byAge(a: Pod, b: Pod): number {
  const key = ({ metadata }: Pod): string => `${metadata.creationTimestamp ?? ''} ${metadata.name ?? ''}`;
  return key(a) < key(b) ? -1 : 1;
}

function isCurrent({ hash }: Rollout, pod: Pod): boolean {
  return pod.metadata.labels?.[revisionLabel] === hash;
}

function limits({ spec }: DaemonSet, desired: number): { maxSurge: number; maxUnavailable: number } {
  const { maxSurge, maxUnavailable } = spec.updateStrategy.rollingUpdate ?? {};
  const surge = scaledValue(maxSurge, desired, 'up');
  const unavailable = scaledValue(maxUnavailable, desired, 'up');
  return { maxSurge: surge, maxUnavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}

/** The next step from old pods to new ones. */
function roll(rollout: Rollout, nodes: readonly NodePods[]): DaemonChanges {
  const { set, now } = rollout;
  const { minReadySeconds = 0 } = set.spec;
  const targets = nodes.filter(({ node }) => placement(set, node).run);
  const { maxSurge, maxUnavailable } = limits(set, targets.length);
  const isUp = (pod: Pod | undefined): boolean => pod !== undefined && isAvailable(pod, minReadySeconds, now);
  const pairs = targets.map(({ node, pods }) => {
    const working = pods.filter((pod) => !isFinished(pod) && !isTerminating(pod)).sort(byAge);
    return {
      name: node.metadata.name ?? '',
      present: pods.length,
      young: working.find((pod) => isCurrent(rollout, pod)),
      old: working.find((pod) => !isCurrent(rollout, pod)),
    };
  });
  const replaceable = pairs.flatMap(({ old }) => (old === undefined ? [] : [old]));
  if (maxSurge > 0) {
    const surging = pairs.filter(({ old, young }) => old !== undefined && young !== undefined).length;
    const waiting = pairs.filter(
      ({ old, young, present }) => old !== undefined && young === undefined && present === 1,
    );
    return {
      create: waiting.slice(0, Math.max(0, maxSurge - surging)).map(({ name }) => name),
      remove: pairs.flatMap(({ old, young }) =>
        old !== undefined && (isUp(young) || (young !== undefined && !isUp(old))) ? [old] : [],
      ),
    };
  }
  const down = pairs.filter(({ young, old }) => !isUp(young) && !isUp(old)).length;
  // Those that serve nobody anyway go at once.
  const idle = replaceable.filter((pod) => !isUp(pod));
  const serving = replaceable.filter(isUp).slice(0, Math.max(0, maxUnavailable - down));
  return { create: [], remove: [...idle, ...serving] };
}

export function daemonSetStatus(
  { set, hash, now }: Rollout,
  nodes: readonly NodePods[],
): NonNullable<DaemonSet['status']> {
  const { minReadySeconds = 0 } = set.spec;
  const counts = { desired: 0, current: 0, misscheduled: 0, ready: 0, available: 0, updated: 0 };
  for (const { node, pods } of nodes) {
    const { run } = placement(set, node);
    if (run) counts.desired += 1;
    if (pods.length === 0) continue;
    if (!run) {
      counts.misscheduled += 1;
      continue;
    }
    counts.current += 1;
    const [pod] = pods.toSorted(byAge);
    if (pod === undefined || !pods.some(isReady)) continue;
    counts.ready += 1;
    if (pods.some((other) => isAvailable(other, minReadySeconds, now))) counts.available += 1;
  }
  counts.updated = nodes.filter(
    ({ node, pods }) =>
      placement(set, node).run && pods.some((pod) => pod.metadata.labels?.[revisionLabel] === hash),
  ).length;
  const unavailable = counts.desired - counts.available;
  const { collisionCount } = set.status ?? {};
  return {
    currentNumberScheduled: counts.current,
    numberMisscheduled: counts.misscheduled,
    desiredNumberScheduled: counts.desired,
    numberReady: counts.ready,
    observedGeneration: set.metadata.generation ?? 0,
    ...(counts.updated > 0 && { updatedNumberScheduled: counts.updated }),
    ...(counts.available > 0 && { numberAvailable: counts.available }),
    ...(unavailable > 0 && { numberUnavailable: unavailable }),
    ...(collisionCount !== undefined && { collisionCount }),
  };
}

import { fromObject } from '../../../machinery/label-selector.ts';
import type { Node, Pod, PodAffinityTerm } from '../kinds.ts';
import { isFinished } from '../pods.ts';
import { matchesNodeAffinity, matchesTerm, untoleratedTaint } from './node-selection.ts';
import { allocatable, requestsOf, sumOfRequests } from './resources.ts';

/** A node and the pods that are on it, or on their way there. */
export interface LoadedNode {
  readonly node: Node;
  readonly pods: readonly Pod[];
}

export type Choice = { readonly node: string } | { readonly misfit: string };

/** Pods that a node takes where it does not say. Source: the kubelet's default. */
const defaultMaxPods = 110;

/**
 * The node for a pod: of those that fit the one that is asked for least of its resources, the fewest pods among equals,
 * then the first by name.
 *
 * Source: the default plugins of pkg/scheduler/framework/plugins, of which NodeUnschedulable, TaintToleration,
 * NodeAffinity, NodeResourcesFit, NodePorts and InterPodAffinity (required terms) have a say here.
 */
export function chooseNode(pod: Pod, nodes: readonly LoadedNode[]): Choice {
  if (nodes.length === 0) return { misfit: 'no nodes available to schedule pods' };
  const reasons = new Map<string, number>();
  const fitting = nodes.filter((node) => {
    const why = misfits(pod, node, nodes);
    for (const reason of why) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    return why.length === 0;
  });
  const [best] = fitting
    .map(({ node, pods }) => ({
      name: node.metadata.name ?? '',
      score: scoreOf(pod, node, pods),
      pods: pods.length,
    }))
    .sort((a, b) => b.score - a.score || a.pods - b.pods || (a.name < b.name ? -1 : 1));
  if (best !== undefined) return { node: best.name };
  const counted = [...reasons].map(([reason, count]) => `${count} ${reason}`).sort();
  const all = `0/${nodes.length} nodes are available:`;
  const preemption = `preemption: ${all} ${nodes.length} Preemption is not helpful for scheduling.`;
  return { misfit: `${all} ${counted.join(', ')}. ${preemption}` };
}

function misfits(pod: Pod, loaded: LoadedNode, all: readonly LoadedNode[]): string[] {
  const { node, pods } = loaded;
  const { tolerations = [] } = pod.spec;
  const unschedulable = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };
  const cordon = { ...node, spec: { taints: [unschedulable] } };
  if (node.spec?.unschedulable === true && untoleratedTaint(cordon, tolerations) !== undefined) {
    return ['node(s) were unschedulable'];
  }
  if (untoleratedTaint(node, tolerations) !== undefined) return ['node(s) had untolerated taint(s)'];
  if (!matchesNodeAffinity(pod.spec, node)) return ["node(s) didn't match Pod's node affinity/selector"];
  const short = shortages(pod, node, pods);
  return short.length > 0 ? short : affinityMisfits(pod, loaded, all);
}

function shortages(pod: Pod, node: Node, pods: readonly Pod[]): string[] {
  const available = allocatable(node);
  const used = sumOfRequests(pods);
  const found = pods.length + 1 > (available.get('pods') ?? defaultMaxPods) ? ['Too many pods'] : [];
  for (const [resource, amount] of requestsOf(pod.spec)) {
    // A node that reports no resources at all is not limited.
    if (amount === 0 || available.size === 0) continue;
    if (amount + (used.get(resource) ?? 0) > (available.get(resource) ?? 0))
      found.push(`Insufficient ${resource}`);
  }
  return found;
}

function affinityMisfits(pod: Pod, loaded: LoadedNode, all: readonly LoadedNode[]): string[] {
  const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
  const wanted = podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  const unwanted = podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  const isMet = (term: PodAffinityTerm): boolean =>
    countMatches(pod, term, loaded, all) > 0 ||
    // The first of a group that wants to be together has nobody to be with.
    (isSelected(pod, term, pod) && all.every((other) => countMatches(pod, term, other, all) === 0));
  if (!wanted.every(isMet)) return ["node(s) didn't match pod affinity rules"];
  if (unwanted.some((term) => countMatches(pod, term, loaded, all) > 0)) {
    return ["node(s) didn't match pod anti-affinity rules"];
  }
  const isRefused = all.some((other) =>
    other.pods.some((present) =>
      (present.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).some(
        (term) => sameDomain(term, other, loaded) && isSelected(pod, term, present),
      ),
    ),
  );
  return isRefused ? ["node(s) didn't satisfy existing pods anti-affinity rules"] : [];
}

/** Pods in the same domain as the node that a term of `owner` selects. */
function countMatches(
  owner: Pod,
  term: PodAffinityTerm,
  loaded: LoadedNode,
  all: readonly LoadedNode[],
): number {
  return all
    .filter((other) => sameDomain(term, other, loaded))
    .reduce((n, { pods }) => n + pods.filter((pod) => isSelected(pod, term, owner)).length, 0);
}

function sameDomain({ topologyKey }: PodAffinityTerm, a: LoadedNode, b: LoadedNode): boolean {
  const domain = a.node.metadata.labels?.[topologyKey];
  return domain !== undefined && domain === b.node.metadata.labels?.[topologyKey];
}

function isSelected(pod: Pod, term: PodAffinityTerm, owner: Pod): boolean {
  const namespaces = term.namespaces ?? [owner.metadata.namespace ?? ''];
  return (
    !isFinished(pod) &&
    namespaces.includes(pod.metadata.namespace ?? '') &&
    fromObject(term.labelSelector).matches(pod.metadata.labels)
  );
}

/** Preferences first, then the share of the node's resources that would be left. */
function scoreOf(pod: Pod, node: Node, pods: readonly Pod[]): number {
  const preferred = pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  const preference = preferred
    .filter((term) => matchesTerm(term.preference, node))
    .reduce((sum, { weight }) => sum + weight, 0);
  const available = allocatable(node);
  const used = sumOfRequests(pods);
  const asked = requestsOf(pod.spec);
  const left = ['cpu', 'memory'].map((resource) => {
    const total = available.get(resource) ?? 0;
    if (total === 0) return 0;
    return (total - (used.get(resource) ?? 0) - (asked.get(resource) ?? 0)) / total;
  });
  return preference + left.reduce((sum, share) => sum + share, 0) / left.length;
}

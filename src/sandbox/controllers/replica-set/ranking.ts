import { parseTime } from '../../../base/time.ts';
import type { Pod } from '../kinds.ts';
import { isReady, readySince } from '../pods.ts';

const deletionCost = 'controller.kubernetes.io/pod-deletion-cost';
const phases = ['Pending', 'Unknown', 'Running'];

/**
 * The pods in the order in which a ReplicaSet gives them up: those that do least first.
 *
 * Source: ActivePodsWithRanks of pkg/controller/controller_utils.go.
 *
 * @param crowd all pods of the owner and of its siblings: a pod that shares its node with more ready ones goes earlier
 * @param now milliseconds since the Unix epoch
 */
export function rankForDeletion(pods: readonly Pod[], crowd: readonly Pod[], now: number): Pod[] {
  const readyOn = new Map<string, number>();
  for (const pod of crowd) {
    const { nodeName = '' } = pod.spec;
    if (isReady(pod)) readyOn.set(nodeName, (readyOn.get(nodeName) ?? 0) + 1);
  }
  const keys = new Map(pods.map((pod) => [pod, sortKeyOf(pod, readyOn, now)]));
  return pods.toSorted((a, b) => compare(keys.get(a) ?? [], keys.get(b) ?? []));
}

type SortKey = readonly (number | string)[];

/** Least first; what has the same key up to the times is told apart by uid, which is as good as by chance. */
function sortKeyOf(pod: Pod, readyOn: ReadonlyMap<string, number>, now: number): SortKey {
  const { nodeName = '' } = pod.spec;
  const ready = isReady(pod);
  const since = readySince(pod);
  const restarts = Math.max(0, ...(pod.status?.containerStatuses ?? []).map((c) => c.restartCount ?? 0));
  const created = pod.metadata.creationTimestamp;
  return [
    nodeName === '' ? 0 : 1,
    phases.indexOf(pod.status?.phase ?? ''),
    ready ? 1 : 0,
    costOf(pod),
    -(readyOn.get(nodeName) ?? 0),
    ready && since !== undefined ? ageRank(now - since) : 0,
    -restarts,
    typeof created === 'string' ? ageRank(now - parseTime(created)) : -2,
    pod.metadata.uid ?? '',
  ];
}

/** Ages count by their order of magnitude, so that among alike pods it is not always the youngest that goes. */
function ageRank(ms: number): number {
  return ms > 0 ? Math.trunc(Math.log2(ms * 1e6)) : -1;
}

function costOf(pod: Pod): number {
  const text = pod.metadata.annotations?.[deletionCost] ?? '';
  return /^-?\d{1,10}$/.test(text) ? Number(text) : 0;
}

function compare(a: SortKey, b: SortKey): number {
  for (const [i, left] of a.entries()) {
    const right = b[i] ?? 0;
    if (left !== right) return left < right ? -1 : 1;
  }
  return 0;
}

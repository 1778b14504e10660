import { parseQuantity } from '../../../machinery/quantity.ts';
import type { Node, Pod, PodSpec } from '../kinds.ts';

/** Amounts by resource: cpu in thousandths of a core, the others in their own unit. */
export type Amounts = ReadonlyMap<string, number>;

function amountOf(resource: string, quantity: string | number): number {
  const parsed = parseQuantity(quantity);
  return Number(resource === 'cpu' ? parsed.milliValue() : parsed.value());
}

function amountsOf(quantities: Readonly<Record<string, string | number>> | undefined): Amounts {
  return new Map(Object.entries(quantities ?? {}).map(([name, value]) => [name, amountOf(name, value)]));
}

function add(into: Map<string, number>, amounts: Amounts): void {
  for (const [name, amount] of amounts) into.set(name, (into.get(name) ?? 0) + amount);
}

/**
 * What a pod asks for: its containers and sidecars together, or the largest of its init containers if that is more.
 * Source: PodRequests of k8s.io/component-helpers/resource.
 */
export function requestsOf({ containers, initContainers = [] }: PodSpec): Amounts {
  const requests = new Map<string, number>();
  for (const { resources } of containers) add(requests, amountsOf(resources?.requests));
  const sidecars = new Map<string, number>();
  const initial = new Map<string, number>();
  for (const { resources, restartPolicy } of initContainers) {
    const asked = new Map(amountsOf(resources?.requests));
    if (restartPolicy === 'Always') add(sidecars, asked);
    else add(asked, sidecars);
    for (const [name, amount] of restartPolicy === 'Always' ? sidecars : asked) {
      initial.set(name, Math.max(initial.get(name) ?? 0, amount));
    }
  }
  add(requests, sidecars);
  for (const [name, amount] of initial) requests.set(name, Math.max(requests.get(name) ?? 0, amount));
  return requests;
}

/** What the pods on a node ask for together. */
export function sumOfRequests(pods: readonly Pod[]): Amounts {
  const total = new Map<string, number>();
  for (const { spec } of pods) add(total, requestsOf(spec));
  return total;
}

export function allocatable(node: Node): Amounts {
  return amountsOf(node.status?.allocatable ?? node.status?.capacity);
}

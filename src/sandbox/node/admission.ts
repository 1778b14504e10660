// Source: pkg/kubelet/lifecycle/predicate.go of Kubernetes 1.36.
import { own } from '../../machinery/json.ts';
import { parseQuantity, Quantity } from '../../machinery/quantity.ts';
import { type Container, isSidecar, type Pod } from './kinds.ts';

export interface Rejection {
  readonly reason: string;
  readonly message: string;
}

const resources = ['cpu', 'memory', 'ephemeral-storage'];

/** Why a node cannot take `pod` in beside `others`; undefined when it can. */
export function rejection(
  pod: Pod,
  others: readonly Pod[],
  allocatable: Readonly<Record<string, string>>,
): Rejection | undefined {
  const places = Number(own(allocatable, 'pods') ?? '0');
  if (others.length + 1 > places) return outOf('pods', '1', String(others.length), String(places));
  for (const name of resources) {
    const requested = requestOf(pod, name);
    const capacity = own(allocatable, name);
    if (requested.isZero() || capacity === undefined) continue;
    const used = others.reduce((sum, other) => sum.add(requestOf(other, name)), Quantity.zero);
    const total = parseQuantity(capacity);
    if (used.add(requested).compare(total) <= 0) continue;
    const text = (amount: Quantity): string => String(name === 'cpu' ? amount.milliValue() : amount.value());
    return outOf(name, text(requested), text(used), text(total));
  }
  return undefined;
}

function outOf(resource: string, requested: string, used: string, capacity: string): Rejection {
  const numbers = `requested: ${requested}, used: ${used}, capacity: ${capacity}`;
  return {
    reason: `OutOf${resource}`,
    message: `Pod was rejected: Node didn't have enough resource: ${resource}, ${numbers}`,
  };
}

/** What all containers ask for together, or the largest init container with the sidecars before it. */
function requestOf({ spec }: Pod, resource: string): Quantity {
  const of = ({ resources: asked }: Container): Quantity =>
    parseQuantity(own(asked?.requests ?? {}, resource) ?? '0');
  let sidecars = Quantity.zero;
  let largest = Quantity.zero;
  for (const container of spec.initContainers ?? []) {
    const needed = sidecars.add(of(container));
    if (isSidecar(container)) sidecars = needed;
    if (needed.compare(largest) > 0) largest = needed;
  }
  const together = spec.containers.reduce((sum, container) => sum.add(of(container)), sidecars);
  return together.compare(largest) > 0 ? together : largest;
}

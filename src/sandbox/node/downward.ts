// What a pod tells its containers of itself. Source: pkg/fieldpath and pkg/api/v1/resource of Kubernetes 1.36.
import { own } from '../../machinery/json.ts';
import { parseQuantity, type Quantity } from '../../machinery/quantity.ts';
import { ConfigError } from './config-error.ts';
import type { Container, FieldReference, Pod, ResourceReference } from './kinds.ts';

/** What is known of a pod only where it runs. */
export interface PodPlace {
  readonly podIP: string;
  readonly hostIP: string;
  readonly nodeName: string;
  /** What limits are where a container has none. */
  readonly allocatable: Readonly<Record<string, string>>;
}

/** @throws ConfigError for a field that cannot be referred to */
export function fieldValue({ fieldPath }: FieldReference, pod: Pod, place: PodPlace): string {
  const { metadata, spec } = pod;
  const subscript = /^(.*)\['(.*)'\]$/s.exec(fieldPath);
  if (subscript !== null) {
    const [, map, key = ''] = subscript;
    if (map === 'metadata.labels') return own(metadata.labels ?? {}, key) ?? '';
    if (map === 'metadata.annotations') return own(metadata.annotations ?? {}, key) ?? '';
    throw new ConfigError(`fieldPath ${JSON.stringify(fieldPath)} does not support subscript`);
  }
  const values: Readonly<Record<string, () => string>> = {
    'metadata.name': () => metadata.name ?? '',
    'metadata.namespace': () => metadata.namespace ?? '',
    'metadata.uid': () => metadata.uid ?? '',
    'metadata.labels': () => formatMap(metadata.labels ?? {}),
    'metadata.annotations': () => formatMap(metadata.annotations ?? {}),
    'spec.nodeName': () => place.nodeName,
    'spec.serviceAccountName': () => spec.serviceAccountName ?? '',
    'status.hostIP': () => place.hostIP,
    'status.hostIPs': () => place.hostIP,
    'status.podIP': () => place.podIP,
    'status.podIPs': () => place.podIP,
  };
  const value = own(values, fieldPath);
  if (value === undefined) throw new ConfigError(`unsupported fieldPath: ${fieldPath}`);
  return value();
}

/** @throws ConfigError for a resource that is not known */
export function resourceValue(reference: ResourceReference, container: Container, place: PodPlace): string {
  const [kind = '', name = ''] = reference.resource.split(/\.(.*)/s);
  if (kind !== 'limits' && kind !== 'requests') {
    throw new ConfigError(`unsupported container resource : ${reference.resource}`);
  }
  const { requests, limits } = container.resources ?? {};
  const asked = own(kind === 'limits' ? (limits ?? {}) : (requests ?? {}), name);
  const fallback = kind === 'limits' ? own(place.allocatable, name) : undefined;
  const amount = parseQuantity(asked ?? fallback ?? '0');
  return inUnits(amount, reference.divisor, name === 'cpu');
}

/** How many times `divisor`, rounded up. CPUs are divided in thousandths: their divisor may be `1m`. */
function inUnits(amount: Quantity, divisor: string | number | undefined, isCpu: boolean): string {
  const parsed = parseQuantity(divisor ?? '0');
  const unit = parsed.isZero() ? parseQuantity('1') : parsed;
  const [whole, part] = isCpu ? [amount.milliValue(), unit.milliValue()] : [amount.value(), unit.value()];
  return String((whole + part - 1n) / part);
}

/** `key="value"`, a line each, sorted. */
function formatMap(map: Readonly<Record<string, string>>): string {
  return Object.keys(map)
    .sort()
    .map((key) => `${key}=${JSON.stringify(map[key])}`)
    .join('\n');
}

import { jsonEqual } from '../../../machinery/json.ts';
import { ownerReferenceOf } from '../../../machinery/owner-references.ts';
import type { EndpointSlice, Service, SliceEndpoint } from '../kinds.ts';
import { type EndpointGroup, portsKey } from './addresses.ts';

const serviceNameLabel = 'kubernetes.io/service-name';
export const managedByLabel = 'endpointslice.kubernetes.io/managed-by';
export const managedBy = 'endpointslice-controller.k8s.io';
export const headlessLabel = 'service.kubernetes.io/headless';

/** Endpoints per slice. Source: the default of --max-endpoints-per-slice. */
const capacity = 100;

export interface SliceChanges {
  readonly create: readonly EndpointSlice[];
  /** With the version that they replace. */
  readonly update: readonly EndpointSlice[];
  readonly remove: readonly EndpointSlice[];
}

/**
 * What makes the slices of a Service hold exactly `groups`. Endpoints stay in the slice that they are in, new ones fill
 * up slices with room, and there is always at least one slice, if need be an empty one.
 *
 * @param existing the slices of the Service that this controller manages
 */
export function reconcileSlices(
  service: Service,
  groups: readonly EndpointGroup[],
  existing: readonly EndpointSlice[],
): SliceChanges {
  const labels = sliceLabels(service);
  const create: EndpointSlice[] = [];
  const update: EndpointSlice[] = [];
  const unused = new Set(existing);
  const put = (
    slice: EndpointSlice,
    endpoints: readonly SliceEndpoint[],
    ports: EndpointSlice['ports'],
  ): void => {
    unused.delete(slice);
    const next = { ...slice, metadata: { ...slice.metadata, labels }, endpoints, ports };
    const isSame =
      jsonEqual(slice.endpoints ?? [], endpoints) &&
      portsKey(slice.ports) === portsKey(ports) &&
      jsonEqual(slice.metadata.labels, labels);
    if (!isSame) update.push(next);
  };
  for (const { ports, endpoints } of groups) {
    const waiting = new Map(endpoints.map((endpoint) => [identityOf(endpoint), endpoint]));
    const slices = existing.filter((slice) => portsKey(slice.ports) === portsKey(ports));
    const kept = slices.map((slice) =>
      (slice.endpoints ?? []).flatMap((endpoint) => take(waiting, identityOf(endpoint))),
    );
    for (const [i, slice] of slices.entries()) {
      const content = kept[i] ?? [];
      while (content.length < capacity && waiting.size > 0) content.push(...takeFirst(waiting));
      if (content.length > 0) put(slice, content, ports);
    }
    while (waiting.size > 0) {
      const content = [...waiting.keys()].slice(0, capacity).flatMap((key) => take(waiting, key));
      create.push(newSlice(service, labels, content, ports));
    }
  }
  if (create.length === 0 && unused.size === existing.length) {
    const [spare] = existing;
    if (spare === undefined) create.push(newSlice(service, labels, [], []));
    else put(spare, [], []);
  }
  return { create, update, remove: [...unused] };
}

function identityOf({ targetRef, addresses }: SliceEndpoint): string {
  return `${targetRef?.uid ?? ''} ${addresses.join(' ')}`;
}

function take(waiting: Map<string, SliceEndpoint>, key: string): SliceEndpoint[] {
  const endpoint = waiting.get(key);
  waiting.delete(key);
  return endpoint === undefined ? [] : [endpoint];
}

function takeFirst(waiting: Map<string, SliceEndpoint>): SliceEndpoint[] {
  const [key = ''] = waiting.keys();
  return take(waiting, key);
}

function sliceLabels({ metadata, spec }: Service): Record<string, string> {
  const { [headlessLabel]: _, ...labels } = metadata.labels ?? {};
  return {
    ...labels,
    ...(spec.clusterIP === 'None' && { [headlessLabel]: '' }),
    [managedByLabel]: managedBy,
    [serviceNameLabel]: metadata.name ?? '',
  };
}

function newSlice(
  service: Service,
  labels: Record<string, string>,
  endpoints: readonly SliceEndpoint[],
  ports: EndpointSlice['ports'],
): EndpointSlice {
  const { name = '', namespace = '' } = service.metadata;
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      generateName: `${name}-`,
      namespace,
      labels,
      ownerReferences: [{ ...ownerReferenceOf(service), controller: true, blockOwnerDeletion: true }],
    },
    addressType: service.spec.ipFamilies?.[0] ?? 'IPv4',
    endpoints,
    ports,
  };
}

import type { EndpointPort, PodReference, Service, SliceEndpoint } from '../kinds.ts';
import { type EndpointGroup, portsKey } from './addresses.ts';
import { headlessLabel } from './slices.ts';

interface Address {
  readonly ip: string;
  readonly hostname?: string;
  readonly nodeName?: string;
  readonly targetRef?: PodReference;
}

interface Subset {
  readonly addresses?: readonly Address[];
  readonly notReadyAddresses?: readonly Address[];
  readonly ports?: readonly Omit<EndpointPort, 'name'>[];
}

/**
 * The endpoints in the older form: by ports, ready apart from not ready, those on their way out left out.
 * Source: pkg/controller/endpoint of Kubernetes 1.36.
 */
export function subsetsOf(service: Service, groups: readonly EndpointGroup[]): Subset[] {
  const isHeadless = service.spec.clusterIP === 'None';
  return groups
    .filter(({ ports }) => ports.length > 0 || isHeadless)
    .toSorted((a, b) => (portsKey(a.ports) < portsKey(b.ports) ? -1 : 1))
    .flatMap(({ ports, endpoints }) => {
      const listed = endpoints.filter(
        ({ conditions }) => !conditions.terminating || service.spec.publishNotReadyAddresses === true,
      );
      const ready = listed.filter(({ conditions }) => conditions.ready).map(addressOf);
      const notReady = listed.filter(({ conditions }) => !conditions.ready).map(addressOf);
      if (listed.length === 0) return [];
      return [
        {
          ...(ready.length > 0 && { addresses: ready.sort(byIp) }),
          ...(notReady.length > 0 && { notReadyAddresses: notReady.sort(byIp) }),
          ...(ports.length > 0 && {
            ports: ports.map(({ name, ...port }) => ({ ...(name !== '' && { name }), ...port })),
          }),
        },
      ];
    });
}

export function endpointsLabels({ metadata, spec }: Service): Record<string, string> {
  const { [headlessLabel]: _, ...labels } = metadata.labels ?? {};
  return {
    ...labels,
    'endpoints.kubernetes.io/managed-by': 'endpoint-controller',
    ...(spec.clusterIP === 'None' && { [headlessLabel]: '' }),
  };
}

function addressOf({ addresses: [ip = ''], hostname, nodeName, targetRef }: SliceEndpoint): Address {
  return {
    ip,
    ...(hostname !== undefined && { hostname }),
    ...(nodeName !== undefined && { nodeName }),
    ...(targetRef !== undefined && { targetRef }),
  };
}

function byIp(a: Address, b: Address): number {
  return a.ip < b.ip ? -1 : 1;
}

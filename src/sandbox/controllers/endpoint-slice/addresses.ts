import { canonicalJson } from '../../../base/hash.ts';
import type { EndpointPort, Node, Pod, PodReference, Service, ServicePort, SliceEndpoint } from '../kinds.ts';
import { isFinished, isReady, isTerminating } from '../pods.ts';

/** The endpoints that share the same ports: a named port may be another number in each pod. */
export interface EndpointGroup {
  readonly ports: readonly EndpointPort[];
  readonly endpoints: readonly SliceEndpoint[];
}

/** The identity of a set of ports. */
export function portsKey(ports: readonly EndpointPort[] | null): string {
  return canonicalJson([...(ports ?? [])].sort((a, b) => (a.name < b.name ? -1 : 1)));
}

/**
 * Where the traffic of a Service may go, in order of names: every pod that it selects and that has an address. Pods on
 * their way out stay listed until they are gone, but are not ready.
 *
 * Source: k8s.io/endpointslice of Kubernetes 1.36.
 */
export function groupsOf(
  service: Service,
  pods: readonly Pod[],
  nodeOf: (name: string) => Node | undefined,
): EndpointGroup[] {
  const groups = new Map<string, { ports: readonly EndpointPort[]; endpoints: SliceEndpoint[] }>();
  const ordered = pods.toSorted((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1));
  for (const pod of ordered) {
    const endpoint = endpointOf(service, pod, nodeOf);
    if (endpoint === undefined) continue;
    const ports = portsOf(service, pod);
    const key = portsKey(ports);
    const group = groups.get(key) ?? { ports, endpoints: [] };
    group.endpoints.push(endpoint);
    groups.set(key, group);
  }
  return [...groups.values()];
}

function endpointOf(
  service: Service,
  pod: Pod,
  nodeOf: (name: string) => Node | undefined,
): SliceEndpoint | undefined {
  const address = pod.status?.podIP ?? '';
  if (address === '' || isFinished(pod)) return undefined;
  const serving = isReady(pod);
  const terminating = isTerminating(pod);
  const { nodeName = '', hostname = '', subdomain = '' } = pod.spec;
  const { name: serviceName, namespace: serviceNamespace } = service.metadata;
  const hasName = hostname !== '' && subdomain === serviceName && pod.metadata.namespace === serviceNamespace;
  const zone = nodeOf(nodeName)?.metadata.labels?.['topology.kubernetes.io/zone'];
  return {
    addresses: [address],
    conditions: {
      ready: service.spec.publishNotReadyAddresses === true || (serving && !terminating),
      serving,
      terminating,
    },
    ...(hasName && { hostname }),
    targetRef: referenceTo(pod),
    ...(nodeName !== '' && { nodeName }),
    ...(zone !== undefined && { zone }),
  };
}

function referenceTo({ metadata }: Pod): PodReference {
  const { namespace = '', name = '', uid = '' } = metadata;
  return { kind: 'Pod', namespace, name, uid };
}

function portsOf({ spec }: Service, pod: Pod): EndpointPort[] {
  return (spec.ports ?? []).flatMap((port) => {
    const number = targetPortOf(port, pod);
    if (number === undefined) return [];
    const { name = '', protocol = 'TCP', appProtocol } = port;
    return [{ name, port: number, protocol, ...(appProtocol !== undefined && { appProtocol }) }];
  });
}

/** The number of a port in a pod; undefined where the pod has no port of the name. */
function targetPortOf({ targetPort, port, protocol = 'TCP' }: ServicePort, pod: Pod): number | undefined {
  if (targetPort === undefined || targetPort === 0 || targetPort === '') return port;
  if (typeof targetPort === 'number') return targetPort;
  const { containers, initContainers = [] } = pod.spec;
  const running = [
    ...containers,
    ...initContainers.filter(({ restartPolicy }) => restartPolicy === 'Always'),
  ];
  return running
    .flatMap(({ ports = [] }) => ports)
    .find((declared) => declared.name === targetPort && (declared.protocol ?? 'TCP') === protocol)
    ?.containerPort;
}

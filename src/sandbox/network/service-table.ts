import { isObject, own, type JsonObject } from '../../machinery/json.ts';
import { asJson, type KubeObject } from '../../machinery/object.ts';
import { Derived, type ObjectSource, remembered } from './object-source.ts';

/** A pod as the network sees it. */
export interface PodRecord {
  readonly name: string;
  readonly namespace: string;
  readonly address: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly object: KubeObject;
}

export interface Endpoint {
  readonly address: string;
  readonly port: number;
  /** `address:port` */
  readonly key: string;
  readonly hostname: string | undefined;
  readonly pod: PodRecord | undefined;
}

export interface ServicePort {
  readonly name: string;
  readonly port: number;
  readonly nodePort: number | undefined;
  /** Number, or name of a port of the container. */
  readonly targetPort: number | string;
  readonly protocol: string;
  readonly appProtocol: string | undefined;
  /** Where new connections go. */
  readonly ready: readonly Endpoint[];
  /** Terminating but still serving: the last resort of kube-proxy. */
  readonly serving: readonly Endpoint[];
}

export interface ServiceRecord {
  readonly name: string;
  readonly namespace: string;
  /** `name.namespace.svc.cluster.local` */
  readonly host: string;
  /** Addresses that stand for the service: cluster, external and load balancer ones. None when it is headless. */
  readonly addresses: readonly string[];
  readonly headless: boolean;
  readonly externalName: string | undefined;
  readonly selector: Readonly<Record<string, string>>;
  readonly ports: readonly ServicePort[];
  readonly created: string;
}

export interface ServiceObjects {
  readonly services: readonly KubeObject[];
  readonly endpointSlices: readonly KubeObject[];
  readonly pods: readonly KubeObject[];
}

export const clusterDomain = 'cluster.local';

/** Services with their endpoints, and pods, at one moment. Malformed parts of objects are left out. */
export class ServiceTable {
  /** By `name.namespace.svc.cluster.local`. */
  readonly byHost = new Map<string, ServiceRecord>();
  readonly #byAddress = new Map<string, ServiceRecord>();
  readonly #byNodePort = new Map<number, ServicePort>();
  readonly #pods: ReadonlyMap<string, PodRecord>;
  /** Services that send to an address, oldest first. */
  readonly #byEndpoint = new Map<string, ServiceRecord[]>();

  constructor({ services, endpointSlices, pods }: ServiceObjects) {
    this.#pods = indexPods(pods);
    const slices = Map.groupBy(endpointSlices, serviceOfSlice);
    for (const object of services) {
      const { namespace = '', name = '' } = object.metadata;
      const own = slices.get(`${namespace}/${name}`) ?? [];
      this.#add(serviceRecord(object, own.map(parseSlice), this.#pods));
    }
    for (const list of this.#byEndpoint.values()) list.sort(olderFirst);
  }

  service(namespace: string, name: string): ServiceRecord | undefined {
    return this.byHost.get(serviceHost(namespace, name));
  }

  /** The service that an address stands for. */
  serviceAt(address: string): ServiceRecord | undefined {
    return this.#byAddress.get(address);
  }

  nodePort(port: number): ServicePort | undefined {
    return this.#byNodePort.get(port);
  }

  podAt(address: string): PodRecord | undefined {
    return this.#pods.get(address);
  }

  /** The oldest service that sends to this port of this address: how the callee names itself in its metrics. */
  serviceOf(address: string, port: number): ServiceRecord | undefined {
    return this.#byEndpoint.get(`${address}:${port}`)?.[0];
  }

  #add(service: ServiceRecord): void {
    this.byHost.set(service.host, service);
    for (const address of service.addresses) this.#byAddress.set(address, service);
    for (const port of service.ports) {
      if (port.nodePort !== undefined) this.#byNodePort.set(port.nodePort, port);
      for (const { key } of [...port.ready, ...port.serving]) {
        const known = this.#byEndpoint.get(key);
        if (known === undefined) this.#byEndpoint.set(key, [service]);
        else known.push(service);
      }
    }
  }
}

export function serviceHost(namespace: string, name: string): string {
  return `${name}.${namespace}.svc.${clusterDomain}`;
}

function olderFirst(a: ServiceRecord, b: ServiceRecord): number {
  return compareText(a.created, b.created) || compareText(a.host, b.host);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

const podRecord = remembered((object: KubeObject): PodRecord | undefined => {
  const { spec, status } = asJson(object);
  const phase = textAt(status, 'phase');
  const address = textAt(status, 'podIP');
  if (address === undefined || phase === 'Succeeded' || phase === 'Failed') return undefined;
  // Shares the address of its node with others.
  if (isObject(spec) && own(spec, 'hostNetwork') === true) return undefined;
  const { name = '', namespace = '', labels = {} } = object.metadata;
  return { name, namespace, address, labels, object };
});

function indexPods(pods: readonly KubeObject[]): Map<string, PodRecord> {
  const records = pods.map(podRecord).filter((record) => record !== undefined);
  return new Map(records.map((record) => [record.address, record]));
}

interface SliceEndpoint {
  readonly addresses: readonly string[];
  readonly hostname: string | undefined;
  readonly ready: boolean;
  readonly serving: boolean;
}

interface Slice {
  /** Port numbers by port name. */
  readonly ports: ReadonlyMap<string, number>;
  readonly endpoints: readonly SliceEndpoint[];
}

function serviceOfSlice(slice: KubeObject): string {
  return `${slice.metadata.namespace ?? ''}/${slice.metadata.labels?.['kubernetes.io/service-name'] ?? ''}`;
}

const parseSlice = remembered((object: KubeObject): Slice => {
  const json = asJson(object);
  const ports = objectsAt(json, 'ports').map((port): [string, number] => [
    textAt(port, 'name') ?? '',
    numberAt(port, 'port') ?? 0,
  ]);
  const endpoints = objectsAt(json, 'endpoints').map((endpoint) => {
    const conditions = own(endpoint, 'conditions');
    const is = (name: string): unknown => (isObject(conditions) ? own(conditions, name) : undefined);
    // An absent condition reads as true, but for serving, which follows ready.
    const ready = is('ready') !== false;
    const serving = typeof is('serving') === 'boolean' ? is('serving') === true : ready;
    return {
      addresses: textsAt(endpoint, 'addresses'),
      hostname: textAt(endpoint, 'hostname'),
      ready,
      serving,
    };
  });
  return { ports: new Map(ports), endpoints };
});

function serviceRecord(
  object: KubeObject,
  slices: readonly Slice[],
  pods: ReadonlyMap<string, PodRecord>,
): ServiceRecord {
  const { name = '', namespace = '', creationTimestamp } = object.metadata;
  const spec = asJson(object)['spec'];
  const clusterIp = textAt(spec, 'clusterIP');
  const headless = clusterIp === 'None';
  return {
    name,
    namespace,
    host: serviceHost(namespace, name),
    addresses: headless ? [] : serviceAddresses(object, clusterIp),
    headless,
    externalName: textAt(spec, 'type') === 'ExternalName' ? textAt(spec, 'externalName') : undefined,
    selector: textMapAt(spec, 'selector'),
    ports: objectsAt(spec, 'ports').map((port) => servicePort(port, slices, pods)),
    created: creationTimestamp ?? '',
  };
}

function serviceAddresses(object: KubeObject, clusterIp: string | undefined): string[] {
  const { spec, status } = asJson(object);
  const balancer = isObject(status) ? own(status, 'loadBalancer') : undefined;
  const ingress = objectsAt(balancer, 'ingress').map((entry) => textAt(entry, 'ip') ?? '');
  return [clusterIp ?? '', ...textsAt(spec, 'externalIPs'), ...ingress].filter((address) => address !== '');
}

function servicePort(
  port: JsonObject,
  slices: readonly Slice[],
  pods: ReadonlyMap<string, PodRecord>,
): ServicePort {
  const name = textAt(port, 'name') ?? '';
  const ready: Endpoint[] = [];
  const serving: Endpoint[] = [];
  for (const slice of slices) {
    const target = slice.ports.get(name);
    if (target === undefined) continue;
    for (const { addresses, hostname, ...conditions } of slice.endpoints) {
      if (!conditions.ready && !conditions.serving) continue;
      for (const address of addresses) {
        const key = `${address}:${target}`;
        const endpoint = { address, port: target, key, hostname, pod: pods.get(address) };
        (conditions.ready ? ready : serving).push(endpoint);
      }
    }
  }
  return {
    name,
    port: numberAt(port, 'port') ?? 0,
    nodePort: numberAt(port, 'nodePort'),
    targetPort: textAt(port, 'targetPort') ?? numberAt(port, 'targetPort') ?? numberAt(port, 'port') ?? 0,
    protocol: textAt(port, 'protocol') ?? 'TCP',
    appProtocol: textAt(port, 'appProtocol'),
    ready,
    serving,
  };
}

function textAt(object: unknown, key: string): string | undefined {
  const value = isObject(object) ? own(object, key) : undefined;
  return typeof value === 'string' ? value : undefined;
}

function numberAt(object: unknown, key: string): number | undefined {
  const value = isObject(object) ? own(object, key) : undefined;
  return typeof value === 'number' ? value : undefined;
}

function textMapAt(object: unknown, key: string): Record<string, string> {
  const value = isObject(object) ? own(object, key) : undefined;
  const entries = isObject(value) ? Object.entries(value) : [];
  return Object.fromEntries(
    entries.flatMap(([name, text]) => (typeof text === 'string' ? [[name, text]] : [])),
  );
}

function textsAt(object: unknown, key: string): string[] {
  const value = isObject(object) ? own(object, key) : undefined;
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

function objectsAt(object: unknown, key: string): JsonObject[] {
  const value = isObject(object) ? own(object, key) : undefined;
  return Array.isArray(value) ? value.filter((item) => isObject(item)) : [];
}

export interface ServiceSources {
  readonly services: ObjectSource;
  readonly endpointSlices: ObjectSource;
  readonly pods: ObjectSource;
}

/** The table of these objects, kept up to date. */
export function liveServiceTable({ services, endpointSlices, pods }: ServiceSources): Derived<ServiceTable> {
  return new Derived(
    [services, endpointSlices, pods],
    () =>
      new ServiceTable({
        services: services.list(),
        endpointSlices: endpointSlices.list(),
        pods: pods.list(),
      }),
  );
}

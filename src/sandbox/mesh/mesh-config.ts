import type { KubeObject } from '../../machinery/object.ts';
import {
  clusterDomain,
  type Endpoint,
  serviceHost,
  type ServicePort,
  type ServiceRecord,
  type ServiceTable,
} from '../network/service-table.ts';
import {
  DestinationRules,
  parseDestinationRule,
  subsetLabels,
  type TrafficPolicy,
  trafficPolicy,
} from './destination-rule.ts';
import { isVisible } from './export-to.ts';
import { type Gateway, parseGateway } from './gateway.ts';
import { isWildcard, mostSpecific } from './hosts.ts';
import { defaultRoute, type Destination, type HttpRoute } from './http-route.ts';
import type { ServiceLabels } from './mesh-metrics.ts';
import { meshGateway, parseVirtualService, routesOf, type VirtualService } from './virtual-service.ts';
import type { Workload } from './workload.ts';

export interface MeshObjects {
  readonly table: ServiceTable;
  readonly virtualServices: readonly KubeObject[];
  readonly destinationRules: readonly KubeObject[];
  readonly gateways: readonly KubeObject[];
}

/** The routes that hold for one host at one port. */
export interface VirtualHost {
  /** The port that was called, which routes without a port of their own go on with. */
  readonly port: number;
  readonly routes: readonly HttpRoute[];
}

/** What requests are sent to in the end: the endpoints of a service port, or of a subset of it. */
export interface Cluster {
  readonly key: string;
  readonly service: ServiceLabels;
  readonly endpoints: readonly Endpoint[];
  readonly policy: TrafficPolicy;
}

const rootNamespace = 'istio-system';
const otherProtocols = ['tcp', 'tls', 'https', 'udp', 'mongo', 'mysql', 'redis'];

/** The configuration of the whole mesh at one moment; immutable, but for what it remembers. */
export class MeshConfig {
  readonly table: ServiceTable;
  /** Oldest first, as in all of Istio where objects compete. */
  readonly gateways: readonly Gateway[];
  readonly #virtualServices: readonly VirtualService[];
  readonly #byName = new Map<string, VirtualService>();
  readonly #rules: DestinationRules;
  /** Those for sidecars, by host. */
  readonly #meshHosts = new Map<string, VirtualService[]>();
  readonly #meshPatterns = new Map<string, VirtualService[]>();
  readonly #clusters = new Map<string, Cluster | undefined>();
  readonly #delegated = new Map<VirtualService, readonly HttpRoute[]>();

  constructor({ table, virtualServices, destinationRules, gateways }: MeshObjects) {
    this.table = table;
    this.gateways = oldestFirst(gateways.map(parseGateway));
    this.#virtualServices = oldestFirst(virtualServices.map(parseVirtualService));
    this.#rules = new DestinationRules(
      oldestFirst(destinationRules.map(parseDestinationRule)),
      rootNamespace,
    );
    for (const service of this.#virtualServices) {
      this.#byName.set(`${service.namespace}/${service.name}`, service);
      if (!service.gateways.includes(meshGateway)) continue;
      for (const host of service.hosts) {
        const hosts = isWildcard(host) ? this.#meshPatterns : this.#meshHosts;
        const known = hosts.get(host);
        if (known === undefined) hosts.set(host, [service]);
        else known.push(service);
      }
    }
  }

  /**
   * The routes for a call of a sidecar.
   *
   * @param host as in the Host header, without port
   * @returns undefined when the mesh knows nothing about it: the call then goes where its address says
   */
  inMesh(host: string, port: number, caller: Workload): VirtualHost | undefined {
    const service = this.#serviceNamed(host, caller.namespace);
    const servicePort = service?.ports.find((candidate) => candidate.port === port);
    if (service !== undefined && servicePort !== undefined) {
      if (!speaksHttp(servicePort) || service.externalName !== undefined) return undefined;
      const names = [this.#meshHosts.get(service.host), this.#named(host, port)];
      const exact = oldestFirst(names.flatMap((found) => found ?? []));
      const routes =
        this.#firstRoutes(exact, caller, port) ??
        this.#firstRoutes(mostSpecific(this.#meshPatterns, service.host) ?? [], caller, port);
      return { port, routes: routes ?? [defaultRoute(service.host, port)] };
    }
    const other =
      this.#named(host, port) ?? (port === 80 ? mostSpecific(this.#meshPatterns, host) : undefined);
    const routes = this.#firstRoutes(other ?? [], caller, port);
    return routes === undefined ? undefined : { port, routes };
  }

  /** VirtualServices of a gateway, `namespace/name`, that the caller may see. */
  boundTo(gateway: string, caller: Workload): VirtualService[] {
    return this.#virtualServices.filter(
      (service) =>
        service.gateways.includes(gateway) &&
        isVisible(service.exportTo, service.namespace, caller.namespace),
    );
  }

  /** The routes of a VirtualService that apply to a caller. */
  routesFor(service: VirtualService, caller: Workload, gateway: string, port: number): readonly HttpRoute[] {
    const all = this.#allRoutes(service).map((route) => forCaller(route, caller, gateway, port));
    const applying = all.filter((route) => route !== undefined);
    const last = applying.findIndex(catchesAll);
    return last < 0 ? applying : applying.slice(0, last + 1);
  }

  /** @returns undefined where there is no such service, port or subset */
  cluster(destination: Destination, calledPort: number, caller: string): Cluster | undefined {
    const { host, subset, port } = destination;
    const key = `${caller}|${port ?? `:${calledPort}`}|${subset}|${host}`;
    if (this.#clusters.has(key)) return this.#clusters.get(key);
    const cluster = this.#makeCluster(destination, calledPort, caller);
    this.#clusters.set(key, cluster);
    return cluster;
  }

  #makeCluster({ host, subset, port }: Destination, calledPort: number, caller: string): Cluster | undefined {
    const named = this.table.byHost.get(host);
    const service =
      named?.externalName === undefined ? named : this.table.byHost.get(named.externalName.toLowerCase());
    if (service === undefined) return undefined;
    const number = port ?? (service.ports.length === 1 ? service.ports[0]?.port : undefined) ?? calledPort;
    const servicePort = service.ports.find((candidate) => candidate.port === number);
    if (servicePort === undefined) return undefined;
    const rules = this.#rules.of(host, caller, service.namespace);
    const labels = subset === '' ? {} : subsetLabels(rules, subset);
    if (labels === undefined) return undefined;
    const wanted = Object.entries(labels);
    return {
      key: `outbound|${number}|${subset}|${host}`,
      service: serviceLabels(service),
      endpoints: servicePort.ready.filter(({ pod }) =>
        wanted.every(([name, value]) => pod?.labels[name] === value),
      ),
      policy: trafficPolicy(rules, subset, number),
    };
  }

  #serviceNamed(host: string, namespace: string): ServiceRecord | undefined {
    const { table } = this;
    if (/^[\d.]+$/.test(host)) return table.serviceAt(host);
    return (
      table.byHost.get(host) ??
      table.byHost.get(`${host}.${clusterDomain}`) ??
      table.byHost.get(`${host}.svc.${clusterDomain}`) ??
      table.byHost.get(serviceHost(namespace, host))
    );
  }

  /** VirtualServices for a name that is no service's full name: beyond port 80 one of their services must have the port. */
  #named(host: string, port: number): VirtualService[] | undefined {
    return this.#meshHosts
      .get(host)
      ?.filter(
        ({ hosts }) =>
          port === 80 ||
          hosts.some((other) =>
            this.table.byHost.get(other)?.ports.some((candidate) => candidate.port === port),
          ),
      );
  }

  #firstRoutes(
    services: readonly VirtualService[],
    caller: Workload,
    port: number,
  ): readonly HttpRoute[] | undefined {
    for (const service of services) {
      if (!isVisible(service.exportTo, service.namespace, caller.namespace)) continue;
      const routes = this.routesFor(service, caller, meshGateway, port);
      if (routes.length > 0) return lastResortsLast(routes);
    }
    return undefined;
  }

  #allRoutes(service: VirtualService): readonly HttpRoute[] {
    let routes = service.routes ?? this.#delegated.get(service);
    if (routes === undefined) {
      routes = routesOf(service, (namespace, name) => this.#byName.get(`${namespace}/${name}`));
      this.#delegated.set(service, routes);
    }
    return routes;
  }
}

/** The route with those of its conditions that a caller can meet; undefined when there is none. */
function forCaller(route: HttpRoute, caller: Workload, gateway: string, port: number): HttpRoute | undefined {
  if (route.matches.length === 0) return route;
  const matches = route.matches.filter(({ document }) => {
    const { gateways = [], sourceLabels = {}, sourceNamespace = '' } = document;
    if (document.port !== undefined && document.port !== 0 && document.port !== port) return false;
    if (gateways.length > 0)
      return gateways.includes(gateway) || gateways.includes(shortName(gateway, caller));
    if (!Object.entries(sourceLabels).every(([name, value]) => caller.labels[name] === value)) return false;
    return sourceNamespace === '' || sourceNamespace === caller.namespace;
  });
  if (matches.length === route.matches.length) return route;
  return matches.length === 0 ? undefined : { ...route, matches };
}

function shortName(gateway: string, caller: Workload): string {
  return gateway.startsWith(`${caller.namespace}/`) ? gateway.slice(caller.namespace.length + 1) : gateway;
}

export function catchesAll(route: HttpRoute): boolean {
  return !route.lastResort && (route.matches.length === 0 || route.matches.some(({ catchAll }) => catchAll));
}

export function lastResortsLast(routes: readonly HttpRoute[]): HttpRoute[] {
  return [
    ...routes.filter(({ lastResort }) => !lastResort),
    ...routes.filter(({ lastResort }) => lastResort),
  ];
}

export function serviceLabels({ host, name, namespace }: ServiceRecord): ServiceLabels {
  return { host, name, namespace };
}

/** What has no protocol in its name is looked into, and found to be HTTP. */
function speaksHttp({ protocol, name, appProtocol }: ServicePort): boolean {
  const declared = (appProtocol ?? name.split('-')[0] ?? '').toLowerCase();
  return protocol === 'TCP' && !otherProtocols.includes(declared);
}

interface Dated {
  readonly name: string;
  readonly namespace: string;
  readonly created: string;
}

/** In order of creation; where that is the same, of names. */
function oldestFirst<T extends Dated>(objects: readonly (T | undefined)[]): T[] {
  const order = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
  return objects
    .filter((object) => object !== undefined)
    .sort(
      (a, b) => order(a.created, b.created) || order(`${a.name}.${a.namespace}`, `${b.name}.${b.namespace}`),
    );
}

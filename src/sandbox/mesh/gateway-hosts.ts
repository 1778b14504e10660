import { admittedHosts, type Gateway, type GatewayServer } from './gateway.ts';
import { mostSpecific } from './hosts.ts';
import type { HttpRoute } from './http-route.ts';
import { catchesAll, lastResortsLast, type MeshConfig, type VirtualHost } from './mesh-config.ts';
import type { Workload } from './workload.ts';

/** What one gateway pod serves at one port. */
export interface GatewayPort {
  readonly tls: boolean;
  /** @returns undefined for a host that nobody serves here */
  find(host: string): GatewayHost | undefined;
}

export interface GatewayHost extends VirtualHost {
  readonly httpsRedirect: boolean;
}

interface Selected {
  readonly gateway: Gateway;
  readonly server: GatewayServer;
}

/** The servers of all Gateways that select a pod, by port. */
export function selectedServers(config: MeshConfig, pod: Workload): Map<number, Selected[]> {
  const selected = config.gateways
    .filter(({ selector }) => Object.entries(selector).every(([name, value]) => pod.labels[name] === value))
    .flatMap((gateway) => gateway.servers.map((server) => ({ gateway, server })));
  return Map.groupBy(selected, ({ server }) => server.port);
}

/**
 * The virtual hosts at one port. VirtualServices of one host add up in the order of their creation, those that catch
 * everything last. Source: Istio's pilot/pkg/networking/core/gateway.
 */
export function gatewayPort(
  config: MeshConfig,
  pod: Workload,
  port: number,
  servers: readonly Selected[],
): GatewayPort {
  const hosts = new Map<string, { routes: HttpRoute[]; httpsRedirect: boolean }>();
  const at = (host: string): { routes: HttpRoute[]; httpsRedirect: boolean } => {
    let entry = hosts.get(host);
    if (entry === undefined) hosts.set(host, (entry = { routes: [], httpsRedirect: false }));
    return entry;
  };
  for (const { gateway, server } of servers) {
    const name = `${gateway.namespace}/${gateway.name}`;
    for (const service of config.boundTo(name, pod)) {
      const admitted = admittedHosts(server, service.namespace, service.hosts);
      if (admitted.length === 0) continue;
      const routes = config.routesFor(service, pod, name, port);
      if (routes.length === 0) continue;
      for (const host of admitted) at(host).routes.push(...routes);
    }
    if (server.httpsRedirect) for (const { host } of server.hosts) at(host).httpsRedirect = true;
  }
  const sorted = new Map(
    [...hosts].map(([host, entry]): [string, GatewayHost] => [
      host,
      { port, routes: catchAllsLast(entry.routes), httpsRedirect: entry.httpsRedirect },
    ]),
  );
  return {
    tls: servers.some(({ server }) => server.tls),
    find: (host) => mostSpecific(sorted, host),
  };
}

function catchAllsLast(routes: readonly HttpRoute[]): HttpRoute[] {
  // Each condition is a route of its own here: only the one that catches everything goes to the end.
  const single = routes.flatMap((route) =>
    route.matches.length < 2 ? [route] : route.matches.map((match) => ({ ...route, matches: [match] })),
  );
  return lastResortsLast([...single.filter((route) => !catchesAll(route)), ...single.filter(catchesAll)]);
}

import { errorMessage } from '../../base/errors.ts';
import { isObject } from '../../machinery/json.ts';
import { asJson, type KubeObject } from '../../machinery/object.ts';
import { remembered } from '../network/object-source.ts';
import { delegatedRoutes } from './delegate.ts';
import { parseHttpRoute, parseVirtualServiceSpec } from './documents.ts';
import { isVisible } from './export-to.ts';
import { fullHost } from './hosts.ts';
import { compileHttpRoute, type HttpRoute, type RouteDocument, unmatchable } from './http-route.ts';

/** The gateway that stands for all sidecars. */
export const meshGateway = 'mesh';

export interface VirtualService {
  readonly name: string;
  readonly namespace: string;
  readonly created: string;
  /** Full names; none: it is there to be delegated to. */
  readonly hosts: readonly string[];
  /** `namespace/name`, or `mesh`. */
  readonly gateways: readonly string[];
  readonly exportTo: readonly string[];
  readonly documents: readonly RouteDocument[];
  /** Compiled, where no route delegates. */
  readonly routes: readonly HttpRoute[] | undefined;
}

/** Never throws: what is malformed becomes a route that says so, and one without readable hosts has none. */
export const parseVirtualService = remembered((object: KubeObject): VirtualService => {
  const { name = '', namespace = '', creationTimestamp } = object.metadata;
  const base = { name, namespace, created: creationTimestamp ?? '' };
  try {
    const {
      hosts = [],
      gateways,
      exportTo = ['*'],
      http = [],
    } = parseVirtualServiceSpec(asJson(object)['spec']);
    const documents = http.map((route) => parseRoute(route, namespace));
    const delegates = documents.some((entry) => 'document' in entry && entry.document.delegate !== undefined);
    return {
      ...base,
      hosts: hosts.map((host) => fullHost(host, namespace)),
      gateways: (gateways ?? [meshGateway]).map((gateway) => gatewayName(gateway, namespace)),
      exportTo,
      documents,
      routes: delegates ? undefined : documents.map(compile),
    };
  } catch {
    return { ...base, hosts: [], gateways: [], exportTo: [], documents: [], routes: [] };
  }
});

function gatewayName(gateway: string, namespace: string): string {
  return gateway === meshGateway || gateway.includes('/') ? gateway : `${namespace}/${gateway}`;
}

function parseRoute(route: unknown, namespace: string): RouteDocument {
  try {
    return { document: parseHttpRoute(route), namespace };
  } catch (error) {
    return { broken: brokenRoute(route, namespace, errorMessage(error)) };
  }
}

/** Where at least the conditions can be read, only what they match gets the error. */
function brokenRoute(route: unknown, namespace: string, message: string): HttpRoute {
  try {
    const match = isObject(route) ? route['match'] : undefined;
    const readable = compileHttpRoute(parseHttpRoute(match === undefined ? {} : { match }), namespace);
    return { ...readable, action: { kind: 'invalid', message } };
  } catch {
    return unmatchable(message);
  }
}

function compile(entry: RouteDocument): HttpRoute {
  return 'broken' in entry ? entry.broken : compileHttpRoute(entry.document, entry.namespace);
}

/**
 * The routes of a VirtualService, those that it delegates included. A delegate that is not there, or not exported to
 * its namespace, leaves out that one route.
 */
export function routesOf(
  root: VirtualService,
  find: (namespace: string, name: string) => VirtualService | undefined,
): readonly HttpRoute[] {
  if (root.routes !== undefined) return root.routes;
  return root.documents.flatMap((entry) => {
    if ('broken' in entry || entry.document.delegate === undefined) return [compile(entry)];
    const { name, namespace = root.namespace } = entry.document.delegate;
    const delegate = find(namespace, name);
    if (delegate === undefined || delegate.hosts.length > 0) return [];
    if (!isVisible(delegate.exportTo, delegate.namespace, root.namespace)) return [];
    return delegatedRoutes(entry.document, delegate.documents).map(compile);
  });
}

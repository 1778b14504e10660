import { asJson, type KubeObject } from '../../machinery/object.ts';
import { remembered } from '../network/object-source.ts';
import { parseGatewaySpec } from './documents.ts';
import { covers } from './hosts.ts';

export interface GatewayServer {
  readonly port: number;
  readonly tls: boolean;
  readonly httpsRedirect: boolean;
  /** `namespace/host`: which VirtualServices may serve which hosts; the namespace may be `*`. */
  readonly hosts: readonly { readonly namespace: string; readonly host: string }[];
}

export interface Gateway {
  readonly name: string;
  readonly namespace: string;
  readonly created: string;
  readonly selector: Readonly<Record<string, string>>;
  /** Those that speak HTTP. */
  readonly servers: readonly GatewayServer[];
}

const httpProtocols = ['HTTP', 'HTTP2', 'GRPC', 'HTTPS'];

/** @returns undefined for one that cannot be read: nothing listens for it */
export const parseGateway = remembered((object: KubeObject): Gateway | undefined => {
  const { name = '', namespace = '', creationTimestamp } = object.metadata;
  try {
    const { selector = {}, servers = [] } = parseGatewaySpec(asJson(object)['spec']);
    const http = servers.filter(
      ({ port, tls }) =>
        httpProtocols.includes((port.protocol ?? 'HTTP').toUpperCase()) && tls?.mode !== 'PASSTHROUGH',
    );
    return {
      name,
      namespace,
      created: creationTimestamp ?? '',
      selector,
      servers: http.map(({ port, hosts, tls }) => ({
        port: port.number,
        tls: port.protocol?.toUpperCase() === 'HTTPS',
        httpsRedirect: tls?.httpsRedirect === true,
        hosts: hosts.map((host) => parseServerHost(host, namespace)),
      })),
    };
  } catch {
    return undefined;
  }
});

function parseServerHost(text: string, own: string): { namespace: string; host: string } {
  const slash = text.indexOf('/');
  const namespace = slash < 0 ? '*' : text.slice(0, slash);
  return { namespace: namespace === '.' ? own : namespace, host: text.slice(slash + 1).toLowerCase() };
}

/** The hosts of a VirtualService that a server lets through, narrowed to what both say. */
export function admittedHosts(
  server: GatewayServer,
  namespace: string,
  hosts: readonly string[],
): readonly string[] {
  const admitted = new Set<string>();
  for (const own of server.hosts) {
    if (own.namespace !== '*' && own.namespace !== namespace) continue;
    for (const host of hosts) {
      if (covers(own.host, host)) admitted.add(host);
      else if (covers(host, own.host)) admitted.add(own.host);
    }
  }
  return [...admitted];
}

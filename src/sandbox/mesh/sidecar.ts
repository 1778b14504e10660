import { abortError } from '../../base/abort.ts';
import {
  FetchError,
  type FetchInit,
  type FetchResponse,
  flatHeaders,
  type UpgradeInit,
} from '../../base/fetch.ts';
import { hostAndPort, type Network, type Server } from '../../base/network.ts';
import type { ProxiedRequest } from './exchange.ts';
import { hostName } from './hosts.ts';
import { HttpProxy, type HttpProxyOptions } from './http-proxy.ts';
import { inbound, type InboundOptions } from './inbound.ts';
import type { MeshConfig, VirtualHost } from './mesh-config.ts';

export interface SidecarOptions {
  readonly address: string;
  readonly outbound: HttpProxyOptions;
  readonly inbound: InboundOptions;
}

/** Ports of the proxy's own: nothing of them goes through itself. */
const ownPorts = [15_020, 15_021, 15_090];
/** Hosts come from outside; more than these are not remembered. */
const maxRemembered = 1000;

/**
 * The network of a pod with a sidecar: HTTP that it sends to hosts which the mesh knows follows the routes, HTTP that
 * comes in is counted. Everything else, TLS included, passes.
 */
export function sidecarNetwork({ address, outbound, inbound: counted }: SidecarOptions): Network {
  const { network } = outbound;
  const proxy = new HttpProxy(outbound);
  const routes = new RememberedRoutes(outbound);
  return {
    dial: (host, port, signal) => network.dial(host, port, signal),
    resolve: (name) => network.resolve(name),
    listen: (port, server) =>
      network.listen(port, ownPorts.includes(port) ? server : wrap(server, port, counted)),
    fetch: async (url, init = {}) => {
      const call = await parseCall(url, init, address, network);
      if (call === undefined) return network.fetch(url, init);
      const host = routes.find(call.host, call.port);
      return host === undefined ? passThrough(proxy, url, call.request) : proxy.handle(call.request, host);
    },
    upgrade: async (url, init = {}) => {
      const call = await parseCall(url, init, address, network);
      const host = call === undefined ? undefined : routes.find(call.host, call.port);
      if (call === undefined || host === undefined) return network.upgrade(url, init);
      return proxy.upgrade(call.request, host, init.protocols ?? []);
    },
  };

  /** To where the address says, with the answers of the proxy where nobody is. */
  async function passThrough(proxy: HttpProxy, url: string, request: ProxiedRequest): Promise<FetchResponse> {
    const exchange = proxy.begin(request);
    const host = request.headers['host'] ?? '';
    exchange.upstream = {
      service: { host, name: 'PassthroughCluster', namespace: 'unknown' },
      destination: undefined,
      mutual: false,
    };
    const { method, headers, body, json, signal } = request;
    const startedAt = outbound.clock.monotonic();
    try {
      const init = { method, headers, body, ...(json === undefined ? {} : { json }), signal };
      const response = await network.fetch(url, init);
      return exchange.relay(response, outbound.clock.monotonic() - startedAt, ({ error }) => {
        if (error !== undefined) exchange.flag('UC');
      });
    } catch (error) {
      if (signal?.aborted === true || !(error instanceof FetchError)) {
        exchange.flag('DC');
        exchange.record(0, 0);
        throw error;
      }
      exchange.flag('UF');
      return exchange.reply(
        503,
        `upstream connect error or disconnect/reset before headers. ${error.message}`,
      );
    }
  }
}

function wrap(server: Server, port: number, options: InboundOptions): Server {
  return server.http === undefined ? server : { ...server, http: inbound(server.http, port, options) };
}

interface Call {
  readonly host: string;
  readonly port: number;
  readonly request: ProxiedRequest;
}

/**
 * @returns undefined for what never reaches the proxy as HTTP: TLS, and calls of the pod to itself
 * @throws FetchError for an unknown name, as without a mesh
 */
async function parseCall(
  url: string,
  init: FetchInit & UpgradeInit,
  address: string,
  network: Network,
): Promise<Call | undefined> {
  if (!url.startsWith('http://') && !url.startsWith('ws://')) return undefined;
  const { host, port, path } = hostAndPort(url);
  if (init.signal?.aborted === true) throw abortError(init.signal);
  const [to] = await network.resolve(host);
  if (to === address) return undefined;
  const headers = flatHeaders(init.headers ?? {});
  const authority = (headers['host'] ??= port === 80 ? host : `${host}:${port}`);
  return {
    host: hostName(authority),
    port,
    request: {
      method: init.method ?? 'GET',
      url: path,
      scheme: 'http',
      headers,
      body: init.body,
      json: init.json,
      remoteAddress: address,
      signal: init.signal,
    },
  };
}

/** The routes of one sidecar, looked up once per host and state of the configuration. */
class RememberedRoutes {
  readonly #options: HttpProxyOptions;
  #config: MeshConfig | undefined;
  readonly #known = new Map<string, VirtualHost | undefined>();

  constructor(options: HttpProxyOptions) {
    this.#options = options;
  }

  find(host: string, port: number): VirtualHost | undefined {
    const config = this.#options.config();
    if (config !== this.#config || this.#known.size >= maxRemembered) this.#known.clear();
    this.#config = config;
    const key = `${port} ${host}`;
    if (this.#known.has(key)) return this.#known.get(key);
    const found = config.inMesh(host, port, this.#options.workload);
    this.#known.set(key, found);
    return found;
  }
}

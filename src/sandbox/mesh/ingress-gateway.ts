import { errorMessage } from '../../base/errors.ts';
import { FetchError, type FetchResponse, type WebSocketConnection } from '../../base/fetch.ts';
import {
  type HttpHandler,
  type HttpRequest,
  type Listener,
  readBody,
  type UpgradeHandler,
} from '../../base/network.ts';
import type { Log } from '../../base/log.ts';
import { asJson, type KubeObject } from '../../machinery/object.ts';
import { isObject } from '../../machinery/json.ts';
import type { ServicePort } from '../network/service-table.ts';
import type { ProxiedRequest } from './exchange.ts';
import { type GatewayPort, gatewayPort, selectedServers } from './gateway-hosts.ts';
import { hostName } from './hosts.ts';
import { HttpProxy, type HttpProxyOptions } from './http-proxy.ts';
import type { MeshConfig } from './mesh-config.ts';
import { localReply } from './responses.ts';

export interface IngressGatewayOptions {
  readonly pod: KubeObject;
  readonly proxy: Omit<HttpProxyOptions, 'serverName'>;
  readonly log: Log;
  /** Calls `changed` when the configuration is another one. @returns how to unsubscribe */
  readonly subscribe: (changed: () => void) => () => void;
}

/** Larger bodies are refused: one is held in memory until it is sent. */
const maxBodyBytes = 64 * 1024 * 1024;
/** Between the client and this proxy alone. */
const hopByHop = ['connection', 'keep-alive', 'proxy-connection', 'te', 'transfer-encoding', 'upgrade'];
const privateAddress = /^(10\.|127\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.)/;

/** The proxy at the edge: serves what the `Gateway` objects that select its pod say, by the routes bound to them. */
export class IngressGateway {
  readonly #options: IngressGatewayOptions;
  readonly #proxy: HttpProxy;
  #config: MeshConfig | undefined;
  #ports = new Map<number, GatewayPort>();
  readonly #listeners = new Map<number, Listener>();
  #reconciling: Promise<void> = Promise.resolve();

  constructor(options: IngressGatewayOptions) {
    this.#options = options;
    this.#proxy = new HttpProxy({ ...options.proxy, serverName: 'istio-envoy' });
  }

  /** Listens at the ports of the Gateways until `signal` aborts; resolves when all requests are finished. */
  async serve(signal: AbortSignal): Promise<void> {
    const reconcile = (): void => {
      this.#reconciling = this.#reconciling.then(() => this.#reconcile(signal));
    };
    const unsubscribe = this.#options.subscribe(reconcile);
    reconcile();
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    unsubscribe();
    await this.#reconciling;
    await Promise.all([...this.#listeners.values()].map((listener) => listener.close()));
  }

  /** Answers a request that came in for this port of the Gateways. */
  async handle(request: HttpRequest, port: number): Promise<FetchResponse> {
    const at = this.#at(port);
    const host = at?.find(hostName(request.headers['host'] ?? ''));
    const scheme = at?.tls === true ? 'https' : 'http';
    if (host?.httpsRedirect === true && scheme === 'http') {
      const to = `https://${hostName(request.headers['host'] ?? '')}${request.url}`;
      return localReply(
        301,
        [
          ['location', to],
          ['server', 'istio-envoy'],
        ],
        '',
      );
    }
    const proxied = await this.#accept(request, scheme);
    return proxied === undefined
      ? localReply(413, [['server', 'istio-envoy']], 'Payload Too Large')
      : this.#proxy.handle(proxied, host);
  }

  async #accept(request: HttpRequest, scheme: 'http' | 'https'): Promise<ProxiedRequest | undefined> {
    const { remoteAddress, json } = request;
    const known = request.headers['x-forwarded-for'];
    const headers: Record<string, string> = {
      ...request.headers,
      'x-forwarded-for': known === undefined ? remoteAddress : `${known},${remoteAddress}`,
      'x-forwarded-proto': scheme,
    };
    for (const name of hopByHop) delete headers[name];
    if (privateAddress.test(remoteAddress)) headers['x-envoy-internal'] = 'true';
    else headers['x-envoy-external-address'] = remoteAddress;
    let body: Uint8Array | undefined;
    if (json === undefined) {
      try {
        body = await readBody(request.body(), maxBodyBytes);
      } catch (error) {
        if (error instanceof RangeError) return undefined;
        throw error;
      }
    }
    return {
      method: request.method,
      url: request.url,
      scheme,
      headers,
      body: body === undefined || body.length === 0 ? undefined : body,
      json,
      remoteAddress,
      signal: request.signal,
    };
  }

  #at(port: number): GatewayPort | undefined {
    const config = this.#options.proxy.config();
    if (config !== this.#config) {
      const { workload } = this.#options.proxy;
      this.#config = config;
      this.#ports = new Map(
        [...selectedServers(config, workload)].map(([number, servers]) => [
          number,
          gatewayPort(config, workload, number, servers),
        ]),
      );
    }
    return this.#ports.get(port);
  }

  async #reconcile(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const wanted = this.#wantedPorts();
    for (const [number, listener] of this.#listeners) {
      if (wanted.has(number)) continue;
      this.#listeners.delete(number);
      void listener.close();
    }
    for (const [number, port] of wanted) {
      if (this.#listeners.has(number)) continue;
      try {
        const http: HttpHandler = (request) => this.handle(request, port);
        const upgrade: UpgradeHandler = (request, protocols) => this.#upgrade(request, protocols, port);
        this.#listeners.set(number, await this.#options.proxy.network.listen(number, { http, upgrade }));
      } catch (error) {
        this.#options.log.warn('the gateway cannot listen', { port: number, error: errorMessage(error) });
      }
    }
  }

  /** Ports to listen at, and the ports of the Gateways that they stand for: what the service of the pod maps. */
  #wantedPorts(): Map<number, number> {
    const { config, workload } = this.#options.proxy;
    const { byHost } = config().table;
    const own = byHost
      .values()
      .filter(
        ({ namespace, selector }) =>
          namespace === workload.namespace &&
          Object.keys(selector).length > 0 &&
          Object.entries(selector).every(([name, value]) => workload.labels[name] === value),
      )
      .flatMap(({ ports }) => ports)
      .toArray();
    const wanted = new Map<number, number>();
    for (const port of selectedServers(config(), workload).keys()) {
      const mapped = own.find((candidate) => candidate.port === port);
      wanted.set(mapped === undefined ? port : this.#containerPort(mapped), port);
    }
    return wanted;
  }

  #containerPort({ targetPort, port }: ServicePort): number {
    if (typeof targetPort === 'number') return targetPort;
    const spec = asJson(this.#options.pod)['spec'];
    const containers = isObject(spec) && Array.isArray(spec['containers']) ? spec['containers'] : [];
    const ports = containers.flatMap((container) =>
      isObject(container) && Array.isArray(container['ports']) ? container['ports'] : [],
    );
    const named = ports.find((candidate) => isObject(candidate) && candidate['name'] === targetPort);
    const number = isObject(named) ? named['containerPort'] : undefined;
    return typeof number === 'number' ? number : port;
  }

  #upgrade: (request: HttpRequest, protocols: readonly string[], port: number) => ReturnType<UpgradeHandler> =
    async (request, protocols, port) => {
      const at = this.#at(port);
      const proxied = await this.#accept(request, at?.tls === true ? 'https' : 'http');
      if (proxied === undefined) return localReply(413, [], '');
      try {
        const host = at?.find(hostName(request.headers['host'] ?? ''));
        const upstream = await this.#proxy.upgrade(proxied, host, protocols);
        return { protocol: upstream.protocol, serve: (connection) => join(connection, upstream) };
      } catch (error) {
        if (error instanceof FetchError && error.status !== undefined)
          return localReply(error.status, [], error.message);
        throw error;
      }
    };
}

/** Passes messages both ways until either side closes. */
async function join(a: WebSocketConnection, b: WebSocketConnection): Promise<void> {
  const pass = async (from: WebSocketConnection, to: WebSocketConnection): Promise<void> => {
    try {
      for await (const message of from.messages()) await to.send(message);
    } finally {
      to.close(1000);
    }
  };
  await Promise.allSettled([pass(a, b), pass(b, a)]);
}

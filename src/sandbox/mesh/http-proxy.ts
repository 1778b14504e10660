import { abortError } from '../../base/abort.ts';
import type { Clock, Deadline } from '../../base/clock.ts';
import { FetchError, type FetchResponse, type WebSocketConnection } from '../../base/fetch.ts';
import type { Network } from '../../base/network.ts';
import type { Random } from '../../base/random.ts';
import { Exchange, type Flag, type ProxiedRequest } from './exchange.ts';
import { changeRequestHeaders } from './header-operations.ts';
import type {
  Destination,
  Forward,
  HttpRoute,
  Mirror,
  RedirectDocument,
  WeightedDestination,
} from './http-route.ts';
import { type Chosen, LoadBalancer } from './load-balancer.ts';
import type { Cluster, MeshConfig, VirtualHost } from './mesh-config.ts';
import type { MeshMetrics } from './mesh-metrics.ts';
import { asksForRetry, retryPauseMs, type TryResult } from './retry-policy.ts';
import { type Stickiness, stickiness } from './stickiness.ts';
import { type Workload, workloadOfRecord } from './workload.ts';

export interface HttpProxyOptions {
  readonly workload: Workload;
  /** The network of the pod, with no proxy in it. */
  readonly network: Network;
  /** Whether a connection to this address would be accepted. */
  readonly listensAt: (address: string, port: number) => boolean;
  readonly config: () => MeshConfig;
  /** Whether the pod with this address has a proxy too. */
  readonly hasProxy: (address: string) => boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: MeshMetrics;
  readonly serverName: 'envoy' | 'istio-envoy';
}

/** One forwarded request: what all of its tries have in common. */
interface Call {
  readonly exchange: Exchange;
  readonly forward: Forward;
  readonly destination: WeightedDestination;
  /** The port that was called. */
  readonly port: number;
  readonly path: string;
  readonly deadline: Deadline | undefined;
  readonly signal: AbortSignal | undefined;
}

type Tried = { readonly response: FetchResponse } | 'connect-failure' | 'reset' | 'timeout';

const connectError =
  'upstream connect error or disconnect/reset before headers. retried and the latest reset reason: remote connection failure, transport failure reason: delayed connect error: Connection refused';
const resetError =
  'upstream connect error or disconnect/reset before headers. reset reason: connection termination';

/** The calling side of the mesh: sends a request where the routes say, as Envoy under Istio does. */
export class HttpProxy {
  readonly #options: HttpProxyOptions;
  readonly #balancer: LoadBalancer;

  constructor(options: HttpProxyOptions) {
    this.#options = options;
    this.#balancer = new LoadBalancer(options.random, () => options.clock.monotonic());
  }

  /** A request that this proxy counts. */
  begin(request: ProxiedRequest): Exchange {
    const { workload, metrics, clock, random, serverName } = this.#options;
    request.headers['x-request-id'] ??= random.uuid();
    request.headers['x-forwarded-proto'] ??= request.scheme;
    return new Exchange({ request, source: workload, metrics, now: () => clock.monotonic(), serverName });
  }

  /**
   * Answers a request; whatever goes wrong beyond this proxy is an answer too.
   * @throws CancelledError when the caller's signal aborts
   */
  async handle(request: ProxiedRequest, host: VirtualHost | undefined): Promise<FetchResponse> {
    const exchange = this.begin(request);
    try {
      return await this.#answer(exchange, host);
    } catch (error) {
      exchange.flag('DC');
      exchange.record(0, 0);
      throw error;
    }
  }

  /**
   * Opens a WebSocket where the routes say; of what a route can do, only its destinations and headers count.
   * @throws FetchError `UpgradeRefused`
   */
  async upgrade(
    request: ProxiedRequest,
    host: VirtualHost | undefined,
    protocols: readonly string[],
  ): Promise<WebSocketConnection> {
    const exchange = this.begin(request);
    const refuse = (status: number, flag: Flag): FetchError => {
      exchange.flag(flag);
      exchange.record(status, 0);
      return new FetchError(
        'UpgradeRefused',
        `the mesh refuses the WebSocket: ${status} ${flag}`,
        undefined,
        status,
      );
    };
    const found = host === undefined ? undefined : findRoute(host.routes, exchange);
    if (host === undefined || found?.route.action.kind !== 'forward') throw refuse(404, 'NR');
    const { route, matched } = found;
    const { action } = found.route;
    if (action.kind !== 'forward') throw refuse(404, 'NR');
    const { path, destination } = this.#direct(exchange, route, action, matched);
    const cluster = this.#cluster(destination, host.port);
    if (cluster === undefined) throw refuse(503, 'NC');
    const chosen = this.#balancer.choose(cluster, this.#stick(cluster, exchange).hash, new Set());
    exchange.upstream = this.#upstream(cluster, chosen);
    if (chosen === undefined) throw refuse(503, 'UH');
    chosen.release();
    const { headers, signal } = request;
    const connection = await this.#options.network.upgrade(`ws://${chosen.endpoint.key}${path}`, {
      headers,
      protocols,
      signal,
    });
    exchange.record(101, 0);
    return connection;
  }

  async #answer(exchange: Exchange, host: VirtualHost | undefined): Promise<FetchResponse> {
    const found = host === undefined ? undefined : findRoute(host.routes, exchange);
    if (found === undefined || host === undefined) {
      exchange.flag('NR');
      return exchange.reply(404);
    }
    const { route, matched } = found;
    const { view } = exchange;
    const preflight = route.cors?.preflight(view);
    if (preflight !== undefined) return exchange.reply(200, '', preflight);
    const aborted = await this.#injectFault(exchange, route);
    if (aborted !== undefined) return aborted;
    if (route.cors !== undefined) exchange.extraHeaders.push(...route.cors.responseHeaders(view));
    const { action } = route;
    if (action.kind === 'invalid') return exchange.reply(500, `the route cannot be used: ${action.message}`);
    if (action.kind === 'direct') {
      exchange.operations.push(route.response);
      return exchange.reply(action.status, action.body);
    }
    if (action.kind === 'redirect') {
      exchange.operations.push(route.response);
      const { redirectCode = 301 } = action.redirect;
      return exchange.reply(redirectCode, '', [['location', location(action.redirect, exchange, host.port)]]);
    }
    return this.#forward(exchange, route, action, host.port, matched);
  }

  /** @returns the answer, where the fault is to abort the request */
  async #injectFault(exchange: Exchange, { fault }: HttpRoute): Promise<FetchResponse | undefined> {
    const { clock, random } = this.#options;
    const hits = (fraction: number): boolean => fraction > 0 && random.next() < fraction;
    if (fault?.delay !== undefined && hits(fault.delay.fraction)) {
      exchange.flag('DI');
      await clock.sleep(fault.delay.ms, exchange.request.signal);
    }
    if (fault?.abort === undefined || !hits(fault.abort.fraction)) return undefined;
    exchange.flag('FI');
    return exchange.reply(fault.abort.status, 'fault filter abort');
  }

  /** Chooses the destination, and makes the request what the destination is to see. */
  #direct(
    exchange: Exchange,
    route: HttpRoute,
    forward: Forward,
    matched: number,
  ): { destination: WeightedDestination; path: string } {
    const { headers, url } = exchange.request;
    const { path, query } = exchange.view;
    const destination = weighted(forward, this.#options.random);
    const authority = forward.rewrite.authority ?? destination.request.authority;
    changeRequestHeaders(headers, destination.request);
    changeRequestHeaders(headers, route.request);
    exchange.operations.push(destination.response, route.response);
    if (authority !== undefined) headers['host'] = authority;
    const rewritten = forward.rewrite.path(path, matched);
    if (rewritten !== path) headers['x-envoy-original-path'] = url;
    return { destination, path: query === '' ? rewritten : `${rewritten}?${query}` };
  }

  async #forward(
    exchange: Exchange,
    route: HttpRoute,
    forward: Forward,
    port: number,
    matched: number,
  ): Promise<FetchResponse> {
    const { clock, random } = this.#options;
    const { signal } = exchange.request;
    const directed = this.#direct(exchange, route, forward, matched);
    const deadline = forward.timeoutMs > 0 ? clock.timeout(forward.timeoutMs, signal) : undefined;
    const call: Call = { exchange, forward, ...directed, port, deadline, signal: deadline?.signal ?? signal };
    for (const mirror of forward.mirrors) {
      if (mirror.fraction >= 1 || random.next() < mirror.fraction) void this.#mirror(call, mirror);
    }
    try {
      return await this.#send(call);
    } catch (error) {
      deadline?.[Symbol.dispose]();
      if (signal?.aborted === true || deadline?.signal.aborted !== true) throw error;
      exchange.flag('UT');
      return exchange.reply(504, 'upstream request timeout');
    }
  }

  /** Tries until an answer is good enough, or no more tries are left. */
  async #send(call: Call): Promise<FetchResponse> {
    const { exchange, forward, deadline, signal } = call;
    const { retry } = forward;
    const tried = new Set<string>();
    let sticky: Stickiness | undefined;
    for (let attempt = 1; ; attempt++) {
      const cluster = this.#cluster(call.destination, call.port);
      if (cluster === undefined) return this.#fail(call, 503, 'NC', '');
      sticky ??= this.#stick(cluster, exchange);
      const chosen = this.#balancer.choose(cluster, sticky.hash, retry.otherHosts ? tried : new Set());
      exchange.upstream = this.#upstream(cluster, chosen);
      if (chosen === undefined) return this.#fail(call, 503, 'UH', 'no healthy upstream');
      tried.add(chosen.endpoint.key);
      exchange.request.headers['x-envoy-attempt-count'] = String(attempt);
      const startedAt = this.#options.clock.monotonic();
      const outcome = await this.#try(call, chosen);
      const result: TryResult = typeof outcome === 'string' ? outcome : { status: outcome.response.status };
      chosen.report(result);
      const again = asksForRetry(retry, result);
      if (again && attempt <= retry.retries) {
        if (typeof outcome !== 'string') outcome.response.cancel();
        chosen.release();
        const pause = this.#options.random.next() * retryPauseMs(retry, attempt);
        await this.#options.clock.sleep(pause, signal);
        continue;
      }
      if (again && retry.retries > 0) exchange.flag('URX');
      if (typeof outcome === 'string') {
        chosen.release();
        return this.#failedTry(call, outcome);
      }
      return exchange.relay(outcome.response, this.#options.clock.monotonic() - startedAt, ({ error }) => {
        if (error !== undefined) exchange.flag(brokenOffBy(call));
        deadline?.[Symbol.dispose]();
        chosen.release();
      });
    }
  }

  async #try(call: Call, { endpoint }: Chosen): Promise<Tried> {
    const { clock, listensAt, network } = this.#options;
    const { exchange, forward, path, signal } = call;
    if (signal !== undefined && isAborted(signal)) throw abortError(signal);
    if (!listensAt(endpoint.address, endpoint.port)) return 'connect-failure';
    const { perTryTimeoutMs } = forward.retry;
    using limit = perTryTimeoutMs === undefined ? undefined : clock.timeout(perTryTimeoutMs, signal);
    const { method, headers, body, json } = exchange.request;
    try {
      const response = await network.fetch(`http://${endpoint.key}${path}`, {
        method,
        headers,
        body,
        ...(json === undefined ? {} : { json }),
        signal: limit?.signal ?? signal,
      });
      return { response };
    } catch (error) {
      if (isAborted(signal)) throw error;
      return limit?.signal.aborted === true ? 'timeout' : 'reset';
    }
  }

  #failedTry(call: Call, outcome: 'connect-failure' | 'reset' | 'timeout'): FetchResponse {
    if (outcome === 'timeout') return this.#fail(call, 504, 'UT', 'upstream request timeout');
    if (outcome === 'reset') return this.#fail(call, 503, 'UC', resetError);
    return this.#fail(call, 503, 'UF', connectError);
  }

  #fail({ exchange, deadline }: Call, status: number, flag: Flag, body: string): FetchResponse {
    deadline?.[Symbol.dispose]();
    exchange.flag(flag);
    return exchange.reply(status, body);
  }

  #stick(cluster: Cluster, { view, request, extraHeaders }: Exchange): Stickiness {
    const newValue = (): string => this.#options.random.uuid().replaceAll('-', '').slice(0, 16);
    const sticky = stickiness(cluster.policy.balancing, view, request.remoteAddress, newValue);
    extraHeaders.push(...sticky.cookie);
    return sticky;
  }

  #cluster(destination: Destination, port: number): Cluster | undefined {
    const { config, workload } = this.#options;
    return config().cluster(destination, port, workload.namespace);
  }

  #upstream(cluster: Cluster, chosen: Chosen | undefined): Exchange['upstream'] {
    const pod = chosen?.endpoint.pod;
    return {
      service: cluster.service,
      destination: pod === undefined ? undefined : workloadOfRecord(pod),
      mutual: pod !== undefined && this.#options.hasProxy(pod.address),
    };
  }

  /** Sends a copy, whose answer nobody waits for. */
  async #mirror(call: Call, mirror: Mirror): Promise<void> {
    const { clock, listensAt, network } = this.#options;
    const cluster = this.#cluster(mirror, call.port);
    const chosen = cluster === undefined ? undefined : this.#balancer.choose(cluster, undefined, new Set());
    if (chosen === undefined) return;
    const { endpoint } = chosen;
    const { method, headers, body, json } = call.exchange.request;
    const { timeoutMs } = call.forward;
    using limit = timeoutMs > 0 ? clock.timeout(timeoutMs) : undefined;
    try {
      if (!listensAt(endpoint.address, endpoint.port)) return;
      const response = await network.fetch(`http://${endpoint.key}${call.path}`, {
        method,
        headers: { ...headers, host: shadow(headers['host'] ?? '') },
        body,
        ...(json === undefined ? {} : { json }),
        signal: limit?.signal,
      });
      await response.text();
    } catch {
      // Nobody is told how a mirrored request fared.
    } finally {
      chosen.release();
    }
  }
}

function findRoute(
  routes: readonly HttpRoute[],
  { view }: Exchange,
): { route: HttpRoute; matched: number } | undefined {
  for (const route of routes) {
    if (route.matches.length === 0) return { route, matched: 1 };
    for (const match of route.matches) {
      if (match.test(view)) return { route, matched: match.matchedLength(view.path) };
    }
  }
  return undefined;
}

function weighted({ destinations, totalWeight }: Forward, random: Random): WeightedDestination {
  let left = destinations.length === 1 ? 0 : random.next() * totalWeight;
  for (const destination of destinations) {
    left -= destination.weight;
    if (left < 0) return destination;
  }
  const last = destinations.at(-1);
  if (last === undefined) throw new RangeError('a forwarding route has destinations');
  return last;
}

function brokenOffBy({ deadline, exchange }: Call): 'DC' | 'UT' | 'UC' {
  if (exchange.request.signal?.aborted === true) return 'DC';
  return deadline?.signal.aborted === true ? 'UT' : 'UC';
}

function location(redirect: RedirectDocument, { view }: Exchange, port: number): string {
  const scheme = redirect.scheme ?? view.scheme;
  const host = redirect.authority ?? view.authority.replace(/:\d+$/, '');
  const wanted = redirect.port ?? (redirect.derivePort === 'FROM_REQUEST_PORT' ? port : undefined);
  const usual = wanted === (scheme === 'https' ? 443 : 80);
  const path = redirect.uri === undefined || redirect.uri === '' ? view.path : redirect.uri;
  const query = view.query === '' || path.includes('?') ? '' : `?${view.query}`;
  return `${scheme}://${host}${wanted === undefined || usual ? '' : `:${wanted}`}${path}${query}`;
}

/** Asked anew each time: it changes while one waits. */
function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

/** A mirrored request is told by its host. */
function shadow(authority: string): string {
  return authority.replace(/(:\d+)?$/, '-shadow$1');
}

import type { FetchResponse } from '../../base/fetch.ts';
import { changeResponseHeaders, type HeaderList, type HeaderOperations } from './header-operations.ts';
import type { RequestView } from './http-match.ts';
import type { MeshMetrics, ServiceLabels } from './mesh-metrics.ts';
import { type BodyEnd, localReply, relay } from './responses.ts';
import type { Workload } from './workload.ts';

/** A request on its way through a proxy. Its headers are the proxy's own copy. */
export interface ProxiedRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly scheme: 'http' | 'https';
  readonly headers: Record<string, string>;
  readonly body: string | Uint8Array | undefined;
  /** Instead of a body, where the caller is in this process. */
  readonly json: unknown;
  readonly remoteAddress: string;
  readonly signal: AbortSignal | undefined;
}

/** Whom a request went to, as far as that became known. */
export interface Upstream {
  readonly service: ServiceLabels;
  readonly destination: Workload | undefined;
  readonly mutual: boolean;
}

const unknownService: ServiceLabels = { host: 'unknown', name: 'unknown', namespace: 'unknown' };

/** Of an answer: what this proxy says itself, and what was only between the destination and it. */
const replacedHeaders = new Set([
  'server',
  'x-envoy-upstream-service-time',
  'connection',
  'keep-alive',
  'transfer-encoding',
]);

/** Abbreviations of what happened, in the order in which Envoy lists them. */
const flagOrder = ['UH', 'UT', 'UF', 'UC', 'NR', 'DI', 'FI', 'DC', 'URX', 'NC'] as const;
export type Flag = (typeof flagOrder)[number];

function viewOf({ method, url, scheme, headers }: ProxiedRequest): RequestView {
  const fragment = url.indexOf('#');
  const sent = fragment < 0 ? url : url.slice(0, fragment);
  const at = sent.indexOf('?');
  return {
    method,
    path: at < 0 ? sent : sent.slice(0, at),
    query: at < 0 ? '' : sent.slice(at + 1),
    scheme,
    authority: headers['host'] ?? '',
    headers,
  };
}

export interface ExchangeOptions {
  readonly request: ProxiedRequest;
  readonly source: Workload;
  readonly metrics: MeshMetrics;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** The `server` header of answers. */
  readonly serverName: string;
}

/** One request at the calling side: what happened to it, its answer, and the one record of both. */
export class Exchange {
  readonly request: ProxiedRequest;
  readonly view: RequestView;
  upstream: Upstream = { service: unknownService, destination: undefined, mutual: false };
  /** What happens to the headers of any answer, in this order. */
  readonly operations: HeaderOperations[] = [];
  /** Added after that. */
  readonly extraHeaders: HeaderList = [];
  readonly #options: ExchangeOptions;
  readonly #started: number;
  readonly #flags = new Set<Flag>();
  #recorded = false;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.request = options.request;
    this.view = viewOf(options.request);
    this.#started = options.now();
  }

  flag(flag: Flag): void {
    this.#flags.add(flag);
  }

  /** An answer of the proxy itself. */
  reply(status: number, body: string | Uint8Array = '', headers: HeaderList = []): FetchResponse {
    this.record(status, body.length);
    return localReply(status, this.#dressed(headers), body);
  }

  /** The answer of the destination. @param done called when nothing is left of it */
  relay(response: FetchResponse, upstreamMs: number, done: (end: BodyEnd) => void): FetchResponse {
    const kept = [...response.headers].filter(([name]) => !replacedHeaders.has(name));
    const headers = this.#dressed(kept);
    headers.push(['x-envoy-upstream-service-time', String(Math.round(upstreamMs))]);
    const grpcStatus = response.headers.get('grpc-status') ?? '';
    return relay(response, headers, (end) => {
      done(end);
      this.record(response.status, end.bytes, grpcStatus);
    });
  }

  #dressed(headers: HeaderList): HeaderList {
    const changed = this.operations.reduce(changeResponseHeaders, headers);
    return [...changed, ...this.extraHeaders, ['server', this.#options.serverName]];
  }

  /** Counts the request, once. @param code 0: the caller left before there was an answer */
  record(code: number, responseBytes: number, grpcStatus = ''): void {
    if (this.#recorded) return;
    this.#recorded = true;
    const { source, metrics, now } = this.#options;
    metrics.record({
      reporter: 'source',
      source,
      ...this.upstream,
      protocol: protocolOf(this.request.headers),
      code,
      grpcStatus,
      flags: this.#flags.size === 0 ? '-' : flagOrder.filter((flag) => this.#flags.has(flag)).join(','),
      durationMs: now() - this.#started,
      requestBytes: requestSize(this.request.headers, this.request.body),
      responseBytes,
    });
  }
}

export function protocolOf(headers: Readonly<Record<string, string>>): 'http' | 'grpc' {
  return headers['content-type']?.startsWith('application/grpc') === true ? 'grpc' : 'http';
}

/** Headers and body, as Istio counts a request. */
export function requestSize(
  headers: Readonly<Record<string, string>>,
  body: string | Uint8Array | undefined,
): number {
  let size = body?.length ?? (Number(headers['content-length'] ?? 0) || 0);
  for (const name in headers) size += name.length + (headers[name]?.length ?? 0);
  return size;
}

import type { Clock } from '../base/clock.ts';
import type { Fetch, Upgrade, WebSocketConnection } from '../base/fetch.ts';
import { resourcePath } from '../machinery/group-version-kind.ts';
import type { KubeObject, Unstructured } from '../machinery/object.ts';
import type { Credentials } from './credentials.ts';
import type { Client, ObjectKey, RequestOptions, ResourceClient, ResourceKind } from './resource-client.ts';
import { RestResource } from './rest-resource.ts';
import { type Query, type RestRequest, RestTransport } from './rest-transport.ts';
import { TokenBucket } from './token-bucket.ts';

export interface ClientOptions {
  /** Reaches the server, certificates and all. */
  readonly fetch: Fetch;
  /** For {@link RestClient.connect}. */
  readonly upgrade?: Upgrade | undefined;
  /** `https://host:6443`, with a path where the API is not at the root. */
  readonly server: string;
  readonly clock: Clock;
  /** `program/version (what for)`, for the server's audit log. */
  readonly userAgent: string;
  /** Who the client is, beside a client certificate: a ConnectionConfig, say. Default: nobody. */
  readonly credentials?: Credentials | undefined;
  /** Milliseconds for a request without a deadline of its own; default 30 s. */
  readonly defaultTimeoutMs?: number | undefined;
  /** Who owns the fields that writes set. Without it, `apply` needs one in its options. */
  readonly fieldManager?: string | undefined;
  /** Requests a second, in the long run; default: as many as there are. */
  readonly qps?: number | undefined;
  /** Requests at once on top of `qps`; default: twice that. */
  readonly burst?: number | undefined;
}

export interface RawOptions extends RequestOptions {
  readonly query?: Query | undefined;
  readonly accept?: string | undefined;
  readonly json?: unknown;
  readonly contentType?: string | undefined;
}

export interface RawAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly text: string;
}

export interface LogOptions {
  readonly container?: string | undefined;
  /** Go on with new lines until the container ends. */
  readonly follow?: boolean | undefined;
  /** Of the container before its last restart. */
  readonly previous?: boolean | undefined;
  readonly tailLines?: number | undefined;
  readonly sinceSeconds?: number | undefined;
  readonly timestamps?: boolean | undefined;
  readonly limitBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ConnectOptions {
  readonly query?: Query | undefined;
  /** Of the handshake. */
  readonly signal?: AbortSignal | undefined;
}

/** A Client that can also do what is not about objects. */
export interface RestClient extends Client {
  /** What is not an object: `/version`, `/healthz`, discovery. Rejects with an ApiError unless the status is 2xx. */
  raw(method: RestRequest['method'], path: string, options?: RawOptions): Promise<RawAnswer>;
  /**
   * Opens a WebSocket (exec, attach, port-forward).
   * @param protocols sub-protocols, best first: `v5.channel.k8s.io`
   */
  connect(path: string, protocols: readonly string[], options?: ConnectOptions): Promise<WebSocketConnection>;
  /** The log of a pod's container, line by line; a line that is longer than 64 KiB comes in pieces. */
  logs(pod: ObjectKey, options?: LogOptions): AsyncIterable<string>;
}

/** A client of one cluster as one user. It holds nothing that needs closing: connections belong to the Fetch. */
export function createClient(options: ClientOptions): RestClient {
  const { clock, fieldManager, qps, burst = 2 * (qps ?? 0) } = options;
  const transport = new RestTransport({
    fetch: options.fetch,
    upgrade: options.upgrade,
    server: options.server,
    clock,
    userAgent: options.userAgent,
    credentials: options.credentials,
    timeoutMs: options.defaultTimeoutMs ?? 30_000,
    bucket: qps === undefined ? undefined : new TokenBucket(clock, qps, Math.max(1, burst)),
  });
  return {
    resource: <T extends KubeObject = Unstructured>(kind: ResourceKind): ResourceClient<T> =>
      new RestResource<T>(kind, transport, fieldManager),
    raw: (method, path, raw = {}) =>
      transport.send({ method, path, ...raw }, async (response) => ({
        status: response.status,
        contentType: response.headers.get('content-type') ?? '',
        text: await response.text(),
      })),
    connect: (path, protocols, { query = {}, signal } = {}) =>
      transport.connect(path, query, protocols, signal),
    logs: (pod, { signal, ...query } = {}) =>
      transport.stream(
        { method: 'GET', path: logPath(pod), query: { ...query }, accept: '*/*', signal },
        (response) => linesOf(response.body()),
      ),
  };
}

function logPath({ namespace, name }: ObjectKey): string {
  const gvr = { group: '', version: 'v1', resource: 'pods' };
  return resourcePath({ gvr, namespaced: true, namespace, name, subresource: 'log' });
}

const longestLine = 64 * 1024;

async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
    if (rest.length < longestLine) continue;
    yield rest;
    rest = '';
  }
  rest += decoder.decode();
  if (rest !== '') yield rest;
}

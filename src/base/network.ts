import type { Connection, Fetch, FetchResponse, Upgrade, WebSocketConnection } from './fetch.ts';

/** A request as a server sees it. Header names are lower-case. */
export interface HttpRequest {
  readonly method: string;
  /** Path and query, as sent: it starts with `/`. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Address of the other side. */
  readonly remoteAddress: string;
  /** Who the other side proved to be by a TLS client certificate that our CA signed. */
  readonly peer?: { readonly commonName: string; readonly organizations: readonly string[] } | undefined;
  /** Aborts when the client has gone away or the server cuts it off. */
  readonly signal: AbortSignal;
  /** The body as it arrives; empty when there is none. Read once. */
  body(): AsyncIterable<Uint8Array>;
  /** The value that the client sent as `FetchInit.json`, where no bytes were made of it. Read-only. */
  readonly json?: unknown;
}

/** Answers one request. What it throws becomes a bare 500. */
export type HttpHandler = (request: HttpRequest) => Promise<FetchResponse>;

/** The answer to a request for a WebSocket: a plain refusal, or the chosen sub-protocol and who talks. */
export type UpgradeReply =
  | FetchResponse
  | { readonly protocol: string; readonly serve: (connection: WebSocketConnection) => Promise<void> };

export type UpgradeHandler = (request: HttpRequest, protocols: readonly string[]) => Promise<UpgradeReply>;

/** What listens at one port. */
export interface Server {
  readonly http?: HttpHandler | undefined;
  readonly upgrade?: UpgradeHandler | undefined;
  /** Raw bytes instead of HTTP. */
  readonly connection?: ((connection: Connection) => void) | undefined;
}

export interface Listener {
  readonly address: string;
  readonly port: number;
  /**
   * Accepts nothing new at once, and resolves when all that was accepted is finished.
   * @param cut when it aborts, what is still open is cut off
   */
  close(cut?: AbortSignal): Promise<void>;
}

/** What a pod has: its own address, names to look up, and ways to call and to be called. */
export interface Network {
  /** HTTP to any host of this network; `localhost` is the caller itself. */
  readonly fetch: Fetch;
  readonly upgrade: Upgrade;
  /**
   * Opens a stream of bytes.
   * @param signal ends the attempt, and later the connection
   * @throws FetchError `Unreachable` when nobody listens there
   */
  dial(host: string, port: number, signal?: AbortSignal): Promise<Connection>;
  /**
   * @param port 0 picks a free one
   * @throws FetchError `Unreachable` when the port is taken
   */
  listen(port: number, server: Server): Promise<Listener>;
  /**
   * Addresses of a name, in the order in which to try them.
   * @throws FetchError `Unreachable` when the name is unknown
   */
  resolve(name: string): Promise<readonly string[]>;
}

/** The whole body of a request. @throws RangeError beyond `maxBytes` */
export async function readBody(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > maxBytes) throw new RangeError(`the body is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
}

/** Host and port of an absolute `http`, `https`, `ws` or `wss` URL. */
export function hostAndPort(url: string): { host: string; port: number; path: string } {
  const parsed = new URL(url);
  const secure = parsed.protocol === 'https:' || parsed.protocol === 'wss:';
  return {
    host: parsed.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: parsed.port === '' ? (secure ? 443 : 80) : Number(parsed.port),
    path: parsed.pathname + parsed.search,
  };
}

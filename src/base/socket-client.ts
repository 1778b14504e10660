import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { Agent, type Dispatcher } from 'undici';
import { WebSocket } from 'ws';
import { abortError } from './abort.ts';
import { errorMessage } from './errors.ts';
import {
  type Fetch,
  FetchError,
  type FetchInit,
  type FetchResponse,
  flatHeaders,
  headersOf,
  onResponseEnd,
  parseJsonBody,
  parseJsonLines,
  type RequestHeaders,
  type Upgrade,
  type UpgradeInit,
  type WebSocketConnection,
} from './fetch.ts';
import { SharedStrings } from './shared-strings.ts';
import { webSocketConnection } from './web-socket.ts';

/** How to prove who is who on a TLS connection. All PEM text. */
export interface TlsClientOptions {
  /** Certificates of the authorities to trust instead of the system's. */
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** Name to expect in the server's certificate instead of the URL's host. */
  readonly serverName?: string | undefined;
  /** Accept any certificate. */
  readonly insecureSkipTlsVerify?: boolean | undefined;
}

export interface SocketClientOptions {
  readonly tls?: TlsClientOptions | undefined;
  /** Connections per origin, at most; every watch holds one. Default 256. */
  readonly maxConnections?: number | undefined;
  /** A larger body is an error when read as a whole, not memory. Default 512 MiB. */
  readonly maxBodyBytes?: number | undefined;
}

/** One pool of connections: make one per cluster and user, and share it. */
export interface SocketClient {
  readonly fetch: Fetch;
  readonly upgrade: Upgrade;
  /** Cuts what is still open. */
  close(): Promise<void>;
}

/** Finds a dead peer behind a silent connection (a watch) before its own deadline does. */
const probeMs = 15_000;
const connectTimeoutMs = 10_000;

/** Requests over real sockets. Redirects are answers like any other: they are never followed. */
export function socketClient(options: SocketClientOptions = {}): SocketClient {
  const tls = nodeTlsOptions(options.tls ?? {});
  const agent = new Agent({
    connections: options.maxConnections ?? 256,
    // Deadlines come with each request's signal; a watch may be silent for minutes.
    headersTimeout: 0,
    bodyTimeout: 0,
    // Over HTTP/2, undici 8.13 leaves requests hanging after a server's GOAWAY while a watch is open.
    allowH2: false,
    connect: { ...tls, timeout: connectTimeoutMs, keepAlive: true, keepAliveInitialDelay: probeMs },
  });
  const maxBodyBytes = options.maxBodyBytes ?? 512 * 1024 * 1024;
  const strings = new SharedStrings();
  const reading: Reading = { maxBodyBytes, parse: (text) => strings.share(parseJsonBody(text)) };
  return {
    fetch: (url, init = {}) => send(agent, reading, url, init),
    upgrade: (url, init = {}) => openWebSocket(tls, url, init),
    close: () => agent.destroy(),
  };
}

interface NodeTlsOptions {
  ca?: string;
  cert?: string;
  key?: string;
  servername?: string;
  rejectUnauthorized: boolean;
}

function nodeTlsOptions(tls: TlsClientOptions): NodeTlsOptions {
  return {
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
    ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
    rejectUnauthorized: tls.insecureSkipTlsVerify !== true,
  };
}

/** How to read bodies. */
interface Reading {
  readonly maxBodyBytes: number;
  readonly parse: (text: string) => unknown;
}

async function send(agent: Agent, reading: Reading, url: string, init: FetchInit): Promise<FetchResponse> {
  const { origin, pathname, search } = new URL(url);
  const body = init.body ?? (init.json === undefined ? null : JSON.stringify(init.json));
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const stop = new AbortController();
  const onAbort = (): void => {
    stop.abort();
    if (init.signal !== undefined) reject(abortError(init.signal));
  };
  if (init.signal?.aborted) throw abortError(init.signal);
  init.signal?.addEventListener('abort', onAbort, { once: true });
  const release = (): void => init.signal?.removeEventListener('abort', onAbort);
  try {
    const sent = agent.request({
      origin,
      path: pathname + search,
      method: init.method ?? 'GET',
      headers: nodeHeaders(init.headers),
      body,
      signal: stop.signal,
    });
    const response = await Promise.race([sent, aborted]);
    return onResponseEnd(toResponse(response, reading, init.signal), release);
  } catch (error) {
    release();
    throw init.signal?.aborted ? abortError(init.signal) : toFetchError(url, error);
  }
}

function nodeHeaders(headers: RequestHeaders = {}): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, typeof value === 'string' ? value : [...value]]),
  );
}

function toResponse(
  response: Dispatcher.ResponseData,
  { maxBodyBytes, parse }: Reading,
  signal: AbortSignal | undefined,
): FetchResponse {
  const broken = (error: unknown): Error => {
    if (signal?.aborted) return abortError(signal);
    if (error instanceof RangeError) return new FetchError('MalformedBody', error.message, error);
    return new FetchError('Unreachable', `the answer broke off: ${errorMessage(error)}`, error);
  };
  async function* body(): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of response.body as AsyncIterable<Uint8Array>) yield chunk;
    } catch (error) {
      throw broken(error);
    }
  }
  const text = async (): Promise<string> => {
    try {
      return (await readWhole(response.body, maxBodyBytes)).toString('utf8');
    } catch (error) {
      throw broken(error);
    }
  };
  return {
    status: response.statusCode,
    headers: headersOf(flatHeaders(response.headers)),
    body,
    text,
    json: async () => parse(await text()),
    jsonLines: () => parseJsonLines(body(), undefined, parse),
    cancel: () => {
      response.body.once('error', () => {});
      response.body.destroy();
    },
  };
}

/** By events: most answers are small, and asynchronous iteration costs more than their bytes. */
function readWhole(body: Readable, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const fail = (error?: Error): void => reject(error ?? body.errored ?? new Error('it was closed'));
    if (body.destroyed) fail();
    body.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= maxBytes) chunks.push(chunk);
      else body.destroy(new RangeError(`the body is larger than ${maxBytes} bytes`));
    });
    body.once('end', () => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)));
    body.once('error', fail);
    body.once('close', () => fail());
  });
}

/** Node's codes for a certificate or a handshake that was refused, on either side. */
const tlsCodes = /^(CERT_|ERR_TLS_|ERR_SSL_|EPROTO|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_)/;

function toFetchError(url: string, error: unknown): FetchError {
  const code = errorCode(error) ?? errorCode(error instanceof Error ? error.cause : undefined) ?? '';
  const { host } = new URL(url);
  const refused = tlsCodes.test(code);
  // A server that wants another client certificate answers with a TLS alert after the handshake.
  return new FetchError(
    refused ? 'TlsRefused' : 'Unreachable',
    `${refused ? 'TLS with' : 'no answer from'} ${host}${refused ? ' failed' : ''}: ${errorMessage(error) || code}`,
    error,
  );
}

function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

const maxMessageBytes = 64 * 1024 * 1024;

function openWebSocket(tls: NodeTlsOptions, url: string, init: UpgradeInit): Promise<WebSocketConnection> {
  return new Promise((resolve, reject) => {
    if (init.signal?.aborted) {
      reject(abortError(init.signal));
      return;
    }
    const socket = new WebSocket(url.replace(/^http/, 'ws'), [...(init.protocols ?? [])], {
      ...tls,
      headers: nodeHeaders(init.headers),
      followRedirects: false,
      handshakeTimeout: connectTimeoutMs,
      maxPayload: maxMessageBytes,
    });
    const connection = webSocketConnection(socket);
    const onAbort = (): void => {
      if (init.signal !== undefined) reject(abortError(init.signal));
      socket.terminate();
    };
    init.signal?.addEventListener('abort', onAbort, { once: true });
    socket.once('close', () => init.signal?.removeEventListener('abort', onAbort));
    socket.once('open', () => resolve(connection));
    socket.once('error', (error) => reject(toFetchError(url, error)));
    socket.once('unexpected-response', (_request, response: IncomingMessage) => {
      const status = response.statusCode ?? 0;
      reject(
        new FetchError(
          'UpgradeRefused',
          `${new URL(url).host} refused the WebSocket: ${status}`,
          undefined,
          status,
        ),
      );
      socket.terminate();
    });
  });
}

import { lookup } from 'node:dns/promises';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import {
  connect,
  createServer as createTcpServer,
  type AddressInfo,
  type Server as TcpServer,
  type Socket,
} from 'node:net';
import type { Duplex } from 'node:stream';
import { once } from 'node:events';
import { TLSSocket } from 'node:tls';
import type { WebSocketServer } from 'ws';
import { abortError, linkAbort } from './abort.ts';
import { errorMessage } from './errors.ts';
import { FetchError, type FetchResponse, flatHeaders } from './fetch.ts';
import type { HttpRequest, Listener, Network, Server } from './network.ts';
import type { SocketClient } from './socket-client.ts';
import { webSocketConnection } from './web-socket.ts';

/** How a server proves who it is, and whom it asks for proof. All PEM text. */
export interface TlsServerOptions {
  readonly cert: string;
  readonly key: string;
  /** Ask clients for a certificate of this authority. One without, or with another, is let in without a `peer`. */
  readonly clientCa?: string | undefined;
}

export interface ListenOptions {
  /** Address to listen at; default 127.0.0.1. */
  readonly address?: string | undefined;
  readonly tls?: TlsServerOptions | undefined;
}

/** The machine's own network. */
export function socketNetwork(client: SocketClient, options: ListenOptions = {}): Network {
  return {
    fetch: client.fetch,
    upgrade: client.upgrade,
    dial: dialSocket,
    listen: (port, server) => listenSocket(port, server, options),
    resolve: async (name) => {
      try {
        return (await lookup(name, { all: true })).map(({ address }) => address);
      } catch (error) {
        throw new FetchError('Unreachable', `no such host: ${name}`, error);
      }
    },
  };
}

function dialSocket(host: string, port: number, signal?: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(abortError(signal));
      return;
    }
    const socket = connect({ host, port, ...(signal === undefined ? {} : { signal }) });
    socket.once('connect', () => resolve(socket));
    socket.once('error', (error) => {
      const cause = new FetchError(
        'Unreachable',
        `connection to ${host}:${port} failed: ${error.message}`,
        error,
      );
      reject(signal?.aborted ? abortError(signal) : cause);
    });
  });
}

/**
 * Serves at a port of this machine.
 * @throws FetchError `Unreachable` when the port cannot be had
 */
export async function listenSocket(
  port: number,
  server: Server,
  options: ListenOptions = {},
): Promise<Listener> {
  const cutOff = new AbortController();
  const tcp =
    server.connection === undefined ? httpServer(server, options, cutOff.signal) : rawServer(server);
  const sockets = new Set<Socket>();
  tcp.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  tcp.listen(port, options.address ?? '127.0.0.1');
  try {
    await once(tcp, 'listening');
  } catch (error) {
    throw new FetchError('Unreachable', `cannot listen at port ${port}: ${errorMessage(error)}`, error);
  }
  const { address, port: bound } = tcp.address() as AddressInfo;
  return {
    address,
    port: bound,
    close: async (cut) => {
      const closed = new Promise<void>((resolve) => tcp.close(() => resolve()));
      const cutAll = (): void => {
        cutOff.abort(new FetchError('Unreachable', 'the server closed the connection'));
        for (const socket of sockets) socket.destroy();
      };
      if (cut?.aborted) cutAll();
      else cut?.addEventListener('abort', cutAll, { once: true });
      await closed;
      cut?.removeEventListener('abort', cutAll);
    },
  };
}

function rawServer(server: Server): TcpServer {
  return createTcpServer((socket) => {
    socket.on('error', () => socket.destroy());
    server.connection?.(socket);
  });
}

/**
 * How long a connection may rest. Node's 5 seconds are fewer than a machine may stand still, and then the first request after the
 * pause is sent into a connection that is just being closed. Source: Envoy's `idle_timeout`.
 */
const idleMs = 3_600_000;

function httpServer(server: Server, { tls }: ListenOptions, cut: AbortSignal): TcpServer {
  const answer = (message: IncomingMessage, response: ServerResponse): void => {
    response.once('close', () => {
      // A server that closes has let go of those that rested then.
      if (!http.listening) http.closeIdleConnections();
    });
    void respond(server, message, response, cut);
  };
  const http =
    tls === undefined
      ? createHttpServer(answer)
      : createHttpsServer(
          {
            cert: tls.cert,
            key: tls.key,
            ...(tls.clientCa === undefined
              ? {}
              : { ca: tls.clientCa, requestCert: true, rejectUnauthorized: false }),
          },
          answer,
        );
  // A watch may be silent for minutes; what is too slow is cut by whoever asked for it.
  http.requestTimeout = 0;
  http.keepAliveTimeout = idleMs;
  let webSockets: Promise<WebSocketServer> | undefined;
  http.on('upgrade', (message: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    webSockets ??= webSocketServer();
    void upgradeSocket(server, webSockets, message, socket, head, cut);
  });
  return http;
}

/** Loaded with the first WebSocket: most servers never see one, and a start should be short. */
async function webSocketServer(): Promise<WebSocketServer> {
  const ws = await import('ws');
  return new ws.WebSocketServer({
    noServer: true,
    maxPayload: 64 * 1024 * 1024,
    handleProtocols: ([chosen]) => chosen ?? false,
  });
}

function toRequest(message: IncomingMessage, signal: AbortSignal): HttpRequest {
  return {
    method: message.method ?? 'GET',
    url: message.url ?? '/',
    headers: flatHeaders(message.headers),
    remoteAddress: message.socket.remoteAddress ?? '',
    peer: peerOf(message.socket),
    signal,
    body: () => message,
  };
}

function peerOf(socket: Socket): HttpRequest['peer'] {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const { CN, O } = socket.getPeerCertificate().subject ?? {};
  if (typeof CN !== 'string') return undefined;
  return { commonName: CN, organizations: O === undefined ? [] : [O].flat() };
}

/** A header that comes several times (Set-Cookie) must not be joined. */
function grouped(headers: Iterable<[string, string]>): Record<string, string | string[]> {
  const byName: Record<string, string | string[]> = {};
  for (const [name, value] of headers) {
    const known = byName[name];
    byName[name] = known === undefined ? value : [known, value].flat();
  }
  return byName;
}

async function respond(
  server: Server,
  message: IncomingMessage,
  response: ServerResponse,
  cut: AbortSignal,
): Promise<void> {
  const linked = linkAbort(cut);
  response.once('close', () => {
    linked.abort(new FetchError('Unreachable', 'the client has gone away'));
  });
  let answer: FetchResponse | undefined;
  try {
    if (server.http === undefined) {
      response.writeHead(426).end();
      return;
    }
    answer = await server.http(toRequest(message, linked.signal));
    response.writeHead(answer.status, grouped(answer.headers));
    // A watch's headers must not wait for its first event.
    response.flushHeaders();
    await pump(answer, response, linked.signal);
  } catch (error) {
    answer?.cancel();
    if (response.headersSent) response.destroy();
    else
      response
        .writeHead(500, { 'content-type': 'text/plain' })
        .end(`internal error: ${errorMessage(error)}\n`);
  }
}

/** Sends the body as it comes, no faster than the client reads it. */
async function pump(answer: FetchResponse, response: ServerResponse, signal: AbortSignal): Promise<void> {
  const stop = (): void => answer.cancel();
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    for await (const chunk of answer.body()) {
      if (response.destroyed) break;
      if (!response.write(chunk)) await drained(response);
    }
    response.end();
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Resolves when there is room for more, or nobody to send it to. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.once('drain', done);
    response.once('close', done);
  });
}

async function upgradeSocket(
  server: Server,
  webSockets: Promise<WebSocketServer>,
  message: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  cut: AbortSignal,
): Promise<void> {
  const linked = linkAbort(cut);
  socket.once('close', () => linked.abort(new FetchError('Unreachable', 'the client has gone away')));
  const refuse = (status: number, text: string): void => {
    socket.end(
      `HTTP/1.1 ${status} Refused\r\nconnection: close\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
    );
  };
  try {
    if (server.upgrade === undefined) {
      refuse(404, 'no WebSockets here\n');
      return;
    }
    const offered = (message.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
    const reply = await server.upgrade(
      toRequest(message, linked.signal),
      offered.filter((name) => name !== ''),
    );
    if (!('serve' in reply)) {
      refuse(reply.status, await reply.text());
      return;
    }
    // `ws` chooses from what the client offered; our handler has already chosen.
    if (reply.protocol === '') delete message.headers['sec-websocket-protocol'];
    else message.headers['sec-websocket-protocol'] = reply.protocol;
    const accepting = await webSockets;
    accepting.handleUpgrade(message, socket, head, (accepted) => {
      const connection = webSocketConnection(accepted);
      linked.signal.addEventListener('abort', () => accepted.terminate(), { once: true });
      reply.serve(connection).then(
        () => accepted.close(1000),
        () => accepted.close(1011),
      );
    });
  } catch (error) {
    refuse(500, `internal error: ${errorMessage(error)}\n`);
  }
}

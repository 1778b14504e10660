import { duplexPair } from 'node:stream';
import { abortError, linkAbort, type LinkedAbort, orAbort } from './abort.ts';
import { Channel } from './channel.ts';
import { errorMessage } from './errors.ts';
import {
  type Connection,
  FetchError,
  type FetchInit,
  type FetchResponse,
  flatHeaders,
  jsonResponse,
  onResponseEnd,
  type UpgradeInit,
  type WebSocketConnection,
} from './fetch.ts';
import { hostAndPort, type HttpRequest, type Listener, type Network, type Server } from './network.ts';

/**
 * Addresses of `name` as seen by the host at `from`, in the order in which to try them; none when it is unknown.
 * `localhost` and addresses never get here.
 */
export type Lookup = (name: string, from: string) => readonly string[];

/** Where a connection to an address and port really ends; undefined refuses it. Default: where it says. */
export type Redirect = (
  from: string,
  address: string,
  port: number,
) => { readonly address: string; readonly port: number } | undefined;

/** Ports above this are handed out for port 0. */
const firstEphemeralPort = 32768;
const lastPort = 65535;

/**
 * A network inside one process: a table of addresses and what listens at their ports. Nothing is turned into
 * bytes that its receiver does not read as bytes, and nothing takes time.
 */
export class MemoryNetwork {
  readonly #lookup: Lookup;
  readonly #redirect: Redirect;
  readonly #ports = new Map<string, Port>();
  #ephemeral = firstEphemeralPort;

  constructor(lookup: Lookup = () => [], redirect: Redirect = (_from, address, port) => ({ address, port })) {
    this.#lookup = lookup;
    this.#redirect = redirect;
  }

  /** Whether somebody listens at exactly this address and port. */
  listensAt(address: string, port: number): boolean {
    return this.#ports.has(`${address}:${port}`);
  }

  /** The network as the host with this address sees it. */
  host(address: string): Network {
    return {
      fetch: (url, init = {}) => this.#fetch(address, url, init),
      upgrade: (url, init = {}) => this.#upgrade(address, url, init),
      dial: async (host, port, signal) => this.#dial(address, host, port, signal),
      listen: async (port, server) => this.#listen(address, port, server),
      resolve: async (name) => this.#resolve(address, name),
    };
  }

  #resolve(from: string, name: string): readonly string[] {
    if (name === 'localhost' || name === '127.0.0.1' || name === '::1') return [from];
    if (/^[\d.]+$/.test(name) || name.includes(':')) return [name];
    const addresses = this.#lookup(name, from);
    if (addresses.length === 0) throw new FetchError('Unreachable', `no such host: ${name}`);
    return addresses;
  }

  #connect(from: string, host: string, port: number): Port {
    for (const address of this.#resolve(from, host)) {
      const end = this.#redirect(from, address, port);
      const found = end === undefined ? undefined : this.#ports.get(`${end.address}:${end.port}`);
      if (found !== undefined) return found;
    }
    throw new FetchError('Unreachable', `connection to ${host}:${port} refused: nothing listens there`);
  }

  #listen(address: string, wanted: number, server: Server): Listener {
    const port = wanted === 0 ? this.#freePort(address) : wanted;
    const key = `${address}:${port}`;
    if (this.#ports.has(key)) throw new FetchError('Unreachable', `port ${port} of ${address} is taken`);
    const open = new Port(server);
    this.#ports.set(key, open);
    return {
      address,
      port,
      close: (cut) => {
        if (this.#ports.get(key) === open) this.#ports.delete(key);
        return open.drain(cut);
      },
    };
  }

  #freePort(address: string): number {
    for (let tried = firstEphemeralPort; tried <= lastPort; tried++) {
      const port = this.#ephemeral;
      this.#ephemeral = port === lastPort ? firstEphemeralPort : port + 1;
      if (!this.#ports.has(`${address}:${port}`)) return port;
    }
    throw new FetchError('Unreachable', `no free port at ${address}`);
  }

  async #fetch(from: string, url: string, init: FetchInit): Promise<FetchResponse> {
    const { host, port, path } = hostAndPort(url);
    if (init.signal?.aborted) throw abortError(init.signal);
    const open = this.#connect(from, host, port);
    const answer = open.server.http;
    if (answer === undefined) throw new FetchError('Unreachable', `${host}:${port} does not speak HTTP`);
    const call = open.begin(init.signal);
    try {
      const request = toRequest(init, path, from, host, port, call.signal);
      const answered = answerOr500(() => answer(request));
      const response = await orAbort(answered, call.signal, (late) => late.cancel());
      return onResponseEnd(cutResponse(response, call.signal), () => open.end(call));
    } catch (error) {
      open.end(call);
      throw error;
    }
  }

  async #upgrade(from: string, url: string, init: UpgradeInit): Promise<WebSocketConnection> {
    const { host, port, path } = hostAndPort(url);
    if (init.signal?.aborted) throw abortError(init.signal);
    const open = this.#connect(from, host, port);
    const handshake = open.server.upgrade;
    if (handshake === undefined) {
      throw new FetchError('UpgradeRefused', `${host}:${port} serves no WebSockets`, undefined, 404);
    }
    const call = open.begin(init.signal);
    try {
      const request = toRequest({ headers: init.headers }, path, from, host, port, call.signal);
      const replied = answerOr500(() => handshake(request, init.protocols ?? []));
      const reply = await orAbort(replied, call.signal);
      if (!('serve' in reply)) {
        const excerpt = (await reply.text()).slice(0, 200);
        throw new FetchError('UpgradeRefused', `${reply.status}: ${excerpt}`, undefined, reply.status);
      }
      const [ours, theirs] = webSocketPair(reply.protocol);
      call.signal.addEventListener('abort', () => theirs.close(1001), { once: true });
      const finished = (): void => {
        theirs.close(1000);
        open.end(call);
      };
      reply.serve(theirs).then(finished, finished);
      return ours;
    } catch (error) {
      open.end(call);
      throw error;
    }
  }

  #dial(from: string, host: string, port: number, signal: AbortSignal | undefined): Connection {
    if (signal?.aborted) throw abortError(signal);
    const open = this.#connect(from, host, port);
    const [ours, theirs] = duplexPair();
    const call = open.begin(signal);
    const cut = (): void => {
      ours.destroy();
      theirs.destroy();
    };
    call.signal.addEventListener('abort', cut, { once: true });
    // As a socket does: when one end is gone, so is the other.
    ours.once('close', () => {
      theirs.destroy();
      open.end(call);
    });
    theirs.once('close', () => ours.destroy());
    if (open.server.connection === undefined) theirs.resume().once('end', () => theirs.end());
    else open.server.connection(theirs);
    return ours;
  }
}

/** One listening port, and what is open through it. */
class Port {
  readonly server: Server;
  readonly #calls = new Set<LinkedAbort>();
  #drained: (() => void)[] = [];

  constructor(server: Server) {
    this.server = server;
  }

  begin(parent: AbortSignal | undefined): LinkedAbort {
    const call = linkAbort(parent);
    this.#calls.add(call);
    return call;
  }

  end(call: LinkedAbort): void {
    call[Symbol.dispose]();
    this.#calls.delete(call);
    if (this.#calls.size === 0) for (const resolve of this.#drained.splice(0)) resolve();
  }

  async drain(cut?: AbortSignal): Promise<void> {
    const cutAll = (): void => {
      for (const call of this.#calls) {
        call.abort(new FetchError('Unreachable', 'the server closed the connection'));
        this.end(call);
      }
    };
    if (cut?.aborted) cutAll();
    else cut?.addEventListener('abort', cutAll, { once: true });
    if (this.#calls.size > 0) await new Promise<void>((resolve) => this.#drained.push(resolve));
    cut?.removeEventListener('abort', cutAll);
  }
}

function toRequest(
  init: FetchInit,
  url: string,
  from: string,
  host: string,
  port: number,
  signal: AbortSignal,
): HttpRequest {
  return {
    method: init.method ?? 'GET',
    url,
    headers: { host: `${host}:${port}`, ...flatHeaders(init.headers ?? {}) },
    remoteAddress: from,
    signal,
    async *body() {
      const sent = init.body ?? (init.json === undefined ? '' : JSON.stringify(init.json));
      if (sent.length > 0) yield typeof sent === 'string' ? Buffer.from(sent, 'utf8') : sent;
    },
    ...(init.json === undefined ? {} : { json: init.json }),
  };
}

/** What a handler throws becomes a bare 500, also when it throws before its first await. */
async function answerOr500<T>(answer: () => Promise<T>): Promise<T | FetchResponse> {
  try {
    return await answer();
  } catch (error) {
    return jsonResponse(500, { message: `internal error: ${errorMessage(error)}` });
  }
}

/** A response whose body breaks off with an error when `signal` aborts. */
function cutResponse(response: FetchResponse, signal: AbortSignal): FetchResponse {
  // Also while nobody is reading.
  signal.addEventListener('abort', () => response.cancel(), { once: true });
  async function* stream<T>(source: AsyncIterable<T>): AsyncGenerator<T> {
    const iterator = source[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await orAbort(iterator.next(), signal);
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      // Not the iterator's return(): a source that waits for its next value would keep its reader from leaving.
      response.cancel();
    }
  }
  return {
    status: response.status,
    headers: response.headers,
    body: () => stream(response.body()),
    text: () => orAbort(response.text(), signal),
    json: () => orAbort(response.json(), signal),
    jsonLines: () => stream(response.jsonLines()),
    cancel: () => response.cancel(),
  };
}

/** Messages that may wait at either end before the sender has to. */
const webSocketBuffer = 256;

/** The two ends of a WebSocket in this process. */
function webSocketPair(protocol: string): [WebSocketConnection, WebSocketConnection] {
  const toA = new Channel<string | Uint8Array>(webSocketBuffer);
  const toB = new Channel<string | Uint8Array>(webSocketBuffer);
  const end = (
    incoming: Channel<string | Uint8Array>,
    outgoing: Channel<string | Uint8Array>,
  ): WebSocketConnection => ({
    protocol,
    async send(message) {
      if (!(await outgoing.push(message))) throw new FetchError('Unreachable', 'the WebSocket is closed');
    },
    messages: () => incoming,
    close() {
      outgoing.close();
      incoming.close();
    },
  });
  return [end(toA, toB), end(toB, toA)];
}

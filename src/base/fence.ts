import { linkAbort, type LinkedAbort } from './abort.ts';
import type { Clock, Deadline } from './clock.ts';
import {
  type Connection,
  type Fetch,
  type FetchResponse,
  onResponseEnd,
  type Upgrade,
  type WebSocketConnection,
} from './fetch.ts';
import type { Log } from './log.ts';
import type { HttpHandler, Listener, Network, Server, UpgradeHandler, UpgradeReply } from './network.ts';
import type { Seams } from './program.ts';

/** Seams that can be taken away from whoever holds them. */
export interface Fence {
  readonly seams: Seams;
  readonly closed: boolean;
  /**
   * Kills the holder as SIGKILL would: what it has in flight is cut off, nothing that it still does reaches the
   * world, and none of its pending or later calls ever settles. Its code stops where it stands: no `catch` or
   * `finally` of it runs. (A loop that never awaits a seam cannot be stopped.)
   */
  readonly close: () => void;
}

/**
 * Puts a fence around `seams`.
 *
 * Calls never settle, instead of failing, because a killed process does not get to handle an error, and a loop
 * that retries after errors would spin for ever on ones that come at once.
 */
export function fence(seams: Seams): Fence {
  const killed = new AbortController();
  const guard = new Guard(killed.signal);
  return {
    seams: {
      clock: fencedClock(seams.clock, guard),
      // Drawing numbers touches nothing.
      random: seams.random,
      fetch: fencedFetch(seams.fetch, guard),
      upgrade: fencedUpgrade(seams.upgrade, guard),
      network: fencedNetwork(seams.network, guard),
      log: fencedLog(seams.log, guard),
    },
    get closed() {
      return killed.signal.aborted;
    },
    close: () => killed.abort(),
  };
}

/** Never settles, and keeps nothing alive: its holder can be collected. */
function never<T>(): Promise<T> {
  return new Promise<T>(() => {});
}

class Guard {
  readonly #killed: AbortSignal;

  constructor(killed: AbortSignal) {
    this.#killed = killed;
  }

  get closed(): boolean {
    return this.#killed.aborted;
  }

  /** A signal that aborts with the caller's or with the fence; its owner disposes of it. */
  link(parent: AbortSignal | undefined): LinkedAbort {
    return linkAbort(this.#killed, parent);
  }

  /** Runs `undo` when the fence closes, unless it is disposed of before. */
  onClose(undo: () => void): () => void {
    this.#killed.addEventListener('abort', undo, { once: true });
    return () => this.#killed.removeEventListener('abort', undo);
  }

  /** Starts `call` with a signal that aborts with the caller's or with the fence; settles only while it is open. */
  async call<T>(parent: AbortSignal | undefined, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.closed) return never();
    using linked = this.link(parent);
    return await this.settle(call(linked.signal));
  }

  /**
   * Opens something with a signal that aborts with the caller's or with the fence, for as long as it is open.
   * @param wrap fences what was opened; calls `release` when that has ended
   */
  async open<T>(
    parent: AbortSignal | undefined,
    open: (signal: AbortSignal) => Promise<T>,
    wrap: (opened: T, release: () => void) => T,
  ): Promise<T> {
    if (this.closed) return never();
    const linked = this.link(parent);
    const release = (): void => linked[Symbol.dispose]();
    try {
      return await this.settle(open(linked.signal).then((opened) => wrap(opened, release)));
    } catch (error) {
      release();
      throw error;
    }
  }

  /** As `work` settles, but only while the fence is open. */
  async settle<T>(work: Promise<T>): Promise<T> {
    try {
      const result = await work;
      return await (this.closed ? never<T>() : result);
    } catch (error) {
      if (this.closed) return never();
      throw error;
    }
  }

  /** Passes values on while the fence is open; then halts. */
  async *stream<T>(source: AsyncIterable<T>): AsyncGenerator<T> {
    try {
      for await (const value of source) {
        if (this.closed) await never();
        yield value;
        if (this.closed) await never();
      }
    } catch (error) {
      if (this.closed) await never();
      throw error;
    }
    if (this.closed) await never();
  }
}

function fencedClock(clock: Clock, guard: Guard): Clock {
  // A dead program that still runs to its next await must not see time pass.
  let stoppedAt: { now: number; monotonic: number } | undefined;
  guard.onClose(() => {
    stoppedAt = { now: clock.now(), monotonic: clock.monotonic() };
  });
  return {
    now: () => stoppedAt?.now ?? clock.now(),
    monotonic: () => stoppedAt?.monotonic ?? clock.monotonic(),
    sleep: (ms, signal) => guard.call(signal, (fenced) => clock.sleep(ms, fenced)),
    every: (ms, task, signal) =>
      guard.call(signal, (fenced) => clock.every(ms, () => (guard.closed ? never<void>() : task()), fenced)),
    timeout: (ms, parent): Deadline => {
      const deadline = clock.timeout(ms, parent);
      if (guard.closed) deadline[Symbol.dispose]();
      const release = guard.onClose(() => deadline[Symbol.dispose]());
      return {
        signal: deadline.signal,
        [Symbol.dispose]() {
          release();
          deadline[Symbol.dispose]();
        },
      };
    },
    external: (work) => clock.external(work),
  };
}

function fencedFetch(fetch: Fetch, guard: Guard): Fetch {
  return (url, init = {}) =>
    guard.open(
      init.signal,
      (signal) => fetch(url, { ...init, signal }),
      (response, release) => fencedResponse(onResponseEnd(response, release), guard),
    );
}

function fencedResponse(response: FetchResponse, guard: Guard): FetchResponse {
  if (guard.closed) response.cancel();
  return {
    status: response.status,
    headers: response.headers,
    body: () => guard.stream(response.body()),
    text: () => guard.settle(response.text()),
    json: () => guard.settle(response.json()),
    jsonLines: () => guard.stream(response.jsonLines()),
    cancel: () => response.cancel(),
  };
}

function fencedUpgrade(upgrade: Upgrade, guard: Guard): Upgrade {
  return (url, init = {}) =>
    guard.open(
      init.signal,
      (signal) => upgrade(url, { ...init, signal }),
      (connection, release) => fencedWebSocket(connection, guard, release),
    );
}

function fencedWebSocket(
  connection: WebSocketConnection,
  guard: Guard,
  release: () => void = () => {},
): WebSocketConnection {
  const cut = (): void => connection.close(1001);
  if (guard.closed) cut();
  const forget = guard.onClose(cut);
  const ended = (): void => {
    forget();
    release();
  };
  return {
    protocol: connection.protocol,
    send: (message) => (guard.closed ? never() : guard.settle(connection.send(message))),
    async *messages() {
      yield* guard.stream(connection.messages());
      ended();
    },
    close: (code, reason) => {
      if (guard.closed) return;
      connection.close(code, reason);
      ended();
    },
  };
}

function fencedConnection(connection: Connection, guard: Guard, release: () => void = () => {}): Connection {
  if (guard.closed) connection.destroy();
  const forget = guard.onClose(() => connection.destroy());
  connection.once('close', () => {
    forget();
    release();
  });
  return connection;
}

function fencedNetwork(network: Network, guard: Guard): Network {
  return {
    fetch: fencedFetch(network.fetch, guard),
    upgrade: fencedUpgrade(network.upgrade, guard),
    dial: (host, port, signal) =>
      guard.open(
        signal,
        (linked) => network.dial(host, port, linked),
        (connection, release) => fencedConnection(connection, guard, release),
      ),
    listen: (port, server) =>
      guard.call(undefined, async () =>
        fencedListener(await network.listen(port, fencedServer(server, guard)), guard),
      ),
    resolve: (name) => guard.call(undefined, () => network.resolve(name)),
  };
}

/** Callers of a dead server see their connections cut by its listener; its handlers are not called any more. */
function fencedServer(server: Server, guard: Guard): Server {
  const { http, upgrade, connection } = server;
  const answer: HttpHandler | undefined = http && ((request) => guard.call(undefined, () => http(request)));
  const handshake: UpgradeHandler | undefined =
    upgrade &&
    ((request, protocols) =>
      guard.call(undefined, async (): Promise<UpgradeReply> => {
        const reply = await upgrade(request, protocols);
        if (!('serve' in reply)) return reply;
        return { ...reply, serve: (socket) => reply.serve(fencedWebSocket(socket, guard)) };
      }));
  return {
    http: answer,
    upgrade: handshake,
    connection: connection && ((stream) => connection(fencedConnection(stream, guard))),
  };
}

function fencedListener(listener: Listener, guard: Guard): Listener {
  const cutOff = AbortSignal.abort();
  const cut = (): void => void listener.close(cutOff);
  if (guard.closed) cut();
  const release = guard.onClose(cut);
  return {
    address: listener.address,
    port: listener.port,
    close: (signal) => {
      release();
      return guard.call(signal, (linked) => listener.close(linked));
    },
  };
}

function fencedLog(log: Log, guard: Guard): Log {
  return {
    debug: (message, fields) => void (guard.closed || log.debug(message, fields)),
    info: (message, fields) => void (guard.closed || log.info(message, fields)),
    warn: (message, fields) => void (guard.closed || log.warn(message, fields)),
    error: (message, fields) => void (guard.closed || log.error(message, fields)),
    child: (fields) => fencedLog(log.child(fields), guard),
  };
}

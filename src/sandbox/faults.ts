import { abortError, type LinkedAbort, linkAbort, orAbort } from '../base/abort.ts';
import {
  type Fetch,
  FetchError,
  type FetchResponse,
  onResponseEnd,
  type Upgrade,
  type WebSocketConnection,
} from '../base/fetch.ts';
import { hostAndPort, type Network } from '../base/network.ts';

/** A request on its way through the sandbox, for whoever wants to spoil it. */
export interface SandboxCall {
  /** Who asks: a component (`controllers`, `node-1`), or a pod as `namespace/name`. */
  readonly from: string;
  /** Whom: a cluster's API server by the name of the cluster. */
  readonly to: string;
  readonly method: string;
  readonly url: string;
}

/**
 * Called before each request of a seam of the sandbox. What it throws is what the caller gets (a FetchError, as a rule);
 * while its promise is pending the request waits.
 */
export type FaultHook = (call: SandboxCall) => void | Promise<void>;

/** The way to an API server, which can be shut: as if the server, or the network before it, were gone. */
export class ApiDoor {
  readonly #name: string;
  readonly #server: { readonly fetch: Fetch; readonly upgrade: Upgrade };
  readonly #faults: FaultHook | undefined;
  readonly #open = new Set<LinkedAbort>();
  #shut: string | undefined;

  /** @param name of the cluster */
  constructor(
    name: string,
    server: { readonly fetch: Fetch; readonly upgrade: Upgrade },
    faults: FaultHook | undefined,
  ) {
    this.#name = name;
    this.#server = server;
    this.#faults = faults;
  }

  /** Cuts what is open, and refuses everything until {@link open}. */
  shut(why: string): void {
    this.#shut = why;
    this.cut(why);
  }

  open(): void {
    this.#shut = undefined;
  }

  /** Cuts what is open: watches begin anew. */
  cut(why: string): void {
    for (const call of this.#open) call.abort(new FetchError('Unreachable', why));
    this.#open.clear();
  }

  /** The way in for one caller. */
  for(from: string): { readonly fetch: Fetch; readonly upgrade: Upgrade } {
    const pass = async <T>(
      { method, url, signal }: { method: string; url: string; signal: AbortSignal | undefined },
      call: (signal: AbortSignal) => Promise<T>,
      hold: (result: T, release: () => void) => T,
      late: (result: T) => void,
    ): Promise<T> => {
      await this.#faults?.({ from, to: this.#name, method, url });
      if (this.#shut !== undefined) throw new FetchError('Unreachable', this.#shut);
      if (signal?.aborted === true) throw abortError(signal);
      const linked = linkAbort(signal);
      this.#open.add(linked);
      const release = (): void => {
        linked[Symbol.dispose]();
        this.#open.delete(linked);
      };
      try {
        return hold(await orAbort(call(linked.signal), linked.signal, late), release);
      } catch (error) {
        release();
        throw error;
      }
    };
    return {
      fetch: (url, init = {}) =>
        pass<FetchResponse>(
          { method: init.method ?? 'GET', url, signal: init.signal },
          (signal) => this.#server.fetch(url, { ...init, signal }),
          (response, release) => onResponseEnd(response, release),
          (response) => response.cancel(),
        ),
      upgrade: (url, init = {}) =>
        pass(
          { method: 'GET', url, signal: init.signal },
          (signal) => this.#server.upgrade(url, { ...init, signal }),
          (connection, release) => releasing(connection, release),
          (connection) => connection.close(1001),
        ),
    };
  }
}

function releasing(connection: WebSocketConnection, release: () => void): WebSocketConnection {
  return {
    protocol: connection.protocol,
    send: (message) => connection.send(message),
    async *messages() {
      try {
        yield* connection.messages();
      } finally {
        release();
      }
    },
    close: (code, reason) => {
      release();
      connection.close(code, reason);
    },
  };
}

/** The network of a pod whose calls can be spoilt. */
export function withFaults(network: Network, from: string, faults: FaultHook | undefined): Network {
  if (faults === undefined) return network;
  return {
    listen: (port, server) => network.listen(port, server),
    resolve: (name) => network.resolve(name),
    fetch: async (url, init = {}) => {
      await faults({ from, to: hostAndPort(url).host, method: init.method ?? 'GET', url });
      return network.fetch(url, init);
    },
    upgrade: async (url, init = {}) => {
      await faults({ from, to: hostAndPort(url).host, method: 'GET', url });
      return network.upgrade(url, init);
    },
    dial: async (host, port, signal) => {
      await faults({ from, to: host, method: 'CONNECT', url: `tcp://${host}:${port}` });
      return network.dial(host, port, signal);
    },
  };
}

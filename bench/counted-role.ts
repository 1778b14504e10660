// What children of benches have in common: a role against a kubeconfig, whose requests are counted.
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { type Clock, realClock } from '../src/base/clock.ts';
import type { Fetch } from '../src/base/fetch.ts';
import { silentLog } from '../src/base/log.ts';
import { MemoryFiles } from '../src/base/memory-files.ts';
import type { Program } from '../src/base/program.ts';
import { systemRandom } from '../src/base/random.ts';
import { type SocketClient, socketClient } from '../src/base/socket-client.ts';
import { socketNetwork } from '../src/base/socket-network.ts';
import { type ConnectionConfig, connectionOf, loadKubeconfig } from '../src/kube/connection.ts';
import type { ConnectApi } from '../src/kube/role.ts';
import { heapUsed } from './report.ts';

/** Requests since the last question that are told, to find out where they come from. */
const mostTold = 20;

/** Connections to API servers, with a count of their requests, watches and Leases apart. */
export class CountedConnections {
  readonly clock: Clock = realClock();
  #requests = 0;
  #writes = 0;
  #last: string[] = [];

  sockets(connection: ConnectionConfig): SocketClient {
    const sockets = socketClient({ tls: connection.tls });
    const fetch: Fetch = (url, init) => {
      this.#count(init?.method ?? 'GET', url);
      return sockets.fetch(url, init);
    };
    return { ...sockets, fetch, close: () => sockets.close() };
  }

  readonly connect: ConnectApi = async (_, { kubeconfig }) => {
    const effects = { readFile: (path: string) => readFile(path, 'utf8'), clock: this.clock, env: {} };
    const connection = await connectionOf(await loadKubeconfig(effects, kubeconfig), effects);
    return { connection, ...this.sockets(connection) };
  };

  take(): { readonly requests: number; readonly writes: number; readonly last: readonly string[] } {
    const last = this.#last;
    this.#last = [];
    return { requests: this.#requests, writes: this.#writes, last };
  }

  #count(method: string, url: string): void {
    if (url.includes('watch=true') || url.includes('/leases')) return;
    this.#requests += 1;
    if (method !== 'GET') this.#writes += 1;
    if (this.#last.length < mostTold) this.#last.push(`${method} ${url}`);
  }
}

/**
 * Runs a role until stdin ends. For each line on stdin it prints its heap and how many requests it has made. The
 * kubeconfig is the first argument; flags of the role follow.
 */
export async function serveRole(connections: CountedConnections, program: Program): Promise<never> {
  const [kubeconfig = '', ...flags] = process.argv.slice(2);
  const outside = socketClient();
  const stop = new AbortController();
  const questions = createInterface(process.stdin);
  questions.on('line', () => {
    void heapUsed().then((heap) => console.log(JSON.stringify({ heap, ...connections.take() })));
  });
  questions.on('close', () => stop.abort());
  process.exitCode = await program({
    argv: [`-kubeconfig=${kubeconfig}`, ...flags],
    env: {},
    files: new MemoryFiles(),
    stdin: process.stdin,
    stdout: (text) => void process.stderr.write(text),
    signal: stop.signal,
    seams: {
      clock: connections.clock,
      random: systemRandom(),
      fetch: outside.fetch,
      upgrade: outside.upgrade,
      network: socketNetwork(outside),
      log: silentLog,
    },
  });
  await outside.close();
  process.exit();
}

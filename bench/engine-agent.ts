// A child of bench/engine.ts: the agent against a kubeconfig. For each line on stdin it prints its heap and how many
// requests it has made, watches and its Lease apart.
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { realClock } from '../src/base/clock.ts';
import type { Fetch } from '../src/base/fetch.ts';
import { silentLog } from '../src/base/log.ts';
import { MemoryFiles } from '../src/base/memory-files.ts';
import { systemRandom } from '../src/base/random.ts';
import { socketClient } from '../src/base/socket-client.ts';
import { socketNetwork } from '../src/base/socket-network.ts';
import { connectionOf, loadKubeconfig } from '../src/kube/connection.ts';
import { agent } from '../src/rollout/agent/agent.ts';
import { heapUsed } from './report.ts';

const [kubeconfig = '', ...argv] = process.argv.slice(2);
const clock = realClock();
const outside = socketClient();
let requests = 0;
let writes = 0;

const program = agent({
  version: 'bench',
  connect: async () => {
    const effects = { readFile: (path: string) => readFile(path, 'utf8'), clock, env: {} };
    const connection = await connectionOf(await loadKubeconfig(effects, kubeconfig), effects);
    const sockets = socketClient({ tls: connection.tls });
    const fetch: Fetch = (url, init) => {
      if (!url.includes('watch=true') && !url.includes('/leases')) {
        requests += 1;
        if ((init?.method ?? 'GET') !== 'GET') writes += 1;
      }
      return sockets.fetch(url, init);
    };
    return { connection, fetch, upgrade: sockets.upgrade, close: () => sockets.close() };
  },
});

const stop = new AbortController();
const questions = createInterface(process.stdin);
questions.on('line', () => {
  void heapUsed().then((heap) => console.log(JSON.stringify({ heap, requests, writes })));
});
questions.on('close', () => stop.abort());
process.exitCode = await program({
  argv,
  env: {},
  files: new MemoryFiles(),
  stdin: process.stdin,
  stdout: (text) => void process.stderr.write(text),
  signal: stop.signal,
  seams: {
    clock,
    random: systemRandom(),
    fetch: outside.fetch,
    upgrade: outside.upgrade,
    network: socketNetwork(outside),
    log: silentLog,
  },
});
await outside.close();
process.exit();

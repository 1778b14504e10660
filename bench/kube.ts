import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { realClock } from '../src/base/clock.ts';
import { silentLog } from '../src/base/log.ts';
import { systemRandom } from '../src/base/random.ts';
import { socketClient, type SocketClient } from '../src/base/socket-client.ts';
import { withoutManagedFields } from '../src/kube/projections.ts';
import type { KubeObject } from '../src/machinery/object.ts';
import type { ResourceKind } from '../src/kube/resource-client.ts';
import { createClient, type RestClient } from '../src/kube/rest-client.ts';
import { Store } from '../src/kube/store.ts';
import { pod } from './pods.ts';
import { heapUsed, type Measurement, seconds } from './report.ts';
import { churnForADay } from './watch-churn.ts';

const configMaps: ResourceKind = {
  group: '',
  version: 'v1',
  resource: 'configmaps',
  kind: 'ConfigMap',
  namespaced: true,
};
const pods: ResourceKind = { group: '', version: 'v1', resource: 'pods', kind: 'Pod', namespaced: true };

const objects = 10_000;

async function withServer<T>(
  run: (client: RestClient, connections: () => Promise<number>) => Promise<T>,
): Promise<T> {
  const server: ChildProcess = fork(new URL('object-server.ts', import.meta.url), [String(objects)]);
  const [port] = (await once(server, 'message')) as [number];
  const sockets: SocketClient = socketClient();
  const clock = realClock();
  const base = `http://127.0.0.1:${port}`;
  const client = createClient({ fetch: sockets.fetch, server: base, clock, userAgent: 'bench' });
  const connections = async (): Promise<number> => {
    const answer = (await (await sockets.fetch(`${base}/connections`)).json()) as { connections: number };
    return answer.connections;
  };
  try {
    return await run(client, connections);
  } finally {
    await sockets.close();
    server.disconnect();
  }
}

/** Gets over real sockets, from this process to another one. */
async function gets(client: RestClient, connections: () => Promise<number>): Promise<Measurement[]> {
  const resource = client.resource(configMaps);
  const burst = async (count: number, parallel: number): Promise<void> => {
    let left = count;
    const worker = async (): Promise<void> => {
      while (left-- > 0) await resource.get({ namespace: 'd', name: 'c' });
    };
    await Promise.all(Array.from({ length: parallel }, worker));
  };
  await burst(5_000, 32);
  const before = await connections();
  const count = 30_000;
  const took = await seconds(() => burst(count, 32));
  const opened = (await connections()) - before;
  return [
    { name: 'gets over sockets, 32 in flight', value: count / took, unit: '/s', atLeast: 5_000 },
    { name: 'connections opened by them', value: opened, unit: '', atMost: 0 },
  ];
}

async function store(client: RestClient): Promise<Measurement[]> {
  let text = 0;
  for (let i = 0; i < objects; i++) {
    text += JSON.stringify(withoutManagedFields(pod(i) as unknown as KubeObject)).length;
  }
  const stop = new AbortController();
  const before = await heapUsed();
  const cache = new Store({
    client: client.resource(pods),
    clock: realClock(),
    random: systemRandom(),
    log: silentLog,
    project: withoutManagedFields,
  });
  const took = await seconds(async () => {
    void cache.run(stop.signal);
    await cache.synced(stop.signal);
  });
  const memory = (await heapUsed()) - before;
  const held = cache.list().length;
  stop.abort();
  return [
    { name: 'list and watch of 10,000 pods, until synced', value: took, unit: 's', atMost: 1 },
    { name: 'objects held', value: held, unit: '', atLeast: objects },
    { name: 'their memory to their JSON, both projected', value: memory / text, unit: '×', atMost: 1.5 },
  ];
}

export default async function kube(): Promise<Measurement[]> {
  const overSockets = await withServer(async (client, connections) => [
    ...(await gets(client, connections)),
    ...(await store(client)),
  ]);
  return [...overSockets, ...(await churnForADay())];
}

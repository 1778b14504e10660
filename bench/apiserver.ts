import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { realClock, VirtualClock } from '../src/base/clock.ts';
import { silentLog } from '../src/base/log.ts';
import { seededRandom } from '../src/base/random.ts';
import type { KubeObject } from '../src/machinery/object.ts';
import type { ResourceClient } from '../src/kube/resource-client.ts';
import { type Cluster, startCluster } from '../src/sandbox/apiserver/cluster.ts';
import { heapUsed, type Measurement, seconds, slope } from './report.ts';

interface ConfigMap extends KubeObject {
  data?: Record<string, string>;
}

const kind = { group: '', version: 'v1', resource: 'configmaps', kind: 'ConfigMap', namespaced: true };

function configMap(name: string, text: string): ConfigMap {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'default', labels: { app: 'bench' } },
    data: { text },
  };
}

async function withCluster<T>(
  run: (objects: ResourceClient<ConfigMap>, cluster: Cluster) => Promise<T>,
  clock = realClock(),
): Promise<T> {
  const cluster = await startCluster({ clock, random: seededRandom('bench'), log: silentLog });
  try {
    return await run(cluster.client().resource<ConfigMap>(kind), cluster);
  } finally {
    await cluster.close();
  }
}

/** Requests a second, one after the other, after a warm-up. */
async function rate(warmUp: number, count: number, call: (i: number) => Promise<unknown>): Promise<number> {
  for (let i = 0; i < warmUp; i++) await call(i);
  return (
    count /
    (await seconds(async () => {
      for (let i = warmUp; i < warmUp + count; i++) await call(i);
    }))
  );
}

async function requests(objects: ResourceClient<ConfigMap>): Promise<Measurement[]> {
  const creates = await rate(2_000, 10_000, (i) => objects.create(configMap(`c${i}`, 'x')));
  const gets = await rate(2_000, 10_000, (i) => objects.get({ namespace: 'default', name: `c${i}` }));
  const applies = await rate(1_000, 4_000, (i) =>
    objects.apply(configMap(`c${i % 500}`, `y${i}`), { fieldManager: 'bench', force: true }),
  );
  return [
    { name: 'get, in process', value: gets, unit: '/s', atLeast: 10_000 },
    { name: 'create, in process', value: creates, unit: '/s', atLeast: 4_000 },
    { name: 'apply that changes, in process', value: applies, unit: '/s', atLeast: 2_000 },
  ];
}

/** A thousand watchers of one namespace, fifty changes a second: from the write to the last reader. */
async function watchers(objects: ResourceClient<ConfigMap>): Promise<Measurement[]> {
  const clock = realClock();
  const stop = new AbortController();
  const delays: number[] = [];
  await objects.create(configMap('watched', '0'));
  const { metadata } = await objects.list({ namespace: 'default', limit: 1 });
  const read = async (): Promise<void> => {
    const events = objects.watch({
      namespace: 'default',
      resourceVersion: metadata.resourceVersion,
      signal: stop.signal,
    });
    for await (const event of events) {
      if (event.type === 'MODIFIED') delays.push(clock.monotonic() - Number(event.object.data?.['text']));
    }
  };
  const readers = Array.from({ length: 1_000 }, () => read().catch(() => {}));
  await clock.sleep(500);
  let changes = 0;
  const writing = new AbortController();
  const writer = clock.every(
    20,
    async () => {
      await objects.update(configMap('watched', String(clock.monotonic())));
      changes += 1;
      if (changes === 250) writing.abort();
    },
    writing.signal,
  );
  await writer;
  await clock.sleep(500);
  stop.abort();
  await Promise.all(readers);
  delays.sort((a, b) => a - b);
  return [
    {
      name: 'events that 1,000 watchers got of 250 changes',
      value: delays.length,
      unit: '',
      atLeast: 250_000,
    },
    {
      name: 'their delay at 50 changes/s, p99',
      value: delays[Math.floor(delays.length * 0.99)] ?? Infinity,
      unit: 'ms',
      atMost: 100,
    },
  ];
}

async function memory(objects: ResourceClient<ConfigMap>): Promise<Measurement[]> {
  const count = 20_000;
  const text = 'x'.repeat(500);
  const before = await heapUsed();
  let bytes = 0;
  for (let i = 0; i < count; i++)
    bytes += JSON.stringify(await objects.create(configMap(`m${i}`, text + i))).length;
  const each = ((await heapUsed()) - before) / count;
  const promise = 2 * (bytes / count) + 1024;
  return [
    {
      name: `memory per object of ${Math.round(bytes / count)} bytes of JSON`,
      value: each,
      unit: 'bytes',
      atMost: promise,
    },
  ];
}

/** A day of virtual time: an object is made, changed and deleted every ten seconds, and watched. */
async function soak(): Promise<Measurement[]> {
  const clock = new VirtualClock();
  return clock.run(
    withCluster(async (objects) => {
      const stop = new AbortController();
      const samples: number[] = [];
      let n = 0;
      const churn = clock.every(
        10_000,
        async () => {
          n += 1;
          const object = configMap(`s${n}`, String(n));
          await objects.create(object);
          await objects.update(configMap(`s${n}`, 'changed'));
          await objects.delete({ namespace: 'default', name: `s${n}` });
        },
        stop.signal,
      );
      for (let hour = 0; hour < 24; hour++) {
        await clock.sleep(3_600_000);
        samples.push(await clock.external(heapUsed()));
      }
      stop.abort();
      await churn;
      // The first hours warm caches, compile code and fill the watch log to its bound.
      return [
        {
          name: 'heap slope over 24 h of churn',
          value: slope(samples.slice(6)) / 1024,
          unit: 'KB/h',
          atMost: 5,
        },
      ];
    }, clock),
  );
}

/** From the start of the process to the first answer that kubectl could get. */
async function startUp(): Promise<Measurement[]> {
  const times: number[] = [];
  for (let run = 0; run < 5; run++) {
    const dir = mkdtempSync(join(tmpdir(), 'viridian-bench-'));
    const start = performance.now();
    const child = spawn(process.execPath, ['src/cli/main.ts', 'apiserver', '--dir', dir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise<void>((resolve, reject) => {
      child.stdout.once('data', () => resolve());
      child.once('exit', () => reject(new Error('the API server ended before it answered')));
    });
    times.push(performance.now() - start);
    const ended = new Promise((resolve) => child.once('exit', resolve));

    child.kill('SIGTERM');
    await Promise.race([ended, realClock().sleep(2_000)]);
    rmSync(dir, { recursive: true, force: true });
  }
  // The first run fills the compile cache.
  const median = times.slice(1).sort((a, b) => a - b)[1] ?? Infinity;
  return [
    { name: 'empty cluster ready after process start, median of 4', value: median, unit: 'ms', atMost: 600 },
  ];
}

export default async function apiserver(): Promise<Measurement[]> {
  return [
    ...(await startUp()),
    ...(await withCluster(requests)),
    ...(await withCluster(watchers)),
    ...(await withCluster(memory)),
    ...(await soak()),
  ];
}

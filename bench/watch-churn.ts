import { VirtualClock } from '../src/base/clock.ts';
import { type Fetch, jsonResponse, memoryResponse } from '../src/base/fetch.ts';
import { Channel } from '../src/base/channel.ts';
import { silentLog } from '../src/base/log.ts';
import { seededRandom } from '../src/base/random.ts';
import { createClient } from '../src/kube/rest-client.ts';
import { Store } from '../src/kube/store.ts';
import { heapUsed, type Measurement, slope } from './report.ts';

const hours = 24;
const kind = { group: '', version: 'v1', resource: 'configmaps', kind: 'ConfigMap', namespaced: true };

/** One object that changes, served in memory: lists answer with it, watches follow it. */
function changingServer(): { fetch: Fetch; change: () => void; cut: () => void } {
  let version = 1;
  const watches = new Set<Channel<unknown>>();
  const object = (): unknown => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'c', namespace: 'd', uid: 'u', resourceVersion: String(version) },
    data: { text: `${version}`.repeat(50) },
  });
  return {
    fetch: async (url) => {
      if (!url.includes('watch=true')) {
        const metadata = { resourceVersion: String(version) };
        return jsonResponse(200, { apiVersion: 'v1', kind: 'ConfigMapList', metadata, items: [object()] });
      }
      const events = new Channel<unknown>(1_000);
      watches.add(events);
      const leave = (): void => {
        watches.delete(events);
        events.close();
      };
      return memoryResponse(200, {}, events, leave);
    },
    change: () => {
      version += 1;
      for (const watch of watches) void watch.push({ type: 'MODIFIED', object: object() });
    },
    cut: () => {
      for (const watch of watches) watch.close();
      watches.clear();
    },
  };
}

/** A day of virtual time: a change every two seconds, a broken watch every five minutes. */
export async function churnForADay(): Promise<Measurement[]> {
  const clock = new VirtualClock();
  const server = changingServer();
  const client = createClient({ fetch: server.fetch, server: 'http://memory', clock, userAgent: 'bench' });
  const store = new Store({ client: client.resource(kind), clock, random: seededRandom(1), log: silentLog });
  const stop = new AbortController();
  const running = store.run(stop.signal);
  const changes = clock.every(2_000, server.change, stop.signal);
  const cuts = clock.every(300_000, server.cut, stop.signal);
  const samples: number[] = [];
  for (let hour = 0; hour < hours; hour++) {
    await clock.advance(3_600_000);
    samples.push(await heapUsed());
  }
  stop.abort();
  await clock.run(Promise.all([running, changes, cuts]));
  // The first hours warm caches and compile code.
  return [
    {
      name: 'heap slope over 24 h of watch churn',
      value: slope(samples.slice(4)) / 1024,
      unit: 'KB/h',
      atMost: 2,
    },
  ];
}

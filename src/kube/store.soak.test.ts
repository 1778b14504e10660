import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { VirtualClock } from '../base/clock.ts';
import { silentLog } from '../base/log.ts';
import { seededRandom } from '../base/random.ts';
import { type Model, ModelServer } from './model-server.test-double.ts';
import { withoutManagedFields } from './projections.ts';
import { Store } from './store.ts';

function garbageCollector(): () => void {
  const { gc } = globalThis;
  if (gc !== undefined) {
    return () => {
      gc();
    };
  }
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

const collect = garbageCollector();

/** Bytes that are still reachable. */
function heapUsed(): number {
  for (let i = 0; i < 4; i += 1) collect();
  return process.memoryUsage().heapUsed;
}

test('after a day of changes, broken connections and new lists, the heap is where it was', async () => {
  const clock = new VirtualClock();
  const server = new ModelServer(clock, seededRandom('server'));
  const random = seededRandom('changes');
  const store = new Store<Model>({
    client: server,
    clock,
    random: seededRandom('store'),
    log: silentLog,
    indexes: { byValue: ({ spec }) => [String(spec.value)] },
    project: withoutManagedFields,
  });
  let events = 0;
  store.subscribe(() => (events += 1));
  server.calm = false;
  const stop = new AbortController();
  const running = store.run(stop.signal);

  const heap: number[] = [];
  for (let hour = 0; hour < 24; hour += 1) {
    for (let at = 0; at < 3_600; at += 6) {
      const name = `object-${random.int(200)}`;
      if (random.int(4) === 0) server.remove(name);
      else server.put(name, random.int(1_000));
      // Waits that are given up must not be kept either.
      store.waitFor(`ns/${name}`, () => false, { timeoutMs: 10_000 }).catch(() => {});
      if (at % 300 === 0) server.compact();
      await clock.advance(6_000);
    }
    heap.push(heapUsed());
  }
  server.calm = true;
  await clock.advance(30 * 60_000);
  expect(store.list().length).toBe(server.objects.size);
  expect(events).toBeGreaterThan(10_000);
  expect(server.requests.list).toBeGreaterThan(20);
  expect(server.requests.watch).toBeGreaterThan(1_000);

  // Medians, because single measurements jump: by what the engine compiles, and by its caches.
  const growth = median(heap.slice(-8)) - median(heap.slice(4, 12));
  expect(growth).toBeLessThan(512 * 1024);
  stop.abort();
  await clock.run(running);
  expect(clock.pending).toBe(0);
});

test('ten thousand objects take no more than one and a half times their JSON', async () => {
  const clock = new VirtualClock();
  const server = new ModelServer(clock, seededRandom('server'));
  const store = new Store<Model>({
    client: server,
    clock,
    random: seededRandom('store'),
    log: silentLog,
    indexes: { byNamespace: ({ metadata }) => [metadata.namespace ?? ''] },
    project: withoutManagedFields,
  });
  const version = '1000';
  let bytes = 0;
  server.listAll = async () => {
    const items = Array.from({ length: 10_000 }, (_, i) => {
      const text = JSON.stringify(pod(i));
      bytes += text.length;
      return JSON.parse(text) as Model;
    });
    return { apiVersion: 'v1', kind: 'PodList', metadata: { resourceVersion: version }, items };
  };
  const before = heapUsed();
  const stop = new AbortController();
  const running = store.run(stop.signal);
  await clock.run(store.synced());
  await clock.advance(10);
  const after = heapUsed();
  expect(store.size).toBe(10_000);
  expect(after - before).toBeLessThan(1.5 * bytes);
  stop.abort();
  await clock.run(running);
});

/** About what the API server sends for a pod of a Deployment. */
function pod(i: number): object {
  const field = { 'f:image': {}, 'f:imagePullPolicy': {}, 'f:name': {}, 'f:resources': {}, '.': {} };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `podinfo-6d5f7c9b8-${i}`,
      generateName: 'podinfo-6d5f7c9b8-',
      namespace: `team-${i % 100}`,
      uid: `6f1c1d1e-0b6a-4b0e-8d0a-${String(i).padStart(12, '0')}`,
      resourceVersion: String(100_000 + i),
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { app: 'podinfo', 'pod-template-hash': '6d5f7c9b8' },
      annotations: { 'prometheus.io/scrape': 'true', 'prometheus.io/port': '9797' },
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind: 'ReplicaSet',
          name: 'podinfo-6d5f7c9b8',
          uid: `owner-${i % 100}`,
          controller: true,
        },
      ],
      managedFields: ['kube-controller-manager', 'kubelet'].map((manager) => ({
        manager,
        operation: 'Update',
        apiVersion: 'v1',
        time: '2026-01-01T00:00:00Z',
        fieldsType: 'FieldsV1',
        fieldsV1: {
          'f:metadata': { 'f:labels': field },
          'f:spec': { 'f:containers': { 'k:{"name":"podinfod"}': field } },
        },
      })),
    },
    spec: {
      containers: [
        {
          name: 'podinfod',
          image: 'ghcr.io/stefanprodan/podinfo:6.0.0',
          imagePullPolicy: 'IfNotPresent',
          command: ['./podinfo', '--port=9898', '--port-metrics=9797', '--grpc-port=9999', '--level=info'],
          ports: [9898, 9797, 9999].map((port) => ({
            name: `p${port}`,
            containerPort: port,
            protocol: 'TCP',
          })),
          env: [{ name: 'PODINFO_UI_COLOR', value: '#34577c' }],
          resources: { limits: { cpu: '2', memory: '512Mi' }, requests: { cpu: '100m', memory: '64Mi' } },
          terminationMessagePath: '/dev/termination-log',
        },
      ],
      nodeName: `node-${i % 50}`,
      serviceAccountName: 'default',
      restartPolicy: 'Always',
    },
    status: {
      phase: 'Running',
      podIP: `10.${i % 250}.${(i >> 8) % 250}.${i % 200}`,
      conditions: ['Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map((type) => ({
        type,
        status: 'True',
        lastProbeTime: null,
        lastTransitionTime: '2026-01-01T00:00:05Z',
      })),
      startTime: '2026-01-01T00:00:01Z',
    },
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { type Fetch, FetchError, jsonResponse } from '../../../base/fetch.ts';
import { formatTime } from '../../../base/time.ts';
import { createClient } from '../../../kube/rest-client.ts';
import { inProcessServer } from '../../apiserver/cluster.ts';
import { deployment, startTestCluster, type TestCluster } from '../cluster.test-double.ts';
import { type Pod, podKind, type ReplicaSet, replicaSetKind } from '../kinds.ts';
import { isActive } from '../pods.ts';
import { type Controllers, startControllers } from '../start-controllers.ts';
import { silentLog } from '../../../base/log.ts';
import { seededRandom } from '../../../base/random.ts';
import { rankForDeletion } from './ranking.ts';

let cluster: TestCluster;
afterEach(async () => {
  await cluster.close();
  expect(cluster.errors).toEqual([]);
});

function replicaSet(name: string, replicas: number): ReplicaSet {
  return { ...deployment(name, replicas), kind: 'ReplicaSet' };
}

function pod(name: string, labels: Record<string, string>): Pod {
  const spec = { containers: [{ name: 'app', image: 'app:1' }] };
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default', labels }, spec };
}

const pods = (): Promise<Pod[]> => cluster.list<Pod>(podKind);

test('orphans that it selects are adopted, pods that leave its selector are released and replaced', async () => {
  cluster = await startTestCluster();
  await cluster.create(podKind, pod('stray', { app: 'web' }));
  await cluster.create(replicaSetKind, replicaSet('web', 2));
  await cluster.clock.advance(10_000);
  expect((await pods()).map(({ metadata }) => metadata.ownerReferences?.[0]?.name)).toEqual(['web', 'web']);
  await cluster.merge(podKind, 'stray', { metadata: { labels: { app: 'quarantined' } } });
  await cluster.clock.advance(10_000);
  const all = await pods();
  expect(all).toHaveLength(3);
  expect(all.find(({ metadata }) => metadata.name === 'stray')?.metadata.ownerReferences).toBeUndefined();
});

test('a pod that ends or is deleted is replaced', async () => {
  cluster = await startTestCluster();
  await cluster.create(replicaSetKind, replicaSet('web', 2));
  await cluster.clock.advance(10_000);
  const [first, second] = await pods();
  await cluster.merge(podKind, first?.metadata.name ?? '', { status: { phase: 'Failed' } }, 'status');
  const client = cluster.client.resource<Pod>(podKind);
  await cluster.run(client.delete({ namespace: 'default', name: second?.metadata.name ?? '' }));
  await cluster.clock.advance(10_000);
  expect((await pods()).filter(isActive)).toHaveLength(2);
  expect((await cluster.get<ReplicaSet>(replicaSetKind, 'web')).status).toMatchObject({
    replicas: 2,
    readyReplicas: 2,
    terminatingReplicas: 0,
  });
});

/** The same cluster with controllers whose requests go through `wrap`. */
async function restartControllers(wrap: (fetch: Fetch) => Fetch): Promise<Controllers> {
  await cluster.run(cluster.controllers.stop());
  const { clock } = cluster;
  const client = createClient({
    fetch: wrap(cluster.cluster.fetch),
    server: inProcessServer,
    clock,
    userAgent: 'controllers',
  });
  return startControllers({ client, clock, random: seededRandom('again'), log: silentLog });
}

test('a cache that lags makes nobody create pods twice, even where the answers to creations are lost', async () => {
  cluster = await startTestCluster();
  const { clock } = cluster;
  let creations = 0;
  const controllers = await restartControllers((fetch) => async (url, init) => {
    const response = await fetch(url, init);
    if (init?.method === 'POST' && url.includes('/pods?') && (creations += 1) <= 2) {
      response.cancel();
      throw new FetchError('Unreachable', 'the answer was lost');
    }
    if (!url.includes('watch=true')) return response;
    return {
      status: response.status,
      headers: response.headers,
      body: () => response.body(),
      text: () => response.text(),
      json: () => response.json(),
      cancel: () => response.cancel(),
      jsonLines: async function* lines() {
        for await (const line of response.jsonLines()) {
          await clock.sleep(7000);
          yield line;
        }
      },
    };
  });
  await cluster.create(replicaSetKind, replicaSet('web', 3));
  for (let i = 0; i < 60; i += 1) {
    await clock.advance(1000);
    expect((await pods()).length).toBeLessThanOrEqual(3);
  }
  await clock.advance(120_000);
  expect((await pods()).filter(isActive)).toHaveLength(3);
  await cluster.run(controllers.stop());
});

test('what the server refuses is tried again, and said in the status and an event', async () => {
  cluster = await startTestCluster();
  let isRefused = true;
  const message = 'pods "web-" is forbidden: exceeded quota';
  const controllers = await restartControllers((fetch) => async (url, init) => {
    const isCreation = init?.method === 'POST' && url.includes('/pods?');
    if (!isRefused || !isCreation) return fetch(url, init);
    return jsonResponse(403, { kind: 'Status', apiVersion: 'v1', reason: 'Forbidden', code: 403, message });
  });
  await cluster.create(replicaSetKind, replicaSet('web', 1));
  await cluster.clock.advance(5000);
  const { status } = await cluster.get<ReplicaSet>(replicaSetKind, 'web');
  expect(status?.conditions).toMatchObject([
    { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message },
  ]);
  expect((await cluster.events('ReplicaSet'))[0]).toBe(`FailedCreate Error creating: ${message}`);
  isRefused = false;
  await cluster.clock.advance(20_000);
  const after = await cluster.get<ReplicaSet>(replicaSetKind, 'web');
  expect(after.status).toMatchObject({ readyReplicas: 1 });
  expect(after.status).not.toHaveProperty('conditions');
  await cluster.run(controllers.stop());
});

test('it gives up pods in order: without a node, not running, not ready, cheap, crowded, young', async () => {
  cluster = await startTestCluster({ nodes: 0 });
  const now = 1_000_000_000;
  const make = (
    name: string,
    { node = 'a', phase = 'Running', ready = true, cost = '', ageMs = 3_600_000 },
  ): Pod => ({
    ...pod(name, {}),
    metadata: {
      name,
      uid: name,
      creationTimestamp: formatTime(now - ageMs),
      annotations: cost === '' ? {} : { 'controller.kubernetes.io/pod-deletion-cost': cost },
    },
    spec: { containers: [], nodeName: node },
    status: {
      phase,
      conditions: [
        { type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: formatTime(now - ageMs) },
      ],
    },
  });
  const ordered = [
    make('homeless', { node: '', phase: 'Pending', ready: false }),
    make('pending', { phase: 'Pending', ready: false }),
    make('unready', { ready: false }),
    make('cheap', { cost: '-5' }),
    make('young', { ageMs: 60_000 }),
    make('old', {}),
    make('alone', { node: 'b' }),
    make('dear', { cost: '9' }),
  ];
  fc.assert(
    fc.property(fc.shuffledSubarray(ordered, { minLength: ordered.length }), (shuffled) => {
      expect(rankForDeletion(shuffled, shuffled, now).map(({ metadata }) => metadata.name)).toEqual(
        ordered.map(({ metadata }) => metadata.name),
      );
    }),
  );
});

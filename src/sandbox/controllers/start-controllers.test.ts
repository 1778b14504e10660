import { afterEach, expect, test } from 'vitest';
import { type Fetch, FetchError, jsonResponse } from '../../base/fetch.ts';
import { silentLog } from '../../base/log.ts';
import { type Random, seededRandom } from '../../base/random.ts';
import { createClient } from '../../kube/rest-client.ts';
import { inProcessServer } from '../apiserver/cluster.ts';
import { deployment, startTestCluster, type TestCluster } from './cluster.test-double.ts';
import {
  type Deployment,
  deploymentKind,
  type EndpointSlice,
  endpointSliceKind,
  type Pod,
  podKind,
  type ReplicaSet,
  replicaSetKind,
  serviceKind,
} from './kinds.ts';
import { isActive, isReady } from './pods.ts';
import { type Controllers, startControllers } from './start-controllers.ts';

let cluster: TestCluster;
afterEach(() => cluster.close());

const image = (version: number): object => ({
  spec: { template: { spec: { containers: [{ name: 'app', image: `app:${version}` }] } } },
});

async function thenAllIsWell(version: number, replicas: number): Promise<void> {
  const { status, metadata } = await cluster.get<Deployment>(deploymentKind, 'web');
  expect(status).toMatchObject({
    observedGeneration: metadata.generation,
    replicas,
    updatedReplicas: replicas,
    availableReplicas: replicas,
  });
  const sets = (await cluster.list<ReplicaSet>(replicaSetKind)).filter(({ spec }) => spec.replicas > 0);
  expect(sets.map(({ spec }) => spec.template.spec.containers[0]?.image)).toEqual([`app:${version}`]);
  const slices = await cluster.list<EndpointSlice>(endpointSliceKind, 'kubernetes.io/service-name=web');
  const listed = slices
    .flatMap(({ endpoints }) => endpoints ?? [])
    .map(({ targetRef }) => targetRef?.name ?? '');
  const pods = await cluster.list<Pod>(podKind);
  expect(listed.sort()).toEqual(pods.map(({ metadata: { name = '' } }) => name).sort());
}

async function createWeb(): Promise<void> {
  const spec = { selector: { app: 'web' }, ports: [{ port: 80 }] };
  const metadata = { name: 'web', namespace: 'default' };
  await cluster.create(serviceKind, { apiVersion: 'v1', kind: 'Service', metadata, spec } as never);
  await cluster.create(deploymentKind, deployment('web', 4));
}

function restart(fetch: Fetch, random: Random): Controllers {
  const { clock } = cluster;
  const client = createClient({ fetch, server: inProcessServer, clock, userAgent: 'controllers' });
  return startControllers({ client, clock, random, log: silentLog });
}

test('controllers that are stopped and started again at any time go on where they were', async () => {
  cluster = await startTestCluster();
  await cluster.run(cluster.controllers.stop());
  await createWeb();
  const random = seededRandom('restarts');
  for (let version = 1; version <= 4; version += 1) {
    await cluster.merge(deploymentKind, 'web', image(version));
    for (let i = 0; i < 12; i += 1) {
      const controllers = restart(cluster.cluster.fetch, random.stream(`${version}.${i}`));
      await cluster.clock.advance(random.int(3000));
      const pods = (await cluster.list<Pod>(podKind)).filter(isActive);
      expect(pods.length).toBeLessThanOrEqual(5);
      if (version > 1) expect(pods.filter(isReady).length).toBeGreaterThanOrEqual(3);
      await cluster.run(controllers.stop());
    }
    const controllers = restart(cluster.cluster.fetch, random.stream(`${version}`));
    await cluster.clock.advance(40_000);
    await thenAllIsWell(version, 4);
    await cluster.run(controllers.stop());
  }
});

test('requests that fail, and answers that are lost, only take time', async () => {
  cluster = await startTestCluster();
  await cluster.run(cluster.controllers.stop());
  const random = seededRandom('faults3');
  let isFaulty = true;
  const flaky: Fetch = async (url, init) => {
    const draw = isFaulty ? random.next() : 1;
    if (draw < 0.1) throw new FetchError('Unreachable', 'lost on the way');
    if (draw < 0.2)
      return jsonResponse(503, { kind: 'Status', apiVersion: 'v1', code: 503, reason: 'ServiceUnavailable' });
    const response = await cluster.cluster.fetch(url, init);
    if (draw > 0.3 || (init?.method ?? 'GET') === 'GET') return response;
    response.cancel();
    throw new FetchError('Unreachable', 'the answer was lost');
  };
  const controllers = restart(flaky, random.stream('controllers'));
  await createWeb();
  for (let version = 1; version <= 4; version += 1) {
    await cluster.merge(deploymentKind, 'web', image(version));
    for (let i = 0; i < 60; i += 1) {
      await cluster.clock.advance(1000);
      const pods = (await cluster.list<Pod>(podKind)).filter(isActive);
      expect(pods.length).toBeLessThanOrEqual(5);
    }
  }
  isFaulty = false;
  await cluster.clock.advance(120_000);
  await thenAllIsWell(4, 4);
  await cluster.run(controllers.stop());
});

test('the same seed gives the same requests, one by one', async () => {
  const logs: string[][] = [];
  for (let i = 0; i < 2; i += 1) {
    cluster = await startTestCluster();
    await createWeb();
    await cluster.clock.advance(10_000);
    await cluster.merge(deploymentKind, 'web', image(2));
    await cluster.clock.advance(60_000);
    logs.push(cluster.requests.take());
    if (i === 0) await cluster.close();
  }
  expect(logs[0]?.length).toBeGreaterThan(50);
  expect(logs[1]).toEqual(logs[0]);
});

test('a namespace that is deleted takes everything along, and nobody makes anything anew', async () => {
  cluster = await startTestCluster();
  const namespaceKind = {
    group: '',
    version: 'v1',
    resource: 'namespaces',
    kind: 'Namespace',
    namespaced: false,
  };
  await cluster.create(namespaceKind, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
  const web = deployment('web', 3);
  await cluster.create(deploymentKind, { ...web, metadata: { name: 'web', namespace: 'shop' } });
  await cluster.clock.advance(10_000);
  await cluster.run(cluster.client.resource(namespaceKind).delete({ name: 'shop' }));
  await cluster.clock.advance(30_000);
  const names = (await cluster.list(namespaceKind)).map(({ metadata }) => metadata.name);
  expect(names).not.toContain('shop');
  expect(await cluster.list(podKind)).toEqual([]);
  expect(cluster.errors).toEqual([]);
});

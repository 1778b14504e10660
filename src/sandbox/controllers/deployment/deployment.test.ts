import { afterEach, describe, expect, test } from 'vitest';
import {
  deployment,
  startTestCluster,
  type TestCluster,
  type TestClusterOptions,
} from '../cluster.test-double.ts';
import {
  type Deployment,
  deploymentKind,
  type Pod,
  podKind,
  type ReplicaSet,
  replicaSetKind,
} from '../kinds.ts';
import { isReady } from '../pods.ts';
import { templateHash } from '../template-hash.ts';
import { findCondition } from '../workload-conditions.ts';

const revision = 'deployment.kubernetes.io/revision';

let cluster: TestCluster;
async function start(options?: TestClusterOptions): Promise<void> {
  cluster = await startTestCluster(options);
}
afterEach(async () => {
  await cluster.close();
  expect(cluster.errors).toEqual([]);
});

const get = (name = 'web'): Promise<Deployment> => cluster.get<Deployment>(deploymentKind, name);
const sets = (): Promise<ReplicaSet[]> => cluster.list<ReplicaSet>(replicaSetKind);
const livePods = async (): Promise<Pod[]> =>
  (await cluster.list<Pod>(podKind)).filter(({ metadata }) => metadata.deletionTimestamp === undefined);
const setImage = (image: string): Promise<Deployment> =>
  cluster.merge<Deployment>(deploymentKind, 'web', {
    spec: { template: { spec: { containers: [{ name: 'app', image }] } } },
  });
const progressing = async (): Promise<string | undefined> =>
  findCondition((await get()).status?.conditions, 'Progressing')?.reason;
const byImage = async (image: string): Promise<ReplicaSet | undefined> =>
  (await sets()).find(({ spec }) => spec.template.spec.containers[0]?.image === image);

test('a new Deployment makes one ReplicaSet, its pods become ready, and it says so', async () => {
  await start();
  await cluster.create(deploymentKind, deployment('web', 3));
  await cluster.clock.advance(10_000);
  const { status, metadata } = await get();
  const [set] = await sets();
  const name = set?.metadata.name ?? '';
  expect(metadata.annotations?.[revision]).toBe('1');
  expect(status).toMatchObject({ replicas: 3, readyReplicas: 3, availableReplicas: 3, updatedReplicas: 3 });
  expect(status).not.toHaveProperty('unavailableReplicas');
  expect(findCondition(status?.conditions, 'Progressing')).toMatchObject({
    status: 'True',
    reason: 'NewReplicaSetAvailable',
    message: `ReplicaSet "${name}" has successfully progressed.`,
  });
  expect(await cluster.events('Deployment')).toEqual([
    `ScalingReplicaSet Scaled up replica set ${name} from 0 to 3`,
  ]);
  const created = (await cluster.events('ReplicaSet')).map((event) => event.replace(/-\w+$/, ''));
  expect(created).toEqual(Array.from({ length: 3 }, () => `SuccessfulCreate Created pod: ${name}`));
});

test('a rollout keeps within surge and availability, and leaves the old ReplicaSet behind for undo', async () => {
  await start();
  await cluster.create(deploymentKind, deployment('web', 4));
  await cluster.clock.advance(10_000);
  await setImage('app:2');
  for (let i = 0; i < 60; i += 1) {
    await cluster.clock.advance(500);
    const pods = await livePods();
    expect(pods.length).toBeLessThanOrEqual(5);
    expect(pods.filter(isReady).length).toBeGreaterThanOrEqual(3);
  }
  expect((await byImage('app:1'))?.spec.replicas).toBe(0);
  expect((await byImage('app:2'))?.spec.replicas).toBe(4);
  expect((await get()).metadata.annotations?.[revision]).toBe('2');

  // kubectl rollout undo: the template of the old ReplicaSet again.
  await setImage('app:1');
  await cluster.clock.advance(30_000);
  expect(await sets()).toHaveLength(2);
  expect((await byImage('app:1'))?.metadata.annotations).toMatchObject({
    [revision]: '3',
    'deployment.kubernetes.io/revision-history': '1',
  });
  expect((await byImage('app:1'))?.status?.availableReplicas).toBe(4);
  expect(await progressing()).toBe('NewReplicaSetAvailable');
});

test('scaling changes the size alone, and counts as no progress of a rollout', async () => {
  await start();
  await cluster.create(deploymentKind, deployment('web', 1));
  await cluster.clock.advance(10_000);
  await cluster.merge(deploymentKind, 'web', { spec: { replicas: 5 } });
  await cluster.clock.advance(10_000);
  const [set] = await sets();
  const name = set?.metadata.name ?? '';
  expect(set?.metadata.annotations).toMatchObject({
    [revision]: '1',
    'deployment.kubernetes.io/desired-replicas': '5',
    'deployment.kubernetes.io/max-replicas': '7',
  });
  expect((await get()).status?.availableReplicas).toBe(5);
  await cluster.merge(deploymentKind, 'web', { spec: { replicas: 0 } });
  await cluster.clock.advance(10_000);
  expect(await cluster.list(podKind)).toEqual([]);
  expect((await get()).status).not.toHaveProperty('replicas');
  expect((await cluster.events('Deployment')).slice(1)).toEqual([
    `ScalingReplicaSet Scaled up replica set ${name} from 1 to 5`,
    `ScalingReplicaSet Scaled down replica set ${name} from 5 to 0`,
  ]);
});

describe('a rollout that is stuck', () => {
  const broken = ({ spec }: Pod): number | undefined =>
    spec.containers[0]?.image === 'app:broken' ? undefined : 1000;

  test('is reported after its deadline, keeps the old pods, and recovers by undo', async () => {
    await start({ readyAfterMs: broken });
    await cluster.create(deploymentKind, deployment('web', 4, { progressDeadlineSeconds: 60 }));
    await cluster.clock.advance(10_000);
    await setImage('app:broken');
    await cluster.clock.advance(50_000);
    expect(await progressing()).toBe('ReplicaSetUpdated');
    await cluster.clock.advance(15_000);
    const { status } = await get();
    expect(findCondition(status?.conditions, 'Progressing')).toMatchObject({
      status: 'False',
      reason: 'ProgressDeadlineExceeded',
      message: `ReplicaSet "${(await byImage('app:broken'))?.metadata.name}" has timed out progressing.`,
    });
    expect(findCondition(status?.conditions, 'Available')?.status).toBe('True');
    expect((await livePods()).filter(isReady).length).toBeGreaterThanOrEqual(3);
    await setImage('app:1');
    await cluster.clock.advance(20_000);
    expect(await progressing()).toBe('NewReplicaSetAvailable');
    expect((await get()).status?.availableReplicas).toBe(4);
  });

  test('is scaled in proportion', async () => {
    await start({ readyAfterMs: broken });
    await cluster.create(deploymentKind, deployment('web', 10, { progressDeadlineSeconds: 600 }));
    await cluster.clock.advance(10_000);
    await setImage('app:broken');
    await cluster.clock.advance(10_000);
    expect((await byImage('app:1'))?.spec.replicas).toBe(8);
    expect((await byImage('app:broken'))?.spec.replicas).toBe(5);
    await cluster.merge(deploymentKind, 'web', { spec: { replicas: 15 } });
    await cluster.clock.advance(10_000);
    const [stable, stuck] = [await byImage('app:1'), await byImage('app:broken')];
    expect((stable?.spec.replicas ?? 0) + (stuck?.spec.replicas ?? 0)).toBe(19);
    expect(stable?.spec.replicas).toBeGreaterThan(stuck?.spec.replicas ?? 0);
    expect(stable?.status?.availableReplicas).toBeGreaterThanOrEqual(11);
  });
});

test('a paused Deployment starts no rollout and cannot be late, but can be scaled; resumed, it rolls', async () => {
  await start();
  await cluster.create(deploymentKind, deployment('web', 2, { progressDeadlineSeconds: 30 }));
  await cluster.clock.advance(10_000);
  await cluster.merge(deploymentKind, 'web', { spec: { paused: true } });
  await setImage('app:2');
  await cluster.merge(deploymentKind, 'web', { spec: { replicas: 3 } });
  await cluster.clock.advance(120_000);
  expect(await sets()).toHaveLength(1);
  expect(await livePods()).toHaveLength(3);
  expect(findCondition((await get()).status?.conditions, 'Progressing')).toMatchObject({
    status: 'Unknown',
    reason: 'DeploymentPaused',
    message: 'Deployment is paused',
  });
  await cluster.merge(deploymentKind, 'web', { spec: { paused: false } });
  await cluster.clock.advance(20_000);
  expect((await byImage('app:2'))?.status?.availableReplicas).toBe(3);
  expect(await progressing()).toBe('NewReplicaSetAvailable');
});

test('Recreate brings the first new pod only when the last old one is gone', async () => {
  await start();
  await cluster.create(deploymentKind, deployment('web', 3, { strategy: { type: 'Recreate' } }));
  await cluster.clock.advance(10_000);
  await setImage('app:2');
  for (let i = 0; i < 40; i += 1) {
    await cluster.clock.advance(200);
    const images = new Set((await cluster.list<Pod>(podKind)).map(({ spec }) => spec.containers[0]?.image));
    expect(images.size).toBeLessThanOrEqual(1);
  }
  expect((await byImage('app:2'))?.status?.availableReplicas).toBe(3);
});

test('with minReadySeconds a pod counts only when it has been ready for that long', async () => {
  await start();
  await cluster.create(deploymentKind, deployment('web', 1, { minReadySeconds: 30 }));
  await cluster.clock.advance(20_000);
  expect((await get()).status).toMatchObject({ readyReplicas: 1, unavailableReplicas: 1 });
  await cluster.clock.advance(20_000);
  expect((await get()).status).toMatchObject({ readyReplicas: 1, availableReplicas: 1 });
});

test('of the old ReplicaSets only as many are kept as the history may have', async () => {
  await start();
  await cluster.create(deploymentKind, deployment('web', 1, { revisionHistoryLimit: 2 }));
  for (const image of ['app:2', 'app:3', 'app:4', 'app:5']) {
    await cluster.clock.advance(15_000);
    await setImage(image);
  }
  await cluster.clock.advance(15_000);
  const images = (await sets()).map(({ spec }) => spec.template.spec.containers[0]?.image ?? '');
  expect(images.sort()).toEqual(['app:3', 'app:4', 'app:5']);
});

test('a Deployment that is deleted without its ReplicaSet gets it back when it is created again', async () => {
  await start();
  await cluster.create(deploymentKind, deployment('web', 2));
  await cluster.clock.advance(10_000);
  const before = (await livePods()).map(({ metadata }) => metadata.uid);
  const deployments = cluster.client.resource<Deployment>(deploymentKind);
  await cluster.run(
    deployments.delete({ namespace: 'default', name: 'web' }, { propagationPolicy: 'Orphan' }),
  );
  await cluster.clock.advance(5000);
  expect((await sets()).map(({ metadata }) => metadata.ownerReferences)).toEqual([undefined]);
  await cluster.create(deploymentKind, deployment('web', 2));
  await cluster.clock.advance(5000);
  expect((await sets()).map(({ metadata }) => metadata.ownerReferences?.[0]?.name)).toEqual(['web']);
  expect((await livePods()).map(({ metadata }) => metadata.uid)).toEqual(before);
});

test('a ReplicaSet of somebody else under the name that its own should have is stepped around', async () => {
  await start();
  const wanted = deployment('web', 1, { paused: true });
  const { spec } = await cluster.create(deploymentKind, wanted);
  const name = `web-${templateHash(spec.template, undefined)}`;
  await cluster.create(replicaSetKind, {
    ...wanted,
    kind: 'ReplicaSet',
    metadata: { name, namespace: 'default' },
    spec: {
      replicas: 0,
      selector: { matchLabels: { app: 'other' } },
      template: { metadata: { labels: { app: 'other' } }, spec: spec.template.spec },
    },
  });
  await cluster.merge(deploymentKind, 'web', { spec: { paused: false } });
  await cluster.clock.advance(20_000);
  expect((await get()).status).toMatchObject({ collisionCount: 1, availableReplicas: 1 });
});

test('an idle cluster makes no request but to renew its watches', async () => {
  await start();
  await cluster.create(deploymentKind, deployment('web', 3));
  await cluster.clock.advance(60_000);
  cluster.requests.take();
  await cluster.clock.advance(3_600_000);
  const others = cluster.requests.take().filter((request) => !/^GET .*[?&]watch=true/.test(request));
  expect(others).toEqual([]);
});

import { afterEach, expect, test } from 'vitest';
import {
  deployment,
  startTestCluster,
  type TestCluster,
  type TestClusterOptions,
} from '../cluster.test-double.ts';
import {
  type ControllerRevision,
  controllerRevisionKind,
  type DaemonSet,
  daemonSetKind,
  nodeKind,
  type Pod,
  podKind,
} from '../kinds.ts';
import { isActive, isReady } from '../pods.ts';

let cluster: TestCluster;
async function start(options?: TestClusterOptions): Promise<void> {
  cluster = await startTestCluster(options);
}
afterEach(async () => {
  await cluster.close();
  expect(cluster.errors).toEqual([]);
});

function daemonSet(more: object = {}): DaemonSet {
  const { spec, ...rest } = deployment('agent', 1);
  const { selector, template } = spec;
  return { ...rest, kind: 'DaemonSet', spec: { selector, template, ...more } } as unknown as DaemonSet;
}

const pods = async (): Promise<Pod[]> => (await cluster.list<Pod>(podKind)).filter(isActive);
const nodesOf = async (): Promise<string[]> => (await pods()).map(({ spec }) => spec.nodeName ?? '').sort();
const status = async (): Promise<DaemonSet['status']> =>
  (await cluster.get<DaemonSet>(daemonSetKind, 'agent')).status;
const images = async (): Promise<string[]> =>
  (await pods()).map(({ spec }) => spec.containers[0]?.image ?? '').sort();
const update = (more: object = {}): Promise<unknown> =>
  cluster.merge(daemonSetKind, 'agent', {
    spec: { template: { spec: { containers: [{ name: 'app', image: 'app:2' }] } }, ...more },
  });

test('every node gets a pod, also one that is cordoned or comes later', async () => {
  await start({ nodes: 2 });
  const nodes = cluster.client.resource(nodeKind);
  await cluster.run(nodes.patch({ name: 'node-2' }, 'merge', { spec: { unschedulable: true } }));
  await cluster.create(daemonSetKind, daemonSet());
  await cluster.clock.advance(10_000);
  expect(await nodesOf()).toEqual(['node-1', 'node-2']);
  await cluster.create(nodeKind, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-3' } });
  await cluster.clock.advance(10_000);
  expect(await nodesOf()).toEqual(['node-1', 'node-2', 'node-3']);
  expect(await status()).toEqual({
    currentNumberScheduled: 3,
    desiredNumberScheduled: 3,
    numberAvailable: 3,
    numberMisscheduled: 0,
    numberReady: 3,
    observedGeneration: 1,
    updatedNumberScheduled: 3,
  });
});

test('it keeps to its node selector, and away from taints', async () => {
  await start({ nodes: 3 });
  await cluster.run(
    cluster.client
      .resource(nodeKind)
      .patch({ name: 'node-1' }, 'merge', { metadata: { labels: { disk: 'ssd' } } }),
  );
  await cluster.run(
    cluster.client.resource(nodeKind).patch({ name: 'node-2' }, 'merge', {
      metadata: { labels: { disk: 'ssd' } },
      spec: { taints: [{ key: 'own', value: 'x', effect: 'NoSchedule' }] },
    }),
  );
  const template = daemonSet().spec.template;
  await cluster.create(
    daemonSetKind,
    daemonSet({ template: { ...template, spec: { ...template.spec, nodeSelector: { disk: 'ssd' } } } }),
  );
  await cluster.clock.advance(10_000);
  expect(await nodesOf()).toEqual(['node-1']);
});

test('a rolling update takes one pod after the other, and its history can be gone back to', async () => {
  await start({ nodes: 3 });
  await cluster.create(daemonSetKind, daemonSet());
  await cluster.clock.advance(10_000);
  await update();
  for (let i = 0; i < 60; i += 1) {
    await cluster.clock.advance(500);
    expect((await pods()).filter(isReady).length).toBeGreaterThanOrEqual(2);
  }
  expect(await images()).toEqual(['app:2', 'app:2', 'app:2']);
  expect((await status())?.updatedNumberScheduled).toBe(3);
  const revisions = await cluster.list<ControllerRevision>(controllerRevisionKind);
  expect(revisions.map(({ revision }) => revision).sort((a, b) => a - b)).toEqual([1, 2]);
  const first = revisions.find(({ revision }) => revision === 1);
  const daemonSets = cluster.client.resource(daemonSetKind);
  await cluster.run(daemonSets.patch({ namespace: 'default', name: 'agent' }, 'strategic', first?.data));
  await cluster.clock.advance(30_000);
  expect(await images()).toEqual(['app:1', 'app:1', 'app:1']);
  const after = await cluster.list<ControllerRevision>(controllerRevisionKind);
  expect(after.map(({ revision }) => revision).sort((a, b) => a - b)).toEqual([2, 3]);
});

test('with a surge the new pod is there before the old one goes', async () => {
  await start({ nodes: 2 });
  const rollingUpdate = { maxSurge: 1, maxUnavailable: 0 };
  await cluster.create(
    daemonSetKind,
    daemonSet({ updateStrategy: { type: 'RollingUpdate', rollingUpdate } }),
  );
  await cluster.clock.advance(10_000);
  await update();
  for (let i = 0; i < 60; i += 1) {
    await cluster.clock.advance(500);
    const nodes = new Set((await pods()).filter(isReady).map(({ spec }) => spec.nodeName));
    expect(nodes.size).toBe(2);
  }
  expect(await images()).toEqual(['app:2', 'app:2']);
});

test('OnDelete leaves old pods alone until somebody deletes them', async () => {
  await start({ nodes: 2 });
  await cluster.create(daemonSetKind, daemonSet({ updateStrategy: { type: 'OnDelete' } }));
  await cluster.clock.advance(10_000);
  await update();
  await cluster.clock.advance(30_000);
  expect(await images()).toEqual(['app:1', 'app:1']);
  const [first] = await pods();
  const client = cluster.client.resource(podKind);
  await cluster.run(client.delete({ namespace: 'default', name: first?.metadata.name ?? '' }));
  await cluster.clock.advance(10_000);
  expect(await images()).toEqual(['app:1', 'app:2']);
});

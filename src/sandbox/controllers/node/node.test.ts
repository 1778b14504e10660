import { afterEach, expect, test } from 'vitest';
import { formatMicroTime } from '../../../base/time.ts';
import { type Lease, leaseKind } from '../../../kube/leader-election.ts';
import { deployment, startTestCluster, type TestCluster } from '../cluster.test-double.ts';
import { deploymentKind, type Node, nodeKind, type Pod, podKind } from '../kinds.ts';
import { isActive, isReady } from '../pods.ts';
import { findCondition } from '../workload-conditions.ts';

let cluster: TestCluster;
afterEach(async () => {
  await cluster.close();
  expect(cluster.errors).toEqual([]);
});

const namespace = 'kube-node-lease';
const leases = () => cluster.client.resource<Lease>(leaseKind);
const beat = (name: string): Promise<Lease> =>
  cluster.run(
    leases().patch({ namespace, name }, 'merge', {
      spec: { renewTime: formatMicroTime(cluster.clock.now()) },
    }),
  );
async function join(name: string): Promise<void> {
  const renewTime = formatMicroTime(cluster.clock.now());
  await cluster.create(leaseKind, {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name, namespace },
    spec: { holderIdentity: name, leaseDurationSeconds: 40, renewTime },
  });
  const conditions = [{ type: 'Ready', status: 'True', reason: 'KubeletReady' }];
  await cluster.run(
    cluster.client
      .resource(nodeKind)
      .patch({ name }, 'merge', { status: { conditions } }, { subresource: 'status' }),
  );
}
const pods = async (): Promise<Pod[]> => (await cluster.list<Pod>(podKind)).filter(isActive);
const ready = async (name: string) =>
  findCondition((await cluster.get<Node>(nodeKind, name)).status?.conditions, 'Ready');

test('a node that falls silent is not ready, its pods neither, and after five minutes they are replaced', async () => {
  cluster = await startTestCluster({ nodes: 2 });
  await join('node-1');
  await join('node-2');
  await cluster.create(deploymentKind, deployment('web', 2));
  const live = async (ms: number, ...names: readonly string[]): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 10_000) {
      await cluster.clock.advance(10_000);
      for (const name of names) await beat(name);
    }
  };
  await live(120_000, 'node-1', 'node-2');
  expect((await pods()).filter(isReady)).toHaveLength(2);
  await live(70_000, 'node-1');
  expect(await ready('node-1')).toMatchObject({ status: 'True' });
  expect(await ready('node-2')).toMatchObject({
    status: 'Unknown',
    reason: 'NodeStatusUnknown',
    message: 'Kubelet stopped posting node status.',
  });
  const silent = (await pods()).filter(({ spec }) => spec.nodeName === 'node-2');
  expect(silent.map(isReady)).toEqual([false]);
  await live(300_000, 'node-1');
  expect((await pods()).map(({ spec }) => spec.nodeName)).toEqual(['node-1', 'node-1']);
  await beat('node-2');
  const conditions = [{ type: 'Ready', status: 'True', reason: 'KubeletReady' }];
  await cluster.run(
    cluster.client
      .resource(nodeKind)
      .patch({ name: 'node-2' }, 'merge', { status: { conditions } }, { subresource: 'status' }),
  );
  await cluster.clock.advance(1000);
  expect((await cluster.get<Node>(nodeKind, 'node-2')).spec?.taints).toBeUndefined();
});

test('pods on a node that is gone are removed after a while', async () => {
  cluster = await startTestCluster({ nodes: 1 });
  await cluster.create(deploymentKind, deployment('web', 1));
  await cluster.clock.advance(10_000);
  const [before] = await pods();
  await cluster.run(cluster.client.resource(nodeKind).delete({ name: 'node-1' }));
  await cluster.clock.advance(30_000);
  expect((await pods())[0]?.metadata.uid).toBe(before?.metadata.uid);
  await cluster.clock.advance(20_000);
  const after = await pods();
  expect(after).toHaveLength(1);
  expect(after[0]?.metadata.uid).not.toBe(before?.metadata.uid);
});

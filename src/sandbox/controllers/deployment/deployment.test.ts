import { afterEach, expect, test } from 'vitest';
import { deployment, startTestCluster, type TestCluster, type TestClusterOptions } from '../cluster.test-double.ts';
import { type Deployment, deploymentKind, type Pod, podKind, type ReplicaSet, replicaSetKind } from '../kinds.ts';

let cluster: TestCluster;
async function start(options?: TestClusterOptions): Promise<void> {
  cluster = await startTestCluster(options);
}
afterEach(() => cluster.close());

test('a new Deployment makes one ReplicaSet, its pods become ready, and it says so', async () => {
  await start();
  await cluster.create(deploymentKind, deployment('web', 3));
  await cluster.clock.advance(10_000);
  const { status, metadata } = await cluster.get<Deployment>(deploymentKind, 'web');
  console.log(JSON.stringify(status, undefined, 1), cluster.errors, cluster.requests.take());
  console.log(await cluster.events('Deployment'), await cluster.events('ReplicaSet'), await cluster.events('Pod'));
  expect(metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('1');
  expect(status).toMatchObject({ replicas: 3, readyReplicas: 3, availableReplicas: 3, updatedReplicas: 3 });
  void podKind; void replicaSetKind; void ({} as Pod); void ({} as ReplicaSet);
});

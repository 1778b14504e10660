import { afterEach, expect, test } from 'vitest';
import { deployment, startTestCluster, type TestCluster } from '../cluster.test-double.ts';
import { type Pod, podKind, type StatefulSet, statefulSetKind } from '../kinds.ts';
import { isReady } from '../pods.ts';

let cluster: TestCluster;
afterEach(async () => {
  await cluster.close();
  expect(cluster.errors).toEqual([]);
});

function statefulSet(replicas: number, more: object = {}): StatefulSet {
  const { spec, ...rest } = deployment('db', replicas);
  const { selector, template } = spec;
  return {
    ...rest,
    kind: 'StatefulSet',
    spec: { replicas, selector, template, serviceName: 'db', ...more },
  } as unknown as StatefulSet;
}
const pods = (): Promise<Pod[]> => cluster.list<Pod>(podKind);
const names = async (): Promise<string[]> => (await pods()).map(({ metadata }) => metadata.name ?? '').sort();
const images = async (): Promise<string[]> =>
  (await pods()).map(({ metadata, spec }) => `${metadata.name} ${spec.containers[0]?.image}`).sort();
const setImage = (more: object = {}): Promise<unknown> =>
  cluster.merge(statefulSetKind, 'db', {
    spec: { template: { spec: { containers: [{ name: 'app', image: 'app:2' }] } }, ...more },
  });

test('pods come one after the other, each when the one before is ready, and go in reverse', async () => {
  cluster = await startTestCluster();
  await cluster.create(statefulSetKind, statefulSet(3));
  await cluster.clock.advance(1000);
  expect(await names()).toEqual(['db-0']);
  await cluster.clock.advance(2000);
  expect(await names()).toEqual(['db-0', 'db-1']);
  await cluster.clock.advance(10_000);
  expect(await names()).toEqual(['db-0', 'db-1', 'db-2']);
  const [first] = await pods();
  expect(first?.spec).toMatchObject({ hostname: 'db-0', subdomain: 'db' });
  expect((await cluster.get<StatefulSet>(statefulSetKind, 'db')).status).toMatchObject({
    replicas: 3,
    readyReplicas: 3,
    currentReplicas: 3,
    updatedReplicas: 3,
    availableReplicas: 3,
  });
  await cluster.merge(statefulSetKind, 'db', { spec: { replicas: 1 } });
  await cluster.clock.advance(500);
  const leaving = (await pods()).filter(({ metadata }) => metadata.deletionTimestamp !== undefined);
  expect(leaving.map(({ metadata }) => metadata.name)).toEqual(['db-2']);
  await cluster.clock.advance(10_000);
  expect(await names()).toEqual(['db-0']);
  expect(await cluster.events('StatefulSet')).toContain(
    'SuccessfulCreate create Pod db-0 in StatefulSet db successful',
  );
});

test('an update goes from the last pod to the first, one at a time, and stops at the partition', async () => {
  cluster = await startTestCluster();
  await cluster.create(statefulSetKind, statefulSet(3));
  await cluster.clock.advance(15_000);
  await setImage({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 1 } } });
  for (let i = 0; i < 40; i += 1) {
    await cluster.clock.advance(500);
    expect((await pods()).filter(isReady).length).toBeGreaterThanOrEqual(2);
  }
  expect(await images()).toEqual(['db-0 app:1', 'db-1 app:2', 'db-2 app:2']);
  const client = cluster.client.resource(podKind);
  await cluster.run(client.delete({ namespace: 'default', name: 'db-0' }));
  await cluster.clock.advance(5000);
  expect(await images()).toEqual(['db-0 app:1', 'db-1 app:2', 'db-2 app:2']);
  await cluster.merge(statefulSetKind, 'db', {
    spec: { updateStrategy: { rollingUpdate: { partition: 0 } } },
  });
  await cluster.clock.advance(10_000);
  expect(await images()).toEqual(['db-0 app:2', 'db-1 app:2', 'db-2 app:2']);
  const { status } = await cluster.get<StatefulSet>(statefulSetKind, 'db');
  expect(status?.currentRevision).toBe(status?.updateRevision);
});

test('in parallel, nobody waits', async () => {
  cluster = await startTestCluster();
  await cluster.create(statefulSetKind, statefulSet(3, { podManagementPolicy: 'Parallel' }));
  await cluster.clock.advance(1000);
  expect(await names()).toEqual(['db-0', 'db-1', 'db-2']);
});

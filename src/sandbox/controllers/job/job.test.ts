import { afterEach, expect, test } from 'vitest';
import { startTestCluster, type TestCluster } from '../cluster.test-double.ts';
import { type Job, jobKind, type Pod, podKind } from '../kinds.ts';
import { isActive } from '../pods.ts';
import { findCondition } from '../workload-conditions.ts';

let cluster: TestCluster;
afterEach(async () => {
  await cluster.close();
  expect(cluster.errors).toEqual([]);
});

function job(spec: object): Job {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'work', namespace: 'default' },
    spec: {
      template: { spec: { restartPolicy: 'Never', containers: [{ name: 'app', image: 'app:1' }] } },
      ...spec,
    },
  };
}

const pods = (): Promise<Pod[]> => cluster.list<Pod>(podKind);
const get = (): Promise<Job> => cluster.get<Job>(jobKind, 'work');
const finish = async (phase: string, count = 1): Promise<void> => {
  for (const pod of (await pods()).filter(isActive).slice(0, count)) {
    await cluster.merge(podKind, pod.metadata.name ?? '', { status: { phase } }, 'status');
  }
  await cluster.clock.advance(100);
};

test('runs so many pods at once until so many have succeeded, and is done', async () => {
  cluster = await startTestCluster();
  await cluster.create(jobKind, job({ completions: 3, parallelism: 2 }));
  await cluster.clock.advance(5000);
  expect((await get()).status).toMatchObject({ active: 2, ready: 2 });
  await finish('Succeeded', 2);
  await cluster.clock.advance(5000);
  expect((await get()).status).toMatchObject({ active: 1, succeeded: 2 });
  await finish('Succeeded');
  const { status } = await get();
  expect(status).toMatchObject({ succeeded: 3, ready: 0, terminating: 0 });
  expect(findCondition(status?.conditions, 'Complete')).toMatchObject({
    status: 'True',
    reason: 'CompletionsReached',
    message: 'Reached expected number of succeeded pods',
  });
  expect(status?.completionTime).toBeDefined();
  expect((await cluster.events('Job')).at(-1)).toBe('Completed Job completed');
  expect(await pods()).toHaveLength(3);
});

test('failed pods are replaced after a growing delay, until there are too many', async () => {
  cluster = await startTestCluster();
  await cluster.create(jobKind, job({ backoffLimit: 1 }));
  await cluster.clock.advance(5000);
  await finish('Failed');
  await cluster.clock.advance(3000);
  expect((await pods()).filter(isActive)).toHaveLength(0);
  await cluster.clock.advance(10_000);
  expect((await pods()).filter(isActive)).toHaveLength(1);
  await finish('Failed');
  await cluster.clock.advance(60_000);
  const { status } = await get();
  expect(status).toMatchObject({ failed: 2 });
  expect(findCondition(status?.conditions, 'Failed')).toMatchObject({
    reason: 'BackoffLimitExceeded',
    message: 'Job has reached the specified backoff limit',
  });
  expect(await pods()).toHaveLength(2);
});

test('is cleared away with its pods when its time is up', async () => {
  cluster = await startTestCluster();
  await cluster.create(jobKind, job({ ttlSecondsAfterFinished: 60 }));
  await cluster.clock.advance(5000);
  await finish('Succeeded');
  await cluster.clock.advance(50_000);
  expect(await cluster.list(jobKind)).toHaveLength(1);
  await cluster.clock.advance(15_000);
  expect(await cluster.list(jobKind)).toEqual([]);
  expect(await pods()).toEqual([]);
});

test('suspended, it has no pods; resumed, it goes on; a deadline ends it', async () => {
  cluster = await startTestCluster();
  await cluster.create(jobKind, job({ suspend: true, activeDeadlineSeconds: 30 }));
  await cluster.clock.advance(60_000);
  expect(await pods()).toEqual([]);
  expect(findCondition((await get()).status?.conditions, 'Suspended')?.status).toBe('True');
  await cluster.merge(jobKind, 'work', { spec: { suspend: false } });
  await cluster.clock.advance(5000);
  expect((await get()).status).toMatchObject({ active: 1 });
  await cluster.clock.advance(40_000);
  expect(findCondition((await get()).status?.conditions, 'Failed')?.reason).toBe('DeadlineExceeded');
  expect(await pods()).toEqual([]);
});

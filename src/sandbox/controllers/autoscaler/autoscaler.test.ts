import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { deployment, startTestCluster, type TestCluster } from '../cluster.test-double.ts';
import { autoscalerKind, type Deployment, deploymentKind, type Pod } from '../kinds.ts';
import { findCondition } from '../workload-conditions.ts';
import type { Autoscaler } from './autoscaler.ts';
import { limit, newMemory } from './limits.ts';
import { recommend } from './recommend.ts';

let cluster: TestCluster | undefined;
afterEach(async () => {
  await cluster?.close();
  expect(cluster?.errors ?? []).toEqual([]);
  cluster = undefined;
});

function autoscaler(name: string, spec: object = {}): Autoscaler {
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name, namespace: 'default' },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
      minReplicas: 2,
      maxReplicas: 6,
      metrics: [
        {
          type: 'Resource',
          resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } },
        },
      ],
      ...spec,
    },
  };
}
const requesting = {
  template: {
    metadata: { labels: { app: 'web' } },
    spec: { containers: [{ name: 'app', image: 'app:1', resources: { requests: { cpu: '100m' } } }] },
  },
};

describe('in a cluster', () => {
  let milli: number;
  async function start(replicas: number): Promise<TestCluster> {
    milli = 50;
    const started = await startTestCluster({
      controllers: { metrics: (_pod, resource) => (resource === 'cpu' ? milli : undefined) },
    });
    cluster = started;
    await started.create(deploymentKind, deployment('web', replicas, requesting));
    await started.clock.advance(10_000);
    return started;
  }
  const replicas = async (): Promise<number | undefined> =>
    (await cluster?.get<Deployment>(deploymentKind, 'web'))?.spec.replicas;
  const condition = async (type: string, name = 'web') =>
    findCondition((await cluster?.get<Autoscaler>(autoscalerKind, name))?.status?.conditions, type);

  test('it follows the load up, and down only when the load has been low for five minutes', async () => {
    const { create, clock, events, get } = bind(await start(2));
    await create(autoscalerKind, autoscaler('web'));
    await clock.advance(20_000);
    expect(await condition('ScalingActive')).toMatchObject({
      status: 'True',
      reason: 'ValidMetricFound',
      message:
        'the HPA was able to successfully calculate a replica count from cpu resource utilization (percentage of request)',
    });
    milli = 95;
    await clock.advance(20_000);
    expect(await replicas()).toBe(4);
    milli = 50;
    await clock.advance(60_000);
    expect(await replicas()).toBe(4);
    milli = 10;
    await clock.advance(200_000);
    expect(await replicas()).toBe(4);
    expect(await condition('AbleToScale')).toMatchObject({ reason: 'ScaleDownStabilized' });
    await clock.advance(200_000);
    expect(await replicas()).toBe(2);
    expect(await condition('ScalingLimited')).toMatchObject({ status: 'True', reason: 'TooFewReplicas' });
    expect((await get<Autoscaler>(autoscalerKind, 'web')).status).toMatchObject({
      currentReplicas: 2,
      desiredReplicas: 2,
      currentMetrics: [
        { resource: { name: 'cpu', current: { averageUtilization: 10, averageValue: '10m' } } },
      ],
    });
    expect(await events('HorizontalPodAutoscaler')).toEqual([
      'SuccessfulRescale New size: 4; reason: cpu resource utilization (percentage of request) above target',
      'SuccessfulRescale New size: 2; reason: All metrics below target',
    ]);
  });

  test('a target outside of the limits is brought inside, whatever the metrics say', async () => {
    const { create, clock } = bind(await start(1));
    await create(autoscalerKind, autoscaler('web'));
    await clock.advance(1000);
    expect(await replicas()).toBe(2);
    await cluster?.merge(deploymentKind, 'web', { spec: { replicas: 9 } });
    await clock.advance(20_000);
    expect(await replicas()).toBe(6);
  });

  test('a target at zero is left alone', async () => {
    const { create, clock } = bind(await start(0));
    await create(autoscalerKind, autoscaler('web'));
    await clock.advance(120_000);
    expect(await replicas()).toBe(0);
    expect(await condition('ScalingActive')).toMatchObject({
      status: 'False',
      reason: 'ScalingDisabled',
      message: 'scaling is disabled since the replica count of the target is zero',
    });
  });

  test('two for one target do not fight: they say so, and leave it as it is', async () => {
    const { create, clock } = bind(await start(3));
    await create(autoscalerKind, autoscaler('web'));
    await create(autoscalerKind, autoscaler('other', { minReplicas: 1 }));
    milli = 95;
    await clock.advance(120_000);
    expect(await replicas()).toBe(3);
    for (const name of ['web', 'other']) {
      expect(await condition('ScalingActive', name)).toMatchObject({
        status: 'False',
        reason: 'AmbiguousSelector',
        message: 'pods by selector app=web are controlled by multiple HPAs: [{other default} {web default}]',
      });
    }
  });

  test('an autoscaler with nothing to do makes no request', async () => {
    const { create, clock, requests } = bind(await start(2));
    await create(autoscalerKind, autoscaler('web'));
    await clock.advance(60_000);
    requests.take();
    await clock.advance(3_600_000);
    expect(requests.take().filter((request) => !/^GET .*[?&]watch=true/.test(request))).toEqual([]);
  });
});

/** Methods that can be taken apart. */
function bind(test: TestCluster): Pick<TestCluster, 'create' | 'clock' | 'events' | 'get' | 'requests'> {
  return {
    create: test.create.bind(test),
    get: test.get.bind(test),
    events: test.events.bind(test),
    clock: test.clock,
    requests: test.requests,
  };
}

describe('the recommendation', () => {
  const pod = (name: string, state: { phase?: string; ready?: boolean } = {}): Pod => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { containers: [{ name: 'app', resources: { requests: { cpu: '100m' } } }] },
    status: {
      phase: state.phase ?? 'Running',
      conditions: [{ type: 'Ready', status: (state.ready ?? true) ? 'True' : 'False' }],
    },
  });
  const half = { type: 'Utilization', averageUtilization: 50 };
  const usage = (used: Record<string, number>) => (one: Pod) => used[one.metadata.name ?? ''];

  test.each([
    ['in proportion', [pod('a'), pod('b')], { a: 100, b: 100 }, 4],
    ['nothing for a small deviation', [pod('a'), pod('b')], { a: 54, b: 54 }, 2],
    [
      'with pods that start as idle, when growing',
      [pod('a'), pod('b', { ready: false })],
      { a: 100, b: 0 },
      2,
    ],
    ['with pods not measured as busy, when shrinking', [pod('a'), pod('b')], { a: 10 }, 2],
  ])('%s', (_name, pods, used, expected) => {
    expect(recommend('cpu', half, pods.length, pods, usage(used)).replicas).toBe(expected);
  });

  test('a value per pod is a target too', () => {
    const target = { type: 'AverageValue', averageValue: '20m' };
    expect(recommend('cpu', target, 1, [pod('a')], usage({ a: 60 }))).toEqual({
      replicas: 3,
      current: { averageValue: '60m' },
    });
  });

  test('there is none without a request to compare with, or anything measured', () => {
    const bare = { ...pod('a'), spec: { containers: [{ name: 'app' }] } };
    expect(() => recommend('cpu', half, 1, [bare], usage({ a: 1 }))).toThrow(
      'missing request for cpu in container app of Pod a',
    );
    expect(() => recommend('cpu', half, 1, [pod('a')], usage({}))).toThrow(
      'did not receive metrics for targeted pods',
    );
  });
});

describe('the limits', () => {
  const behavior = {
    scaleUp: {
      stabilizationWindowSeconds: 0,
      selectPolicy: 'Max',
      policies: [{ type: 'Pods', value: 2, periodSeconds: 60 }],
    },
    scaleDown: { stabilizationWindowSeconds: 0, selectPolicy: 'Disabled', policies: [] },
  };

  test('hold for whatever is recommended, and never turn the direction round', () => {
    const drawn = fc.record({
      min: fc.integer({ min: 1, max: 10 }),
      spread: fc.nat({ max: 20 }),
      at: fc.nat({ max: 20 }),
      steps: fc.array(fc.nat({ max: 60 }), { minLength: 1, maxLength: 30 }),
      behaves: fc.boolean(),
    });
    fc.assert(
      fc.property(drawn, ({ min, spread, at, steps, behaves }) => {
        const { spec } = autoscaler('web', {
          minReplicas: min,
          maxReplicas: min + spread,
          ...(behaves && { behavior }),
        });
        const memory = newMemory();
        let current = min + Math.min(at, spread);
        for (const [i, recommended] of steps.entries()) {
          const { replicas } = limit(spec, memory, current, recommended, i * 15_000);
          expect(replicas).toBeGreaterThanOrEqual(min);
          expect(replicas).toBeLessThanOrEqual(min + spread);
          if (recommended >= current) expect(replicas).toBeGreaterThanOrEqual(current);
          else expect(replicas).toBeLessThanOrEqual(current);
          if (behaves) expect(replicas).toBeGreaterThanOrEqual(current);
          current = replicas;
        }
      }),
    );
  });

  test('policies bound what is added within their period', () => {
    const { spec } = autoscaler('web', { maxReplicas: 20, behavior });
    const memory = newMemory();
    const first = limit(spec, memory, 2, 10, 0);
    expect(first).toMatchObject({ replicas: 4, limited: { status: 'True', reason: 'ScaleUpLimit' } });
    memory.added.push({ at: 0, count: 2 });
    expect(limit(spec, memory, 4, 10, 30_000).replicas).toBe(4);
    expect(limit(spec, memory, 4, 10, 61_000).replicas).toBe(6);
  });
});

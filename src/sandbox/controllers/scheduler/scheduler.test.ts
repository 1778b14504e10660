import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { startTestCluster, type TestCluster } from '../cluster.test-double.ts';
import { type Node, nodeKind, type Pod, podKind } from '../kinds.ts';
import { findCondition } from '../workload-conditions.ts';
import { chooseNode, type LoadedNode } from './fit.ts';

function pod(name: string, spec: object = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', labels: { app: name } },
    spec: { containers: [{ name: 'app', image: 'app:1' }], ...spec },
  };
}
const asking = (cpu: string): object => ({
  containers: [{ name: 'app', image: 'app:1', resources: { requests: { cpu } } }],
});
function node(name: string, spec: object = {}, labels: Record<string, string> = {}): Node {
  const allocatable = { cpu: '2', memory: '4Gi', pods: '3' };
  return { apiVersion: 'v1', kind: 'Node', metadata: { name, labels }, spec, status: { allocatable } };
}
const empty = (...nodes: readonly Node[]): LoadedNode[] => nodes.map((one) => ({ node: one, pods: [] }));
const preemption = (n: number): string =>
  `preemption: 0/${n} nodes are available: ${n} Preemption is not helpful for scheduling.`;

describe('the choice of a node', () => {
  const zone = 'topology.kubernetes.io/zone';
  const affinity = (kind: string, topologyKey: string, app: string): object => ({
    affinity: {
      [kind]: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          { topologyKey, labelSelector: { matchLabels: { app } } },
        ],
      },
    },
  });
  const zones = (): LoadedNode[] => [
    { node: node('a', {}, { [zone]: 'east' }), pods: [pod('db')] },
    { node: node('b', {}, { [zone]: 'west' }), pods: [] },
  ];

  test.each<[string, Pod, LoadedNode[], string]>([
    ['spreads', pod('p'), [{ node: node('a'), pods: [pod('x')] }, ...empty(node('b'))], 'b'],
    [
      'prefers room',
      pod('p', asking('1')),
      [{ node: node('a'), pods: [pod('x', asking('1'))] }, ...empty(node('b'))],
      'b',
    ],
    [
      'goes by selector',
      pod('p', { nodeSelector: { disk: 'ssd' } }),
      empty(node('a'), node('b', {}, { disk: 'ssd' })),
      'b',
    ],
    [
      'avoids taints',
      pod('p'),
      empty(node('a', { taints: [{ key: 'k', effect: 'NoSchedule' }] }), node('b')),
      'b',
    ],
    ['goes together', pod('p', affinity('podAffinity', zone, 'db')), zones(), 'a'],
    ['keeps apart', pod('p', affinity('podAntiAffinity', zone, 'db')), zones(), 'b'],
  ])('%s', (_name, wanted, nodes, expected) => {
    expect(chooseNode(wanted, nodes)).toEqual({ node: expected });
  });

  test('why none will do is said as Kubernetes says it', () => {
    const nodes = empty(
      node('a', { unschedulable: true }),
      node('b', { taints: [{ key: 'k', effect: 'NoSchedule' }] }),
      node('c'),
      node('d'),
    );
    expect(chooseNode(pod('p', asking('3')), nodes)).toEqual({
      misfit: `0/4 nodes are available: 1 node(s) had untolerated taint(s), 1 node(s) were unschedulable, 2 Insufficient cpu. ${preemption(4)}`,
    });
    expect(chooseNode(pod('p'), [])).toEqual({ misfit: 'no nodes available to schedule pods' });
  });

  test('never gives out more than there is, and places what fits somewhere', () => {
    const requests = fc.array(fc.integer({ min: 1, max: 2000 }), { maxLength: 20 });
    fc.assert(
      fc.property(requests, (asked) => {
        const nodes = empty(node('a'), node('b')).map((loaded) => ({
          ...loaded,
          used: 0,
          pods: [] as Pod[],
        }));
        for (const [i, milli] of asked.entries()) {
          const one = pod(`p${i}`, asking(`${milli}m`));
          const choice = chooseNode(one, nodes);
          const fits = nodes.some(({ used, pods }) => used + milli <= 2000 && pods.length < 3);
          expect('node' in choice).toBe(fits);
          const chosen = nodes.find(
            (loaded) => 'node' in choice && loaded.node.metadata.name === choice.node,
          );
          if (chosen === undefined) continue;
          chosen.used += milli;
          chosen.pods.push(one);
          expect(chosen.used).toBeLessThanOrEqual(2000);
        }
      }),
    );
  });
});

describe('in a cluster', () => {
  let cluster: TestCluster;
  afterEach(async () => {
    await cluster.close();
    expect(cluster.errors).toEqual([]);
  });

  test('a pod that finds no node waits for one, and says why', async () => {
    cluster = await startTestCluster({ nodes: 0 });
    await cluster.create(podKind, pod('p'));
    await cluster.create(podKind, pod('foreign', { schedulerName: 'somebody-else' }));
    await cluster.clock.advance(1000);
    const waiting = await cluster.get<Pod>(podKind, 'p');
    expect(findCondition(waiting.status?.conditions, 'PodScheduled')).toMatchObject({
      status: 'False',
      reason: 'Unschedulable',
      message: 'no nodes available to schedule pods',
    });
    await cluster.create(nodeKind, node('late'));
    await cluster.clock.advance(1000);
    const placed = await cluster.get<Pod>(podKind, 'p');
    expect(placed.spec.nodeName).toBe('late');
    expect(findCondition(placed.status?.conditions, 'PodScheduled')?.status).toBe('True');
    expect((await cluster.get<Pod>(podKind, 'foreign')).spec.nodeName).toBeUndefined();
    expect(await cluster.events('Pod')).toEqual([
      'FailedScheduling no nodes available to schedule pods',
      'Scheduled Successfully assigned default/p to late',
    ]);
  });

  test('pods that come all at once do not crowd a node beyond its room', async () => {
    cluster = await startTestCluster({ nodes: 2 });
    const create = Array.from({ length: 9 }, (_, i) =>
      cluster.client.resource<Pod>(podKind).create(pod(`p${i}`, asking('1'))),
    );
    await cluster.run(Promise.all(create));
    await cluster.clock.advance(5000);
    const placed = (await cluster.list<Pod>(podKind)).map(({ spec }) => spec.nodeName ?? '').sort();
    expect(placed).toEqual([
      '',
      ...Array.from({ length: 4 }, () => 'node-1'),
      ...Array.from({ length: 4 }, () => 'node-2'),
    ]);
    const [first] = (await cluster.list<Pod>(podKind)).filter(({ spec }) => spec.nodeName !== undefined);
    await cluster.run(
      cluster.client.resource(podKind).delete({ namespace: 'default', name: first?.metadata.name ?? '' }),
    );
    await cluster.clock.advance(5000);
    expect((await cluster.list<Pod>(podKind)).every(({ spec }) => spec.nodeName !== undefined)).toBe(true);
  });
});

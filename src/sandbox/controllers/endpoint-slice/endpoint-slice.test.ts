import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { deployment, startTestCluster, type TestCluster } from '../cluster.test-double.ts';
import {
  deploymentKind,
  type Endpoints,
  endpointsKind,
  type EndpointSlice,
  endpointSliceKind,
  type Pod,
  podKind,
  type Service,
  serviceKind,
  type SliceEndpoint,
} from '../kinds.ts';
import { isReady } from '../pods.ts';
import type { EndpointGroup } from './addresses.ts';
import { reconcileSlices } from './slices.ts';

function service(spec: object): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'default' },
    spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 'http' }], ...spec },
  };
}

describe('in a cluster', () => {
  let cluster: TestCluster;
  afterEach(async () => {
    await cluster.close();
    expect(cluster.errors).toEqual([]);
  });
  const slices = (): Promise<EndpointSlice[]> =>
    cluster.list<EndpointSlice>(endpointSliceKind, 'kubernetes.io/service-name=web');
  const ready = async (): Promise<number> =>
    (await slices()).flatMap(({ endpoints }) => endpoints ?? []).filter(({ conditions }) => conditions.ready)
      .length;
  const withPort = (port: number): object => ({
    template: {
      metadata: { labels: { app: 'web' } },
      spec: {
        containers: [{ name: 'app', image: `app:${port}`, ports: [{ name: 'http', containerPort: port }] }],
      },
    },
  });

  test('the pods behind a Service are listed as they become ready and go', async () => {
    cluster = await startTestCluster();
    await cluster.create(serviceKind, service({}));
    await cluster.clock.advance(100);
    expect((await slices()).map(({ endpoints }) => endpoints ?? [])).toEqual([[]]);
    await cluster.create(deploymentKind, deployment('web', 3, withPort(8080)));
    await cluster.clock.advance(1000);
    expect(await ready()).toBe(0);
    await cluster.clock.advance(4000);
    expect(await ready()).toBe(3);
    const { subsets } = await cluster.get<Endpoints>(endpointsKind, 'web');
    expect(subsets).toMatchObject([{ addresses: [{}, {}, {}], ports: [{ name: 'http', port: 8080 }] }]);
    await cluster.merge(deploymentKind, 'web', { spec: { replicas: 1 } });
    await cluster.clock.advance(500);
    const leaving = (await slices())
      .flatMap(({ endpoints }) => endpoints ?? [])
      .map(({ conditions }) => conditions);
    expect(leaving.filter(({ terminating }) => terminating)).toEqual([
      { ready: false, serving: true, terminating: true },
      { ready: false, serving: true, terminating: true },
    ]);
    await cluster.clock.advance(5000);
    expect((await slices()).flatMap(({ endpoints }) => endpoints ?? [])).toHaveLength(1);
  });

  test('a named port may be another number in each pod, which takes a slice for each', async () => {
    cluster = await startTestCluster();
    await cluster.create(serviceKind, service({ clusterIP: 'None' }));
    await cluster.create(deploymentKind, deployment('web', 2, withPort(8080)));
    await cluster.clock.advance(10_000);
    await cluster.merge(deploymentKind, 'web', { spec: withPort(9090) });
    for (let i = 0; i < 40; i += 1) {
      await cluster.clock.advance(250);
      const pods = (await cluster.list<Pod>(podKind)).filter(isReady);
      expect(await ready()).toBe(
        pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined).length,
      );
    }
    expect((await slices()).map(({ ports }) => ports?.map(({ port }) => port))).toEqual([[9090]]);
    expect((await slices())[0]?.metadata.labels).toMatchObject({ 'service.kubernetes.io/headless': '' });
  });

  test('a Service may want pods that are not ready; its Endpoints go with it', async () => {
    cluster = await startTestCluster({ readyAfterMs: () => undefined });
    await cluster.create(serviceKind, service({ publishNotReadyAddresses: true }));
    await cluster.create(deploymentKind, deployment('web', 1, withPort(8080)));
    await cluster.clock.advance(1000);
    const [pod] = await cluster.list<Pod>(podKind);
    const status = { phase: 'Running', podIP: '10.1.2.3', podIPs: [{ ip: '10.1.2.3' }] };
    await cluster.merge(podKind, pod?.metadata.name ?? '', { status }, 'status');
    await cluster.clock.advance(1000);
    expect(await ready()).toBe(1);
    const services = cluster.client.resource(serviceKind);
    await cluster.run(services.delete({ namespace: 'default', name: 'web' }));
    await cluster.clock.advance(1000);
    expect(await slices()).toEqual([]);
    expect((await cluster.list(endpointsKind)).map(({ metadata }) => metadata.name)).not.toContain('web');
  });
});

describe('the slices of a Service', () => {
  const owner: Service = { ...service({}), metadata: { name: 'web', namespace: 'default', uid: 'u' } };
  const endpoint = (n: number): SliceEndpoint => ({
    addresses: [`10.0.${n >> 8}.${n & 255}`],
    conditions: { ready: true, serving: true, terminating: false },
    targetRef: { kind: 'Pod', namespace: 'default', name: `p${n}`, uid: `u${n}` },
  });
  const group = (port: number, numbers: readonly number[]): EndpointGroup => ({
    ports: [{ name: 'http', port, protocol: 'TCP' }],
    endpoints: numbers.map(endpoint),
  });
  let names = 0;
  const applyTo = (existing: readonly EndpointSlice[], groups: readonly EndpointGroup[]): EndpointSlice[] => {
    const { create, update, remove } = reconcileSlices(owner, groups, existing);
    const named = create.map((slice) => ({
      ...slice,
      metadata: { ...slice.metadata, name: `web-${(names += 1)}` },
    }));
    const changed = existing
      .filter((slice) => !remove.includes(slice))
      .map((slice) => update.find(({ metadata }) => metadata.name === slice.metadata.name) ?? slice);
    return [...changed, ...named];
  };
  const groupsOf = fc
    .array(fc.uniqueArray(fc.nat({ max: 400 }), { maxLength: 250 }), { maxLength: 2 })
    .map((lists) =>
      lists.map((numbers, i) => group(8080 + i, numbers)).filter(({ endpoints }) => endpoints.length > 0),
    );

  test('hold exactly what they should, not more than 100 each, and settle at once', () => {
    fc.assert(
      fc.property(fc.array(groupsOf, { minLength: 1, maxLength: 4 }), (history) => {
        let slices: EndpointSlice[] = [];
        for (const groups of history) {
          slices = applyTo(slices, groups);
          const listed = slices.flatMap(({ endpoints, ports }) =>
            (endpoints ?? []).map(({ targetRef }) => `${ports?.[0]?.port} ${targetRef?.name}`),
          );
          const wanted = groups.flatMap(({ endpoints, ports }) =>
            endpoints.map(({ targetRef }) => `${ports[0]?.port} ${targetRef?.name}`),
          );
          expect(listed.sort()).toEqual(wanted.sort());
          expect(slices.length).toBeGreaterThan(0);
          for (const { endpoints } of slices) expect((endpoints ?? []).length).toBeLessThanOrEqual(100);
          expect(reconcileSlices(owner, groups, slices)).toEqual({ create: [], update: [], remove: [] });
        }
      }),
      { numRuns: 40 },
    );
  });
});

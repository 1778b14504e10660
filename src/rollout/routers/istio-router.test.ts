import { describe, expect, test } from 'vitest';
import type { Canary } from '../../api/canary.ts';
import type { JsonObject } from '../../machinery/json.ts';
import { canaryOf, type RouterWorld, routes, startRouterWorld } from './router-world.test-double.ts';

const kubectl = 'kubectl.kubernetes.io/last-applied-configuration';
const original = 'flagger.kubernetes.io/original-configuration';
const handsOff = {
  'kustomize.toolkit.fluxcd.io/reconcile': 'disabled',
  'helm.toolkit.fluxcd.io/driftDetection': 'disabled',
};

const to = (host: string, weight: number, more: object = {}): JsonObject => ({
  destination: { host },
  weight,
  ...more,
});
const both = (canary: number): JsonObject[] => [
  to('podinfo-primary', 100 - canary),
  to('podinfo-canary', canary),
];

async function written(canary: Canary, ...weights: ReturnType<typeof routes>[]): Promise<JsonObject> {
  const world = await startRouterWorld();
  for (const wanted of weights) await world.reconcile(canary, wanted);
  return (await world.get()).spec;
}

describe('what is written', () => {
  test('a new VirtualService belongs to the Canary, and Flux keeps its hands off', async () => {
    const world = await startRouterWorld();
    await world.reconcile(canaryOf({ apex: { labels: { a: 'b' }, annotations: { c: 'd' } } }));
    const { metadata, spec } = await world.get();
    expect(metadata.labels).toEqual({ a: 'b' });
    expect(metadata.annotations).toEqual({ c: 'd', ...handsOff });
    expect(metadata.ownerReferences).toMatchObject([{ kind: 'Canary', name: 'podinfo', controller: true }]);
    expect(spec).toEqual({ hosts: ['podinfo'], gateways: ['mesh'], http: [{ route: both(0) }] });
  });

  test('the DestinationRules come first, the canary before the primary, with the traffic policy', async () => {
    const world = await startRouterWorld();
    const trafficPolicy = { tls: { mode: 'ISTIO_MUTUAL' as const } };
    await world.reconcile(canaryOf({ trafficPolicy }));
    expect(world.writes).toEqual(['POST destinationrules', 'POST destinationrules', 'POST virtualservices']);
    for (const host of ['podinfo-canary', 'podinfo-primary']) {
      expect((await world.get('destinationrules', host)).spec).toEqual({ host, trafficPolicy });
    }
    await world.reconcile(canaryOf());
    expect((await world.get('destinationrules', 'podinfo-canary')).spec).toEqual({ host: 'podinfo-canary' });
  });

  test('everything that the service says about its routes', async () => {
    const service = {
      match: [{ uri: { prefix: '/' } }],
      rewrite: { uri: '/api', type: 'ReplacePrefixMatch' },
      timeout: '5s',
      retries: { attempts: 3 },
      corsPolicy: { allowOrigin: ['*'] },
      headers: { request: { set: { x: 'y' } } },
      hosts: ['app.example.com'],
      gateways: ['istio-system/public'],
      portDiscovery: true,
    };
    const { rewrite: _, hosts: __, gateways: ___, portDiscovery: ____, ...same } = service;
    const port = { number: 9898 };
    expect(await written(canaryOf(service), routes(20))).toEqual({
      hosts: ['app.example.com', 'podinfo'],
      gateways: ['istio-system/public'],
      http: [
        {
          ...same,
          rewrite: { uri: '/api' },
          route: [
            { destination: { host: 'podinfo-primary', port }, weight: 80 },
            { destination: { host: 'podinfo-canary', port }, weight: 20 },
          ],
        },
      ],
    });
  });

  test('hosts stay alone where they cover the apex', async () => {
    expect(await written(canaryOf({ hosts: ['*'] }), routes(0))).toMatchObject({ hosts: ['*'] });
  });

  test('a mirror with its share, until it is over', async () => {
    const world = await startRouterWorld();
    const canary = canaryOf({}, { mirror: true, mirrorWeight: 30 });
    await world.reconcile(canary, routes(0, true));
    const mirror = { mirror: { host: 'podinfo-canary' }, mirrorPercentage: { value: 30 } };
    expect((await world.get()).spec['http']).toEqual([{ route: both(0), ...mirror }]);
    await world.reconcile(canary, routes(10));
    expect((await world.get()).spec['http']).toEqual([{ route: both(10) }]);
  });

  test('an A/B test has a rule for whom it matches, and one for the others', async () => {
    const canary = canaryOf(
      { match: [{ uri: { prefix: '/' } }] },
      { iterations: 5, match: [{ headers: { 'x-canary': { exact: 'insider' } } }] },
    );
    expect((await written(canary, routes(100)))['http']).toEqual([
      {
        match: [{ uri: { prefix: '/' }, headers: { 'x-canary': { exact: 'insider' } } }],
        route: [to('podinfo-primary', 0), to('podinfo-canary', 100)],
      },
      { match: [{ uri: { prefix: '/' } }], route: [to('podinfo-primary', 0)] },
    ]);
  });

  test('a suffix, which Istio does not know, is told as a pattern', async () => {
    const canary = canaryOf(
      {
        match: [{ uri: { suffix: '.html' } }],
        corsPolicy: { allowOrigins: [{ suffix: '.a.b' }], maxAge: '1h' },
      },
      {
        iterations: 5,
        match: [{ headers: { 'user-agent': { suffix: 'Firefox (ESR)' }, a: { exact: 'b' } } }],
      },
    );
    const corsPolicy = { allowOrigins: [{ regex: '.*\\.a\\.b' }], maxAge: '1h' };
    expect((await written(canary, routes(0)))['http']).toMatchObject([
      {
        corsPolicy,
        match: [
          {
            uri: { regex: '.*\\.html' },
            headers: { 'user-agent': { regex: '.*Firefox \\(ESR\\)' }, a: { exact: 'b' } },
          },
        ],
      },
      { match: [{ uri: { regex: '.*\\.html' } }] },
    ]);
  });

  test('11.3.11: merged conditions keep all of their keys', async () => {
    const canary = canaryOf(
      { match: [{ uri: { prefix: '/' }, headers: { host: { exact: 'h' } } }, { port: 80 }] },
      { iterations: 5, match: [{ queryParams: { beta: { exact: '1' } }, headers: { x: { exact: 'y' } } }] },
    );
    expect((await written(canary, routes(100)))['http']).toMatchObject([
      {
        match: [
          {
            uri: { prefix: '/' },
            headers: { host: { exact: 'h' }, x: { exact: 'y' } },
            queryParams: { beta: { exact: '1' } },
          },
          { port: 80, headers: { x: { exact: 'y' } }, queryParams: { beta: { exact: '1' } } },
        ],
      },
      {},
    ]);
  });

  test('TCP is weighed by port', async () => {
    const canary = canaryOf({ appProtocol: 'TCP', match: [{ port: 9898 }, { uri: { prefix: '/' } }] });
    expect(await written(canary, routes(0), routes(40))).toEqual({
      hosts: ['podinfo'],
      gateways: ['mesh'],
      tcp: [{ match: [{ port: 9898 }], route: both(40) }],
    });
  });

  test('a delegate has neither hosts nor gateways, and must not ask for any', async () => {
    const world = await startRouterWorld();
    await world.reconcile(canaryOf({ delegation: true, portDiscovery: true }), routes(10));
    const { spec } = await world.get();
    expect(spec['gateways']).toBeUndefined();
    expect(spec['hosts'] ?? []).toEqual([]);
    expect(spec['http']).toMatchObject([{ route: [{ destination: { port: { number: 9898 } } }, {}] }]);
    await expect(world.reconcile(canaryOf({ delegation: true, hosts: ['x'] }))).rejects.toThrow(
      'VirtualService podinfo.test cannot have hosts and gateways when delegation enabled',
    );
  });
});

describe('a VirtualService that others edit', () => {
  const foreign = { match: [{ uri: { prefix: '/old' } }], route: [{ destination: { host: 'legacy' } }] };
  const redirect = { match: [{ uri: { exact: '/x' } }], redirect: { uri: '/y' } };
  const spec = {
    hosts: ['podinfo', 'a'],
    gateways: ['mesh'],
    exportTo: ['.'],
    http: [foreign, { route: [{ destination: { host: 'podinfo.test.svc.cluster.local' } }] }, redirect],
    tls: [{ match: [{ port: 443, sniHosts: ['a'] }], route: [{ destination: { host: 'legacy' } }] }],
  };
  const adopt = async (metadata: object = {}): Promise<RouterWorld> => {
    const world = await startRouterWorld();
    await world.create(spec, metadata);
    return world;
  };

  test('has no routes of ours before it is adopted', async () => {
    const world = await adopt();
    expect(world.istio.observe(canaryOf())).toBeUndefined();
  });

  test('keeps foreign routes, fields, labels and annotations when it is adopted', async () => {
    const world = await adopt({ labels: { team: 'a' }, annotations: { note: 'b' } });
    await world.reconcile(canaryOf());
    const { metadata, spec: adopted } = await world.get();
    expect(metadata.labels).toEqual({ team: 'a' });
    expect(metadata.annotations).toMatchObject({ note: 'b', ...handsOff });
    expect(metadata.ownerReferences).toBeUndefined();
    expect(adopted).toEqual({
      ...spec,
      hosts: ['podinfo'],
      http: [foreign, { route: both(0) }, redirect],
    });
  });

  test('11.3.1: a foreign annotation in the middle of a run changes no weight', async () => {
    const world = await adopt();
    await world.reconcile(canaryOf(), routes(40));
    const before = world.writes.length;
    await world.merge({ metadata: { annotations: { other: 'controller' }, labels: { x: 'y' } } });
    await world.reconcile(canaryOf());
    expect(world.writes.slice(before)).toEqual([]);
    expect(world.istio.observe(canaryOf())).toEqual(routes(40));
  });

  test('11.3.1 and 11.3.2: drift and an edited service are repaired at the current step', async () => {
    const world = await adopt();
    await world.reconcile(canaryOf(), routes(40));
    await world.merge({
      spec: { hosts: ['elsewhere'] },
      metadata: { annotations: { [Object.keys(handsOff)[0]!]: null } },
    });
    await world.reconcile(canaryOf({ timeout: '5s' }));
    const live = await world.get();
    expect(live.spec['hosts']).toEqual(['podinfo']);
    expect(live.metadata.annotations).toMatchObject(handsOff);
    expect(live.spec['http']).toEqual([foreign, { timeout: '5s', route: both(40) }, redirect]);
  });

  test('moved weights are seen, and repaired to what is asked for', async () => {
    const world = await adopt();
    await world.reconcile(canaryOf(), routes(40));
    await world.merge({ spec: { http: [{ route: both(70) }] } });
    expect(world.istio.observe(canaryOf())).toEqual(routes(70));
    await world.reconcile(canaryOf(), routes(40));
    expect(world.istio.observe(canaryOf())).toEqual(routes(40));
  });

  test.each([
    ['no weight at all', [to('podinfo-primary', 0), to('podinfo-canary', 0)], undefined],
    ['other sums', [to('podinfo-primary', 3), to('podinfo-canary', 1)], routes(25)],
    ['a trace', [to('podinfo-primary', 999), to('podinfo-canary', 1)], routes(1)],
    ['the canary alone', [{ destination: { host: 'podinfo-canary.test.svc' } }], routes(100)],
    ['the primary alone', [to('podinfo-primary', 100)], undefined],
  ])('weights are read as the mesh reads them: %s', async (_, route, seen) => {
    const world = await startRouterWorld();
    await world.create({ hosts: ['podinfo'], http: [{ route }] });
    expect(world.istio.observe(canaryOf())).toEqual(seen);
    await world.reconcile(canaryOf());
    expect(world.istio.observe(canaryOf())).toEqual(seen ?? routes(0));
  });

  test('an edit at the same time is not lost: the write fails, and is to be tried again', async () => {
    const world = await adopt();
    await world.reconcile(canaryOf(), routes(10));
    const edited = { ...foreign, timeout: '3s' };
    world.before.write = async () => {
      world.before.write = undefined;
      const { spec: live } = await world
        .resource('virtualservices')
        .get({ namespace: 'test', name: 'podinfo' });
      const http = [edited, ...(live as { http: JsonObject[] }).http.slice(1)];
      await world
        .resource('virtualservices')
        .patch({ namespace: 'test', name: 'podinfo' }, 'merge', { spec: { http } });
    };
    await expect(world.reconcile(canaryOf(), routes(20))).rejects.toMatchObject({
      code: 'Conflict',
      next: 'retry',
    });
    await world.reconcile(canaryOf(), routes(20));
    expect((await world.get()).spec['http']).toEqual([edited, { route: both(20) }, redirect]);
  });

  test('one that was deleted, or made, at the same time is to be tried again', async () => {
    const world = await startRouterWorld();
    world.before.write = async (request) => {
      if (!request.endsWith('virtualservices')) return;
      world.before.write = undefined;
      const object = {
        apiVersion: 'networking.istio.io/v1beta1',
        kind: 'VirtualService',
        metadata: { name: 'podinfo', namespace: 'test' },
        spec,
      };
      await world.resource('virtualservices').create(object);
    };
    await expect(world.reconcile(canaryOf())).rejects.toMatchObject({ next: 'retry' });
    await world.reconcile(canaryOf());
    world.before.write = async () => {
      world.before.write = undefined;
      await world.resource('virtualservices').delete({ namespace: 'test', name: 'podinfo' });
    };
    await expect(world.reconcile(canaryOf(), routes(10))).rejects.toMatchObject({ next: 'retry' });
    await world.reconcile(canaryOf(), routes(10));
    expect(world.istio.observe(canaryOf())).toEqual(routes(10));
  });

  test('one of another Canary is refused', async () => {
    const owner = {
      apiVersion: 'flagger.app/v1beta1',
      kind: 'Canary',
      name: 'other',
      uid: 'x',
      controller: true,
    };
    const world = await adopt({ ownerReferences: [owner] });
    await expect(world.reconcile(canaryOf())).rejects.toMatchObject({ next: 'stalled' });
    expect(world.writes).toEqual([]);
  });

  describe('and is given back', () => {
    test('11.3.3: with the spec that it had before it was first changed', async () => {
      const world = await adopt();
      await world.reconcile(canaryOf(), routes(10));
      const stored = (await world.get()).metadata.annotations?.[original];
      expect(JSON.parse(stored!)).toEqual(spec);
      await world.merge({ spec: { hosts: ['drift'] } });
      await world.reconcile(canaryOf({ timeout: '9s' }), routes(20));
      expect((await world.get()).metadata.annotations?.[original]).toBe(stored);
      await world.revert(canaryOf());
      const { metadata, spec: reverted } = await world.get();
      expect(reverted).toEqual(spec);
      expect(metadata.annotations).toBeUndefined();
      const before = world.writes.length;
      await world.revert(canaryOf());
      expect(world.writes.length).toBe(before);
    });

    test("with kubectl's annotation, which comes first and is never touched", async () => {
      const applied = { hosts: ['podinfo'], http: [{ route: [{ destination: { host: 'podinfo' } }] }] };
      const annotations = {
        [kubectl]: JSON.stringify({ metadata: { annotations: handsOff }, spec: applied }),
        [original]: JSON.stringify(spec),
      };
      const world = await adopt({ annotations });
      await world.reconcile(canaryOf(), routes(10));
      expect((await world.get()).metadata.annotations).toMatchObject(annotations);
      await world.revert(canaryOf());
      const { metadata, spec: reverted } = await world.get();
      expect(reverted).toEqual(applied);
      expect(metadata.annotations).toEqual({ [kubectl]: annotations[kubectl], ...handsOff });
    });

    test('as it is, where the annotations cannot be read', async () => {
      const world = await adopt({ annotations: { [kubectl]: '{', [original]: '[]' } });
      await world.reconcile(canaryOf(), routes(10));
      const { spec: before } = await world.get();
      await world.revert(canaryOf());
      expect((await world.get()).spec).toEqual(before);
    });

    test('but one that was made for the Canary is left to the garbage collector', async () => {
      const world = await startRouterWorld();
      await world.reconcile(canaryOf());
      const before = world.writes.length;
      await world.revert(canaryOf());
      expect(world.writes.length).toBe(before);
    });
  });
});

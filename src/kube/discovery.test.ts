import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../base/clock.ts';
import { type Fetch, jsonResponse } from '../base/fetch.ts';
import { createDiscovery, discover } from './discovery.ts';
import { createClient, type RestClient } from './rest-client.ts';

function clientOf(clock: VirtualClock, fetch: Fetch): RestClient {
  return createClient({ fetch, server: 'https://k', clock, userAgent: 'test' });
}

/** A server that answers with what `answers` says now; the paths it was asked for are kept. */
function server(answers: Record<string, unknown>) {
  const asked: string[] = [];
  const fetch: Fetch = async (url) => {
    const path = url.slice('https://k'.length);
    asked.push(path);
    const answer = answers[path];
    if (answer === undefined) return jsonResponse(404, { kind: 'Status', code: 404, reason: 'NotFound' });
    return answer === 'broken' ? jsonResponse(503, {}) : jsonResponse(200, answer);
  };
  return { asked, fetch };
}

/** How a real API server tells of its core group. */
function recordedCore(): unknown {
  const text = readFileSync('test/conformance/cases/discovery-core-resources.json', 'utf8');
  const { steps } = JSON.parse(text) as { steps: { expect: { body: unknown } }[] };
  return steps[0]?.expect.body;
}

const resource = (kind: string, name: string, scope = 'Namespaced') => ({
  resource: name,
  responseKind: { group: '', version: '', kind },
  scope,
  singularResource: kind.toLowerCase(),
  verbs: ['get', 'list'],
});

const aggregated = (groups: Record<string, Record<string, unknown[]>>) => ({
  kind: 'APIGroupDiscoveryList',
  apiVersion: 'apidiscovery.k8s.io/v2',
  metadata: {},
  items: Object.entries(groups).map(([name, versions]) => ({
    metadata: name === '' ? { creationTimestamp: null } : { name },
    versions: Object.entries(versions).map(([version, resources]) => ({
      version,
      freshness: 'Current',
      resources,
    })),
  })),
});

const modern = {
  '/api': aggregated({
    '': { v1: [resource('Pod', 'pods'), resource('Namespace', 'namespaces', 'Cluster')] },
  }),
  '/apis': aggregated({
    apps: {
      v1: [
        {
          ...resource('Deployment', 'deployments'),
          shortNames: ['deploy'],
          categories: ['all'],
          subresources: [{ subresource: 'scale', responseKind: { kind: 'Scale' }, verbs: ['get'] }],
        },
      ],
    },
    'flagger.app': { v1: [resource('Canary', 'canaries')], v1beta1: [resource('Canary', 'canaries')] },
  }),
};

describe('discovery', () => {
  test('aggregated: two requests tell all, the preferred version first', async () => {
    const clock = new VirtualClock();
    const { asked, fetch } = server(modern);
    const { mapping, failed } = await clock.run(discover(clientOf(clock, fetch)));
    expect(asked).toEqual(['/api', '/apis']);
    expect(failed).toEqual([]);
    expect(mapping.byKind({ group: '', kind: 'Namespace' })).toMatchObject({
      version: 'v1',
      resource: 'namespaces',
      namespaced: false,
    });
    expect(mapping.byArgument('deploy')).toMatchObject({
      group: 'apps',
      subresources: ['scale'],
      categories: ['all'],
    });
    expect(mapping.byKind({ group: 'flagger.app', kind: 'Canary' })?.version).toBe('v1');
    expect(mapping.byKind({ group: 'flagger.app', kind: 'Canary', version: 'v1beta1' })?.version).toBe(
      'v1beta1',
    );
  });

  test('the old protocol: a request for each group version; one that fails is left out and named', async () => {
    const clock = new VirtualClock();
    const { asked, fetch } = server({
      '/api': { kind: 'APIVersions', versions: ['v1'] },
      '/apis': {
        kind: 'APIGroupList',
        groups: [
          {
            name: 'x.io',
            versions: [{ groupVersion: 'x.io/v1beta1' }, { groupVersion: 'x.io/v1' }],
            preferredVersion: { groupVersion: 'x.io/v1' },
          },
          { name: 'metrics.k8s.io', versions: [{ groupVersion: 'metrics.k8s.io/v1' }] },
        ],
      },
      '/api/v1': recordedCore(),
      '/apis/x.io/v1': {
        groupVersion: 'x.io/v1',
        resources: [
          { name: 'things', singularName: '', namespaced: true, kind: 'Thing', verbs: ['get'] },
          { name: 'things/status', singularName: '', namespaced: true, kind: 'Thing', verbs: ['get'] },
        ],
      },
      '/apis/x.io/v1beta1': {
        groupVersion: 'x.io/v1beta1',
        resources: [{ name: 'things', namespaced: true, kind: 'Thing', verbs: ['get'] }],
      },
      '/apis/metrics.k8s.io/v1': 'broken',
    });
    const { mapping, failed } = await clock.run(discover(clientOf(clock, fetch)));
    expect(asked).toHaveLength(6);
    expect(failed).toEqual(['metrics.k8s.io/v1']);
    expect(mapping.byKind({ group: 'x.io', kind: 'Thing' })).toMatchObject({
      version: 'v1',
      subresources: ['status'],
    });
    expect(mapping.byArgument('cm')).toMatchObject({ kind: 'ConfigMap', resource: 'configmaps' });
  });

  test('a stale group is named, an answer that is none is refused', async () => {
    const clock = new VirtualClock();
    const stale = aggregated({ 'metrics.k8s.io': { v1: [] } });
    stale.items[0]!.versions[0]!.freshness = 'Stale';
    const { failed } = await clock.run(
      discover(clientOf(clock, server({ '/api': modern['/api'], '/apis': stale }).fetch)),
    );
    expect(failed).toEqual(['metrics.k8s.io/v1']);
    for (const nonsense of [{}, [], { kind: 'APIGroupDiscoveryList', items: [1] }, { kind: 'Pod' }]) {
      const odd = clientOf(clock, server({ '/api': modern['/api'], '/apis': nonsense }).fetch);
      await expect(clock.run(discover(odd))).rejects.toMatchObject({ code: 'MalformedBody' });
    }
  });
});

describe('a remembered discovery', () => {
  test('is shared by callers, and asked for again when it is old or invalidated', async () => {
    const clock = new VirtualClock();
    const { asked, fetch } = server(modern);
    const discovery = createDiscovery({ client: clientOf(clock, fetch), clock, ttlMs: 1000 });
    await clock.run(Promise.all([discovery.mapping(), discovery.mapping()]));
    expect(asked).toHaveLength(2);
    await clock.advance(999);
    await clock.run(discovery.mapping());
    expect(asked).toHaveLength(2);
    await clock.advance(1);
    await clock.run(discovery.mapping());
    expect(asked).toHaveLength(4);
    discovery.invalidate();
    await clock.run(discovery.mapping());
    expect(asked).toHaveLength(6);
  });

  test('a new CRD is found soon, and an unknown kind does not hammer the server', async () => {
    const clock = new VirtualClock();
    const answers: Record<string, unknown> = { ...modern };
    const { asked, fetch } = server(answers);
    const discovery = createDiscovery({ client: clientOf(clock, fetch), clock });
    const lookup = () => clock.run(discovery.resourceOf({ group: 'x.io', kind: 'Thing' }));
    const unknown = { code: 'UnknownKind', next: 'retry' };
    for (let i = 0; i < 5; i += 1) await expect(lookup()).rejects.toMatchObject(unknown);
    expect(asked).toHaveLength(2);
    answers['/apis'] = aggregated({ 'x.io': { v1: [resource('Thing', 'things')] } });
    await clock.advance(10_000);
    await expect(lookup()).resolves.toMatchObject({ resource: 'things' });
    expect(asked).toHaveLength(4);
  });

  test('an answer that was under way when all was forgotten is not remembered', async () => {
    const clock = new VirtualClock();
    const { asked, fetch } = server(modern);
    const slow: Fetch = async (url, init) => {
      const answer = await fetch(url, init);
      await clock.sleep(100);
      return answer;
    };
    const discovery = createDiscovery({ client: clientOf(clock, slow), clock });
    const early = discovery.mapping();
    await clock.advance(50);
    discovery.invalidate();
    await clock.run(early);
    await clock.run(discovery.mapping());
    expect(asked).toHaveLength(4);
  });

  test('a failure is not remembered', async () => {
    const clock = new VirtualClock();
    const answers: Record<string, unknown> = { ...modern, '/apis': 'broken' };
    const discovery = createDiscovery({ client: clientOf(clock, server(answers).fetch), clock });
    await expect(clock.run(discovery.mapping())).rejects.toMatchObject({ status: 503 });
    answers['/apis'] = modern['/apis'];
    expect((await clock.run(discovery.mapping())).resources.length).toBeGreaterThan(0);
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { HttpRequest } from '../../base/network.ts';
import { Discovery, storageVersionHash } from './discovery.ts';
import { OpenApi } from './openapi/openapi.ts';
import { RequestError } from './request-error.ts';
import { answerServerInfo } from './server-info.ts';
import { canary, deployment, pod, smallRegistry } from './served-kinds.test-double.ts';

const aggregated =
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json';

function request(url: string, headers: Record<string, string> = {}, method = 'GET'): HttpRequest {
  return {
    method,
    url,
    headers,
    remoteAddress: '127.0.0.1',
    signal: new AbortController().signal,
    async *body() {},
  };
}

const get = async (discovery: Discovery, url: string, accept = 'application/json'): Promise<unknown> =>
  discovery.answer(request(url, { accept, host: '127.0.0.1:6443' }))?.json();

describe('legacy discovery', () => {
  const discovery = new Discovery(smallRegistry());

  test('/api names the versions of the core group and where the server is', async () => {
    expect(await get(discovery, '/api')).toEqual({
      kind: 'APIVersions',
      versions: ['v1'],
      serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: '127.0.0.1:6443' }],
    });
  });

  test('/apis has the groups with their preferred versions, and the core group is not among them', async () => {
    const apps = {
      name: 'apps',
      versions: [{ groupVersion: 'apps/v1', version: 'v1' }],
      preferredVersion: { groupVersion: 'apps/v1', version: 'v1' },
    };
    expect(await get(discovery, '/apis')).toEqual({ kind: 'APIGroupList', apiVersion: 'v1', groups: [apps] });
    expect(await get(discovery, '/apis/apps')).toEqual({ kind: 'APIGroup', apiVersion: 'v1', ...apps });
    expect(await get(discovery, '/apis/apps/')).toEqual({ kind: 'APIGroup', apiVersion: 'v1', ...apps });
  });

  test('the resources of a version have their subresources beside them', async () => {
    const list = await get(discovery, '/apis/apps/v1');
    expect(list).toMatchObject({ kind: 'APIResourceList', apiVersion: 'v1', groupVersion: 'apps/v1' });
    expect(list).toHaveProperty('resources', [
      {
        name: 'deployments',
        singularName: 'deployment',
        namespaced: true,
        kind: 'Deployment',
        verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
        shortNames: ['deploy'],
        categories: ['all'],
        storageVersionHash: '8aSe+NMegvE=',
      },
      {
        name: 'deployments/scale',
        singularName: '',
        namespaced: true,
        group: 'autoscaling',
        version: 'v1',
        kind: 'Scale',
        verbs: ['get', 'patch', 'update'],
      },
      {
        name: 'deployments/status',
        singularName: '',
        namespaced: true,
        kind: 'Deployment',
        verbs: ['get', 'patch', 'update'],
      },
    ]);
  });

  test('the core list has no apiVersion, and its streams and tokens are listed', async () => {
    const list = await get(discovery, '/api/v1');
    expect(list).not.toHaveProperty('apiVersion');
    const { resources } = list as { resources: { name: string }[] };
    expect(resources.map(({ name }) => name)).toEqual([
      'configmaps',
      'namespaces',
      'namespaces/finalize',
      'namespaces/status',
      'pods',
      'pods/attach',
      'pods/binding',
      'pods/exec',
      'pods/log',
      'pods/portforward',
      'pods/status',
    ]);
    expect(resources.find(({ name }) => name === 'pods/exec')).not.toHaveProperty('version');
  });

  test.each([
    '/apis/nothing.example.com',
    '/apis/apps/v9',
    '/api/v2',
    '/api/v1/pods',
    '/apiary',
    '/',
    '/apis//v1',
  ])('%s is nothing here', (url) => {
    expect(discovery.answer(request(url))).toBeUndefined();
  });

  test('only GET and HEAD read', () => {
    expect(discovery.answer(request('/apis', {}, 'POST'))).toBeUndefined();
    expect(discovery.answer(request('/apis', {}, 'HEAD'))?.status).toBe(200);
  });

  test('a type that there is not is refused', () => {
    expect(() => discovery.answer(request('/apis', { accept: 'text/html' }))).toThrow(
      'only the following media types are accepted',
    );
  });
});

describe('aggregated discovery', () => {
  test('comes to whoever asks, wherever in the header', async () => {
    const discovery = new Discovery(smallRegistry());
    const response = discovery.answer(request('/apis', { accept: `application/json, ${aggregated}` }));
    expect(response?.headers.get('content-type')).toBe(
      'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
    );
    expect(await response?.json()).toMatchObject({
      kind: 'APIGroupDiscoveryList',
      apiVersion: 'apidiscovery.k8s.io/v2',
      items: [
        {
          metadata: { name: 'apps' },
          versions: [
            {
              version: 'v1',
              freshness: 'Current',
              resources: [
                {
                  resource: 'deployments',
                  responseKind: { group: '', version: '', kind: 'Deployment' },
                  scope: 'Namespaced',
                  singularResource: 'deployment',
                  subresources: [
                    {
                      subresource: 'scale',
                      responseKind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
                    },
                    { subresource: 'status', responseKind: { group: '', version: '', kind: 'Deployment' } },
                  ],
                },
              ],
            },
          ],
        },
      ],
    });
    expect(await get(discovery, '/api', aggregated)).toMatchObject({
      items: [{ metadata: {}, versions: [{ resources: [{ resource: 'configmaps' }, {}, {}] }] }],
    });
  });

  test('the beta of it is gone, as upstream', async () => {
    const beta = 'application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json';
    expect(await get(new Discovery(smallRegistry()), '/apis', beta)).toMatchObject({ kind: 'APIGroupList' });
  });

  test('a client that has it already gets nothing, until the kinds change', () => {
    const registry = smallRegistry();
    const discovery = new Discovery(registry);
    const first = discovery.answer(request('/apis', { accept: aggregated }));
    const etag = first?.headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[0-9A-F]{128}"$/);
    const again = (): number | undefined =>
      discovery.answer(request('/apis', { accept: aggregated, 'if-none-match': etag }))?.status;
    expect(again()).toBe(304);
    registry.add(canary());
    expect(again()).toBe(200);
    registry.remove(canary());
    expect(again()).toBe(200);
  });
});

test('a custom kind appears and disappears in every form, its own versions spelled out', async () => {
  const registry = smallRegistry();
  const discovery = new Discovery(registry);
  const versions = ['v1alpha1', 'v1', 'v1beta1'].map((version) => canary(version));
  for (const version of versions) registry.add(version);
  expect(await get(discovery, '/apis/flagger.app')).toMatchObject({
    preferredVersion: { version: 'v1' },
    versions: [{ version: 'v1' }, { version: 'v1beta1' }, { version: 'v1alpha1' }],
  });
  expect(await get(discovery, '/apis', aggregated)).toMatchObject({
    items: [
      { metadata: { name: 'apps' } },
      {
        metadata: { name: 'flagger.app' },
        versions: [
          {
            resources: [
              {
                responseKind: { group: 'flagger.app', version: 'v1', kind: 'Canary' },
                subresources: [{ responseKind: { group: 'flagger.app', version: 'v1', kind: 'Canary' } }],
              },
            ],
          },
          {},
          {},
        ],
      },
    ],
  });
  for (const version of versions) registry.remove(version);
  expect(await get(discovery, '/apis/flagger.app')).toBeUndefined();
});

test('the hash of a stored version is that of Kubernetes', () => {
  expect(storageVersionHash(pod)).toBe('xPOwRZ+Yhw8=');
  expect(storageVersionHash(deployment)).toBe('8aSe+NMegvE=');
});

test('any path and any header is answered, left to others, or refused', () => {
  const registry = smallRegistry();
  const discovery = new Discovery(registry);
  const openApi = new OpenApi(registry);
  const roots = ['/api', '/apis', '/apis/apps/v1', '/openapi/v2', '/openapi/v3', '/openapi/v3/', '/livez'];
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[a-z*/;,=q.0-9 +@-]*$/));
  fc.assert(
    fc.property(fc.constantFrom('', ...roots), text, text, text, (root, rest, accept, etag) => {
      const asked = request(`${root}${rest}`, { accept, 'if-none-match': etag });
      try {
        const answers = [discovery.answer(asked), openApi.answer(asked), answerServerInfo(asked, registry)];
        for (const answer of answers) expect(answer?.status ?? 404).toBeLessThan(500);
      } catch (error) {
        expect(error).toBeInstanceOf(RequestError);
      }
    }),
    { numRuns: 200 },
  );
});

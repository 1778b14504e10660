import { describe, expect, test } from 'vitest';
import type { HttpRequest } from '../../../base/network.ts';
import type { JsonObject } from '../../../machinery/json.ts';
import { isObject } from '../../../machinery/json.ts';
import { canary, smallRegistry } from '../served-kinds.test-double.ts';
import { OpenApi } from './openapi.ts';
import { schemaV2 } from './v2.ts';

function request(url: string, headers: Record<string, string> = {}): HttpRequest {
  return {
    method: 'GET',
    url,
    headers,
    remoteAddress: '127.0.0.1',
    signal: new AbortController().signal,
    async *body() {},
  };
}

async function read(openApi: OpenApi, url: string): Promise<JsonObject> {
  const value = await openApi.answer(request(url, { accept: 'application/json' }))?.json();
  if (!isObject(value)) throw new Error(`${url} is no object`);
  return value;
}

async function hashes(openApi: OpenApi): Promise<Record<string, string>> {
  const { paths } = (await read(openApi, '/openapi/v3')) as unknown as {
    paths: Record<string, { serverRelativeURL: string }>;
  };
  return Object.fromEntries(
    Object.entries(paths).map(([path, { serverRelativeURL }]) => [path, serverRelativeURL]),
  );
}

function refsOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(refsOf);
  if (!isObject(value)) return [];
  const own = typeof value['$ref'] === 'string' ? [value['$ref']] : [];
  return [...own, ...Object.values(value).flatMap(refsOf)];
}

describe('OpenAPI v3', () => {
  test('has an index by hash, and each hash only changes with its own kinds', async () => {
    const registry = smallRegistry();
    const openApi = new OpenApi(registry);
    const before = await hashes(openApi);
    expect(Object.keys(before)).toEqual(['api/v1', 'apis/apps/v1']);
    expect(before['apis/apps/v1']).toMatch(/^\/openapi\/v3\/apis\/apps\/v1\?hash=[0-9A-F]{128}$/);

    const custom = canary();
    registry.add(custom);
    const after = await hashes(openApi);
    expect(after).toMatchObject(before);
    expect(after).toHaveProperty(['apis/flagger.app/v1beta1']);

    registry.add({ ...custom, schema: { type: 'object' } });
    expect((await hashes(openApi))['apis/flagger.app/v1beta1']).not.toBe(after['apis/flagger.app/v1beta1']);
    registry.remove(registry.get('flagger.app', 'v1beta1', 'canaries') ?? custom);
    expect(await hashes(openApi)).toEqual(before);
  });

  test('a document says what can be patched, how, and who validates', async () => {
    const document = await read(new OpenApi(smallRegistry()), '/openapi/v3/apis/apps/v1');
    expect(document).toMatchObject({
      openapi: '3.0.0',
      paths: {
        '/apis/apps/v1/deployments': { get: { 'x-kubernetes-action': 'list' } },
        '/apis/apps/v1/namespaces/{namespace}/deployments/{name}': {
          patch: {
            'x-kubernetes-action': 'patch',
            'x-kubernetes-group-version-kind': { group: 'apps', version: 'v1', kind: 'Deployment' },
            parameters: [
              { name: 'dryRun', in: 'query' },
              { name: 'fieldManager', in: 'query' },
              { name: 'fieldValidation', in: 'query' },
              { name: 'force', in: 'query' },
            ],
            requestBody: {
              content: { 'application/strategic-merge-patch+json': {}, 'application/apply-patch+yaml': {} },
            },
          },
        },
        '/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale': {
          get: { 'x-kubernetes-group-version-kind': { group: 'autoscaling', version: 'v1', kind: 'Scale' } },
        },
      },
      components: {
        schemas: {
          'io.k8s.api.apps.v1.Deployment': {
            type: 'object',
            properties: {
              spec: { allOf: [{ $ref: '#/components/schemas/io.k8s.api.apps.v1.DeploymentSpec' }] },
            },
            'x-kubernetes-group-version-kind': [{ group: 'apps', version: 'v1', kind: 'Deployment' }],
          },
          'io.k8s.api.apps.v1.DeploymentList': {},
          'io.k8s.api.autoscaling.v1.Scale': {},
        },
      },
    });
  });

  test('every reference leads somewhere', async () => {
    const registry = smallRegistry();
    registry.add(canary());
    const openApi = new OpenApi(registry);
    for (const path of Object.keys(await hashes(openApi))) {
      const document = await read(openApi, `/openapi/v3/${path}`);
      const { schemas } = document['components'] as { schemas: JsonObject };
      const missing = refsOf(document).filter((ref) => !Object.hasOwn(schemas, ref.replace(/^.*\//, '')));
      expect(missing).toEqual([]);
    }
    const { definitions, ...v2 } = await read(openApi, '/openapi/v2');
    const missing = refsOf([definitions, v2]).filter(
      (ref) => !Object.hasOwn(definitions as JsonObject, ref.replace(/^#\/definitions\//, '')),
    );
    expect(missing).toEqual([]);
  });

  test('a custom kind is published as its author wrote it, with the metadata of all objects', async () => {
    const registry = smallRegistry();
    registry.add(canary());
    const document = await read(new OpenApi(registry), '/openapi/v3/apis/flagger.app/v1beta1');
    const objectMeta = {
      allOf: [{ $ref: '#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' }],
    };
    expect(document).toMatchObject({
      components: {
        schemas: {
          'app.flagger.v1beta1.Canary': {
            description: 'Canary is the Schema for the canaries API',
            properties: {
              apiVersion: { type: 'string' },
              kind: { type: 'string' },
              metadata: objectMeta,
              spec: {
                required: ['targetRef'],
                properties: {
                  targetRef: { properties: { kind: { enum: ['DaemonSet', 'Deployment'] } } },
                  pod: { properties: { metadata: objectMeta }, required: ['kind', 'apiVersion'] },
                  weights: { items: { minimum: 0.5, default: 1 } },
                },
              },
            },
            'x-kubernetes-group-version-kind': [{ group: 'flagger.app', version: 'v1beta1', kind: 'Canary' }],
          },
          'app.flagger.v1beta1.CanaryList': {
            properties: { items: { items: { $ref: '#/components/schemas/app.flagger.v1beta1.Canary' } } },
          },
        },
      },
    });
    expect(document).not.toHaveProperty([
      'paths',
      '/apis/flagger.app/v1beta1/namespaces/{namespace}/canaries/{name}',
      'patch',
      'requestBody',
      'content',
      'application/strategic-merge-patch+json',
    ]);
  });

  test('an old hash leads to the new one, the right one may be kept for ever', async () => {
    const openApi = new OpenApi(smallRegistry());
    const url = (await hashes(openApi))['api/v1'] ?? '';
    const redirected = openApi.answer(request('/openapi/v3/api/v1?hash=OLD'));
    expect([redirected?.status, redirected?.headers.get('location')]).toEqual([301, url]);
    const response = openApi.answer(request(url));
    expect([response?.status, response?.headers.get('cache-control')]).toEqual([200, 'public, immutable']);
    const etag = response?.headers.get('etag') ?? '';
    expect(openApi.answer(request(url, { 'if-none-match': etag }))?.status).toBe(304);
  });

  test('what is not there or cannot be written is said so', () => {
    const openApi = new OpenApi(smallRegistry());
    expect(openApi.answer(request('/openapi/v3/apis/apps/v9'))).toBeUndefined();
    expect(openApi.answer(request('/openapi/v4'))).toBeUndefined();
    expect(openApi.answer(request('/openapi/v3/api/v1', { accept: 'text/html' }))?.status).toBe(406);
    expect(openApi.answer(request('/openapi/v2', { accept: 'text/html, ,;;=' }))?.status).toBe(406);
  });
});

describe('OpenAPI v2', () => {
  test('comes as JSON or as protobuf', async () => {
    const openApi = new OpenApi(smallRegistry());
    const document = await read(openApi, '/openapi/v2');
    expect(document).toMatchObject({
      swagger: '2.0',
      definitions: {
        'io.k8s.api.core.v1.ConfigMap': {
          'x-kubernetes-group-version-kind': [{ group: '', version: 'v1', kind: 'ConfigMap' }],
          properties: {
            metadata: { $ref: '#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' },
          },
        },
      },
    });
    const accept = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
    const response = openApi.answer(request('/openapi/v2', { accept }));
    expect(response?.headers.get('content-type')).toBe(
      'application/com.github.proto-openapi.spec.v2.v1.0+protobuf',
    );
    // Field 1 is the version of the format.
    expect((await response?.text())?.slice(0, 5)).toBe('\n\u00032.0');
  });

  test.each([
    ['no defaults', { type: 'string', default: 'x' }, { type: 'string' }],
    [
      'a wrapped reference',
      { allOf: [{ $ref: '#/components/schemas/a.B' }], description: 'c', default: {} },
      { $ref: '#/definitions/a.B', description: 'c' },
    ],
    [
      'int-or-string of Kubernetes',
      { oneOf: [{ type: 'integer' }, { type: 'string' }], format: 'int-or-string' },
      { type: 'string', format: 'int-or-string' },
    ],
    ['nullable values are untyped', { type: 'array', nullable: true, items: { type: 'string' } }, {}],
    [
      'unknown fields hide known ones',
      { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, properties: { a: {} } },
      { 'x-kubernetes-preserve-unknown-fields': true },
    ],
    ['a list of anything', { type: 'array' }, {}],
    [
      'properties are not keywords',
      { type: 'object', properties: { default: { type: 'string', default: '' } } },
      { type: 'object', properties: { default: { type: 'string' } } },
    ],
  ])('%s', (_name, v3: JsonObject, v2: JsonObject) => {
    expect(schemaV2(v3)).toEqual(v2);
  });
});

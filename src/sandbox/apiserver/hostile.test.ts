import fc from 'fast-check';
import { afterAll, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { VirtualClock } from '../../base/clock.ts';
import type { FetchResponse } from '../../base/fetch.ts';
import { silentLog } from '../../base/log.ts';
import { seededRandom } from '../../base/random.ts';
import { inProcessServer, startCluster } from './cluster.ts';
import { Collection } from './storage-collection.ts';

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly body?: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

const configMaps = '/api/v1/namespaces/default/configmaps';
const deployments = '/apis/apps/v1/namespaces/default/deployments';
const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const json = { 'content-type': 'application/json' };
const yaml = { 'content-type': 'application/yaml' };
const protobuf = { 'content-type': 'application/vnd.kubernetes.protobuf' };

/** Stored objects are shared with everybody who reads: whoever changes one of them fails here. */
function freezeStoredObjects(): void {
  // oxlint-disable-next-line typescript/unbound-method -- called with its own `this` below
  const commit = Collection.prototype.commit;
  vi.spyOn(Collection.prototype, 'commit').mockImplementation(function (this: Collection, change) {
    deepFreeze(change.object);
    commit.call(this, change);
  });
}

function deepFreeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  Object.values(value).forEach(deepFreeze);
}

freezeStoredObjects();
const cluster = await startCluster({ clock: new VirtualClock(), random: seededRandom(1), log: silentLog });
afterAll(() => cluster.close());

async function send({ method, path, body, headers = json }: Sent): Promise<FetchResponse> {
  return await cluster.fetch(`${inProcessServer}${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body }),
  });
}

/** Where the real server fails with 5xx, too: none of them is a defect of this one. */
const realFailures = new RegExp(
  [
    'resourceVersion should not be set',
    'Too large resource version',
    'range is full',
    'failed to create typed patch object',
    // Strategic merge patches: whatever apimachinery does not name in `interpretStrategicMergePatchError`.
    "doesn't match \\$setElementOrder",
    'list element types are not identical',
    'cannot merge lists without merge key',
    'does not contain declared merge key',
    'merging lists cannot yet be specified',
    'no elements in any of the given slices',
    String.raw`expected a (map\[string\]|\[\])interface \{\}, but received a`,
    'unknown patch type',
  ].join('|'),
);

/** The answer is a success, or a Status that says what is wrong. */
async function expectAnswer(sent: Sent): Promise<void> {
  const response = await send(sent);
  if (response.status < 300) {
    response.cancel();
    return;
  }
  const text = await response.text();
  const problem = problemOf(response, text);
  const about = `${sent.method} ${sent.path.slice(0, 200)} ${String(sent.body).slice(0, 500)}: ${text.slice(0, 300)}`;
  expect(problem === undefined ? '' : `${problem}: ${about}`).toBe('');
}

/** What is wrong with a refusal. */
function problemOf({ status, headers }: FetchResponse, text: string): string | undefined {
  const isPlain = headers.get('content-type')?.startsWith('text/plain') === true;
  if (isPlain) return status === 404 ? undefined : 'no Status';
  const value: unknown = parse(text);
  if (typeof value !== 'object' || value === null) return 'no object';
  const { kind, code, message } = { kind: '', code: 0, message: undefined, ...value };
  if (kind !== 'Status' || code !== status || typeof message !== 'string') return 'no Status';
  return status >= 500 && !realFailures.test(message) ? 'a failure' : undefined;
}

const names = fc.constantFrom('a', 'b', '', '..', '%', 'A', '__proto__', 'constructor', 'x'.repeat(300));
const leaf = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  names,
  fc.constantFrom(-1, 1e308, 2 ** 53, 0.5, null, 'NaN', '1Gi', '9'.repeat(400)),
);

/** A valid object with one of its values replaced by something else, or with something more in it. */
function spoiled(valid: object): fc.Arbitrary<unknown> {
  return fc
    .tuple(fc.array(fc.nat(40), { maxLength: 7 }), fc.oneof(leaf, fc.constant(undefined)), names)
    .map(([way, value, key]) => {
      const root = structuredClone(valid) as Record<string, unknown>;
      let at = root;
      for (const [i, step] of way.entries()) {
        const keys = Object.keys(at);
        const chosen = keys[step % Math.max(keys.length, 1)] ?? key;
        const next = at[chosen];
        if (i === way.length - 1 || typeof next !== 'object' || next === null) {
          if (step % 5 === 0) Object.defineProperty(at, key, { value, enumerable: true, configurable: true });
          else at[chosen] = value;
          break;
        }
        at = next as Record<string, unknown>;
      }
      return root;
    });
}

const configMap = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    name: 'a',
    generateName: 'g',
    labels: { a: 'b' },
    annotations: { a: 'b' },
    finalizers: ['x.io/f'],
    ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u' }],
    managedFields: [
      {
        manager: 'm',
        operation: 'Apply',
        apiVersion: 'v1',
        time: '2020-01-01T00:00:00Z',
        fieldsType: 'FieldsV1',
        fieldsV1: { 'f:data': { '.': {}, 'f:a': {} } },
      },
    ],
  },
  data: { a: 'b' },
  binaryData: { c: 'AAAA' },
};
const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'a', labels: { a: 'b' } },
  spec: {
    replicas: 1,
    selector: { matchLabels: { a: 'b' }, matchExpressions: [{ key: 'a', operator: 'In', values: ['b'] }] },
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: 1 } },
    template: {
      metadata: { labels: { a: 'b' } },
      spec: {
        containers: [
          {
            name: 'c',
            image: 'i',
            ports: [{ containerPort: 80, protocol: 'TCP' }],
            env: [{ name: 'E', value: 'v' }],
            resources: { limits: { cpu: '1' }, requests: { cpu: '1m' } },
            livenessProbe: { httpGet: { path: '/', port: 'http' } },
          },
        ],
        volumes: [{ name: 'v', configMap: { name: 'a', items: [{ key: 'a', path: 'b' }] } }],
      },
    },
  },
};
const definition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'ws.x.io' },
  spec: {
    group: 'x.io',
    scope: 'Namespaced',
    names: { plural: 'ws', singular: 'w', kind: 'W', listKind: 'WList', shortNames: ['w1'] },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {}, scale: { specReplicasPath: '.spec.n', statusReplicasPath: '.status.n' } },
        additionalPrinterColumns: [{ name: 'A', type: 'string', jsonPath: '.spec.a' }],
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: {
                type: 'object',
                required: ['a'],
                properties: {
                  a: { type: 'string', pattern: '^a+$', default: 'a', enum: ['a', 'aa'], maxLength: 10 },
                  n: { type: 'integer', minimum: 0, format: 'int32' },
                  l: {
                    type: 'array',
                    maxItems: 10,
                    items: { type: 'object', properties: { k: { type: 'string', default: '' } } },
                    'x-kubernetes-list-type': 'map',
                    'x-kubernetes-list-map-keys': ['k'],
                  },
                },
                'x-kubernetes-validations': [
                  { rule: "self.a == 'a' || has(self.n)", message: 'm', fieldPath: '.a' },
                ],
              },
              status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
            },
          },
        },
      },
    ],
  },
};

const custom = {
  apiVersion: 'x.io/v1',
  kind: 'W',
  metadata: { name: 'a' },
  spec: { a: 'aa', n: 1, l: [{ k: 'x' }] },
};
const kinds = fc.constantFrom(
  { path: configMaps, valid: configMap },
  { path: deployments, valid: deployment },
  { path: definitions, valid: definition },
  { path: '/apis/x.io/v1/namespaces/default/ws', valid: custom },
);

test('spoiled objects in every way to write them', async () => {
  await send({ method: 'POST', path: definitions, body: JSON.stringify(definition) });
  const query = fc.constantFrom(
    '',
    '?dryRun=All',
    '?fieldValidation=Strict',
    '?fieldValidation=x',
    '?dryRun=x',
  );
  const writes = kinds.chain(({ path, valid }) =>
    fc.record({
      valid: fc.constant(valid),
      path: fc.constantFrom(path, `${path}/${valid.metadata.name}`, `${path}/${valid.metadata.name}/status`),
      method: fc.constantFrom('POST', 'PUT', 'PATCH', 'DELETE'),
      query,
      value: fc.oneof(spoiled(valid), leaf),
      type: fc.constantFrom('merge-patch+json', 'strategic-merge-patch+json', 'apply-patch+yaml'),
    }),
  );
  await fc.assert(
    fc.asyncProperty(writes, async ({ valid, path, method, query, value, type }) => {
      await send({
        method: 'POST',
        path: path.split(`/${valid.metadata.name}`)[0] ?? '',
        body: JSON.stringify(valid),
      });
      const apply = type === 'apply-patch+yaml' ? `${query === '' ? '?' : '&'}fieldManager=m&force=true` : '';
      const isPatch = method === 'PATCH';
      await expectAnswer({
        method,
        path: `${path}${query}${isPatch ? apply : ''}`,
        body: JSON.stringify(value) ?? '',
        headers: isPatch ? { 'content-type': `application/${type}` } : json,
      });
    }),
    { numRuns: 1000 },
  );
});

test('JSON patches', async () => {
  await send({ method: 'POST', path: configMaps, body: JSON.stringify(configMap) });
  const pointer = fc.oneof(
    fc.constantFrom(
      '',
      '/',
      '/metadata',
      '/metadata/name',
      '/metadata/finalizers/-',
      '/metadata/finalizers/0',
      '/data',
    ),
    fc.constantFrom(
      '/metadata/finalizers/99999999999',
      '/~',
      '/~2',
      '/__proto__/x',
      '/data/constructor',
      'a',
    ),
    fc.string(),
  );
  const operation = fc.oneof(
    fc.record(
      {
        op: fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test', 'x'),
        path: pointer,
        from: pointer,
        value: leaf,
      },
      { requiredKeys: ['op'] },
    ),
    leaf,
  );
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.array(operation, { maxLength: 5 }), leaf), async (patch) => {
      await expectAnswer({
        method: 'PATCH',
        path: `${configMaps}/a`,
        body: JSON.stringify(patch),
        headers: { 'content-type': 'application/json-patch+json' },
      });
    }),
    { numRuns: 300 },
  );
});

test('bodies that are no objects of any kind, or no text', async () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc
      .array(
        fc.constantFrom(
          'a',
          ': ',
          '- ',
          '\n',
          '  ',
          '[',
          ']',
          '{',
          '}',
          ',',
          '&a ',
          '*a',
          '!t ',
          '"',
          "'",
          '|',
          '>',
          '?',
          '<<: ',
          '---',
          '...',
          '#',
          '%',
          '\t',
          '0x1',
          '~',
        ),
      )
      .map((parts) => parts.join('')),
  );
  const bytes = fc.uint8Array({ maxLength: 200 }).map((rest) => Buffer.concat([Buffer.from('k8s\0'), rest]));
  const bodies = fc.oneof(
    fc.record({ body: fc.oneof(text, fc.uint8Array()), headers: fc.constantFrom(json, yaml, protobuf) }),
    fc.record({ body: bytes, headers: fc.constant(protobuf) }),
    fc.record({ body: text, headers: fc.string().map((type) => ({ 'content-type': type })) }),
  );
  await fc.assert(
    fc.asyncProperty(bodies, fc.constantFrom('POST', 'DELETE'), async ({ body, headers }, method) => {
      const path = method === 'DELETE' ? `${configMaps}/none` : configMaps;
      await expectAnswer({ method, path, body, headers });
    }),
    { numRuns: 800 },
  );
});

test('paths, queries and headers', async () => {
  const segment = fc.oneof(
    fc.constantFrom(
      'api',
      'apis',
      'v1',
      'namespaces',
      'default',
      'pods',
      'configmaps',
      'a',
      'status',
      'scale',
      'log',
    ),
    fc.constantFrom(
      'exec',
      '',
      '..',
      '%2f',
      '%',
      '%00',
      'x.io',
      'apps',
      'openapi',
      'v3',
      'version',
      'finalize',
      'token',
    ),
    fc.string().map(encodeURIComponent),
  );
  const parameter = fc.tuple(
    fc.constantFrom(
      'watch',
      'limit',
      'continue',
      'resourceVersion',
      'resourceVersionMatch',
      'labelSelector',
      'fieldSelector',
      'timeoutSeconds',
      'sendInitialEvents',
      'allowWatchBookmarks',
      'dryRun',
      'pretty',
      'gracePeriodSeconds',
      'propagationPolicy',
      'fieldManager',
    ),
    fc.oneof(
      fc.constantFrom('', '0', '1', '-1', '1e9', 'true', 'Exact', 'NotOlderThan', '99999999999999999999'),
      fc.constantFrom(
        'a=b,c!=d',
        'a in (b,c)',
        '!a',
        'a>1',
        'a in (',
        'metadata.name=a',
        'metadata.name!=a',
        'x=y',
        '\\',
      ),
      fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value)).toString('base64url')),
      fc
        .record({ v: fc.constant('meta.k8s.io/v1'), rv: leaf, start: leaf })
        .map((value) => Buffer.from(JSON.stringify(value)).toString('base64url')),
      fc.string(),
    ),
  );
  const headers = fc.dictionary(
    fc.constantFrom(
      'accept',
      'content-type',
      'user-agent',
      'impersonate-user',
      'impersonate-group',
      'impersonate-extra-__proto__',
      'if-none-match',
      'authorization',
      'origin',
      'host',
    ),
    fc.oneof(
      fc.string(),
      fc.constantFrom(
        'application/json;as=Table;g=meta.k8s.io;v=v1',
        'application/yaml',
        '*/*;q=x',
        'a/b',
        ',;=,',
      ),
      fc.constantFrom(
        'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
        'application/json;as=Table',
      ),
    ),
    { maxKeys: 3 },
  );
  const paths = fc.oneof(
    fc.array(segment, { maxLength: 8 }).map((parts) => `/${parts.join('/')}`),
    fc.constantFrom(configMaps, deployments, '/api/v1/pods', '/apis/x.io/v1/ws', `${configMaps}/a`),
  );
  const requests = fc.record({
    method: fc.constantFrom('GET', 'GET', 'GET', 'HEAD', 'DELETE', 'POST', 'PUT', 'PATCH', 'OPTIONS', 'X'),
    path: paths,
    query: fc.array(parameter, { maxLength: 4 }),
    headers,
  });
  await fc.assert(
    fc.asyncProperty(requests, async ({ method, path, query, headers }) => {
      const search = new URLSearchParams(query).toString();
      await expectAnswer({ method, path: search === '' ? path : `${path}?${search}`, headers });
    }),
    { numRuns: 2500 },
  );
});

test('handshakes of WebSockets', async () => {
  const path = fc
    .constantFrom('exec', 'attach', 'portforward', 'log', 'x')
    .map((name) => `/api/v1/namespaces/default/pods/p/${name}`);
  const query = fc.array(
    fc.tuple(fc.constantFrom('command', 'stdin', 'tty', 'container', 'stdout'), fc.string()),
    { maxLength: 4 },
  );
  const protocols = fc.array(
    fc.oneof(fc.constantFrom('v4.channel.k8s.io', 'v5.channel.k8s.io'), fc.string()),
    { maxLength: 3 },
  );
  await fc.assert(
    fc.asyncProperty(path, query, protocols, async (path, query, protocols) => {
      const url = `${inProcessServer}${path}?${new URLSearchParams(query).toString()}`;
      await expect(cluster.upgrade(url, { protocols })).rejects.toMatchObject({ status: 404 });
    }),
    { numRuns: 100 },
  );
});

import { afterAll, expect, test } from 'vitest';
import { realClock } from '../../base/clock.ts';
import type { FetchResponse } from '../../base/fetch.ts';
import { silentLog } from '../../base/log.ts';
import { seededRandom } from '../../base/random.ts';
import { inProcessServer, startCluster } from './cluster.ts';

const clock = realClock();
const cluster = await startCluster({ clock, random: seededRandom(1), log: silentLog });
afterAll(() => cluster.close());

/** Nobody else is served meanwhile. What is refused for its size takes a tenth of it on an idle machine. */
const maxMs = 3000;

const configMaps = '/api/v1/namespaces/default/configmaps';
const services = '/api/v1/namespaces/default/services';
const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const yaml = 'application/yaml';

function times<T>(count: number, make: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => make(i));
}

function members(count: number, make: (i: number) => string): string {
  return `{${times(count, make).join()}}`;
}

function definition(property: object): string {
  const schema = { openAPIV3Schema: { type: 'object', properties: { a: property } } };
  return JSON.stringify({
    metadata: { name: 'ws.x.io' },
    spec: {
      group: 'x.io',
      scope: 'Cluster',
      names: { plural: 'ws', kind: 'W' },
      versions: [{ name: 'v1', served: true, storage: true, schema }],
    },
  });
}

interface Hostile {
  readonly what: string;
  readonly path?: string;
  readonly body: string;
  readonly type?: string;
  readonly status: number;
}

const hostile: readonly Hostile[] = [
  { what: 'nothing but brackets', body: '['.repeat(3_000_000), status: 400 },
  { what: 'lists in lists', body: '['.repeat(1_500_000) + ']'.repeat(1_500_000), status: 400 },
  { what: 'too many members', body: `{"data":${members(150_000, (i) => `"${i}":""`)}}`, status: 413 },
  {
    what: 'as many keys as there may be, all wrong',
    body: `{"metadata":{"name":"a"},"data":${members(90_000, (i) => `"k ${i}":""`)}}`,
    status: 422,
  },
  {
    what: 'as many labels, all wrong',
    body: `{"metadata":{"name":"a","labels":${members(90_000, (i) => `"k ${i}":"? ?"`)}}}`,
    status: 422,
  },
  {
    what: 'as many unknown fields',
    body: `{"metadata":{"name":"b"},${members(90_000, (i) => `"k${i}":1`).slice(1)}`,
    status: 201,
  },
  {
    what: 'one key, again and again',
    path: `${configMaps}?fieldValidation=Strict`,
    body: `{${'"a":1,'.repeat(400_000)}"b":1}`,
    status: 400,
  },
  { what: 'a long name', body: `{"metadata":{"name":"${'a.'.repeat(1_400_000)}"}}`, status: 422 },
  {
    what: 'a long field manager',
    path: `${configMaps}?fieldManager=${'%00'.repeat(300_000)}`,
    body: '{"metadata":{"name":"a"}}',
    status: 422,
  },
  {
    what: 'more ports than there are node ports',
    path: services,
    body: JSON.stringify({
      metadata: { name: 'a' },
      spec: { type: 'NodePort', ports: times(15_000, (i) => ({ name: `p${i}`, port: i + 1 })) },
    }),
    status: 500,
  },
  { what: 'YAML: closing brackets', body: ']'.repeat(250_000), type: yaml, status: 400 },
  { what: 'YAML: pairs of brackets', body: '[]'.repeat(125_000), type: yaml, status: 400 },
  {
    what: 'YAML: aliases of aliases',
    body: times(20, (i) => `a${i}: &a${i} [${i === 0 ? 'x' : `*a${i - 1},`.repeat(9)}]`).join('\n'),
    type: yaml,
    status: 400,
  },
  {
    what: 'YAML: an anchor and an alias in each line',
    body: times(8000, (i) => `a${i}: &x${i} 1\nb${i}: *x${i}`).join('\n'),
    type: yaml,
    status: 400,
  },
  { what: 'YAML: a document that is too long', body: 'a: 1\n'.repeat(100_000), type: yaml, status: 413 },
  {
    what: 'a pattern that repeats repetitions',
    path: definitions,
    body: definition({ type: 'string', pattern: '(((((a{1,10}){1,10}){1,10}){1,10}){1,10})' }),
    status: 422,
  },
  {
    what: 'a rule in many parentheses',
    path: definitions,
    body: definition({
      type: 'string',
      maxLength: 9,
      'x-kubernetes-validations': [{ rule: `${'('.repeat(50_000)}true${')'.repeat(50_000)}` }],
    }),
    status: 422,
  },
];

async function post(path: string, body: string, type = 'application/json'): Promise<FetchResponse> {
  const headers = { 'content-type': type };
  return await cluster.fetch(`${inProcessServer}${path}`, { method: 'POST', body, headers });
}

test.each(hostile)('$what', async ({ path = configMaps, body, type, status }) => {
  const before = clock.monotonic();
  const response = await post(path, body, type);
  const text = await response.text();
  expect(clock.monotonic() - before).toBeLessThan(maxMs);
  expect({ status: response.status, text: text.slice(0, 300) }).toMatchObject({ status });
});

test('a rule with loops in loops is given up', async () => {
  const rule = 'self.all(a, self.all(b, self.all(c, self.all(d, a + b + c + d > 0))))';
  const items = { type: 'integer' };
  const body = definition({ type: 'array', items, 'x-kubernetes-validations': [{ rule }] });
  await post(definitions, body);
  await clock.sleep(0);
  const before = clock.monotonic();
  const object = JSON.stringify({ metadata: { name: 'a' }, a: times(1000, (i) => i + 1) });
  const response = await post('/apis/x.io/v1/ws', object);
  expect(clock.monotonic() - before).toBeLessThan(maxMs);
  expect(response.status).toBe(422);
});

test('a large answer in YAML is JSON, which is YAML', async () => {
  const value = 'x: [y]\n'.repeat(40_000);
  await post(configMaps, JSON.stringify({ metadata: { name: 'large' }, data: { value } }));
  const url = `${inProcessServer}${configMaps}/large`;
  const before = clock.monotonic();
  const response = await cluster.fetch(url, { headers: { accept: yaml } });
  expect(response.headers.get('content-type')).toBe(yaml);
  expect(JSON.parse(await response.text())).toMatchObject({ data: { value } });
  expect(clock.monotonic() - before).toBeLessThan(maxMs);
});

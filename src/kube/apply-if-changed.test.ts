import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isObject, jsonClone, jsonEqual, type Json, type JsonObject } from '../machinery/json.ts';
import { applyConfiguration, ownedBy, trackUpdate } from '../machinery/managed-fields/managed-fields.ts';
import { mergePatch } from '../machinery/merge-patch.ts';
import { asJson, type Unstructured } from '../machinery/object.ts';
import type { Schema } from '../machinery/schema.ts';
import { applyIfChanged, needsApply, patchStatusIfChanged } from './apply-if-changed.ts';
import type { ResourceClient } from './resource-client.ts';
import { withoutManagedFields } from './projections.ts';

const integer: Schema = { type: 'integer' };
const text: Schema = { type: 'string' };

/** Every way in which Kubernetes merges. */
const schema: Schema = {
  type: 'object',
  properties: {
    metadata: { type: 'object' },
    spec: {
      type: 'object',
      properties: {
        replicas: integer,
        nested: {
          type: 'object',
          properties: { a: integer, b: { type: 'object', properties: { c: text } } },
        },
        labels: { type: 'object', additionalProperties: text },
        selector: { type: 'object', 'x-kubernetes-map-type': 'atomic', additionalProperties: text },
        args: { type: 'array', items: text, 'x-kubernetes-list-type': 'atomic' },
        set: { type: 'array', items: text, 'x-kubernetes-list-type': 'set' },
        ports: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['port', 'protocol'],
          items: {
            type: 'object',
            properties: { port: integer, protocol: { type: 'string', default: 'TCP' }, name: text },
          },
        },
        open: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
      },
    },
  },
};

const word = fc.constantFrom('x', 'y');
const small = fc.integer({ min: 0, max: 2 });
const words = fc.dictionary(fc.constantFrom('a', 'b', 'c'), word, { maxKeys: 3 });
const optional = <T extends object>(fields: {
  [K in keyof T]: fc.Arbitrary<T[K]>;
}): fc.Arbitrary<JsonObject> =>
  fc.record(fields, { requiredKeys: [] }) as unknown as fc.Arbitrary<JsonObject>;

const spec = optional({
  replicas: small,
  nested: optional({ a: small, b: optional({ c: word }) }),
  labels: words,
  selector: words,
  args: fc.array(word, { maxLength: 2 }),
  set: fc.uniqueArray(fc.constantFrom('x', 'y', 'z'), { maxLength: 3 }),
  ports: fc
    .uniqueArray(fc.record({ port: small, protocol: fc.constantFrom(undefined, 'TCP', 'UDP') }), {
      selector: ({ port, protocol = 'TCP' }) => `${port}${protocol}`,
      maxLength: 3,
    })
    .chain((ports) =>
      fc.tuple(...ports.map((keys) => optional({ name: word }).map((more) => ({ ...keys, ...more })))),
    ),
  open: optional({ a: fc.oneof(small, words, fc.array(small, { maxLength: 2 })), b: fc.constant(null) }),
});

const config = fc
  .record({ spec, labels: words, finalizers: fc.subarray(['f/1', 'f/2']) })
  .map(({ spec, labels, finalizers }): Unstructured => ({
    apiVersion: 'test/v1',
    kind: 'Test',
    metadata: { name: 'it', namespace: 'ns', labels, ...(finalizers.length > 0 && { finalizers }) },
    // Undefined members, as code that builds objects leaves them.
    spec: { ...spec, nothing: undefined },
  }));

const wire = (object: Unstructured): JsonObject => JSON.parse(JSON.stringify(object)) as JsonObject;
const asObject = (json: JsonObject): Unstructured => json as unknown as Unstructured;

function apply(live: JsonObject | undefined, desired: Unstructured, manager = 'me'): JsonObject {
  const now = '2026-01-01T00:00:00Z';
  const options = { schema, live, applied: wire(desired), manager, force: true, now };
  const { object } = applyConfiguration(options);
  return withDefaults({ ...object, metadata: { ...(object.metadata as JsonObject), uid: 'u' } }, live);
}

/** The server fills in the protocol of ports. Returns `live` itself if that makes them equal. */
function withDefaults(object: JsonObject, live: JsonObject | undefined): JsonObject {
  const copy = jsonClone(object);
  const { ports } = (copy.spec ?? {}) as { ports?: JsonObject[] };
  for (const port of ports ?? []) port.protocol ??= 'TCP';
  return live !== undefined && jsonEqual(copy, live) ? live : copy;
}

interface Step {
  who: 'me' | 'other' | 'editor';
  what: Unstructured;
}

/** What servers hold after several writers. */
function play(steps: readonly Step[]): JsonObject | undefined {
  let live: JsonObject | undefined;
  for (const { who, what } of steps) {
    if (who !== 'editor') {
      live = apply(live, what, who);
      continue;
    }
    const before = live;
    const edited = mergePatch(before ?? {}, wire(what)) as JsonObject;
    live = withDefaults(
      trackUpdate({ schema, before, after: edited, manager: 'editor', now: '2026-01-01T00:00:00Z' }),
      before,
    );
  }
  return live;
}

const steps = fc.array(fc.record({ who: fc.constantFrom('me', 'other', 'editor'), what: config }), {
  minLength: 1,
  maxLength: 4,
});

describe('laws', () => {
  test('where no apply is needed, an apply changes nothing', () => {
    let skipped = 0;
    fc.assert(
      fc.property(steps, config, fc.boolean(), (history, other, again) => {
        const live = play(history);
        const mine = history.findLast(({ who }) => who === 'me')?.what;
        const desired = again && mine !== undefined ? mine : other;
        if (live === undefined || needsApply(asObject(live), desired, 'me')) return;
        skipped += 1;
        expect(apply(live, desired)).toBe(live);
      }),
      { numRuns: 2000 },
    );
    expect(skipped).toBeGreaterThan(100);
  });

  test('after an apply none is needed, unless only a schema could tell', () => {
    const telling = (value: Json): Json | undefined => {
      if (Array.isArray(value)) return value.length > 0 ? value : undefined;
      if (!isObject(value)) return value ?? undefined;
      const members = Object.entries(value).map(([name, member]) => [name, telling(member)] as const);
      const kept = members.filter(([, member]) => member !== undefined);
      return kept.length > 0 ? (Object.fromEntries(kept) as JsonObject) : undefined;
    };
    fc.assert(
      fc.property(config, (any) => {
        const desired = asObject(telling(wire(any)) as JsonObject);
        const live = apply(undefined, desired);
        expect(needsApply(asObject(live), desired, 'me')).toBe(false);
        if (Object.keys(desired).length > 3) expect(needsApply(asObject(live), desired, 'other')).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});

const desired = (spec: JsonObject, metadata: JsonObject = {}): Unstructured => ({
  apiVersion: 'test/v1',
  kind: 'Test',
  metadata: { name: 'it', namespace: 'ns', ...metadata },
  spec,
});

describe('an apply', () => {
  const full = desired({
    replicas: 2,
    labels: { a: 'x' },
    selector: { a: 'x' },
    args: ['x', 'x'],
    set: ['x', 'y'],
    ports: [{ port: 1 }, { port: 1, protocol: 'UDP', name: 'dns' }],
  });
  const live = apply(undefined, full);

  test('is not needed when all is there and owned', () => {
    expect(needsApply(asObject(live), full, 'me')).toBe(false);
  });

  test.each<[string, JsonObject]>([
    ['a value differs', { ...(full.spec as JsonObject), replicas: 3 }],
    ['a field is new', { ...(full.spec as JsonObject), nested: { a: 1 } }],
    ['a field is given up', { ...(full.spec as JsonObject), replicas: undefined as unknown as Json }],
    ['an atomic map differs', { ...(full.spec as JsonObject), selector: { a: 'x', b: 'y' } }],
    ['an item of a set is given up', { ...(full.spec as JsonObject), set: ['x'] }],
    ['an item with keys differs', { ...(full.spec as JsonObject), ports: [{ port: 1 }, { port: 2 }] }],
    ['the order differs', { ...(full.spec as JsonObject), set: ['y', 'x'] }],
  ])('is needed when %s', (_name, spec) => {
    expect(needsApply(asObject(live), desired(spec), 'me')).toBe(true);
  });

  test('is not needed where the server dropped an empty value that it still says is ours', () => {
    const wanted = desired({ args: [], open: { b: null } });
    const dropped = asObject({ ...apply(undefined, wanted), spec: { open: {} } });
    expect(needsApply(dropped, wanted, 'me')).toBe(false);
    expect(needsApply(dropped, desired({ args: ['x'], open: { b: null } }), 'me')).toBe(true);
  });

  test('costs no more than pairs, also for long lists whose keys the server fills in', () => {
    const many = desired({ ports: Array.from({ length: 3_000 }, (_, port) => ({ port })) });
    expect(needsApply(asObject(apply(undefined, many)), many, 'me')).toBe(false);
  });

  test('is needed when another manager set the same values', () => {
    const shared = apply(apply(undefined, full, 'other'), desired({ replicas: 2 }));
    expect(needsApply(asObject(shared), full, 'me')).toBe(true);
    expect(needsApply(asObject(shared), desired({ replicas: 2 }), 'me')).toBe(false);
  });

  test('is not needed when another manager owns more', () => {
    const shared = apply(
      apply(undefined, desired({ labels: { a: 'x' } })),
      desired({ labels: { b: 'y' } }),
      'other',
    );
    expect(needsApply(asObject(shared), desired({ labels: { a: 'x' } }), 'me')).toBe(false);
  });

  test('is needed when the live object comes without managedFields, or with broken ones', () => {
    expect(needsApply(withoutManagedFields(asObject(live)), full, 'me')).toBe(true);
    const broken = asObject({ ...live, metadata: { managedFields: [{ operation: 'Eat' }] } });
    expect(needsApply(broken, full, 'me')).toBe(true);
  });

  test('is needed for another version, another subresource, another uid', () => {
    expect(needsApply(asObject(live), { ...full, apiVersion: 'test/v2' }, 'me')).toBe(true);
    expect(needsApply(asObject(live), full, 'me', 'status')).toBe(true);
    expect(needsApply(asObject(live), desired(full.spec as JsonObject, { uid: 'v' }), 'me')).toBe(true);
    expect(needsApply(asObject(live), desired(full.spec as JsonObject, { uid: 'u' }), 'me')).toBe(false);
  });
});

function refuse(): never {
  throw new Error('not a request that was expected');
}

const noRequests: ResourceClient = {
  kind: { group: 'test', version: 'v1', resource: 'tests', kind: 'Test', namespaced: true },
  get: refuse,
  list: refuse,
  listAll: refuse,
  watch: refuse,
  create: refuse,
  update: refuse,
  patch: refuse,
  apply: refuse,
  delete: refuse,
  deleteCollection: refuse,
};

describe('applyIfChanged', () => {
  const wanted = desired({ replicas: 2 });
  const live = asObject({ ...apply(undefined, wanted) });
  live.metadata.resourceVersion = '7';
  const answering = (resourceVersion: string, seen: unknown[]): ResourceClient => ({
    ...noRequests,
    apply: async (object, options) => {
      seen.push([object, options]);
      return { ...object, metadata: { ...object.metadata, resourceVersion } };
    },
  });

  test('makes no request when nothing differs', async () => {
    const result = await applyIfChanged(noRequests, live, wanted, { fieldManager: 'me' });
    expect(result).toEqual({ changed: false, object: live });
  });

  test('applies what differs, and what is not there', async () => {
    const seen: unknown[] = [];
    const more = desired({ replicas: 3 });
    const options = { fieldManager: 'me', force: true };
    expect(await applyIfChanged(answering('8', seen), live, more, options)).toMatchObject({ changed: true });
    expect(await applyIfChanged(answering('1', seen), undefined, more, options)).toMatchObject({
      changed: true,
    });
    expect(seen).toEqual([
      [more, options],
      [more, options],
    ]);
  });

  test('sees when the server found nothing to change', async () => {
    const result = await applyIfChanged(answering('7', []), live, wanted, { fieldManager: 'new' });
    expect(result.changed).toBe(false);
  });
});

describe('patchStatusIfChanged', () => {
  const live: Unstructured = {
    ...desired({}),
    metadata: { name: 'it', namespace: 'ns', resourceVersion: '7' },
    status: { phase: 'Progressing', weight: 10, conditions: [{ type: 'Ready', status: 'False' }] },
  };

  test('makes no request for an equal status; undefined and null count as absent', async () => {
    const status = { ...(live.status as object), message: undefined, last: null, order: undefined };
    expect(await patchStatusIfChanged(noRequests, live, status)).toEqual({ changed: false, object: live });
    expect((await patchStatusIfChanged(noRequests, desired({}), {})).changed).toBe(false);
  });

  test('patches the difference of the version it knows', async () => {
    const seen: unknown[] = [];
    const client: ResourceClient = {
      ...noRequests,
      patch: async (...request) => {
        seen.push(request);
        return { ...live, metadata: { ...live.metadata, resourceVersion: '8' } };
      },
    };
    const status = { phase: 'Succeeded', conditions: [{ type: 'Ready', status: 'False' }] };
    expect(await patchStatusIfChanged(client, live, status, { fieldManager: 'me' })).toMatchObject({
      changed: true,
      object: { metadata: { resourceVersion: '8' } },
    });
    expect(seen).toEqual([
      [
        { namespace: 'ns', name: 'it' },
        'merge',
        { metadata: { resourceVersion: '7' }, status: { phase: 'Succeeded', weight: null } },
        { fieldManager: 'me', subresource: 'status' },
      ],
    ]);
  });

  test('any status becomes the wanted one', async () => {
    const status = optional({ a: small, b: words, c: fc.array(small), d: optional({ e: word, f: words }) });
    await fc.assert(
      fc.asyncProperty(status, status, async (before, after) => {
        let server: Unstructured = { ...live, status: before };
        const client: ResourceClient = {
          ...noRequests,
          patch: async (_key, _type, patch) =>
            (server = asObject(mergePatch(asJson(server), patch as Json) as JsonObject)),
        };
        await patchStatusIfChanged(client, server, after);
        expect(jsonEqual(server.status, after)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

test('ownership is what the server says it is', () => {
  const live = apply(undefined, desired({ replicas: 2 }));
  expect(ownedBy(live, 'me').has(['f:spec', 'f:replicas'])).toBe(true);
});

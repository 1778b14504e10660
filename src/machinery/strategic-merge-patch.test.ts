import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { jsonClone, type Json, type JsonObject } from './json.ts';
import { PatchError } from './patch-error.ts';
import { linkSchemas, type Schema } from './schema.ts';
import { strategicMergePatch } from './strategic-merge-patch.ts';

const published = JSON.parse(readFileSync(new URL('testdata/strategic.json', import.meta.url), 'utf8')) as {
  components: { schemas: Record<string, Schema> };
};
const schemas = linkSchemas(published.components.schemas);
const deploymentSchema = schemas['io.k8s.api.apps.v1.Deployment'];
const podSpecSchema = schemas['io.k8s.api.core.v1.PodSpec'];
const metaSchema = schemas['io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'];

const patchPod = (live: JsonObject, patch: JsonObject): JsonObject =>
  strategicMergePatch(live, patch, podSpecSchema);
const patchMeta = (live: JsonObject, patch: JsonObject): JsonObject =>
  strategicMergePatch(live, patch, metaSchema);
const names = (list: Json | undefined): unknown[] => (list as { name: string }[]).map(({ name }) => name);

function failure(patch: () => unknown): PatchError {
  try {
    patch();
  } catch (thrown) {
    if (thrown instanceof PatchError) return thrown;
    throw thrown;
  }
  throw new Error('the patch applied');
}

describe('lists of maps', () => {
  const live = {
    containers: [
      { name: 'app', image: 'app:1', env: [{ name: 'A', value: '1' }], args: ['x', 'y'] },
      { name: 'side', image: 'side:1' },
    ],
    tolerations: [{ key: 'a' }],
  };

  test('merge by key, at every level', () => {
    const patch = { containers: [{ name: 'app', env: [{ name: 'A', value: '2' }], args: ['z'] }] };
    expect(patchPod(live, patch)).toEqual({
      containers: [
        { name: 'app', image: 'app:1', env: [{ name: 'A', value: '2' }], args: ['z'] },
        { name: 'side', image: 'side:1' },
      ],
      tolerations: [{ key: 'a' }],
    });
  });

  test('take new items first, and keep the live order of the others', () => {
    expect(names(patchPod(live, { containers: [{ name: 'new' }] })['containers'])).toEqual([
      'new',
      'app',
      'side',
    ]);
    expect(names(patchPod(live, { containers: [{ name: 'side' }, { name: 'new' }] })['containers'])).toEqual([
      'app',
      'side',
      'new',
    ]);
  });

  test('without a merge strategy are replaced', () => {
    expect(patchPod(live, { tolerations: [{ key: 'b' }] })['tolerations']).toEqual([{ key: 'b' }]);
  });

  test('merge the first of several items with the same key', () => {
    const ports = [
      { containerPort: 53, protocol: 'TCP' },
      { containerPort: 53, protocol: 'UDP' },
    ];
    const patch = { containers: [{ name: 'dns', ports: [{ containerPort: 53, name: 'dns' }] }] };
    expect(patchPod({ containers: [{ name: 'dns', ports }] }, patch)).toEqual({
      containers: [
        {
          name: 'dns',
          ports: [
            { containerPort: 53, protocol: 'TCP', name: 'dns' },
            { containerPort: 53, protocol: 'UDP' },
          ],
        },
      ],
    });
  });

  test('may delete items, or replace themselves', () => {
    expect(names(patchPod(live, { containers: [{ name: 'side', $patch: 'delete' }] })['containers'])).toEqual(
      ['app'],
    );
    const replaced = patchPod(live, { containers: [{ name: 'only' }, { $patch: 'replace' }] });
    expect(replaced['containers']).toEqual([{ name: 'only' }]);
  });

  test('follow $setElementOrder; items it does not name keep their place', () => {
    const patched = patchPod(live, {
      '$setElementOrder/containers': [{ name: 'side' }, { name: 'new' }, { name: 'app' }],
      containers: [{ name: 'new' }],
    });
    expect(names(patched['containers'])).toEqual(['side', 'new', 'app']);
    const three = { volumes: [{ name: 'a' }, { name: 'b' }, { name: 'c' }] };
    const reordered = patchPod(three, { '$setElementOrder/volumes': [{ name: 'c' }, { name: 'a' }] });
    expect(names(reordered['volumes'])).toEqual(['b', 'c', 'a']);
  });
});

describe('lists of plain values', () => {
  const live = { finalizers: ['a', 'b'] };

  test('merge as sets, new values first', () => {
    expect(patchMeta(live, { finalizers: ['c', 'b'] })).toEqual({ finalizers: ['c', 'a', 'b'] });
  });

  test('lose what $deleteFromPrimitiveList names, whatever their strategy', () => {
    expect(patchMeta(live, { '$deleteFromPrimitiveList/finalizers': ['a', 'x'] })).toEqual({
      finalizers: ['b'],
    });
    expect(patchMeta({}, { '$deleteFromPrimitiveList/finalizers': ['a'] })).toEqual({});
    const container = schemas['io.k8s.api.core.v1.Container'];
    const patch = { '$deleteFromPrimitiveList/args': ['x'] };
    expect(strategicMergePatch({ args: ['x', 'y'] }, patch, container)).toEqual({ args: ['y'] });
  });

  test('follow $setElementOrder together with a deletion', () => {
    const patch = {
      '$deleteFromPrimitiveList/finalizers': ['a'],
      '$setElementOrder/finalizers': ['c', 'b'],
      finalizers: ['c'],
    };
    expect(patchMeta(live, patch)).toEqual({ finalizers: ['c', 'b'] });
  });
});

describe('maps', () => {
  test('merge, and null removes', () => {
    expect(
      patchMeta({ labels: { a: '1', b: '2' } }, { labels: { a: null, c: '3' }, annotations: null }),
    ).toEqual({
      labels: { b: '2', c: '3' },
    });
  });

  test('are replaced or emptied by $patch where there are some; otherwise the directive has no effect', () => {
    const live = { labels: { a: '1' } };
    expect(patchMeta(live, { labels: { $patch: 'replace', b: '2' } })).toEqual({ labels: { b: '2' } });
    expect(patchMeta(live, { labels: { $patch: 'delete' } })).toEqual({ labels: {} });
    expect(patchMeta({}, { labels: { $patch: 'replace', b: '2' } })).toEqual({});
  });

  test('keep only what $retainKeys names', () => {
    const live = { spec: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } } };
    const patch = { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } };
    expect(strategicMergePatch(live, patch, deploymentSchema)).toEqual({
      spec: { strategy: { type: 'Recreate' } },
    });
  });

  test('that the schema does not know merge, unknown lists are replaced', () => {
    const live = { x: { a: 1, list: [{ name: 'a' }] } };
    expect(strategicMergePatch(live, { x: { b: 2, list: [{ name: 'b' }] } }, undefined)).toEqual({
      x: { a: 1, b: 2, list: [{ name: 'b' }] },
    });
  });

  test('a key named __proto__ is a key', () => {
    const patch = JSON.parse('{"labels":{"__proto__":"x"}}') as JsonObject;
    const labels = patchMeta({ labels: { a: '1' } }, patch)['labels'] as JsonObject;
    expect(Object.keys(labels)).toEqual(['a', '__proto__']);
  });
});

describe('failures', () => {
  const live = { containers: [{ name: 'app' }], volumes: [{ name: 'v' }], finalizers: ['a'] };

  test.each<[string, JsonObject, number, string]>([
    [
      'an item without its merge key',
      { containers: [{ image: 'x', ports: [] }] },
      500,
      'map: map[image:x ports:[]] does not contain declared merge key: name',
    ],
    [
      'an unknown directive of an item',
      { containers: [{ name: 'app', $patch: 'burn' }] },
      500,
      'unknown patch type: burn in map: map[$patch:burn name:app]',
    ],
    [
      'a directive that lists do not have',
      { containers: [{ name: 'app', $patch: 'merge' }] },
      500,
      'merging lists cannot yet be specified in the patch',
    ],
    [
      'an unknown directive of a map',
      { $patch: 'merge' },
      500,
      'unknown patch type: merge in map: map[$patch:merge]',
    ],
    [
      'a mixed list',
      { containers: ['app'] },
      500,
      'list element types are not identical: [map[name:app] app]',
    ],
    [
      'an order that contradicts the list',
      { '$setElementOrder/containers': [{ name: 'b' }], containers: [{ name: 'a' }] },
      500,
      "The order in patch list:\n[map[name:a]]\n doesn't match $setElementOrder list:\n[map[name:b]]\n",
    ],
    [
      'an order that is no list',
      { '$setElementOrder/containers': 'app' },
      500,
      'expected a []interface {}, but received a string',
    ],
    ['an order of nothing', { $setElementOrder: [] }, 400, 'invalid patch format of setElementOrder list'],
    [
      'a deletion from nothing',
      { $deleteFromPrimitiveList: ['a'] },
      400,
      'invalid patch format of primitive list',
    ],
    ['retained keys that are no list', { $retainKeys: 'all' }, 400, 'invalid patch format of retainKeys'],
    [
      'a change of what is not retained',
      { $retainKeys: ['volumes'], containers: [] },
      400,
      'invalid patch format of retainKeys',
    ],
  ])('%s', (_name, patch, status, message) => {
    const error = failure(() => patchPod(live, patch));
    expect(error.message).toBe(message);
    expect(error).toMatchObject({ status, next: 'stalled' });
  });

  test('a list of lists is 422', () => {
    const schema: Schema = {
      properties: { x: { type: 'array', 'x-kubernetes-patch-strategy': 'merge' } },
    };
    const error = failure(() => strategicMergePatch({ x: [[1]] }, { x: [[2]] }, schema));
    expect(error).toMatchObject({ status: 422, message: 'lists of lists are not supported' });
  });

  test('documents that nest too deeply are refused', () => {
    let deep: JsonObject = {};
    for (let i = 0; i < 100_000; i++) deep = { a: deep };
    expect(failure(() => strategicMergePatch({}, deep, undefined)).status).toBe(400);
  });
});

test('large lists merge in time proportional to their length', () => {
  const many = Array.from({ length: 50_000 }, (_, i) => ({ name: `v${i}` }));
  const patched = patchPod({ volumes: many }, { volumes: many.toReversed() });
  expect(names(patched['volumes']).slice(0, 2)).toEqual(['v49999', 'v49998']);
});

describe('laws', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'd');
  const uniqueBy = <T extends object>(item: fc.Arbitrary<T>, key: keyof T): fc.Arbitrary<T[]> =>
    fc.uniqueArray(item, { selector: (value) => value[key], maxLength: 4 });
  const container = fc.record(
    {
      name,
      image: name,
      args: fc.array(name, { maxLength: 3 }),
      env: uniqueBy(fc.record({ name, value: name }), 'name'),
      ports: uniqueBy(fc.record({ containerPort: fc.nat({ max: 4 }), name }), 'containerPort'),
    },
    { requiredKeys: ['name'] },
  );
  const podSpec = fc.record(
    {
      containers: uniqueBy(container, 'name'),
      volumes: uniqueBy(fc.record({ name, emptyDir: fc.constant({}) }), 'name'),
      tolerations: fc.array(fc.record({ key: name }), { maxLength: 3 }),
      nodeSelector: fc.dictionary(name, name),
    },
    { requiredKeys: [] },
  ) as fc.Arbitrary<JsonObject>;
  const meta = fc.record(
    { labels: fc.dictionary(name, name), finalizers: fc.uniqueArray(name) },
    { requiredKeys: [] },
  ) as fc.Arbitrary<JsonObject>;

  test('an object patched with itself stays the same', () => {
    fc.assert(
      fc.property(podSpec, meta, (spec, metadata) => {
        expect(patchPod(spec, spec)).toEqual(spec);
        expect(patchMeta(metadata, metadata)).toEqual(metadata);
      }),
    );
  });

  test('patching twice is patching once, and the inputs stay as they are', () => {
    fc.assert(
      fc.property(podSpec, podSpec, (live, patch) => {
        const before = [jsonClone(live), jsonClone(patch)];
        const once = patchPod(live, patch);
        expect(patchPod(once, patch)).toEqual(once);
        expect([live, patch]).toEqual(before);
      }),
    );
  });
});

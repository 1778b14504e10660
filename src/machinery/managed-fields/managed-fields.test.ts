import { statusReason } from '../../base/error-codes.ts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvalidInputError } from '../../base/errors.ts';
import type { Json, JsonObject } from '../json.ts';
import { isObject } from '../json.ts';
import type { Schema } from '../schema.ts';
import { ApplyConflictError } from './conflict.ts';
import { fieldPath } from './field-path.ts';
import { FieldSet } from './field-set.ts';
import type { ApplyOptions, UpdateOptions } from './managed-fields.ts';
import { applyConfiguration, ownedBy, trackUpdate, withoutTimeOnlyChange } from './managed-fields.ts';
import { extractItems } from './remove-items.ts';
import { shapeOfObject } from './shape.ts';
import { toFieldSet } from './typed.ts';

const text: Schema = { type: 'string' };
const schema: Schema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        replicas: { type: 'integer' },
        paused: { type: 'boolean' },
        map: { type: 'object', additionalProperties: text },
        set: { type: 'array', 'x-kubernetes-list-type': 'set', items: text },
        list: { type: 'array', items: text },
        ports: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['port', 'protocol'],
          items: {
            type: 'object',
            properties: {
              port: { type: 'integer' },
              protocol: { type: 'string', default: 'TCP' },
              name: text,
            },
          },
        },
        inner: {
          type: 'object',
          'x-kubernetes-embedded-resource': true,
          'x-kubernetes-preserve-unknown-fields': true,
        },
      },
    },
    status: { type: 'object', properties: { phase: text } },
  },
};
const time = (second: number): string => `2026-01-01T00:00:${String(second).padStart(2, '0')}Z`;

function gate(spec?: Json, metadata: JsonObject = {}): JsonObject {
  return {
    apiVersion: 'example.com/v1',
    kind: 'Gate',
    metadata: { name: 'g', ...metadata },
    ...(spec === undefined ? {} : { spec }),
  };
}

function apply(
  live: JsonObject | undefined,
  manager: string,
  applied: JsonObject,
  more: Partial<ApplyOptions> = {},
): JsonObject {
  const { object } = applyConfiguration({ schema, live, applied, manager, now: time(1), ...more });
  return withUid(object);
}

function update(
  before: JsonObject | undefined,
  manager: string,
  after: JsonObject,
  more: Partial<UpdateOptions> = {},
): JsonObject {
  return trackUpdate({ schema, before, after: withUid(after), manager, now: time(1), ...more });
}

function withUid(object: JsonObject): JsonObject {
  const metadata = object['metadata'] as JsonObject;
  return metadata['uid'] === undefined ? { ...object, metadata: { ...metadata, uid: 'u' } } : object;
}

function entries(object: JsonObject): JsonObject[] {
  return ((object['metadata'] as JsonObject)['managedFields'] ?? []) as JsonObject[];
}

function managers(object: JsonObject): string[] {
  return entries(object).map((entry) => `${entry['operation'] as string} ${entry['manager'] as string}`);
}

function conflictOf(run: () => unknown): ApplyConflictError {
  try {
    run();
  } catch (error) {
    if (error instanceof ApplyConflictError) return error;
    throw error;
  }
  throw new Error('no conflict');
}

describe('a write without effect', () => {
  test('is none: the very same object comes back', () => {
    const live = apply(undefined, 'alice', gate({ replicas: 1, set: ['a'] }));
    expect(apply(live, 'alice', gate({ replicas: 1, set: ['a'] }), { now: time(9) })).toBe(live);
    expect(trackUpdate({ schema, before: live, after: live, manager: 'bob', now: time(9) })).toBe(live);
    const copy = structuredClone(live);
    delete (copy['metadata'] as JsonObject)['managedFields'];
    expect(update(live, 'bob', copy, { now: time(9) })).toBe(live);
  });

  test('of which only the time is left after the strategy is taken back', () => {
    const live = apply(undefined, 'alice', gate({ replicas: 1 }));
    const later = structuredClone(live);
    entries(later)[0]!['time'] = time(30);
    expect(withoutTimeOnlyChange(live, later)).toBe(live);
    const other = { ...later, spec: { replicas: 2 } };
    expect(withoutTimeOnlyChange(live, other)).toBe(other);
  });

  test('gives ownership all the same, without a time', () => {
    const live = apply(undefined, 'alice', gate({ replicas: 1 }));
    const shared = apply(live, 'bob', gate({ replicas: 1 }), { now: time(9) });
    expect(managers(shared)).toEqual(['Apply bob', 'Apply alice']);
    expect(entries(shared)[0]).not.toHaveProperty('time');
  });
});

describe('times', () => {
  test('move only for the owner whose write changed something', () => {
    const created = update(undefined, 'alice', gate({ replicas: 1, paused: true }));
    const changed = update(
      created,
      'bob',
      { ...created, spec: { replicas: 2, paused: true } },
      { now: time(5) },
    );
    expect(entries(changed).map((entry) => [entry['manager'], entry['time']])).toEqual([
      ['alice', time(1)],
      ['bob', time(5)],
    ]);
  });

  test('sort the entries, in any RFC 3339 notation', () => {
    const created = update(undefined, 'zoe', gate({ replicas: 1 }), { now: '2026-01-01T02:00:00+02:00' });
    const next = update(created, 'adam', { ...created, spec: { replicas: 1, paused: true } });
    expect(managers(next)).toEqual(['Update zoe', 'Update adam']);
  });
});

describe('conflicts', () => {
  test('name subresource and version of the owner, grouped by owner', () => {
    let live = apply(undefined, 'alice', gate({ replicas: 1, map: { a: '1' } }));
    live = update(live, 'ctl', { ...live, spec: { replicas: 2, map: { a: '1', b: '1' } } });
    live = update(live, 'ctl', { ...live, status: { phase: 'Ready' } }, { subresource: 'status' });
    const wanted = { ...gate({ replicas: 3, map: { a: '2', b: '2' } }), status: { phase: 'Failed' } };
    const { message, conflicts, next } = conflictOf(() => apply(live, 'bob', wanted));
    expect(next).toBe('stalled');
    expect(message).toBe(
      [
        'Apply failed with 4 conflicts: conflicts with "alice":',
        '- .spec.map.a',
        'conflicts with "ctl" with subresource "status" using example.com/v1:',
        '- .status.phase',
        'conflicts with "ctl" using example.com/v1:',
        '- .spec.replicas',
        '- .spec.map.b',
      ].join('\n'),
    );
    expect(conflicts[1]).toMatchObject({
      manager: 'ctl',
      operation: 'Update',
      apiVersion: 'example.com/v1',
      subresource: 'status',
      time: time(1),
      path: '.status.phase',
      message: 'conflict with "ctl" with subresource "status" using example.com/v1',
    });
  });

  test('are none where the values agree', () => {
    const live = apply(undefined, 'alice', gate({ replicas: 1 }));
    expect(() => apply(live, 'bob', gate({ replicas: 1 }))).not.toThrow();
  });
});

describe('reset fields', () => {
  test('are not owned through the endpoint that resets them', () => {
    const resetFields = FieldSet.of(fieldPath('status'));
    const both = { ...gate({ replicas: 1 }), status: { phase: 'Ready' } };
    const applied = apply(undefined, 'alice', both, { resetFields });
    expect(ownedBy(applied, 'alice').has(fieldPath('status', 'phase'))).toBe(false);
    const updated = update(undefined, 'bob', both, { resetFields });
    expect(ownedBy(updated, 'bob').has(fieldPath('spec', 'replicas'))).toBe(true);
    expect(ownedBy(updated, 'bob').below('f:status').isEmpty).toBe(true);
  });

  test('do not conflict there either', () => {
    const ready = { ...gate({ replicas: 1 }), status: { phase: 'Ready' } };
    const live = update(undefined, 'ctl', ready, { subresource: 'status' });
    const failed = { ...gate({ replicas: 1 }), status: { phase: 'Failed' } };
    expect(() =>
      apply(live, 'alice', failed, { resetFields: FieldSet.of(fieldPath('status')) }),
    ).not.toThrow();
  });
});

describe('objects without managedFields', () => {
  test('belong to before-first-apply once they are applied', () => {
    const live = withUid(gate({ replicas: 1, paused: true }));
    const next = apply(live, 'alice', gate({ replicas: 1 }));
    expect(managers(next)).toEqual(['Apply alice', 'Update before-first-apply']);
    expect(ownedBy(next, 'before-first-apply').has(fieldPath('spec', 'paused'))).toBe(true);
  });

  test('stay so through updates', () => {
    const live = withUid(gate({ replicas: 1 }));
    expect(entries(update(live, 'bob', gate({ replicas: 2 })))).toEqual([]);
  });
});

describe('managedFields in a request', () => {
  const live = apply(undefined, 'alice', gate({ replicas: 1 }));
  const withFields = (managedFields: Json): JsonObject => gate({ replicas: 1 }, { managedFields });

  test.each<[string, Json, string[]]>([
    ['an empty list resets them', [], []],
    ['[{}] resets them', [{}], []],
    ['null keeps them', null, ['Apply alice']],
    ['text keeps them', 'x', ['Apply alice']],
    ['an unknown operation keeps them', [{ operation: 'Steal', apiVersion: 'v1' }], ['Apply alice']],
    [
      'malformed fields keep them',
      [{ operation: 'Update', apiVersion: 'v1', fieldsType: 'FieldsV1', fieldsV1: { spec: {} } }],
      ['Apply alice'],
    ],
    [
      'a time that is none keeps them',
      [{ operation: 'Update', apiVersion: 'v1', fieldsType: 'FieldsV1', time: 'yesterday', fieldsV1: {} }],
      ['Apply alice'],
    ],
    [
      'valid ones replace them',
      [
        {
          manager: 'm',
          operation: 'Update',
          apiVersion: 'v1',
          fieldsType: 'FieldsV1',
          fieldsV1: { 'f:x': {} },
        },
      ],
      ['Update m'],
    ],
  ])('%s', (_, managedFields, wanted) => {
    expect(managers(update(live, 'bob', withFields(managedFields)))).toEqual(wanted);
  });

  test('count for nothing through a subresource', () => {
    expect(managers(update(live, 'bob', withFields([{}]), { subresource: 'status' }))).toEqual([
      'Apply alice',
    ]);
  });

  test('are refused in an applied configuration', () => {
    expect(() => apply(live, 'bob', withFields([]))).toThrow(
      new InvalidInputError('metadata.managedFields must be nil', statusReason('BadRequest')),
    );
  });

  test('of another version are kept, and read with the same schema', () => {
    const old = structuredClone(live);
    entries(old)[0]!['apiVersion'] = 'example.com/v1alpha1';
    const next = apply(old, 'bob', gate({ paused: true }));
    expect(entries(next).map((entry) => entry['apiVersion'])).toEqual([
      'example.com/v1alpha1',
      'example.com/v1',
    ]);
    expect(conflictOf(() => apply(next, 'bob', gate({ replicas: 2 }))).conflicts).toHaveLength(1);
  });
});

test('the oldest of more than ten updaters become ancient-changes', () => {
  let live = update(undefined, 'm00', gate({ map: { k0: '' } }), { now: time(0) });
  const map: JsonObject = { k0: '' };
  for (let i = 1; i < 14; i++) {
    map[`k${i}`] = '';
    const manager = `m${String(i).padStart(2, '0')}`;
    live = update(live, manager, { ...live, spec: { map: { ...map } } }, { now: time(i) });
  }
  expect(entries(live)).toHaveLength(10);
  expect(managers(live)[0]).toBe('Update ancient-changes');
  expect(entries(live)[0]!['time']).toBe(time(4));
  const ancient = ownedBy(live, 'ancient-changes').below('f:spec').below('f:map');
  expect([...ancient.children.keys()]).toEqual(expect.arrayContaining(['f:k0', 'f:k1', 'f:k4']));
  expect(ancient.children.size).toBe(5);
});

describe('kubectl, moving from client-side apply', () => {
  const annotation = 'kubectl.kubernetes.io/last-applied-configuration';
  const clientSide = (spec: Json): JsonObject => {
    const lastApplied = `${JSON.stringify(gate(spec))}\n`;
    return update(
      undefined,
      'kubectl-client-side-apply',
      gate(spec, { annotations: { [annotation]: lastApplied } }),
    );
  };

  test('takes over what the annotation says, and keeps it up to date', () => {
    const live = clientSide({ replicas: 1, paused: true });
    const next = apply(live, 'kubectl', gate({ replicas: 2, paused: true }));
    expect(next['spec']).toEqual({ replicas: 2, paused: true });
    const { annotations } = next['metadata'] as { annotations: JsonObject };
    expect(annotations[annotation]).toBe(
      '{"apiVersion":"example.com/v1","kind":"Gate","metadata":{"name":"g"},"spec":{"paused":true,"replicas":2}}\n',
    );
  });

  test('still conflicts over what others changed since', () => {
    const live = clientSide({ replicas: 1, paused: true });
    const scaled = update(live, 'hpa', { ...live, spec: { replicas: 5, paused: true } });
    const error = conflictOf(() => apply(scaled, 'kubectl', gate({ replicas: 2, paused: false })));
    expect(error.message).toBe(
      'Apply failed with 1 conflict: conflict with "hpa" using example.com/v1: .spec.replicas',
    );
  });

  test('is not helped under another name', () => {
    const live = clientSide({ replicas: 1 });
    expect(conflictOf(() => apply(live, 'flux', gate({ replicas: 2 }))).conflicts).toHaveLength(1);
  });
});

describe('the schema', () => {
  test('that made a map atomic turns owners of parts into owners of the whole', () => {
    const live = apply(undefined, 'alice', gate({ map: { a: '1' } }));
    const { spec } = schema.properties as { spec: Schema };
    const atomic: Schema = {
      ...schema,
      properties: {
        spec: {
          ...spec,
          properties: { map: { ...spec.properties!['map'], 'x-kubernetes-map-type': 'atomic' } },
        },
      },
    };
    const next = apply(live, 'bob', gate({}), { schema: atomic });
    expect(ownedBy(next, 'alice').has(fieldPath('spec', 'map'))).toBe(true);
    expect(ownedBy(next, 'alice').has(fieldPath('spec', 'map', 'a'))).toBe(false);
  });

  test('gives absent keys their defaults: an item without protocol is the TCP one', () => {
    const live = apply(undefined, 'alice', gate({ ports: [{ port: 80, protocol: 'TCP', name: 'http' }] }));
    const next = apply(live, 'bob', gate({ ports: [{ port: 80 }, { port: 80, protocol: 'UDP' }] }));
    expect(next['spec']).toEqual({
      ports: [
        { port: 80, protocol: 'TCP', name: 'http' },
        { port: 80, protocol: 'UDP' },
      ],
    });
  });

  test('knows the metadata of an embedded resource', () => {
    const inner = (...finalizers: string[]): JsonObject => ({
      inner: { apiVersion: 'v1', kind: 'X', metadata: { finalizers }, data: { a: '1' } },
    });
    const live = apply(undefined, 'alice', gate(inner('a')));
    const next = apply(live, 'bob', gate(inner('b')));
    expect(next['spec']).toEqual(inner('a', 'b'));
  });

  test('that is missing merges maps and replaces lists', () => {
    const free = { schema: undefined, force: true };
    const live = apply(undefined, 'alice', gate({ map: { a: '1' }, set: ['a'] }), free);
    const next = apply(live, 'bob', gate({ map: { b: '1' }, set: ['b'] }), free);
    expect(next['spec']).toEqual({ map: { a: '1', b: '1' }, set: ['b'] });
  });

  test.each<[string, Json, string]>([
    ['an unknown field', { nope: 1 }, '.spec.nope: field not declared in schema'],
    ['a wrong type', { replicas: 'x' }, '.spec.replicas: expected numeric (int or float), got string'],
    ['a duplicate', { set: ['a', 'a'] }, '.spec.set: duplicate entries for key [="a"]'],
    [
      'a duplicate key',
      { ports: [{ port: 80 }, { port: 80, protocol: 'TCP' }] },
      '.spec.ports: duplicate entries for key [port=80,protocol="TCP"]',
    ],
    [
      'several',
      { set: [null], paused: 'x' },
      "errors:\n  .spec.set: element 0: associative list without keys has an element that's an explicit null\n  .spec.paused: expected boolean, got &{x}",
    ],
  ])('refuses %s in an applied configuration', (_, spec, problem) => {
    const error = new InvalidInputError(
      `failed to create typed patch object (/g; example.com/v1, Kind=Gate): ${problem}`,
      statusReason('InternalError'),
    );
    expect(() => apply(undefined, 'alice', gate(spec))).toThrow(error);
  });
});

describe('hostile input', () => {
  test('nested without end is refused', () => {
    let deep: Json = {};
    for (let i = 0; i < 5000; i++) deep = i % 2 === 0 ? { a: deep } : [deep];
    expect(() => apply(undefined, 'alice', gate(deep), { schema: undefined })).toThrow(InvalidInputError);
    expect(() => update(undefined, 'alice', gate(deep), { schema: undefined })).toThrow(InvalidInputError);
  });

  test('__proto__ is a field like any other', () => {
    const hostile = JSON.parse('{"__proto__":{"polluted":"1"},"constructor":"2"}') as JsonObject;
    const live = apply(undefined, 'alice', gate(hostile), { schema: undefined });
    const next = apply(live, 'bob', gate({ b: '1' }), { schema: undefined });
    expect(Object.hasOwn(next['spec'] as JsonObject, '__proto__')).toBe(true);
    expect(JSON.stringify(apply(next, 'alice', gate({}), { schema: undefined })['spec'])).toBe('{"b":"1"}');
    expect(({} as JsonObject)['polluted']).toBeUndefined();
  });

  test('of any shape gives an answer or an InvalidInputError', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), fc.jsonValue(), (spec, metadata, managedFields) => {
        const applied = { ...gate(spec as Json), metadata: metadata as Json };
        const live = gate(spec as Json, { uid: 'u', managedFields: managedFields as Json });
        for (const run of [
          () => apply(gate({}, { uid: 'u' }), 'alice', isObject(metadata) ? applied : gate(spec as Json)),
          () => apply(live, 'alice', gate({ replicas: 1 })),
          () => trackUpdate({ schema, before: live, after: applied, manager: 'm', now: time(1) }),
        ]) {
          try {
            expect(run()).toBeTypeOf('object');
          } catch (error) {
            if (!(error instanceof ApplyConflictError)) expect(error).toBeInstanceOf(InvalidInputError);
          }
        }
      }),
    );
  });
});

describe('laws', () => {
  const keys = fc.constantFrom('a', 'b', 'c');
  const letters = fc.uniqueArray(keys, { maxLength: 3 });
  const specs = fc.record(
    {
      replicas: fc.nat(3),
      paused: fc.boolean(),
      map: fc.dictionary(keys, keys),
      set: letters,
      list: fc.array(keys, { maxLength: 2 }),
      ports: fc.uniqueArray(fc.record({ port: fc.nat(2), name: keys }), { selector: ({ port }) => port }),
    },
    { requiredKeys: [] },
  );
  const shape = shapeOfObject(schema);

  test('what was applied can be extracted again', () => {
    fc.assert(
      fc.property(specs, specs, (live, spec) => {
        const applied = gate(spec);
        const merged = apply(apply(undefined, 'alice', gate(live)), 'bob', applied, { force: true });
        const extracted = extractItems(merged, toFieldSet(applied, shape), shape) as JsonObject;
        const again = extracted['spec'] ?? {};
        for (const [name, value] of Object.entries(spec)) {
          // An empty list or map of several owners claims nothing.
          const isBare = typeof value === 'object' && Object.keys(value).length === 0;
          if (isBare && name !== 'list') continue;
          const got = (again as JsonObject)[name];
          if (name === 'set' || name === 'ports')
            expect(new Set(got as Json[])).toEqual(new Set(value as Json[]));
          else expect(got).toEqual(value);
        }
      }),
    );
  });

  test('applying twice is applying once', () => {
    fc.assert(
      fc.property(specs, specs, (live, spec) => {
        const once = apply(apply(undefined, 'alice', gate(live)), 'bob', gate(spec), { force: true });
        expect(apply(once, 'bob', gate(spec))).toBe(once);
      }),
    );
  });

  test('who applies nothing leaves nothing that only they owned', () => {
    fc.assert(
      fc.property(specs, specs, (hers, his) => {
        const both = apply(apply(undefined, 'alice', gate(hers)), 'bob', gate(his), { force: true });
        const left = apply(both, 'bob', gate());
        expect(managers(left)).not.toContain('Apply bob');
        const present = toFieldSet(left, shape).leaves();
        const gone = ownedBy(both, 'bob').difference(ownedBy(both, 'alice')).leaves();
        const kept = [...present.intersection(gone).paths()].filter(([top]) => top === 'f:spec');
        expect(kept).toEqual([]);
      }),
    );
  });

  test('who share no field can apply in any order', () => {
    const mine = fc.record({ map: fc.dictionary(fc.constantFrom('a', 'b'), keys), replicas: fc.nat(3) });
    const theirs = fc.record({ map: fc.dictionary(fc.constantFrom('x', 'y'), keys), paused: fc.boolean() });
    fc.assert(
      fc.property(mine, theirs, (a, b) => {
        const one = apply(apply(undefined, 'alice', gate(a)), 'bob', gate(b));
        const other = apply(apply(undefined, 'bob', gate(b)), 'alice', gate(a));
        expect(one).toEqual(other);
      }),
    );
  });

  test('inputs are never changed', () => {
    fc.assert(
      fc.property(specs, specs, specs, (a, b, c) => {
        const live = apply(undefined, 'alice', gate(a));
        const configuration = gate(b);
        const before = JSON.stringify([live, configuration]);
        const next = apply(live, 'bob', configuration, { force: true });
        update(next, 'ctl', gate(c));
        expect(JSON.stringify([live, configuration])).toBe(before);
      }),
    );
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FieldPath, fieldErrorMessage } from '../../../machinery/field-errors.ts';
import type { Json } from '../../../machinery/json.ts';
import type { Schema } from '../../../machinery/schema.ts';
import { readSchema } from './read-schema.ts';
import { anySchema, structuralSchema, valueLike } from './schemas.test-double.ts';
import { validateValue } from './validate.ts';

/** What is wrong with `spec.f`. */
function problemsOf(field: Schema, value: Json, old?: Json): string[] {
  const schema: Schema = {
    type: 'object',
    properties: { spec: { type: 'object', properties: { f: field } } },
  };
  const options = old === undefined ? {} : { old: { spec: { f: old } } };
  return validateValue(schema, { spec: { f: value } }, options).map(fieldErrorMessage);
}

const at = 'spec.f: Invalid value:';

describe('messages', () => {
  test.each<[Schema, Json, string[]]>([
    [{ type: 'boolean' }, 'yes', [`${at} "string": spec.f in body must be of type boolean: "string"`]],
    [{ type: 'string' }, null, [`${at} "null": spec.f in body must be of type string: "null"`]],
    [{ type: 'string', nullable: true }, null, []],
    [{ type: 'number' }, 3, []],
    [
      { type: 'integer' },
      1.5,
      [
        `${at} "number": spec.f in body must be of type integer: "number"`,
        '<nil>: Invalid value: "": Checked value must be of type integer (default format) in spec.f',
      ],
    ],
    [
      { type: 'integer', format: 'int32' },
      2 ** 31,
      ['<nil>: Invalid value: "": Checked value must be of type integer with format int32 in spec.f'],
    ],
    [{ 'x-kubernetes-int-or-string': true }, '80', []],
    [
      { 'x-kubernetes-int-or-string': true },
      true,
      [`${at} "boolean": spec.f in body must be of type integer,string: "boolean"`],
    ],
    [
      { type: 'number', maximum: 1, exclusiveMaximum: true },
      1,
      [`${at} 1: spec.f in body should be less than 1`],
    ],
    [{ type: 'number', multipleOf: 0.1 }, 0.3, []],
    [{ type: 'number', multipleOf: 0.5 }, 0.7, [`${at} 0.7: spec.f in body should be a multiple of 0.5`]],
    [{ type: 'string', maxLength: 2 }, '😀😀', []],
    [{ type: 'string', maxLength: 1 }, '😀😀', ['spec.f: Too long: may not be more than 1 byte']],
    [
      { type: 'string', format: 'ipv4' },
      '1.2.3',
      [`${at} "1.2.3": spec.f in body must be of type ipv4: "1.2.3"`],
    ],
    [{ type: 'string', format: 'made-up' }, 'anything', []],
    [{ enum: [1, 'a', null] }, 2, ['spec.f: Unsupported value: 2: supported values: "1", "a", "null"']],
    [
      { type: 'object', additionalProperties: { type: 'integer' } },
      { k: 'v' },
      ['spec.f.k: Invalid value: "string": spec.f.k in body must be of type integer: "string"'],
    ],
    [{ type: 'object', minProperties: 1 }, {}, [`${at} 0: spec.f in body should have at least 1 properties`]],
    [
      { type: 'string', not: { enum: ['a'] } },
      'a',
      ['<nil>: Invalid value: "": "spec.f" must not validate the schema (not)'],
    ],
    [
      { type: 'integer', allOf: [{ minimum: 2 }, { maximum: 5 }] },
      9,
      [
        `${at} 9: spec.f in body should be less than or equal to 5`,
        '<nil>: Invalid value: "": "spec.f" must validate all the schemas (allOf)',
      ],
    ],
    [
      { type: 'integer', anyOf: [{ minimum: 20 }, { enum: [1] }] },
      9,
      [
        '<nil>: Invalid value: "": "spec.f" must validate at least one schema (anyOf)',
        `${at} 9: spec.f in body should be greater than or equal to 20`,
      ],
    ],
  ])('%j refuses %j', (schema, value, expected) => {
    expect(problemsOf(schema, value)).toEqual(expected);
  });
});

describe('an update', () => {
  const tight: Schema = { type: 'string', maxLength: 2 };

  test('may leave what is wrong as it was', () => {
    expect(problemsOf(tight, 'long', 'long')).toEqual([]);
    expect(problemsOf({ type: 'object', properties: { s: tight } }, { s: 'long' }, { s: 'long' })).toEqual(
      [],
    );
  });

  test('may not change it to something else that is wrong', () => {
    expect(problemsOf(tight, 'longer', 'long')).toHaveLength(1);
  });

  test('knows items of a list again by their keys, wherever they are', () => {
    const items: Schema = { type: 'object', properties: { name: { type: 'string' }, s: tight } };
    const list: Schema = {
      type: 'array',
      items,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
    };
    const old = [{ name: 'a', s: 'long' }];
    const added = [{ name: 'b', s: 'ok' }, ...old];

    expect(problemsOf(list, added, old)).toEqual([]);
    expect(problemsOf({ ...list, 'x-kubernetes-list-type': 'atomic' }, added, old)).toHaveLength(1);
  });
});

describe('hostile input', () => {
  test('any schema can be read, and any value validated', () => {
    fc.assert(
      fc.property(anySchema, fc.jsonValue({ maxDepth: 6 }), (given, value) => {
        const { schema } = readSchema(given, new FieldPath('root'));
        expect(Array.isArray(validateValue(schema, value as Json))).toBe(true);
        expect(Array.isArray(validateValue(schema, value as Json, { old: value as Json }))).toBe(true);
      }),
    );
  });

  test('an update is never refused for more than a create would be', () => {
    fc.assert(
      fc.property(structuralSchema, valueLike, valueLike, (schema, value, old) => {
        const create = new Set(validateValue(schema, value).map(fieldErrorMessage));
        const update = validateValue(schema, value, { old }).map(fieldErrorMessage);
        expect(update.filter((message) => !create.has(message))).toEqual([]);
      }),
    );
  });

  test.each<[string, Schema, Json]>([
    ['a wide enumeration', { items: { enum: range(20_000) } }, range(20_000).map((i) => -i - 1)],
    ['a pattern that others choke on', { pattern: '^(a+)+$' }, `${'a'.repeat(200_000)}b`],
    ['a huge pattern', { pattern: `^(${'(a|b)?'.repeat(5_000)})$` }, 'ab'.repeat(100_000)],
    ['many required fields', { items: { required: range(5_000).map(String) } }, range(5_000).map(() => ({}))],
    [
      'many branches',
      { items: { anyOf: range(2_000).map((minimum) => ({ minimum: minimum + 9 })) } },
      range(20_000).map(() => 1),
    ],
  ])('%s costs bounded time', { timeout: 20_000 }, (_name, schema, value) => {
    expect(validateValue(schema, value).length).toBeGreaterThan(0);
  });

  test('what would take too long is refused with a reason', () => {
    const wide: Schema = { items: { enum: range(50_000) } };

    expect(
      validateValue(
        wide,
        range(50_000).map((i) => -i - 1),
      ),
    ).toMatchObject([{ field: '<nil>', detail: expect.stringContaining('takes too long') as string }]);
  });
});

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

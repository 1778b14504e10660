import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { JsonObject } from '../../../machinery/json.ts';
import { jsonClone } from '../../../machinery/json.ts';
import type { Schema } from '../../../machinery/schema.ts';
import { applyDefaults, pruneNulls } from './defaulting.ts';
import { pruneUnknown, unknownFields } from './prune.ts';
import { structuralSchema, valueLike } from './schemas.test-double.ts';

const objects = fc.tuple(structuralSchema, valueLike).map(([field, value]) => {
  const schema: Schema = { type: 'object', properties: { spec: field } };
  const object: JsonObject = { spec: value };
  return { schema, object };
});

function defaulted(schema: Schema, object: JsonObject): JsonObject {
  const copy = jsonClone(object);
  pruneNulls(schema, copy);
  applyDefaults(schema, copy);
  return copy;
}

test('defaults are filled in once', () => {
  fc.assert(
    fc.property(objects, ({ schema, object }) => {
      const once = defaulted(schema, object);
      expect(defaulted(schema, once)).toEqual(once);
    }),
  );
});

test('what is given stays, but for null', () => {
  const schema: Schema = {
    type: 'object',
    properties: {
      a: { type: 'string', default: 'A' },
      n: { type: 'string', nullable: true, default: 'N' },
      gone: { type: 'string' },
    },
  };

  expect(defaulted(schema, { a: null, n: null, gone: null })).toEqual({ a: 'A', n: null });
  expect(defaulted(schema, { a: '', n: '' })).toEqual({ a: '', n: '' });
});

test('a default that is filled in is never shared', () => {
  const schema: Schema = { type: 'object', properties: { list: { type: 'array', default: [1] } } };

  const first = defaulted(schema, {});
  (first['list'] as number[]).push(2);

  expect(defaulted(schema, {})).toEqual({ list: [1] });
});

test('pruning leaves no unknown fields, and nothing for a second time', () => {
  fc.assert(
    fc.property(objects, ({ schema, object }) => {
      const pruned = jsonClone(object);
      pruneUnknown(schema, pruned, 'structural');
      expect(unknownFields(schema, pruned, 'structural')).toEqual([]);
      expect(pruneUnknown(schema, pruned, 'structural')).toEqual([]);
    }),
  );
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../machinery/json.ts';
import { jsonClone } from '../../../machinery/json.ts';
import type { Schema } from '../../../machinery/schema.ts';
import { pruneUnknown, unknownFields } from './prune.ts';

const schema: Schema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        size: { type: 'integer' },
        items: { type: 'array', items: { type: 'object', properties: { name: { type: 'string' } } } },
        labels: { type: 'object', additionalProperties: { type: 'string' } },
        nothing: { type: 'object' },
        free: {
          type: 'object',
          'x-kubernetes-preserve-unknown-fields': true,
          properties: { strict: { type: 'object', properties: { a: { type: 'string' } } } },
        },
        template: { type: 'object', 'x-kubernetes-embedded-resource': true, properties: {} },
      },
    },
  },
};

describe('fields that the schema does not know', () => {
  test('are found everywhere, and named by their path', () => {
    const object: JsonObject = {
      apiVersion: 'example.com/v1',
      kind: 'Widget',
      metadata: { name: 'w', labels: { any: 'x' }, nome: 'w' },
      extra: 1,
      spec: {
        size: 1,
        color: 'red',
        items: [{ name: 'a' }, { name: 'b', nome: 'c' }],
        labels: { any: 'thing' },
        nothing: { at: 'all' },
        free: { anything: { goes: true }, strict: { a: 'x', b: 'y' } },
        template: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', nome: 'p' }, spec: {} },
      },
    };
    expect(pruneUnknown(schema, object, 'structural')).toEqual([
      'metadata.nome',
      'extra',
      'spec.color',
      'spec.items[1].nome',
      'spec.nothing.at',
      'spec.free.strict.b',
      'spec.template.metadata.nome',
      'spec.template.spec',
    ]);
    expect(object['spec']).toEqual({
      size: 1,
      items: [{ name: 'a' }, { name: 'b' }],
      labels: { any: 'thing' },
      nothing: {},
      free: { anything: { goes: true }, strict: { a: 'x' } },
      template: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' } },
    });
  });

  test('a built-in type without fields may hold anything', () => {
    const raw: Schema = { type: 'object', properties: { raw: { type: 'object' } } };
    expect(unknownFields(raw, { raw: { a: 1 }, b: 1 }, 'published')).toEqual(['b']);
  });

  test('an object that was pruned has none; looking does not change it', () => {
    const value = fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<JsonObject[string]>;
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom('spec', 'size', 'metadata', '__proto__'), value),
        (object) => {
          const before = jsonClone(object);
          const unknown = unknownFields(schema, object, 'structural');
          expect(object).toEqual(before);
          expect(pruneUnknown(schema, object, 'structural')).toEqual(unknown);
          expect(unknownFields(schema, object, 'structural')).toEqual([]);
        },
      ),
    );
  });
});

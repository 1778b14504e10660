import fc from 'fast-check';
import type { Json } from '../../../machinery/json.ts';
import type { Schema } from '../../../machinery/schema.ts';

const names = fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor');
const scalar = fc.oneof(
  fc.constantFrom('', 'a', '10s', '2024-01-01T00:00:00Z', '1.2.3.4'),
  fc.integer({ min: -3, max: 12 }),
  fc.constantFrom(1.5, 2 ** 31, 1e21),
  fc.boolean(),
  fc.constant(null),
);

/** Values with the field names of {@link structuralSchema}. */
export const valueLike = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    scalar,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(names, tie('value'), { maxKeys: 3 }),
  ),
})).value;

const restriction: fc.Arbitrary<Schema> = fc.oneof(
  fc.constant({}),
  fc.record({ minimum: fc.integer({ min: 0, max: 5 }), exclusiveMinimum: fc.boolean() }),
  fc.record({
    maxLength: fc.integer({ min: 0, max: 3 }),
    format: fc.constantFrom('date-time', 'ipv4', 'odd'),
  }),
  fc.record({ enum: fc.array(scalar, { minLength: 1, maxLength: 3 }) }),
  fc.record({ required: fc.uniqueArray(names, { minLength: 1, maxLength: 2 }) }),
  fc.record({ maxItems: fc.integer({ min: 0, max: 2 }), maxProperties: fc.integer({ min: 0, max: 2 }) }),
);

/** Schemas as `readSchema` gives them, mostly structural. */
export const structuralSchema = fc.letrec<{ schema: Schema }>((tie) => ({
  schema: fc.oneof(
    { maxDepth: 3 },
    fc
      .tuple(fc.constantFrom('string', 'integer', 'number', 'boolean'), restriction, fc.option(scalar))
      .map(([type, more, value]) => ({ type, ...more, ...(value === null ? {} : { default: value }) })),
    fc.constant({ 'x-kubernetes-int-or-string': true }),
    fc.constant({ type: 'object', 'x-kubernetes-preserve-unknown-fields': true }),
    fc
      .tuple(fc.dictionary(names, tie('schema'), { maxKeys: 3 }), restriction, fc.boolean(), fc.boolean())
      .map(([properties, more, nullable, filled]) => ({
        type: 'object',
        properties,
        ...more,
        ...(nullable ? { nullable } : {}),
        ...(filled ? { default: {} } : {}),
      })),
    tie('schema').map((additionalProperties) => ({ type: 'object', additionalProperties })),
    fc
      .tuple(tie('schema'), fc.constantFrom<'atomic' | 'set'>('atomic', 'set'))
      .map(([items, listType]) => ({ type: 'array', items, 'x-kubernetes-list-type': listType })),
    fc
      .tuple(
        fc.array(restriction, { minLength: 1, maxLength: 3 }),
        fc.constantFrom('anyOf', 'oneOf', 'allOf'),
      )
      .map(([branches, junctor]) => ({ type: 'object', [junctor]: branches })),
  ),
})).schema;

const keywords = fc.constantFrom(
  'type',
  'format',
  'pattern',
  'default',
  'enum',
  'required',
  'properties',
  'additionalProperties',
  'items',
  'not',
  'allOf',
  'anyOf',
  'oneOf',
  'minimum',
  'maxLength',
  'multipleOf',
  'nullable',
  '$ref',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-validations',
  'uniqueItems',
  'x-kubernetes-int-or-string',
  'x-kubernetes-embedded-resource',
  '__proto__',
  'patternProperties',
);

/** Anything that could stand where a schema should: right keywords, wrong values, and right ones. */
export const anySchema = fc.letrec<{ schema: Json }>((tie) => ({
  schema: fc.oneof(
    { maxDepth: 4 },
    structuralSchema as unknown as fc.Arbitrary<Json>,
    scalar,
    fc.dictionary(
      keywords,
      fc.oneof(
        tie('schema'),
        fc.constantFrom('object', 'array', 'set', 'map', '(', '^a*$', 'null'),
        fc.array(tie('schema'), { maxLength: 3 }),
        fc.dictionary(names, tie('schema'), { maxKeys: 2 }),
      ),
      { maxKeys: 5 },
    ),
  ),
})).schema;

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvalidInputError } from '../../base/errors.ts';
import type { Json } from '../json.ts';
import type { PathElement } from './field-path.ts';
import {
  comparePathElements,
  fieldElement,
  fieldPath,
  formatPath,
  keyElement,
  parsePathElement,
  valueElement,
} from './field-path.ts';
import { FieldSet } from './field-set.ts';

const scalar = fc.oneof(fc.string({ maxLength: 3 }), fc.integer({ min: -2, max: 100 }), fc.boolean());
const anyElement: fc.Arbitrary<PathElement> = fc.oneof(
  fc.string({ maxLength: 3 }).map(fieldElement),
  scalar.map(valueElement),
  fc.dictionary(fc.constantFrom('name', 'port', '__proto__'), scalar, { minKeys: 1 }).map((keys) => {
    return keyElement(Object.entries(keys));
  }),
  fc.nat(20).map((i) => `i:${i}`),
);
/** Few elements, so that sets overlap. */
const element = fc.constantFrom('f:a', 'f:b', 'f:__proto__', 'k:{"name":"x"}', 'v:1', 'i:0');
const paths = fc.array(fc.array(element, { minLength: 1, maxLength: 3 }), { maxLength: 8 });
const sets = paths.map((list) => FieldSet.of(...list));

/** The naive model: a plain set of joined paths. */
function model(set: FieldSet): Set<string> {
  return new Set([...set.paths()].map((path) => path.join(' ')));
}

function isBelow(path: string, parent: string): boolean {
  return path === parent || path.startsWith(`${parent} `);
}

describe('path elements', () => {
  test('reading what was written gives the same', () => {
    fc.assert(
      fc.property(anyElement, (element) => {
        expect(parsePathElement(element)).toBe(element);
      }),
    );
  });

  test('are ordered totally: fields, keys, values, indexes', () => {
    const example = ['i:2', 'v:10', 'v:2', 'v:"a"', 'v:true', 'k:{"name":"a"}', 'f:b', 'f:a', 'i:10'];
    expect(example.sort(comparePathElements)).toEqual([
      'f:a',
      'f:b',
      'k:{"name":"a"}',
      'v:2',
      'v:10',
      'v:"a"',
      'v:true',
      'i:2',
      'i:10',
    ]);
    fc.assert(
      fc.property(anyElement, anyElement, anyElement, (a, b, c) => {
        expect(Math.sign(comparePathElements(a, b)) + Math.sign(comparePathElements(b, a))).toBe(0);
        const [x = '', y = '', z = ''] = [a, b, c].sort(comparePathElements);
        expect(comparePathElements(x, z) <= 0 && comparePathElements(y, z) <= 0).toBe(true);
      }),
    );
  });

  test('equal keys are equal strings, whatever their order and spaces', () => {
    expect(parsePathElement('k:{ "protocol":"TCP", "port": 80 }')).toBe('k:{"port":80,"protocol":"TCP"}');
    expect(valueElement('a<b')).toBe(String.raw`v:"a\u003cb"`);
  });

  test('are shown as in the causes of a conflict', () => {
    const path = ['f:spec', 'k:{"port":80,"protocol":"TCP"}', 'f:tags', 'v:"a"', 'i:3'];
    expect(formatPath(path)).toBe('.spec[port=80,protocol="TCP"].tags[="a"][3]');
  });

  test.each(['', 'f', 'spec', '__proto__', 'k:1', 'k:{', 'v:', 'i:x', 'i:1e3'])('%j is refused', (text) => {
    expect(() => parsePathElement(text)).toThrow(InvalidInputError);
  });
});

describe('field sets', () => {
  test('reading fieldsV1 that was written gives the same set', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(anyElement, { minLength: 1, maxLength: 4 }), { maxLength: 10 }),
        (list) => {
          const set = FieldSet.of(...list);
          const wire = JSON.parse(JSON.stringify(set.toFieldsV1())) as Json;
          const read = FieldSet.fromFieldsV1(wire);
          expect(read.equals(set)).toBe(true);
          expect(JSON.stringify(read.toFieldsV1())).toBe(JSON.stringify(wire));
        },
      ),
    );
  });

  test('obey the laws of plain sets', () => {
    fc.assert(
      fc.property(sets, sets, (a, b) => {
        const [x, y] = [model(a), model(b)];
        expect(model(a.union(b))).toEqual(x.union(y));
        expect(model(a.intersection(b))).toEqual(x.intersection(y));
        expect(model(a.difference(b))).toEqual(x.difference(y));
        const outside = [...x].filter((path) => ![...y].some((parent) => isBelow(path, parent)));
        expect(model(a.recursiveDifference(b))).toEqual(new Set(outside));
        const leaves = [...x].filter(
          (path) => ![...x].some((other) => other !== path && isBelow(other, path)),
        );
        expect(model(a.leaves())).toEqual(new Set(leaves));
        expect(a.equals(b)).toBe(x.symmetricDifference(y).size === 0);
        expect(a.isEmpty).toBe(x.size === 0);
        for (const path of [...a.paths(), ...b.paths()]) expect(a.has(path)).toBe(x.has(path.join(' ')));
      }),
    );
  });

  test('are never changed by an operation', () => {
    fc.assert(
      fc.property(sets, sets, (a, b) => {
        const before = JSON.stringify([a.toFieldsV1(), b.toFieldsV1()]);
        for (const op of ['union', 'intersection', 'difference', 'recursiveDifference'] as const) a[op](b);
        expect(JSON.stringify([a.toFieldsV1(), b.toFieldsV1()])).toBe(before);
      }),
    );
  });

  test('write a member with members below it as "."', () => {
    const set = FieldSet.of(fieldPath('data'), fieldPath('data', 'a'), fieldPath('spec', 'replicas'));
    expect(set.toFieldsV1()).toEqual({
      'f:data': { '.': {}, 'f:a': {} },
      'f:spec': { 'f:replicas': {} },
    });
  });

  test('skip types of steps that a newer server may have written', () => {
    expect(FieldSet.fromFieldsV1({ 'x:new': { 'f:a': {} }, 'f:b': {} }).toFieldsV1()).toEqual({ 'f:b': {} });
  });

  test('refuse what is malformed or endless', () => {
    const endless = '{"f:a":'.repeat(5000) + '{}' + '}'.repeat(5000);
    for (const bad of [1, [], 'x', { 'f:a': 1 }, { 'f:a': null }, { a: {} }, JSON.parse(endless)]) {
      expect(() => FieldSet.fromFieldsV1(bad as Json)).toThrow(InvalidInputError);
    }
  });

  test('survive a key named __proto__', () => {
    const set = FieldSet.fromFieldsV1(JSON.parse('{"f:__proto__":{"f:polluted":{}}}') as Json);
    expect(set.has(fieldPath('__proto__', 'polluted'))).toBe(true);
    expect(() => FieldSet.fromFieldsV1(JSON.parse('{"__proto__":{}}') as Json)).toThrow(InvalidInputError);
  });
});

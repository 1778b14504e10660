import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Json, jsonClone, jsonEqual, own, setOwn } from './json.ts';

const json = fc.jsonValue() as fc.Arbitrary<Json>;

test('a clone is equal and shares nothing', () => {
  fc.assert(
    fc.property(json, json, (a, b) => {
      const copy = jsonClone(a);
      expect(copy).toEqual(a);
      expect(jsonEqual(copy, a)).toBe(true);
      if (typeof a === 'object' && a !== null) expect(copy).not.toBe(a);
      expect(jsonEqual(a, b)).toBe(JSON.stringify(a) === JSON.stringify(b) || jsonEqual(b, a));
    }),
  );
});

test('equality does not depend on the order of keys, but on that of items', () => {
  expect(jsonEqual({ a: 1, b: [1, 2] }, { b: [1, 2], a: 1 })).toBe(true);
  expect(jsonEqual([1, 2], [2, 1])).toBe(false);
  expect(jsonEqual({ a: 1 }, { a: 1, b: null })).toBe(false);
  expect(jsonEqual({}, [])).toBe(false);
  expect(jsonEqual({ a: undefined }, { b: undefined })).toBe(false);
});

test('keys from outside cannot reach the prototype', () => {
  const hostile = JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1}') as {
    [key: string]: Json;
  };
  const copy = jsonClone(hostile);
  setOwn(copy, '__proto__', 'again');
  expect(Object.getPrototypeOf(copy)).toBe(Object.prototype);
  expect(own(copy, '__proto__')).toBe('again');
  expect(own({}, 'toString')).toBeUndefined();
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});

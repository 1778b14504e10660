import { expect, test } from 'vitest';
import { canonicalJson, fnv1a32, sha256 } from './hash.ts';

test('hashes are the published ones', () => {
  expect(sha256('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  // http://www.isthe.com/chongo/src/fnv/test_fnv.c
  expect([fnv1a32(''), fnv1a32('a'), fnv1a32('foobar')]).toEqual([0x811c9dc5, 0xe40c292c, 0xbf9cf968]);
});

test('canonical JSON does not depend on the order of keys', () => {
  const a = { b: [{ y: 1, x: 2 }], a: undefined, c: null };
  const b = { c: null, b: [{ x: 2, y: 1 }] };
  expect(canonicalJson(a)).toBe('{"b":[{"x":2,"y":1}],"c":null}');
  expect(canonicalJson(b)).toBe(canonicalJson(a));
  expect(canonicalJson({ 10: 1, 9: 1, a: 1 })).toBe(canonicalJson({ a: 1, 9: 1, 10: 1 }));
  expect(canonicalJson([2, 1])).not.toBe(canonicalJson([1, 2]));
});

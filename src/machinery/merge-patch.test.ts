import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isObject, type Json, type JsonObject } from './json.ts';
import { createMergePatch, mergePatch } from './merge-patch.ts';
import { PatchError } from './patch-error.ts';

describe('mergePatch', () => {
  test.each<[Json, Json, Json]>([
    // The appendix of RFC 7386.
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'b' }, ['c'], ['c']],
    [{ a: 'foo' }, null, null],
    [{ a: 'foo' }, 'bar', 'bar'],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('%j patched with %j is %j', (target, patch, expected) => {
    expect(mergePatch(target, patch)).toEqual(expected);
  });

  test('drops nulls of objects in new lists, as the server does, but no null items', () => {
    expect(mergePatch({}, { a: [{ b: null, c: 1 }, null] })).toEqual({ a: [{ c: 1 }, null] });
    expect(mergePatch({ a: { x: 1 } }, { a: [{ b: null }] })).toEqual({ a: [{ b: null }] });
  });

  test('takes __proto__ for a key', () => {
    const patch = JSON.parse('{"__proto__":{"polluted":true}}') as Json;
    const merged = mergePatch({}, patch) as JsonObject;
    expect(Object.keys(merged)).toEqual(['__proto__']);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    expect(mergePatch(merged, JSON.parse('{"__proto__":null}') as Json)).toEqual({});
  });

  test('refuses documents that nest too deeply', () => {
    let deep: Json = 0;
    for (let i = 0; i < 100_000; i++) deep = { a: deep };
    expect(() => mergePatch({}, deep)).toThrow(PatchError);
    expect(() => mergePatch(deep, {})).toThrow(PatchError);
    expect(() => createMergePatch({}, deep as JsonObject)).toThrow(PatchError);
  });
});

describe('createMergePatch', () => {
  test('names what changed and nothing else', () => {
    expect(
      createMergePatch(
        { same: { a: [1] }, gone: 1, list: [1], deep: { a: 1, b: 2 }, kind: { a: 1 } },
        { same: { a: [1] }, list: [1, 2], deep: { a: 1, b: 3, c: {} }, kind: 'text', fresh: { x: 1 } },
      ),
    ).toEqual({ gone: null, list: [1, 2], deep: { b: 3, c: {} }, kind: 'text', fresh: { x: 1 } });
  });

  test('of equal objects is empty', () => {
    expect(createMergePatch({ a: { b: [1, { c: 2 }] } }, { a: { b: [1, { c: 2 }] } })).toEqual({});
  });
});

const json = fc.letrec<{ value: Json; object: JsonObject; patch: JsonObject }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom<Json>(true, 0, 1, 'x', ''),
    fc.array(tie('value'), { maxLength: 3 }),
    tie('object'),
  ),
  object: fc.dictionary(fc.constantFrom('a', 'b', 'c', '__proto__'), tie('value'), { maxKeys: 4 }),
  patch: fc.dictionary(
    fc.constantFrom('a', 'b', 'c', '__proto__'),
    fc.oneof({ maxDepth: 3 }, fc.constant(null), tie('value'), tie('patch')),
    { maxKeys: 4 },
  ),
}));

function hasNullMember(value: Json): boolean {
  if (!isObject(value)) return false;
  return Object.values(value).some((member) => member === null || hasNullMember(member));
}

describe('laws', () => {
  test('the patch from one object to another leads there', () => {
    fc.assert(
      fc.property(json.object, json.object, (from, to) => {
        expect(mergePatch(from, createMergePatch(from, to))).toEqual(to);
      }),
    );
  });

  // Nulls inside lists are excepted: the server keeps those of a list that replaces an object, once.
  test('patching twice is patching once', () => {
    fc.assert(
      fc.property(json.object, json.patch, (target, patch) => {
        const once = mergePatch(target, patch);
        expect(mergePatch(once, patch)).toEqual(once);
      }),
    );
  });

  test('a patch leaves no null where there was none', () => {
    fc.assert(
      fc.property(json.object, json.patch, (target, patch) => {
        expect(hasNullMember(mergePatch(target, patch))).toBe(false);
      }),
    );
  });
});

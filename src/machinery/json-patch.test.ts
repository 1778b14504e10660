import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { jsonClone, type Json } from './json.ts';
import { jsonPatch } from './json-patch.ts';
import { PatchError } from './patch-error.ts';

function failure(target: Json, patch: Json): PatchError {
  try {
    jsonPatch(target, patch);
  } catch (thrown) {
    if (thrown instanceof PatchError) return thrown;
    throw thrown;
  }
  throw new Error('the patch applied');
}

const apply = (target: Json, ...operations: Json[]): Json => jsonPatch(target, operations);

describe('operations', () => {
  test('apply in order', () => {
    expect(
      apply(
        { a: '1', b: '2', c: '3' },
        { op: 'test', path: '/a', value: '1' },
        { op: 'replace', path: '/a', value: 'one' },
        { op: 'remove', path: '/b' },
        { op: 'add', path: '/d', value: { deep: [1] } },
        { op: 'copy', from: '/d/deep', path: '/e' },
        { op: 'move', from: '/c', path: '/d/c' },
      ),
    ).toEqual({ a: 'one', d: { deep: [1], c: '3' }, e: [1] });
  });

  test('address lists by index, from either end, and append with a dash', () => {
    const list = ['a', 'b', 'c'];
    expect(apply(list, { op: 'add', path: '/1', value: 'x' })).toEqual(['a', 'x', 'b', 'c']);
    expect(apply(list, { op: 'add', path: '/3', value: 'x' })).toEqual(['a', 'b', 'c', 'x']);
    expect(apply(list, { op: 'add', path: '/-', value: 'x' })).toEqual(['a', 'b', 'c', 'x']);
    expect(apply(list, { op: 'add', path: '/-1', value: 'x' })).toEqual(['a', 'b', 'c', 'x']);
    expect(apply(list, { op: 'remove', path: '/-1' })).toEqual(['a', 'b']);
    expect(apply(list, { op: 'replace', path: '/-3', value: 'x' })).toEqual(['x', 'b', 'c']);
    expect(apply(list, { op: 'move', from: '/0', path: '/2' })).toEqual(['b', 'c', 'a']);
  });

  test('unescape ~1 and ~0 once', () => {
    expect(apply({ 'a/b': 1, '~1': 2 }, { op: 'remove', path: '/a~1b' })).toEqual({ '~1': 2 });
    expect(apply({ 'a/b': 1, '~1': 2 }, { op: 'remove', path: '/~01' })).toEqual({ 'a/b': 1 });
  });

  test('may replace and test the whole document', () => {
    expect(
      apply({ a: 1 }, { op: 'test', path: '', value: { a: 1 } }, { op: 'replace', path: '', value: [1] }),
    ).toEqual([1]);
  });

  test('depart from the RFC where the server does', () => {
    expect(apply({}, { op: 'replace', path: '/new', value: 1 })).toEqual({ new: 1 });
    expect(apply({}, { op: 'copy', from: '/missing', path: '/b' })).toEqual({ b: null });
    expect(apply({}, { op: 'add', path: '/a' })).toEqual({ a: null });
    expect(apply({}, { op: 'test', path: '/missing', value: null })).toEqual({});
    expect(apply({ a: 1 }, { op: 'remove', path: 'ignored/a' })).toEqual({});
  });

  test('do not share what they copy', () => {
    const value = { list: [1] };
    const patched = apply(
      {},
      { op: 'add', path: '/a', value },
      { op: 'copy', from: '/a', path: '/b' },
      { op: 'add', path: '/b/list/-', value: 2 },
    );
    expect(patched).toEqual({ a: { list: [1] }, b: { list: [1, 2] } });
    expect(value).toEqual({ list: [1] });
  });
});

describe('failures', () => {
  test.each<[string, Json, Json, string]>([
    [
      'a failing test',
      { a: 1 },
      { op: 'test', path: '/a', value: 2 },
      'testing value /a failed: test failed',
    ],
    [
      'a test without its parent',
      {},
      { op: 'test', path: '/a/b', value: 2 },
      'test operation does not apply: is missing path: /a/b: missing value',
    ],
    [
      'remove of a missing member',
      { data: {} },
      { op: 'remove', path: '/data/zz' },
      "error in remove for path: '/data/zz': Unable to remove nonexistent key: zz: missing value",
    ],
    [
      'add below what is missing',
      {},
      { op: 'add', path: '/labels/a', value: 'b' },
      'add operation does not apply: doc is missing path: "/labels/a": missing value',
    ],
    [
      'replace below what is missing',
      {},
      { op: 'replace', path: '/labels/a', value: 'b' },
      'replace operation does not apply: doc is missing path: /labels/a: missing value',
    ],
    [
      'replace behind the end of a list',
      [1],
      { op: 'replace', path: '/1', value: 2 },
      'replace operation does not apply: doc is missing key: /1: missing value',
    ],
    [
      'add behind the end of a list',
      [1],
      { op: 'add', path: '/2', value: 2 },
      "error in add for path: '/2': Unable to access invalid index: 2: invalid index referenced",
    ],
    [
      'an index that is none',
      [1],
      { op: 'add', path: '/x', value: 2 },
      `error in add for path: '/x': value was not a proper array index: 'x': strconv.Atoi: parsing "x": invalid syntax`,
    ],
    [
      'move of a missing member',
      {},
      { op: 'move', from: '/a', path: '/b' },
      "error in move for path: 'a': Unable to remove nonexistent key: a: missing value",
    ],
    [
      'copy from behind the end of a list',
      [1],
      { op: 'copy', from: '/5', path: '/0' },
      "error in copy for from: '/5': Unable to access invalid index: 5: invalid index referenced",
    ],
    ['an unknown operation', {}, { op: 'grow', path: '/a' }, 'Unexpected kind: grow'],
    ['no operation', {}, { path: '/a' }, 'Unexpected kind: unknown'],
    [
      'no path',
      {},
      { op: 'replace' },
      'replace operation failed to decode path: operation missing path field: missing value',
    ],
    [
      'a path through a plain value',
      { a: 1 },
      { op: 'add', path: '/a/b/c' },
      'add operation does not apply: doc is missing path: "/a/b/c": missing value',
    ],
  ])('%s is 422', (_name, target, operation, message) => {
    const error = failure(target, [operation]);
    expect(error.message).toBe(message);
    expect(error).toMatchObject({ status: 422, code: 'Invalid', next: 'stalled' });
  });

  test.each<[string, Json]>([
    ['an object', { data: {} }],
    ['a list of something else', ['add']],
    ['a path that is no text', [{ op: 'add', path: 1 }]],
  ])('%s is no JSON patch: 400', (_name, patch) => {
    expect(failure({}, patch)).toMatchObject({ status: 400, code: 'BadRequest' });
  });

  test('more than 10,000 operations are 413, whatever they say', () => {
    const operations = Array.from({ length: 10_001 }, () => ({ op: 'test', path: '', value: {} }));
    expect(jsonPatch({}, operations.slice(1))).toEqual({});
    const error = failure({}, operations);
    expect(error).toMatchObject({ status: 413, code: 'RequestEntityTooLarge' });
    expect(error.message).toBe('The allowed maximum operations in a JSON patch is 10000, got 10001');
  });

  test('copies that double the document are stopped', () => {
    const doubling = Array.from({ length: 60 }, (_, i) => ({ op: 'copy', from: '/a', path: `/a/${i}` }));
    const error = failure({ a: { text: 'x'.repeat(10_000) } }, doubling);
    expect(error.message).toMatch(
      /^Unable to complete the copy, the accumulated size increase of copy is \d+,/,
    );
  });

  test('nesting is bounded, in documents and by patching', () => {
    let deep: Json = 0;
    for (let i = 0; i < 100_000; i++) deep = [deep];
    expect(failure(deep, []).status).toBe(400);
    const wrap = [
      { op: 'add', path: '/b', value: {} },
      { op: 'move', from: '/a', path: '/b/a' },
      { op: 'move', from: '/b', path: '/a' },
    ];
    expect(failure({ a: {} }, Array.from({ length: 3_000 }, () => wrap).flat()).status).toBe(400);
  });
});

test('a key named __proto__ is a key', () => {
  const patched = apply({}, { op: 'add', path: '/__proto__', value: { polluted: true } });
  expect(Object.keys(patched as object)).toEqual(['__proto__']);
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  expect(failure({}, [{ op: 'add', path: '/__proto__/polluted', value: true }]).status).toBe(422);
  expect(failure({}, [{ op: 'remove', path: '/constructor' }]).status).toBe(422);
});

const key = fc.constantFrom('a', 'b', '0', '1', '-', '-1', '__proto__', '~0', '');
const pointer = fc.array(key, { maxLength: 3 }).map((tokens) => tokens.map((token) => `/${token}`).join(''));
const operation = fc.record(
  {
    op: fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test'),
    path: pointer,
    from: pointer,
    value: fc.jsonValue({ maxDepth: 2 }),
  },
  { requiredKeys: ['op'] },
);
const target = fc.dictionary(fc.constantFrom('a', 'b', '0', '__proto__'), fc.jsonValue({ maxDepth: 3 }));

test('whatever the patch says, its inputs stay as they are and a failure is typed', () => {
  fc.assert(
    fc.property(target, fc.array(operation, { maxLength: 5 }), (document, patch) => {
      const before = [jsonClone(document), jsonClone(patch)];
      try {
        jsonPatch(document as Json, patch as Json);
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(PatchError);
      }
      expect([document, patch]).toEqual(before);
    }),
  );
});

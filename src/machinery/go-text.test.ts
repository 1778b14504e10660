import { expect, test } from 'vitest';
import { goJson, goText, goType } from './go-text.ts';
import type { Json } from './json.ts';

test.each<[Json, string]>([
  [null, '<nil>'],
  ['a b', 'a b'],
  [true, 'true'],
  [[1, 'x', null], '[1 x <nil>]'],
  [{ b: [], a: { c: 1 } }, 'map[a:map[c:1] b:[]]'],
  [1_000_000, '1000000'],
  [0.0001, '0.0001'],
  [0.00001, '1e-05'],
  [-1.5e-10, '-1.5e-10'],
  [1e21, '1e+21'],
  [0, '0'],
])('%j prints as %s', (value, text) => {
  expect(goText(value)).toBe(text);
});

test('JSON has sorted keys and escapes what could end a script', () => {
  expect(goJson({ b: '</script>&', a: [null, '\u2028"'] })).toBe(
    '{"a":[null,"\\u2028\\""],"b":"\\u003c/script\\u003e\\u0026"}',
  );
});

test('types have the names of decoded JSON', () => {
  expect([null, [], {}, 1, 1.5, 'x', true].map(goType)).toEqual([
    '%!s(<nil>)',
    '[]interface {}',
    'map[string]interface {}',
    'int64',
    'float64',
    'string',
    'bool',
  ]);
});

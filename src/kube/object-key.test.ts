import { expect, test } from 'vitest';
import { formatKey, parseKey } from './object-key.ts';

test.each([
  [{ namespace: 'ns', name: 'a' }, 'ns/a'],
  [{ name: 'a' }, 'a'],
])('the key of %j is %s, and back', (key, text) => {
  expect(formatKey(key)).toBe(text);
  expect(parseKey(text)).toEqual(key);
});

test('an empty namespace is none', () => {
  expect(formatKey({ namespace: '', name: 'a' })).toBe('a');
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { escapeName, unescapeName } from './property-names.ts';

test.each([
  ['a', 'a'],
  ['a-b', 'a__dash__b'],
  ['a.b', 'a__dot__b'],
  ['a/b', 'a__slash__b'],
  ['a__b', 'a__underscores__b'],
  ['namespace', '__namespace__'],
  ['int', 'int'],
  ['1a', undefined],
  ['', undefined],
  ['a b', undefined],
  ['über', undefined],
])('%s is known as %s', (name, identifier) => {
  expect(escapeName(name)).toBe(identifier);
});

test('an identifier stands for the name it was made of', () => {
  const name = fc.stringMatching(/^[a-z_./-][a-z0-9_./-]{0,12}$/);
  fc.assert(
    fc.property(name, (original) => {
      const identifier = escapeName(original);
      expect(identifier).toMatch(/^[A-Za-z_]\w*$/);
      expect(unescapeName(identifier ?? '')).toBe(original);
    }),
  );
});

test('an identifier with an unknown escape stands for none', () => {
  expect(unescapeName('a__nope__b')).toBeUndefined();
});

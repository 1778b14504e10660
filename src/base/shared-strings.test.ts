import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SharedStrings } from './shared-strings.ts';

test('a value is equal to what it was, whatever it holds', () => {
  const strings = new SharedStrings();
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(strings.share(JSON.parse(text) as unknown)).toEqual(JSON.parse(text));
    }),
  );
  const proto = strings.share(JSON.parse('{"__proto__":"0123456789abc"}') as object);
  expect(JSON.stringify(proto)).toBe('{"__proto__":"0123456789abc"}');
  expect(Object.getPrototypeOf(proto)).toBe(Object.prototype);
});

test('hostile depth and numbers of strings are no trouble', () => {
  const strings = new SharedStrings();
  const deep = `${'['.repeat(5_000)}"0123456789abc"${']'.repeat(5_000)}`;
  expect(() => strings.share(JSON.parse(deep) as unknown)).not.toThrow();
  const many = Array.from({ length: 20_000 }, (_, i) => `string number ${i}`);
  expect(strings.share([...many])).toEqual(many);
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { splitCommand } from './command-line.ts';

test.each([
  ['hey -z 1m  -q 10\thttp://app/', ['hey', '-z', '1m', '-q', '10', 'http://app/']],
  [`curl -d '{"a": "b c"}' "http://app/?x=1&y=2"`, ['curl', '-d', '{"a": "b c"}', 'http://app/?x=1&y=2']],
  ['a"b"\'c\'\\ d "" \\\'', ['abc d', '', "'"]],
  ['hey \\\n  http://app/\n', ['hey', 'http://app/']],
  ['"\\"\\\\\\n"', ['"\\\\n']],
  ['http://app/?a=*{b,c}~', ['http://app/?a=*{b,c}~']],
  ['   ', []],
])('%j is split as a shell splits it', (text, words) => {
  expect(splitCommand(text)).toEqual(words);
});

test.each(['a | b', 'a && b', 'a; b', 'a > b', 'a $B', 'a "$(b)"', 'a `b`', 'a\nb', 'http://x/?a=1&b=2'])(
  '%j takes a shell, and is refused',
  (text) => {
    expect(() => splitCommand(text)).toThrow('without a shell');
  },
);

test.each(["a 'b", 'a "b', 'a \\', 'x'.repeat(17_000)])('%.20j is refused', (text) => {
  expect(() => splitCommand(text)).toThrow(/without an end|backslash|longer/);
});

test('every word survives in single quotes', () => {
  const word = fc.string().map((text) => text.replaceAll("'", '').replaceAll('\\\n', ''));
  fc.assert(
    fc.property(fc.array(word), (words) => {
      expect(splitCommand(words.map((one) => `'${one}'`).join(' '))).toEqual(words);
    }),
  );
});

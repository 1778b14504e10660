import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatDecimal, formatValue, parseFloatText, parsePromDuration, unquote } from './go-values.ts';

test.each([
  [0, '0'],
  [-0, '-0'],
  [1e6, '1000000'],
  [1e20, '100000000000000000000'],
  [1e21, '1e+21'],
  [1e-6, '0.000001'],
  [1.5e-7, '1.5e-07'],
  [1e100, '1e+100'],
  [Number.NaN, 'NaN'],
  [Number.POSITIVE_INFINITY, '+Inf'],
  [Number.NEGATIVE_INFINITY, '-Inf'],
])('%d is written %s', (value, text) => {
  expect(formatValue(value)).toBe(text);
});

test('without exponent, any size', () => {
  expect(formatDecimal(1.25e22)).toBe('12500000000000000000000');
  expect(formatDecimal(-1.25e-8)).toBe('-0.0000000125');
});

test('every number reads back as itself, however it is written', () => {
  fc.assert(
    fc.property(fc.double(), (value) => {
      expect(parseFloatText(formatValue(value))).toBe(value);
      expect(parseFloatText(formatDecimal(value))).toBe(value);
    }),
  );
});

test.each(['', ' 1', '1 ', '1e', '0x1', '1_0', '--1', '1e999', '+NaN', 'infinit', '1.2.3', '.'])(
  '%j is no number',
  (text) => {
    expect(parseFloatText(text)).toBeUndefined();
  },
);

test('infinity has many names, and hexadecimal an exponent', () => {
  expect(['Inf', '+inf', 'INFINITY'].map(parseFloatText)).toEqual([Infinity, Infinity, Infinity]);
  expect(parseFloatText('-0x1.8p1')).toBe(-3);
});

test('durations go from large units to small ones', () => {
  expect(parsePromDuration('1h30m')).toBe(5_400_000);
  expect(parsePromDuration('1d12h')).toBe(129_600_000);
  expect(parsePromDuration('0')).toBe(0);
  expect(['', '30m1h', '1.5h', '5', '-1m', '300y'].map(parsePromDuration)).toEqual(
    Array.from({ length: 6 }, () => undefined),
  );
});

test('string literals', () => {
  expect(unquote(String.raw`"a\n\x41\101\u00e9\"'"`)).toBe('a\nAAé"\'');
  expect(unquote(String.raw`'\xc3\xa9'`)).toBe('é');
  expect(unquote('`a\\n`')).toBe('a\\n');
  expect([String.raw`"\'"`, String.raw`"\q"`, '"a', '"', String.raw`"\ud800"`].map(unquote)).toEqual(
    Array.from({ length: 5 }, () => undefined),
  );
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Quantity, parseQuantity } from './quantity.ts';
import type { QuantityFormat } from './quantity.ts';

const unit = 10n ** 9n;

// The tables of apimachinery's quantity_test.go: the text, how it prints, its format.
describe('parsing and printing', () => {
  const cases: [string, string, QuantityFormat][] = [
    ['0', '0', 'DecimalSI'],
    ['0Ki', '0', 'BinarySI'],
    ['00', '0', 'DecimalSI'],
    ['1', '1', 'DecimalSI'],
    ['+1', '+1', 'DecimalSI'],
    ['1Ki', '1Ki', 'BinarySI'],
    ['1024Mi', '1Gi', 'BinarySI'],
    ['307200Ki', '300Mi', 'BinarySI'],
    ['1025024Mi', '1001Gi', 'BinarySI'],
    ['8Ki', '8Ki', 'BinarySI'],
    ['3Ei', '3Ei', 'BinarySI'],
    ['0.5Mi', '512Ki', 'BinarySI'],
    ['.001Ki', '1024m', 'BinarySI'],
    ['.000001Ki', '1024u', 'DecimalSI'],
    ['.000000001Ki', '1024n', 'DecimalSI'],
    ['0.000000000001Ki', '2n', 'DecimalSI'],
    ['9Ei', '9223372036854775807', 'BinarySI'],
    ['9223372036854775807Ki', '9223372036854775807', 'BinarySI'],
    ['5n', '5n', 'DecimalSI'],
    ['1000u', '1m', 'DecimalSI'],
    ['5000m', '5', 'DecimalSI'],
    ['1000M', '1G', 'DecimalSI'],
    ['0.001T', '1G', 'DecimalSI'],
    ['0.5', '500m', 'DecimalSI'],
    ['1.08', '1080m', 'DecimalSI'],
    ['40.1T', '40100G', 'DecimalSI'],
    ['12E', '12E', 'DecimalSI'],
    ['5000E', '5000E', 'DecimalSI'],
    ['.001e12', '1e9', 'DecimalExponent'],
    ['0.001e0', '1e-3', 'DecimalExponent'],
    ['1000e-12', '1e-9', 'DecimalExponent'],
    ['1.1E-9', '2e-9', 'DecimalExponent'],
    ['1e14', '100e12', 'DecimalExponent'],
    ['1e-900', '1e-9', 'DecimalExponent'],
    ['3.001n', '4n', 'DecimalSI'],
    ['0.00000012345', '124n', 'DecimalSI'],
    // Left as they are.
    ['1E6', '1E6', 'DecimalExponent'],
    ['1.500', '1.500', 'DecimalSI'],
    ['100.035k', '100.035k', 'DecimalSI'],
    ['1.G', '1.G', 'DecimalSI'],
  ];

  test.each(cases)('%s is %s', (text, printed, format) => {
    const quantity = parseQuantity(text);
    expect(String(quantity)).toBe(printed);
    expect(quantity.format).toBe(format);
    expect(JSON.stringify({ quantity })).toBe(`{"quantity":"${printed}"}`);
    if (quantity.isZero() || text.startsWith('+')) return;
    expect(String(parseQuantity(`-${text}`))).toBe(`-${printed}`);
  });

  test.each([
    '',
    ' 1',
    '1 ',
    '1.1.M',
    '1+1.0M',
    '0.1mi',
    '0.1am',
    'aoeu',
    '.5i',
    '1i',
    '-3.01e-',
    '.',
    'k',
    '1e',
  ])('%j is refused', (text) => {
    expect(() => parseQuantity(text)).toThrow(/quantit/);
  });

  test('JSON may have a number', () => {
    expect(String(parseQuantity(0.25))).toBe('250m');
    expect(String(parseQuantity(2))).toBe('2');
    expect(() => parseQuantity(Number.NaN)).toThrow('quantities must match the regular expression');
  });

  test('a few bytes cannot ask for an astronomic number', () => {
    expect(() => parseQuantity('1e1000000000')).toThrow('unable to parse numeric part of quantity');
    expect(() => parseQuantity('9'.repeat(1_000_000))).toThrow('unable to parse numeric part of quantity');
    expect(String(parseQuantity('1e-1000000000'))).toBe('1e-9');
  });
});

test.each([
  ['0', '0', 0],
  ['100m', '50m', 1],
  ['50m', '100m', -1],
  ['10000T', '100Gi', 1],
  ['1Ki', '1024', 0],
  ['1e3', '1k', 0],
])('%s compared with %s is %i', (a, b, expected) => {
  expect(parseQuantity(a).compare(parseQuantity(b))).toBe(expected);
});

test('whole and thousandth values round away from zero', () => {
  expect(parseQuantity('1500m').value()).toBe(2n);
  expect(parseQuantity('-1500m').value()).toBe(-2n);
  expect(parseQuantity('1Gi').value()).toBe(1n << 30n);
  expect(parseQuantity('0.5').milliValue()).toBe(500n);
  expect(parseQuantity('1u').milliValue()).toBe(1n);
  expect(parseQuantity('-1u').milliValue()).toBe(-1n);
  expect(parseQuantity('1.5').asApproximateFloat()).toBe(1.5);
});

test('a sum has the format of the first that is not zero', () => {
  for (const text of ['100m', '1Gi']) {
    const quantity = parseQuantity(text);
    expect(String(quantity.add(Quantity.zero))).toBe(text);
    expect(String(Quantity.zero.add(quantity))).toBe(text);
    expect(String(Quantity.zero.sub(quantity))).toBe(String(quantity.neg()));
  }
  expect(String(parseQuantity('1Gi').add(parseQuantity('1G')))).toBe('2073741824');
});

const formats: QuantityFormat[] = ['DecimalSI', 'BinarySI', 'DecimalExponent'];
const quantities = fc
  .tuple(
    fc.oneof(
      fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }),
      fc.bigInt({ min: -2000n, max: 2000n }).map((n) => n * unit * 1024n),
    ),
    fc.constantFrom(...formats),
  )
  .map(([nanos, format]) => new Quantity(nanos, format));

describe('laws', () => {
  test('the canonical form keeps the value and stays as it is', () => {
    fc.assert(
      fc.property(quantities, (quantity) => {
        const again = parseQuantity(String(quantity));
        expect(again.compare(quantity)).toBe(0);
        expect(String(again)).toBe(String(quantity));
      }),
    );
  });

  test('compare is a total order that agrees with subtraction', () => {
    fc.assert(
      fc.property(quantities, quantities, quantities, (a, b, c) => {
        expect(a.compare(a)).toBe(0);
        expect(a.compare(b) + b.compare(a)).toBe(0);
        if (a.compare(b) <= 0 && b.compare(c) <= 0) expect(a.compare(c)).toBeLessThanOrEqual(0);
        expect(a.sub(b).compare(Quantity.zero)).toBe(a.compare(b));
      }),
    );
  });

  test('add and sub undo each other', () => {
    fc.assert(
      fc.property(quantities, quantities, (a, b) => {
        expect(a.add(b).sub(b).compare(a)).toBe(0);
        expect(a.add(b).compare(b.add(a))).toBe(0);
        expect(a.add(a.neg()).isZero()).toBe(true);
      }),
    );
  });

  test('every text is parsed or refused with a typed error, and what prints parses', () => {
    const texts = fc.oneof(fc.string(), fc.stringMatching(/^[-+0-9.eEinumkKMGTP]{0,12}$/));
    fc.assert(
      fc.property(texts, (text) => {
        let quantity;
        try {
          quantity = parseQuantity(text);
        } catch (error) {
          expect(error).toMatchObject({ code: 'InvalidQuantity', next: 'stalled' });
          return;
        }
        expect(parseQuantity(String(quantity)).compare(quantity)).toBe(0);
      }),
    );
  });
});

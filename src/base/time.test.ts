import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatMicroTime, formatTime, parseTime } from './time.ts';

describe('RFC 3339 times', () => {
  test.each([
    ['1970-01-01T00:00:00Z', 0],
    ['2026-11-25T12:34:56Z', Date.UTC(2026, 10, 25, 12, 34, 56)],
    ['2026-11-25T12:34:56.5Z', Date.UTC(2026, 10, 25, 12, 34, 56, 500)],
    ['2026-11-25T12:34:56.123456Z', Date.UTC(2026, 10, 25, 12, 34, 56, 123) + 0.456],
    ['2026-11-25T14:34:56+02:00', Date.UTC(2026, 10, 25, 12, 34, 56)],
    ['2026-11-25T07:04:56-05:30', Date.UTC(2026, 10, 25, 12, 34, 56)],
    ['2024-02-29t00:00:00z', Date.UTC(2024, 1, 29)],
    ['0001-01-01T00:00:00Z', -62_135_596_800_000],
  ])('%s', (text, ms) => {
    expect(parseTime(text)).toBeCloseTo(ms, 3);
  });

  test.each([
    '',
    'yesterday',
    '2026-11-25',
    '2026-11-25 12:34:56Z',
    '2026-02-29T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T00:60:00Z',
    '2026-01-01T00:00:60Z',
    '2026-01-01T00:00:00',
    '2026-01-01T00:00:00+24:00',
    '1767225600',
  ])('refuses %j', (text) => {
    expect(() => parseTime(text)).toThrow(/invalid time/);
  });

  test('are printed as metav1.Time and metav1.MicroTime', () => {
    const ms = Date.UTC(2026, 10, 25, 12, 34, 56, 7) + 0.25;
    expect(formatTime(ms)).toBe('2026-11-25T12:34:56Z');
    expect(formatMicroTime(ms)).toBe('2026-11-25T12:34:56.007250Z');
    expect(formatTime(-1)).toBe('1969-12-31T23:59:59Z');
  });

  test('parsing what was printed gives the same instant', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4e12 }), (ms) => {
        expect(parseTime(formatTime(ms))).toBe(Math.floor(ms / 1000) * 1000);
        expect(parseTime(formatMicroTime(ms))).toBeCloseTo(ms, 3);
      }),
    );
  });
});

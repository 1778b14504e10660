import { InvalidInputError } from './errors.ts';

const nanosPerUnit = new Map<string, bigint>([
  ['ns', 1n],
  ['us', 1_000n],
  ['µs', 1_000n], // U+00B5, micro sign
  ['μs', 1_000n], // U+03BC, Greek letter mu
  ['ms', 1_000_000n],
  ['s', 1_000_000_000n],
  ['m', 60_000_000_000n],
  ['h', 3_600_000_000_000n],
]);

const part = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y;
const longestNanos = 2n ** 63n - 1n;

/**
 * Parses a duration as Go writes it: `1m30s`, `1.5h`, `-200ms`, `0`.
 *
 * @returns milliseconds; finer parts become a fraction
 * @throws InvalidInputError for anything that Go's time.ParseDuration refuses, or that overflows its 292 years
 */
export function parseDuration(text: string): number {
  const invalid = (why: string): InvalidInputError =>
    new InvalidInputError(`invalid duration ${JSON.stringify(text)}: ${why}`, 'InvalidDuration');
  const negative = text.startsWith('-');
  const digits = text.replace(/^[-+]/, '');
  if (digits === '0') return 0;
  if (digits === '') throw invalid('it is empty');
  let nanos = 0n;
  part.lastIndex = 0;
  while (part.lastIndex < digits.length) {
    const match = part.exec(digits);
    const [, value = '', unit = ''] = match ?? [];
    const perUnit = nanosPerUnit.get(unit);
    if (perUnit === undefined) throw invalid('want numbers with units, as in 1h30m, 45s or 200ms');
    const [whole = '', fraction = ''] = value.split('.');
    nanos += BigInt(whole === '' ? 0 : whole) * perUnit;
    // In floating point, truncated, as Go does. More digits than these cannot change the result.
    const counted = fraction.slice(0, 19);
    nanos += BigInt(Math.trunc(Number(counted) * (Number(perUnit) / 10 ** counted.length)));
    if (nanos > longestNanos) throw invalid('it is longer than 292 years');
  }
  const ms = Number(nanos) / 1e6;
  return negative ? -ms : ms;
}

/** Whether {@link parseDuration} takes it. */
export function isDuration(text: string): boolean {
  try {
    parseDuration(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * Formats a duration as Go's Duration.String does: `1m30s`, `1.5s`, `200ms`, `0s`.
 *
 * @param ms milliseconds; a fraction becomes microseconds or nanoseconds
 */
export function formatDuration(ms: number): string {
  const nanos = BigInt(Math.round(Math.abs(ms) * 1e6));
  const sign = ms < 0 && nanos > 0n ? '-' : '';
  if (nanos === 0n) return '0s';
  if (nanos < 1_000n) return `${sign}${nanos}ns`;
  if (nanos < 1_000_000n) return `${sign}${decimal(nanos, 3)}µs`;
  if (nanos < 1_000_000_000n) return `${sign}${decimal(nanos, 6)}ms`;
  const minutes = nanos / 60_000_000_000n;
  const seconds = `${decimal(nanos % 60_000_000_000n, 9)}s`;
  if (minutes === 0n) return sign + seconds;
  if (minutes < 60n) return `${sign}${minutes}m${seconds}`;
  return `${sign}${minutes / 60n}h${minutes % 60n}m${seconds}`;
}

/** `value / 10^places` without trailing zeros. */
function decimal(value: bigint, places: number): string {
  const text = value.toString().padStart(places + 1, '0');
  const fraction = text.slice(-places).replace(/0+$/, '');
  return fraction === '' ? text.slice(0, -places) : `${text.slice(0, -places)}.${fraction}`;
}

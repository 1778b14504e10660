import { parseDuration } from '../../base/duration.ts';
import { errorMessage } from '../../base/errors.ts';
import { formatTime, parseTime } from '../../base/time.ts';
import type { Budget } from './errors.ts';
import { CelEvaluationError } from './errors.ts';
import type { FunctionTable } from './function-table.ts';
import { checkPattern, matches } from './patterns.ts';
import type { List, MapValue, Value } from './values.ts';
import { codePoints, Duration, formatDouble, Timestamp, TypeValue, Uint } from './values.ts';
import { typeOf } from './type-of.ts';

const minInt = -(2n ** 63n);
const maxInt = 2n ** 63n - 1n;
const maxUint = 2n ** 64n - 1n;

export function int(value: bigint): bigint {
  if (value < minInt || value > maxInt) throw new CelEvaluationError('integer overflow');
  return value;
}

export function uint(value: bigint): Uint {
  if (value < 0n || value > maxUint) throw new CelEvaluationError('unsigned integer overflow');
  return new Uint(value);
}

/** The years 1 to 9999, in nanoseconds since the Unix epoch. */
const firstTime = -62_135_596_800_000_000_000n;
const lastTime = 253_402_300_799_999_999_999n;

export function timestamp(nanos: bigint): Timestamp {
  if (nanos < firstTime || nanos > lastTime) throw new CelEvaluationError('timestamp overflow');
  return new Timestamp(nanos);
}

/** Charges for parsing the whole text. */
function reading<T>(read: (text: string) => T) {
  return (text: string, budget: Budget): T => {
    budget.charge(3 + text.length / 10);
    return read(text);
  };
}

/** The functions of the language itself, without operators. */
export function defineStandardFunctions(table: FunctionTable): void {
  defineSize(table);
  defineStringTests(table);
  defineNumberConversions(table);
  defineOtherConversions(table);
}

function defineSize(table: FunctionTable): void {
  const ofString = (text: string, budget: Budget): bigint => {
    budget.chargeSize(text.length);
    return BigInt(codePoints(text).length);
  };
  const ofBytes = (bytes: Uint8Array): bigint => BigInt(bytes.length);
  const ofList = (list: List): bigint => BigInt(list.size);
  const ofMap = (map: MapValue, budget: Budget): bigint => {
    const size = map.mapSize;
    budget.chargeSize(size);
    return BigInt(size);
  };
  table
    .define('size(string): int', ofString)
    .define('size(bytes): int', ofBytes)
    .define('size(list<A>): int', ofList)
    .define('size(map<A, B>): int', ofMap)
    .define('string.size(): int', ofString)
    .define('bytes.size(): int', ofBytes)
    .define('list<A>.size(): int', ofList)
    .define('map<A, B>.size(): int', ofMap);
}

function defineStringTests(table: FunctionTable): void {
  const test =
    (holds: (text: string, part: string) => boolean) =>
    (text: string, part: string, budget: Budget): boolean => {
      budget.chargeSize(text.length);
      return holds(text, part);
    };
  const patternCheck = checkPattern('matches', 1);
  table
    .define(
      'string.contains(string): bool',
      test((text, part) => text.includes(part)),
    )
    .define(
      'string.startsWith(string): bool',
      test((text, part) => text.startsWith(part)),
    )
    .define(
      'string.endsWith(string): bool',
      test((text, part) => text.endsWith(part)),
    )
    .define('string.matches(string): bool', matches, patternCheck)
    .define('matches(string, string): bool', matches, patternCheck);
}

function parseDigits(text: string, type: string): bigint {
  const limit = type === 'int' ? /^[+-]?\d{1,19}$/ : /^\d{1,20}$/;
  if (!limit.test(text)) throw new CelEvaluationError(`type conversion error from 'string' to '${type}'`);
  return BigInt(text.replace(/^\+/, ''));
}

function truncated(value: number): bigint {
  if (!Number.isFinite(value)) throw new CelEvaluationError('integer overflow');
  return BigInt(Math.trunc(value));
}

function parseDouble(text: string): number {
  if (/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text)) return Number(text);
  const named = /^([+-]?)(?:inf|infinity)$/i.exec(text);
  if (named !== null) return named[1] === '-' ? -Infinity : Infinity;
  if (/^nan$/i.test(text)) return Number.NaN;
  throw new CelEvaluationError(`type conversion error from 'string' to 'double'`);
}

function defineNumberConversions(table: FunctionTable): void {
  table
    .define('int(int): int', (value: bigint) => value)
    .define('int(uint): int', (value: Uint) => int(value.value))
    .define('int(double): int', (value: number) => int(truncated(value)))
    .define(
      'int(string): int',
      reading((text) => int(parseDigits(text, 'int'))),
    )
    .define('int(timestamp): int', (value: Timestamp) => floorDivide(value.nanos, nanosPerSecond))
    .define('int(duration): int', (value: Duration) => value.nanos)
    .define('uint(uint): uint', (value: Uint) => value)
    .define('uint(int): uint', (value: bigint) => uint(value))
    .define('uint(double): uint', (value: number) => uint(truncated(value)))
    .define(
      'uint(string): uint',
      reading((text) => uint(parseDigits(text, 'uint'))),
    )
    .define('double(double): double', (value: number) => value)
    .define('double(int): double', Number)
    .define('double(uint): double', (value: Uint) => Number(value.value))
    .define('double(string): double', reading(parseDouble));
}

function parseBool(text: string): boolean {
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text)) return true;
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(text)) return false;
  throw new CelEvaluationError(`type conversion error from 'string' to 'bool'`);
}

function decodeUtf8(bytes: Uint8Array, budget: Budget): string {
  budget.chargeSize(bytes.length);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new CelEvaluationError('invalid UTF-8 in bytes, cannot convert to string');
  }
}

function encodeUtf8(text: string, budget: Budget): Uint8Array {
  budget.chargeSize(text.length);
  return new TextEncoder().encode(text);
}

function defineOtherConversions(table: FunctionTable): void {
  table
    .define('string(string): string', (value: string) => value)
    .define('string(bool): string', String)
    .define('string(int): string', String)
    .define('string(uint): string', (value: Uint) => String(value.value))
    .define('string(double): string', formatDouble)
    .define('string(bytes): string', decodeUtf8)
    .define('string(timestamp): string', formatTimestamp)
    .define('string(duration): string', formatSeconds)
    .define('bytes(bytes): bytes', (value: Uint8Array) => value)
    .define('bytes(string): bytes', encodeUtf8)
    .define('bool(bool): bool', (value: boolean) => value)
    .define('bool(string): bool', reading(parseBool))
    .define('dyn(A): dyn', (value: Value) => value)
    .define('type(A): type<A>', (value: Value) => new TypeValue(typeOf(value)))
    .define('timestamp(timestamp): timestamp', (value: Timestamp) => value)
    .define('timestamp(int): timestamp', (value: bigint) => timestamp(value * nanosPerSecond))
    .define('timestamp(string): timestamp', reading(parseTimestamp), literal('timestamp', parseTimestamp))
    .define('duration(duration): duration', (value: Duration) => value)
    .define('duration(int): duration', (value: bigint) => new Duration(value))
    .define('duration(string): duration', reading(toDuration), literal('duration', toDuration));
}

/** Finds a literal that cannot be parsed when the expression is compiled. */
function literal(name: string, parse: (text: string) => unknown) {
  return ([text]: readonly (Value | undefined)[]): string | undefined => {
    try {
      if (typeof text === 'string') parse(text);
      return undefined;
    } catch {
      return `invalid ${name} argument`;
    }
  };
}

const nanosPerSecond = 1_000_000_000n;

export function floorDivide(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  return dividend % divisor < 0n ? quotient - 1n : quotient;
}

/** @throws CelEvaluationError unless it is RFC 3339 */
export function parseTimestamp(text: string): Timestamp {
  const fraction = /\.(\d{1,9})(?=[Zz+-])/.exec(text);
  try {
    const seconds = parseTime(fraction === null ? text : text.replace(fraction[0], ''));
    const nanos = BigInt((fraction?.[1] ?? '').padEnd(9, '0'));
    return timestamp(BigInt(seconds) * 1_000_000n + nanos);
  } catch (error) {
    throw new CelEvaluationError(errorMessage(error));
  }
}

/** @throws CelEvaluationError unless Go would take it for a duration */
export function toDuration(text: string): Duration {
  try {
    return new Duration(BigInt(Math.round(parseDuration(text) * 1e6)));
  } catch (error) {
    throw new CelEvaluationError(errorMessage(error));
  }
}

export function formatTimestamp({ nanos }: Timestamp): string {
  const seconds = floorDivide(nanos, nanosPerSecond);
  const rest = nanos - seconds * nanosPerSecond;
  const text = formatTime(Number(seconds) * 1000);
  const fraction = rest === 0n ? '' : `.${rest.toString().padStart(9, '0').replace(/0+$/, '')}`;
  return `${text.slice(0, -1)}${fraction}Z`;
}

export function formatSeconds({ nanos }: Duration): string {
  const size = nanos < 0n ? -nanos : nanos;
  const fraction = (size % nanosPerSecond).toString().padStart(9, '0').replace(/0+$/, '');
  const whole = `${nanos < 0n ? '-' : ''}${size / nanosPerSecond}`;
  return `${whole}${fraction === '' ? '' : `.${fraction}`}s`;
}

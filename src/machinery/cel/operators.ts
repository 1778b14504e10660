import type { Budget } from './errors.ts';
import { CelEvaluationError } from './errors.ts';
import type { FunctionTable } from './function-table.ts';
import { int, timestamp, uint } from './standard-functions.ts';
import type { List, MapValue, Uint, Value } from './values.ts';
import { compareNumbers, concatenate, Duration, equal, Optional, Timestamp } from './values.ts';

export function defineOperators(table: FunctionTable): void {
  defineArithmetic(table);
  defineConcatenation(table);
  defineTimeArithmetic(table);
  defineOrder(table);
  defineAccess(table);
}

function divide(a: bigint, b: bigint): bigint {
  if (b === 0n) throw new CelEvaluationError('division by zero');
  return a / b;
}

function modulo(a: bigint, b: bigint): bigint {
  if (b === 0n) throw new CelEvaluationError('modulus by zero');
  return a % b;
}

function defineArithmetic(table: FunctionTable): void {
  const integers: [string, (a: bigint, b: bigint) => bigint][] = [
    ['+', (a, b) => a + b],
    ['-', (a, b) => a - b],
    ['*', (a, b) => a * b],
    ['/', divide],
    ['%', modulo],
  ];
  for (const [symbol, apply] of integers) {
    table.define(`_${symbol}_(int, int): int`, (a: bigint, b: bigint) => int(apply(a, b)));
    table.define(`_${symbol}_(uint, uint): uint`, (a: Uint, b: Uint) => uint(apply(a.value, b.value)));
  }
  table
    .define('_+_(double, double): double', (a: number, b: number) => a + b)
    .define('_-_(double, double): double', (a: number, b: number) => a - b)
    .define('_*_(double, double): double', (a: number, b: number) => a * b)
    .define('_/_(double, double): double', (a: number, b: number) => a / b)
    .define('-_(int): int', (a: bigint) => int(-a))
    .define('-_(double): double', (a: number) => -a)
    .define('!_(bool): bool', (a: boolean) => !a);
}

function defineConcatenation(table: FunctionTable): void {
  table
    .define('_+_(string, string): string', (a: string, b: string, budget: Budget) => {
      budget.chargeSize(a.length + b.length);
      return a + b;
    })
    .define('_+_(bytes, bytes): bytes', (a: Uint8Array, b: Uint8Array, budget: Budget) => {
      budget.chargeSize(a.length + b.length);
      return new Uint8Array([...a, ...b]);
    })
    .define('_+_(list<A>, list<A>): list<A>', concatenate);
}

function defineTimeArithmetic(table: FunctionTable): void {
  table
    .define('_+_(timestamp, duration): timestamp', (a: Timestamp, b: Duration) => later(a, b.nanos))
    .define('_+_(duration, timestamp): timestamp', (a: Duration, b: Timestamp) => later(b, a.nanos))
    .define('_+_(duration, duration): duration', (a: Duration, b: Duration) => span(a.nanos + b.nanos))
    .define('_-_(timestamp, duration): timestamp', (a: Timestamp, b: Duration) => later(a, -b.nanos))
    .define('_-_(timestamp, timestamp): duration', (a: Timestamp, b: Timestamp) => span(a.nanos - b.nanos))
    .define('_-_(duration, duration): duration', (a: Duration, b: Duration) => span(a.nanos - b.nanos))
    .define('-_(duration): duration', (a: Duration) => span(-a.nanos));
}

function span(nanos: bigint): Duration {
  return new Duration(int(nanos));
}

function later({ nanos }: Timestamp, by: bigint): Timestamp {
  return timestamp(nanos + by);
}

/** Order of two values of one type, or of two numbers. NaN where there is none. */
export function compare(a: Value, b: Value, budget: Budget): number {
  const numbers = compareNumbers(a, b);
  if (numbers !== undefined) return numbers;
  if (typeof a === 'string' && typeof b === 'string') {
    budget.chargeSize(Math.min(a.length, b.length));
    if (a === b) return 0;
    // Where characters beyond the basic plane are involved, UTF-16 sorts differently than UTF-8.
    return Buffer.compare(Buffer.from(a), Buffer.from(b));
  }
  if (a instanceof Uint8Array && b instanceof Uint8Array) {
    budget.chargeSize(Math.min(a.length, b.length));
    return Buffer.compare(a, b);
  }
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b);
  const timed = a instanceof Timestamp || a instanceof Duration ? a.nanos : undefined;
  const other = b instanceof Timestamp || b instanceof Duration ? b.nanos : undefined;
  if (timed === undefined || other === undefined) throw new CelEvaluationError('no such overload');
  if (timed === other) return 0;
  return timed < other ? -1 : 1;
}

/** Types with an order. */
export const orderedTypes = ['bool', 'int', 'uint', 'double', 'string', 'bytes', 'timestamp', 'duration'];
const numericTypes = new Set(['int', 'uint', 'double']);

function defineOrder(table: FunctionTable): void {
  const tests: [string, (order: number) => boolean][] = [
    ['<', (order) => order < 0],
    ['<=', (order) => order <= 0],
    ['>', (order) => order > 0],
    ['>=', (order) => order >= 0],
  ];
  for (const [symbol, test] of tests) {
    const call = (a: Value, b: Value, budget: Budget): boolean => test(compare(a, b, budget));
    for (const left of orderedTypes) {
      table.define(`_${symbol}_(${left}, ${left}): bool`, call);
      if (!numericTypes.has(left)) continue;
      for (const right of numericTypes) {
        if (right !== left) table.define(`_${symbol}_(${left}, ${right}): bool`, call);
      }
    }
  }
  table
    .define('_==_(A, A): bool', equal)
    .define('_!=_(A, A): bool', (a: Value, b: Value, budget: Budget) => !equal(a, b, budget));
}

function inList(item: Value, list: List, budget: Budget): boolean {
  for (const candidate of list) if (equal(item, candidate, budget)) return true;
  return false;
}

function itemAt(list: List, index: Value): Value {
  return list.at(Number(index));
}

/** For messages: a key as it would be printed. */
function printKey(key: Value): string {
  return typeof key === 'object' ? 'object' : String(key);
}

function valueOf(map: MapValue, key: Value): Value {
  const value = map.find(key);
  if (value === undefined) throw new CelEvaluationError(`no such key: ${printKey(key)}`);
  return value;
}

function optionalItem(list: List, index: bigint): Optional {
  return index < 0n || index >= BigInt(list.size) ? Optional.none : new Optional(list.at(Number(index)));
}

/** Applies `find`, which fits the type of its value, to an optional. */
function chained(find: (value: never, key: never) => Optional) {
  return ({ value }: Optional, key: never): Optional =>
    value === undefined ? Optional.none : find(value as never, key);
}

function defineAccess(table: FunctionTable): void {
  const optionalValue = (map: MapValue, key: Value): Optional => new Optional(map.find(key));
  table
    .define('@in(A, list<A>): bool', inList)
    .define('@in(A, map<A, B>): bool', (key: Value, map: MapValue) => map.find(key) !== undefined)
    .define('_[_](list<A>, int): A', itemAt)
    .define('_[_](map<A, B>, A): B', valueOf)
    .define('_[_](optional<list<A>>, int): optional<A>', chained(optionalItem))
    .define('_[_](optional<map<A, B>>, A): optional<B>', chained(optionalValue))
    .define('_[?_](list<A>, int): optional<A>', optionalItem)
    .define('_[?_](map<A, B>, A): optional<B>', optionalValue)
    .define('_[?_](optional<list<A>>, int): optional<A>', chained(optionalItem))
    .define('_[?_](optional<map<A, B>>, A): optional<B>', chained(optionalValue));
}

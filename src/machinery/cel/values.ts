import type { Quantity } from '../quantity.ts';
import { goText } from '../go-text.ts';
import type { Budget } from './errors.ts';
import { CelEvaluationError } from './errors.ts';
import type { Cidr, Ip } from './ip-address.ts';
import type { NamedFormat } from './named-formats.ts';
import type { SemanticVersion } from './semantic-version.ts';
import type { Type } from './types.ts';
import { formatType } from './types.ts';
import type { ParsedUrl } from './parsed-url.ts';

/** A CEL value: `int` is a bigint, `double` a number. */
export type Value =
  | null
  | boolean
  | bigint
  | number
  | string
  | Uint8Array
  | Uint
  | Timestamp
  | Duration
  | List
  | MapValue
  | Optional
  | TypeValue
  | Ip
  | Cidr
  | ParsedUrl
  | Quantity
  | SemanticVersion
  | NamedFormat;

export class Uint {
  readonly value: bigint;
  constructor(value: bigint) {
    this.value = value;
  }
}

export class Timestamp {
  /** Nanoseconds since the Unix epoch. */
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

export class Duration {
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

export class TypeValue {
  readonly type: Type;
  constructor(type: Type) {
    this.type = type;
  }
}

export class Optional {
  static readonly none = new Optional(undefined);
  readonly value: Value | undefined;
  constructor(value: Value | undefined) {
    this.value = value;
  }
}

/** How a list is compared and added: as a sequence, as a set, or by the keys of its items. */
export type ListSemantics = 'sequence' | 'set' | { readonly keys: readonly string[] };

/** A list. Items are made when they are read. */
export class List implements Iterable<Value> {
  static of(items: readonly Value[], semantics: ListSemantics = 'sequence'): List {
    return new List(items.length, (index) => items[index] as Value, semantics);
  }

  readonly size: number;
  readonly semantics: ListSemantics;
  readonly #item: (index: number) => Value;

  constructor(size: number, item: (index: number) => Value, semantics: ListSemantics) {
    this.size = size;
    this.#item = item;
    this.semantics = semantics;
  }

  at(index: number): Value {
    if (index < 0 || index >= this.size || !Number.isInteger(index)) {
      throw new CelEvaluationError(`index out of bounds: ${index}`);
    }
    return this.#item(index);
  }

  *[Symbol.iterator](): Generator<Value, undefined> {
    for (let index = 0; index < this.size; index += 1) yield this.#item(index);
  }
}

/** A map, or an object with declared fields. Values are made when they are read. */
export interface MapValue {
  readonly mapSize: number;
  keys(): Iterable<Value>;
  find(key: Value): Value | undefined;
  /** Whether what neither `keys` nor `find` tells of is equal as well. */
  hiddenEqual?(other: MapValue): boolean;
}

/** A map that an expression made. */
export class Entries implements MapValue {
  readonly #entries = new Map<string, readonly [Value, Value]>();

  get mapSize(): number {
    return this.#entries.size;
  }

  /** @throws CelEvaluationError if the key is there already */
  add(key: Value, value: Value): void {
    const text = scalarKey(key);
    if (text === undefined) throw new CelEvaluationError('unsupported key type');
    if (this.#entries.has(text)) throw new CelEvaluationError(`Failed with repeated key`);
    this.#entries.set(text, [key, value]);
  }

  *keys(): Generator<Value, undefined> {
    for (const [key] of this.#entries.values()) yield key;
  }

  find(key: Value): Value | undefined {
    const text = scalarKey(key);
    return text === undefined ? undefined : this.#entries.get(text)?.[1];
  }
}

export function isMap(value: Value): value is MapValue {
  return typeof value === 'object' && value !== null && 'mapSize' in value;
}

/** A text that is equal for equal scalars; undefined for other values. */
export function scalarKey(value: Value): string | undefined {
  if (typeof value === 'string') return `s${value}`;
  if (typeof value === 'bigint') return `n${value}`;
  if (value instanceof Uint) return `n${value.value}`;
  if (typeof value === 'number') return Number.isInteger(value) ? `n${BigInt(value)}` : `n${value}`;
  return typeof value === 'boolean' ? `b${value}` : undefined;
}

/** Equality as `==` means it; numbers of different types are equal if they are the same number. */
export function equal(a: Value, b: Value, budget: Budget): boolean {
  budget.charge(1);
  if (a === b) return true;
  if (a === null || b === null) return false;
  if (typeof a === 'string') {
    if (typeof b === 'string') budget.chargeSize(Math.min(a.length, b.length));
    return false;
  }
  if (a instanceof List) return b instanceof List && listsEqual(a, b, budget);
  if (isMap(a)) return isMap(b) && mapsEqual(a, b, budget);
  if (a instanceof Optional) {
    if (!(b instanceof Optional)) return false;
    if (a.value === undefined || b.value === undefined) return a.value === b.value;
    return equal(a.value, b.value, budget);
  }
  if (a instanceof Uint8Array) {
    budget.chargeSize(a.length);
    return b instanceof Uint8Array && Buffer.compare(a, b) === 0;
  }
  const order = compareNumbers(a, b);
  if (order !== undefined) return order === 0;
  return sameOpaque(a, b);
}

function sameOpaque(a: Value, b: Value): boolean {
  if (a instanceof Timestamp) return b instanceof Timestamp && a.nanos === b.nanos;
  if (a instanceof Duration) return b instanceof Duration && a.nanos === b.nanos;
  if (a instanceof TypeValue) return b instanceof TypeValue && sameType(a.type, b.type);
  const comparable = a as { equals?: (other: unknown) => boolean; compare?: (other: unknown) => number };
  if (typeof a !== 'object' || a === null || a.constructor !== b?.constructor) return false;
  if (comparable.equals !== undefined) return comparable.equals(b);
  return comparable.compare?.(b) === 0;
}

/** At run time the parts of a type are not told apart. */
function sameType(a: Type, b: Type): boolean {
  return a.kind === b.kind && (a.kind !== 'object' || a === b);
}

function listsEqual(a: List, b: List, budget: Budget): boolean {
  if (a.size !== b.size) return false;
  budget.charge(a.size);
  if (a.semantics === 'set') {
    const keys = new Set([...a].map(scalarKey));
    return [...b].every((item) => keys.has(scalarKey(item)));
  }
  if (a.semantics !== 'sequence') {
    const { keys } = a.semantics;
    const byKey = new Map([...a].map((item) => [itemKey(item, keys), item]));
    return [...b].every((item) => {
      const mine = byKey.get(itemKey(item, keys));
      return mine !== undefined && equal(mine, item, budget);
    });
  }
  for (let index = 0; index < a.size; index += 1) {
    if (!equal(a.at(index), b.at(index), budget)) return false;
  }
  return true;
}

function itemKey(item: Value, keys: readonly string[]): string {
  const values = keys.map((key) => (isMap(item) ? item.find(key) : undefined));
  return JSON.stringify(values.map((value) => (value === undefined ? '' : scalarKey(value))));
}

function mapsEqual(a: MapValue, b: MapValue, budget: Budget): boolean {
  if (a.mapSize !== b.mapSize) return false;
  budget.charge(a.mapSize);
  for (const key of a.keys()) {
    const mine = a.find(key);
    const other = b.find(key);
    if (mine === undefined && other === undefined) continue;
    if (mine === undefined || other === undefined || !equal(mine, other, budget)) return false;
  }
  return a.hiddenEqual?.(b) ?? true;
}

/** The two lists as one: a set takes what it lacks, a list with keys lets `b` replace items of `a`. */
export function concatenate(a: List, b: List, budget: Budget): List {
  budget.charge(a.size + b.size);
  if (a.semantics === 'sequence') return List.of([...a, ...b]);
  const { semantics } = a;
  const keyOf = (item: Value): string =>
    (semantics === 'set' ? scalarKey(item) : itemKey(item, semantics.keys)) ?? '';
  const items = new Map([...a].map((item) => [keyOf(item), item]));
  for (const item of b) if (semantics !== 'set' || !items.has(keyOf(item))) items.set(keyOf(item), item);
  return List.of([...items.values()], semantics);
}

/** Order of two numbers of any type; undefined where one is none. NaN is unequal to everything. */
export function compareNumbers(a: Value, b: Value): number | undefined {
  const left = a instanceof Uint ? a.value : a;
  const right = b instanceof Uint ? b.value : b;
  if (typeof left !== 'bigint' && typeof left !== 'number') return undefined;
  if (typeof right !== 'bigint' && typeof right !== 'number') return undefined;
  if (left < right) return -1;
  if (left > right) return 1;
  return Number.isNaN(left) || Number.isNaN(right) ? Number.NaN : 0;
}

/** The kind of a value, as far as it can be seen. */
export function kindOf(value: Value): Type['kind'] {
  if (value === null) return 'null';
  switch (typeof value) {
    case 'boolean':
      return 'bool';
    case 'bigint':
      return 'int';
    case 'number':
      return 'double';
    case 'string':
      return 'string';
    default:
      return kindOfObject(value);
  }
}

function kindOfObject(value: Exclude<Value, null | boolean | bigint | number | string>): Type['kind'] {
  if (value instanceof Uint8Array) return 'bytes';
  if (value instanceof Uint) return 'uint';
  if (value instanceof Timestamp) return 'timestamp';
  if (value instanceof Duration) return 'duration';
  if (value instanceof List) return 'list';
  if (value instanceof Optional) return 'optional';
  if (value instanceof TypeValue) return 'type';
  if ('mapSize' in value) return 'map';
  return 'opaque' in value ? value.opaque : 'quantity';
}

/** Whether a value fits a type; of lists and maps only the first item is looked at. */
export function fits(value: Value, type: Type): boolean {
  if (type.kind === 'dyn' || type.kind === 'param') return true;
  if (value instanceof List) {
    return type.kind === 'list' && (value.size === 0 || fits(value.at(0), type.item));
  }
  if (value instanceof Optional && type.kind === 'optional') {
    return value.value === undefined || fits(value.value, type.item);
  }
  if (isMap(value)) return type.kind === 'map' || type.kind === 'object';
  return kindOf(value) === type.kind;
}

/** A double as Go prints it. */
export function formatDouble(value: number): string {
  if (Number.isFinite(value)) return goText(value);
  if (Number.isNaN(value)) return 'NaN';
  return value > 0 ? '+Inf' : '-Inf';
}

export function formatTypeValue({ type }: TypeValue): string {
  if (type.kind === 'null') return 'null_type';
  if (type.kind === 'timestamp') return 'google.protobuf.Timestamp';
  if (type.kind === 'duration') return 'google.protobuf.Duration';
  return type.kind === 'list' || type.kind === 'map' ? type.kind : formatType(type);
}

/** Code points: what CEL counts as the characters of a string. */
export function codePoints(text: string): string[] {
  return Array.from(text);
}

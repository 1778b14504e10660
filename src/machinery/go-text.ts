// The texts that Go programs print for values: they are part of messages and of kubectl's output.

import { InvalidInputError } from '../base/errors.ts';
import type { Json } from './json.ts';

/** Levels; deeper values would exhaust the stack. */
const maxDepth = 1000;

/**
 * What `fmt` prints for a value with `%v`.
 *
 * @throws {InvalidInputError} where the value nests too deeply
 */
export function goText(value: Json): string {
  return plain(value, 0);
}

function plain(value: Json, depth: number): string {
  if (value === null) return '<nil>';
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return goNumber(value);
  if (typeof value === 'boolean') return String(value);
  boundDepth(depth);
  if (Array.isArray(value)) return `[${value.map((item) => plain(item, depth + 1)).join(' ')}]`;
  const entries = sortedEntries(value).map(([key, item]) => `${key}:${plain(item, depth + 1)}`);
  return `map[${entries.join(' ')}]`;
}

/** What `fmt` prints for the type of a decoded JSON value with `%s`. */
export function goType(value: Json): string {
  if (value === null) return '%!s(<nil>)';
  if (Array.isArray(value)) return '[]interface {}';
  switch (typeof value) {
    case 'object':
      return 'map[string]interface {}';
    case 'boolean':
      return 'bool';
    case 'number':
      return Number.isInteger(value) ? 'int64' : 'float64';
    default:
      return 'string';
  }
}

/**
 * What `json.Marshal` writes: sorted keys, and no character that could end a script in HTML.
 *
 * @throws {InvalidInputError} where the value nests too deeply
 */
export function goJson(value: Json): string {
  return compact(value, 0).replace(/[<>&\u2028\u2029]/g, escaped);
}

function compact(value: Json, depth: number): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  boundDepth(depth);
  if (Array.isArray(value)) return `[${value.map((item) => compact(item, depth + 1)).join(',')}]`;
  const entries = sortedEntries(value).map(
    ([key, item]) => `${JSON.stringify(key)}:${compact(item, depth + 1)}`,
  );
  return `{${entries.join(',')}}`;
}

function boundDepth(depth: number): void {
  if (depth > maxDepth) throw new InvalidInputError('a value nests too deeply to be printed');
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function sortedEntries(object: { readonly [key: string]: Json }): [string, Json][] {
  return Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Like JavaScript, but small numbers turn to exponents earlier, and exponents have two digits. */
function goNumber(value: number): string {
  const text = value !== 0 && Math.abs(value) < 1e-4 ? value.toExponential() : String(value);
  return text.replace(/e([+-])(\d)$/, 'e$10$2');
}

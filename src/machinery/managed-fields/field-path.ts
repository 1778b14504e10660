import { InvalidInputError } from '../../base/errors.ts';
import { goJson } from '../go-text.ts';
import type { Json } from '../json.ts';
import { isObject } from '../json.ts';

/**
 * One step of a path, in the form that `fieldsV1` writes: `f:NAME` a field, `k:{…}` the list item with these
 * keys, `v:…` the set item with this value, `i:N` the item at this index. Always canonical (sorted keys, no
 * spaces), so that equal steps are equal strings.
 *
 * Source: https://pkg.go.dev/sigs.k8s.io/structured-merge-diff/v6/fieldpath
 */
export type PathElement = string;

export function fieldElement(name: string): PathElement {
  return `f:${name}`;
}

/** The path of a field of nested structures: `fieldPath('spec', 'replicas')`. */
export function fieldPath(...names: readonly string[]): PathElement[] {
  return names.map(fieldElement);
}

/** @param fields names and values of the keys that are set; sorted here */
export function keyElement(fields: readonly (readonly [name: string, value: Json])[]): PathElement {
  const sorted = fields.length < 2 ? fields : fields.toSorted(([a], [b]) => compareText(a, b));
  return `k:{${sorted.map(([name, value]) => `${JSON.stringify(name)}:${goJson(value)}`).join(',')}}`;
}

export function valueElement(value: Json): PathElement {
  return `v:${goJson(value)}`;
}

/**
 * Reads one key of a `fieldsV1` object.
 *
 * @returns undefined for a type of step that a newer server may have written: to be skipped
 * @throws InvalidInputError for anything else that is not a step
 */
export function parsePathElement(text: string): PathElement | undefined {
  if (text.length < 2 || text[1] !== ':') throw malformed(text);
  switch (text[0]) {
    case 'f':
      return text;
    case 'k': {
      const keys = parseJson(text);
      if (!isObject(keys)) throw malformed(text);
      return keyElement(Object.entries(keys));
    }
    case 'v':
      return valueElement(parseJson(text));
    case 'i':
      if (!/^i:[+-]?\d{1,15}$/.test(text)) throw malformed(text);
      return `i:${Number(text.slice(2))}`;
    default:
      return undefined;
  }
}

function parseJson(element: PathElement): Json {
  try {
    return JSON.parse(element.slice(2)) as Json;
  } catch (error) {
    throw malformed(element, error);
  }
}

function malformed(text: string, cause?: unknown): InvalidInputError {
  const shown = JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
  return new InvalidInputError(`malformed path element in fieldsV1: ${shown}`, 'InvalidFieldsV1', cause);
}

const typeOrder = 'fkvi';

/** The order in which `fieldsV1` lists steps: fields, keys, values, indexes; each by what it holds. */
export function comparePathElements(a: PathElement, b: PathElement): number {
  if (a === b) return 0;
  const type = a[0] ?? '';
  if (type !== b[0]) return typeOrder.indexOf(type) - typeOrder.indexOf(b[0] ?? '');
  if (type === 'f') return compareText(a, b);
  if (type === 'i') return Number(a.slice(2)) - Number(b.slice(2));
  return type === 'k' ? compareKeys(parseJson(a), parseJson(b)) : compareValues(parseJson(a), parseJson(b));
}

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function compareKeys(a: Json, b: Json): number {
  const left = isObject(a) ? Object.entries(a) : [];
  const right = isObject(b) ? Object.entries(b) : [];
  for (const [i, [name, value]] of left.entries()) {
    const other = right[i];
    if (other === undefined) return 1;
    const order = compareText(name, other[0]) || compareValues(value, other[1]);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

function rank(value: Json): number {
  if (typeof value === 'number') return 0;
  if (typeof value === 'string') return 1;
  if (typeof value === 'boolean') return 2;
  if (Array.isArray(value)) return 3;
  return value === null ? 5 : 4;
}

function compareValues(a: Json, b: Json): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b);
  // What is left is rare (keys and set items are scalars): any order will do, as long as it is one.
  return rank(a) - rank(b) || compareText(goJson(a), goJson(b));
}

/** A path as conflicts and errors show it: `.spec.containers[name="x"].image`, `.finalizers[="a"]`, `.x[3]`. */
export function formatPath(path: readonly PathElement[]): string {
  return path.map(formatPathElement).join('');
}

export function formatPathElement(element: PathElement): string {
  const rest = element.slice(2);
  switch (element[0]) {
    case 'f':
      return `.${rest}`;
    case 'k': {
      const keys = parseJson(element);
      const shown = isObject(keys) ? Object.entries(keys) : [];
      return `[${shown.map(([name, value]) => `${name}=${showValue(value)}`).join(',')}]`;
    }
    case 'v':
      return `[=${showValue(parseJson(element))}]`;
    default:
      return `[${rest}]`;
  }
}

function showValue(value: Json): string {
  return JSON.stringify(value);
}

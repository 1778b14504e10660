import { InvalidInputError } from '../../base/errors.ts';
import type { Json } from '../json.ts';
import { isObject, own } from '../json.ts';
import type { PathElement } from './field-path.ts';
import { keyElement, valueElement } from './field-path.ts';
import type { ListShape } from './shape.ts';

/** Why `item` cannot be told apart from other items of the list; undefined where it can. */
export function itemProblem(list: ListShape, item: Json): string | undefined {
  if (list.keys === undefined) {
    if (item === null) return "associative list without keys has an element that's an explicit null";
    if (Array.isArray(item)) return 'not supported: associative list with lists as elements';
    return isObject(item) ? "associative list without keys has an element that's a map type" : undefined;
  }
  if (item === null) return 'associative list with keys may not have a null element';
  if (!isObject(item)) return 'associative list with keys may not have non-map elements';
  if (list.keys.length > 0 && itemKeys(list, list.keys, item).length === 0) {
    const keys = list.keys.map((key) => JSON.stringify(key)).join(' ');
    return `associative list with keys has an element that omits all key fields [${keys}] (and doesn't have default values for any key fields)`;
  }
  return undefined;
}

/**
 * The path element of one item of a set or list map.
 *
 * @throws InvalidInputError where the item has none
 */
export function itemElement(list: ListShape, item: Json, index: number): PathElement {
  const problem = itemProblem(list, item);
  if (problem !== undefined) throw new InvalidInputError(`element ${index}: ${problem}`, 'InvalidListItem');
  if (list.keys === undefined || !isObject(item)) return valueElement(item);
  return keyElement(itemKeys(list, list.keys, item));
}

/** A key that is absent and has no default is left out: the item differs from one that sets it. */
function itemKeys(
  list: ListShape,
  keys: readonly string[],
  item: { readonly [name: string]: Json },
): (readonly [string, Json])[] {
  const fields: (readonly [string, Json])[] = [];
  for (const key of keys) {
    const value = own(item, key) ?? (Object.hasOwn(item, key) ? null : list.element.map?.defaultOf(key));
    if (value !== undefined && (value !== null || Object.hasOwn(item, key))) fields.push([key, value]);
  }
  return fields;
}

export function isEmptyList(value: Json | undefined): boolean {
  return !Array.isArray(value) || value.length === 0;
}

export function isEmptyMap(value: Json | undefined): boolean {
  if (!isObject(value)) return true;
  for (const key in value) if (Object.hasOwn(value, key)) return false;
  return true;
}

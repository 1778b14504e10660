import type { FieldError } from '../../../machinery/field-errors.ts';
import { duplicateValue, FieldPath, invalidValue } from '../../../machinery/field-errors.ts';
import { goJson } from '../../../machinery/go-text.ts';
import type { Json, JsonObject } from '../../../machinery/json.ts';
import { isObject, own, setOwn } from '../../../machinery/json.ts';
import type { Schema } from '../../../machinery/schema.ts';

/**
 * Items that occur twice in lists which are sets or maps.
 *
 * Source: apiextensions-apiserver pkg/apiserver/schema/listtype.
 */
export function listTypeProblems(schema: Schema, object: JsonObject): FieldError[] {
  const problems: FieldError[] = [];
  walk(schema, object, '', problems);
  return problems;
}

function walk(schema: Schema, value: Json, path: string, problems: FieldError[]): void {
  if (Array.isArray(value)) {
    if (schema['x-kubernetes-list-type'] === 'set') problems.push(...duplicates(value, value, path));
    if (schema['x-kubernetes-list-type'] === 'map') problems.push(...mapProblems(schema, value, path));
    const { items } = schema;
    if (items === undefined) return;
    for (const [i, item] of value.entries()) walk(items, item, `${path}[${i}]`, problems);
    return;
  }
  if (!isObject(value)) return;
  const { properties = {}, additionalProperties } = schema;
  for (const [key, item] of Object.entries(value)) {
    if (typeof item !== 'object') continue;
    if (typeof additionalProperties === 'object')
      walk(additionalProperties, item, `${path}[${key}]`, problems);
    const property = own(properties, key);
    if (property !== undefined) walk(property, item, path === '' ? key : `${path}.${key}`, problems);
  }
}

/** @param shown what is reported for each item */
function duplicates(items: readonly Json[], shown: readonly Json[], path: string): FieldError[] {
  const problems: FieldError[] = [];
  const times = new Map<string, number>();
  for (const [i, item] of items.entries()) {
    const text = goJson(item);
    const before = times.get(text) ?? 0;
    times.set(text, before + 1);
    // The third and later ones are not reported again.
    if (before === 1) problems.push(duplicateValue(new FieldPath(path).index(i), shown[i] ?? null));
  }
  return problems;
}

function mapProblems(schema: Schema, list: readonly Json[], path: string): FieldError[] {
  const odd = list.findIndex((item) => item !== null && !isObject(item));
  if (odd !== -1) {
    const message = 'must be an object for an array of list-type map';
    return [invalidValue(new FieldPath(path).index(odd), list[odd] ?? null, message)];
  }
  const names = schema['x-kubernetes-list-map-keys'] ?? [];
  const keys = list.map((item) => keyOf(names, item));
  return duplicates(keys, keys, path);
}

function keyOf(names: readonly string[], item: Json): JsonObject {
  const key: JsonObject = {};
  if (!isObject(item)) return key;
  for (const name of names) {
    const value = own(item, name);
    if (value !== undefined) setOwn(key, name, value);
  }
  return key;
}

import type { Json, JsonObject } from '../../../machinery/json.ts';
import { isObject, jsonEqual, own } from '../../../machinery/json.ts';
import type { Schema } from '../../../machinery/schema.ts';

/**
 * A value, and what it was before an update. Fields correspond by name, items of `x-kubernetes-list-type: map` lists by
 * their keys; items of other lists do not.
 *
 * Source: apiserver pkg/cel/common/equality.go.
 */
export interface Correlation {
  readonly schema: Schema;
  readonly value: Json;
  readonly old: Json;
}

export function correlatedField(
  of: Correlation | undefined,
  name: string,
  value: Json,
): Correlation | undefined {
  if (of === undefined || !isObject(of.old)) return undefined;
  const old = own(of.old, name);
  const schema = own(of.schema.properties ?? {}, name) ?? of.schema.additionalProperties;
  return old === undefined || typeof schema !== 'object' ? undefined : { schema, value, old };
}

export function correlatedItem(of: Correlation | undefined, value: Json): Correlation | undefined {
  if (of === undefined || !Array.isArray(of.old) || !isObject(value)) return undefined;
  const { schema } = of;
  const keys = schema['x-kubernetes-list-map-keys'];
  if (schema['x-kubernetes-list-type'] !== 'map' || keys === undefined || schema.items === undefined) {
    return undefined;
  }
  const key = keyOf(value, keys);
  const old = key === undefined ? undefined : oldItems(of.old, keys).get(key);
  return old === undefined ? undefined : { schema: schema.items, value, old };
}

/**
 * Whether an update left a value as it was: item by item where items correspond. An object with a field that its
 * schema does not know counts as changed.
 */
export function isUnchanged(of: Correlation): boolean {
  const { value, old, schema } = of;
  if (Array.isArray(value) && Array.isArray(old)) {
    if (schema['x-kubernetes-list-type'] !== 'map' || schema.items === undefined)
      return jsonEqual(value, old);
    return value.length === old.length && value.every((item) => isUnchangedChild(correlatedItem(of, item)));
  }
  if (isObject(value) && isObject(old)) {
    const entries = Object.entries(value);
    return (
      entries.length === Object.keys(old).length &&
      entries.every(([key, item]) => isUnchangedChild(correlatedField(of, key, item)))
    );
  }
  return jsonEqual(value, old);
}

function isUnchangedChild(of: Correlation | undefined): boolean {
  return of !== undefined && isUnchanged(of);
}

const indices = new WeakMap<readonly Json[], { readonly keys: readonly string[]; readonly items: Items }>();

type Items = ReadonlyMap<string, JsonObject>;

/** The items by key; made once per list. */
function oldItems(list: readonly Json[], keys: readonly string[]): Items {
  const known = indices.get(list);
  if (known !== undefined && known.keys === keys) return known.items;
  const items = new Map<string, JsonObject>();
  for (const item of list) {
    const key = isObject(item) ? keyOf(item, keys) : undefined;
    if (key !== undefined && isObject(item)) items.set(key, item);
  }
  indices.set(list, { keys, items });
  return items;
}

/** Undefined for an item without a whole key. */
function keyOf(item: JsonObject, keys: readonly string[]): string | undefined {
  const values = keys.map((key) => own(item, key) ?? null);
  return values.includes(null) ? undefined : JSON.stringify(values);
}

import type { Json, JsonObject } from '../../../machinery/json.ts';
import { isObject, own } from '../../../machinery/json.ts';
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
  const old = oldItems(of.old, keys).get(keyOf(value, keys));
  return old === undefined ? undefined : { schema: schema.items, value, old };
}

const indices = new WeakMap<readonly Json[], { readonly keys: readonly string[]; readonly items: Items }>();

type Items = ReadonlyMap<string, JsonObject>;

/** The items by key; made once per list. */
function oldItems(list: readonly Json[], keys: readonly string[]): Items {
  const known = indices.get(list);
  if (known !== undefined && known.keys === keys) return known.items;
  const items = new Map(list.filter(isObject).map((item) => [keyOf(item, keys), item]));
  indices.set(list, { keys, items });
  return items;
}

function keyOf(item: JsonObject, keys: readonly string[]): string {
  return JSON.stringify(keys.map((key) => own(item, key) ?? null));
}

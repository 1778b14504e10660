import { LRUCache } from 'lru-cache';
import type { Json, JsonObject } from '../json.ts';
import { isObject } from '../json.ts';
import { FieldSet } from './field-set.ts';

/**
 * Objects made by the same writer own the same fields, thousands of times over. Equal sets become one value, both
 * as `fieldsV1` and decoded, so that an object holds a reference instead of a tree. What is shared must not be changed.
 */
const shared = new LRUCache<string, JsonObject>({
  maxSize: 4 * 1024 * 1024,
  sizeCalculation: (_fields, text) => text.length,
});

/** Larger sets belong to one object alone. */
const longestShared = 8 * 1024;

// Both only for sets that are shared: the others would be held twice, in both forms.
const decoded = new WeakMap<JsonObject, FieldSet>();
const encoded = new WeakMap<FieldSet, JsonObject>();

/** The `fieldsV1` of `fields`. */
export function encodeFields(fields: FieldSet): JsonObject {
  const known = encoded.get(fields);
  if (known !== undefined) return known;
  const fresh = fields.toFieldsV1();
  const text = JSON.stringify(fresh);
  if (text.length > longestShared) return fresh;
  const one = shared.get(text) ?? fresh;
  shared.set(text, one);
  encoded.set(fields, one);
  if (!decoded.has(one)) decoded.set(one, fields);
  return one;
}

/** @throws InvalidInputError for a malformed `fieldsV1` */
export function decodeFields(fieldsV1: Json | undefined): FieldSet {
  const known = isObject(fieldsV1) ? decoded.get(fieldsV1) : undefined;
  return known ?? FieldSet.fromFieldsV1(fieldsV1);
}

import type { Json, JsonObject } from '../../../machinery/json.ts';
import { isObject, jsonClone, own, setOwn } from '../../../machinery/json.ts';
import type { Schema } from '../../../machinery/schema.ts';

/**
 * Removes nulls that mean nothing, in place: of fields that are neither nullable nor have a default.
 *
 * Source: apiextensions-apiserver pkg/apiserver/schema/defaulting/prunenulls.go.
 */
export function pruneNulls(schema: Schema, value: Json): void {
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items !== undefined) for (const item of value) pruneNulls(items, item);
    return;
  }
  if (!isObject(value)) return;
  for (const key of Object.keys(value)) {
    const field = fieldSchema(schema, key);
    if (field === undefined) continue;
    const given = own(value, key) ?? null;
    if (given !== null) pruneNulls(field, given);
    else if (field.nullable !== true && field.default === undefined) delete value[key];
  }
}

/**
 * Fills in the defaults of a structural schema, in place. Below an object that is absent nothing is filled in, unless
 * the object itself has a default.
 *
 * Source: apiextensions-apiserver pkg/apiserver/schema/defaulting/algorithm.go.
 */
export function applyDefaults(schema: Schema, value: Json): void {
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items === undefined) return;
    for (const [i, item] of value.entries()) {
      if (item === null && items.nullable !== true) value[i] = jsonClone(items.default ?? null);
      applyDefaults(items, value[i] ?? null);
    }
    return;
  }
  if (!isObject(value)) return;
  fillIn(schema, value);
  for (const key of Object.keys(value)) {
    const field = fieldSchema(schema, key);
    if (field === undefined) continue;
    if (own(value, key) === null && field.nullable !== true && !hasProperty(schema, key)) {
      setOwn(value, key, jsonClone(field.default ?? null));
    }
    applyDefaults(field, own(value, key) ?? null);
  }
}

function fillIn({ properties }: Schema, object: JsonObject): void {
  if (properties === undefined) return;
  for (const [name, property] of defaultsOf(properties)) {
    const given = own(object, name);
    if (given === undefined || (given === null && property.nullable !== true)) {
      setOwn(object, name, jsonClone(property.default ?? null));
    }
  }
}

type Properties = NonNullable<Schema['properties']>;
const propertiesWithDefaults = new WeakMap<Properties, readonly (readonly [string, Schema])[]>();

/** The properties that have a default: most have none, and every write asks. */
function defaultsOf(properties: Properties): readonly (readonly [string, Schema])[] {
  let found = propertiesWithDefaults.get(properties);
  if (found === undefined) {
    found = Object.entries(properties).filter(([, property]) => property.default !== undefined);
    propertiesWithDefaults.set(properties, found);
  }
  return found;
}

function hasProperty(schema: Schema, key: string): boolean {
  return schema.properties !== undefined && Object.hasOwn(schema.properties, key);
}

function fieldSchema(schema: Schema, key: string): Schema | undefined {
  const property = schema.properties === undefined ? undefined : own(schema.properties, key);
  if (property !== undefined) return property;
  const { additionalProperties } = schema;
  return typeof additionalProperties === 'object' ? additionalProperties : undefined;
}

import { isObject, own, setOwn, type Json, type JsonObject } from '../../machinery/json.ts';

// Pod templates come from outside: these read them without trusting their shape.

/** The object at a path; empty where there is none. */
export function objectAt(object: JsonObject, ...path: readonly string[]): JsonObject {
  let at: Json | undefined = object;
  for (const key of path) at = isObject(at) ? own(at, key) : undefined;
  return isObject(at) ? at : {};
}

/** The objects of a list. */
export function objectsAt(object: JsonObject, key: string): readonly JsonObject[] {
  const list = own(object, key);
  return Array.isArray(list) ? list.filter(isObject) : [];
}

export function textAt(object: JsonObject, key: string): string | undefined {
  const value = own(object, key);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function numberAt(object: JsonObject, key: string): number | undefined {
  const value = own(object, key);
  return typeof value === 'number' ? value : undefined;
}

/** The members that `isWanted` takes. */
export function pick(object: JsonObject, isWanted: (key: string) => boolean): JsonObject {
  const picked: JsonObject = {};
  for (const [key, value] of Object.entries(object)) if (isWanted(key)) setOwn(picked, key, value);
  return picked;
}

/** Where `values` has no member of that name, the result has none either. */
export function withMembers(object: JsonObject, values: JsonObject, names: readonly string[]): JsonObject {
  return { ...pick(object, (key) => !names.includes(key)), ...pick(values, (key) => names.includes(key)) };
}

/** `NAME.NAMESPACE`, as messages have it. */
export function fullName(object: JsonObject): string {
  const metadata = objectAt(object, 'metadata');
  return `${textAt(metadata, 'name') ?? ''}.${textAt(metadata, 'namespace') ?? ''}`;
}

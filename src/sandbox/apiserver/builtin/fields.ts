// Readers of parts of objects. What reaches a built-in kind has been decoded, so values have the types of their schema;
// a value of another type counts as absent all the same: nothing here throws.
import type { Labels } from '../../../machinery/label-selector.ts';
import type { Json, JsonObject } from '../../../machinery/json.ts';
import { isObject, own, setOwn } from '../../../machinery/json.ts';

/** The object at `path`, or undefined. */
export function optionalObject(object: JsonObject, ...path: string[]): JsonObject | undefined {
  let at: Json | undefined = object;
  for (const field of path) {
    at = isObject(at) ? own(at, field) : undefined;
  }
  return isObject(at) ? at : undefined;
}

/** The object at `path`; a fresh empty one where there is none. For reading: see {@link ensureObject} for changes. */
export function objectAt(object: JsonObject, ...path: string[]): JsonObject {
  return optionalObject(object, ...path) ?? {};
}

/** The object at `path`, put there where there is none. */
export function ensureObject(object: JsonObject, ...path: string[]): JsonObject {
  let at = object;
  for (const field of path) {
    const found = own(at, field);
    const child = isObject(found) ? found : {};
    if (child !== found) setOwn(at, field, child);
    at = child;
  }
  return at;
}

export function listAt(object: JsonObject, field: string): readonly Json[] {
  const value = own(object, field);
  return Array.isArray(value) ? value : [];
}

/** The items of a list of objects, each at its own index. */
export function objectsAt(object: JsonObject, field: string): JsonObject[] {
  return listAt(object, field).map((item) => (isObject(item) ? item : {}));
}

/** The items of a list of texts. */
export function textsAt(object: JsonObject, field: string): string[] {
  return listAt(object, field).map((item) => (typeof item === 'string' ? item : ''));
}

/** The text in `field`; empty where there is none, as Go reads it. */
export function textAt(object: JsonObject, field: string): string {
  const value = own(object, field);
  return typeof value === 'string' ? value : '';
}

export function numberAt(object: JsonObject, field: string): number | undefined {
  const value = own(object, field);
  return typeof value === 'number' ? value : undefined;
}

/** The number in `field`; 0 where there is none, as Go reads it. */
export function countAt(object: JsonObject, field: string): number {
  return numberAt(object, field) ?? 0;
}

/** A map of texts, such as labels. */
export function labelsAt(object: JsonObject, field: string): Labels {
  const entries = Object.entries(objectAt(object, field));
  return Object.fromEntries(
    entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

export function isSet(object: JsonObject, field: string): boolean {
  return (own(object, field) ?? null) !== null;
}

/** Fills in a field that is absent. */
export function setDefault(object: JsonObject, field: string, value: Json): void {
  if (!isSet(object, field)) setOwn(object, field, value);
}

/** Fills in a field that is absent, empty or zero: fields that Go does not tell from absent ones. */
export function setDefaultOfZero(object: JsonObject, field: string, value: Json): void {
  const now = own(object, field);
  if (now === '' || now === 0 || !isSet(object, field)) setOwn(object, field, value);
}

export function nameOf(object: JsonObject): string {
  return textAt(objectAt(object, 'metadata'), 'name');
}

export function namespaceOf(object: JsonObject): string {
  return textAt(objectAt(object, 'metadata'), 'namespace');
}

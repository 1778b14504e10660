import type { JsonObject } from '../../../machinery/json.ts';
import { isObject, own } from '../../../machinery/json.ts';

/** An object in an object; an empty one where there is none. */
export function objectAt(object: JsonObject, field: string): JsonObject {
  const value = own(object, field);
  return isObject(value) ? value : {};
}

export function textsAt(object: JsonObject, field: string): string[] {
  const value = own(object, field);
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

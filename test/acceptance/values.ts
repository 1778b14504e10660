import { isObject, own } from '../../src/machinery/json.ts';

/** What is at a place in JSON; undefined where there is no such place. */
export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  let here = value;
  for (const key of path) {
    if (Array.isArray(here) && typeof key === 'number') here = here.at(key) as unknown;
    else if (isObject(here) && typeof key === 'string') here = own(here, key);
    else return undefined;
  }
  return here;
}

export function textAt(value: unknown, ...path: readonly (string | number)[]): string {
  const found = at(value, ...path);
  return typeof found === 'string' ? found : '';
}

export function numberAt(value: unknown, ...path: readonly (string | number)[]): number {
  const found = at(value, ...path);
  return typeof found === 'number' ? found : NaN;
}

export function listAt(value: unknown, ...path: readonly (string | number)[]): readonly unknown[] {
  const found = at(value, ...path);
  return Array.isArray(found) ? found : [];
}

/** Names of the items of a list. */
export function namesOf(list: unknown): readonly string[] {
  return listAt(list, 'items').map((item) => textAt(item, 'metadata', 'name'));
}

/** The condition of a type among `status.conditions`. */
export function conditionOf(status: unknown, type: string): unknown {
  return listAt(status, 'conditions').find((condition) => at(condition, 'type') === type);
}

import { isObject, jsonClone, own, setOwn, type Json, type JsonObject } from '../machinery/json.ts';
import { buildError } from './build-error.ts';
import { keyDefaults, type MergeShape } from './merge-keys.ts';

const directive = '$patch';

/**
 * Merges a strategic merge patch the way kustomize does, which is not quite the API server's: what a
 * patch names in a list comes first, `$retainKeys` and `$setElementOrder` mean nothing.
 *
 * Source: sigs.k8s.io/kustomize/kyaml/yaml/merge2.
 *
 * @returns undefined where the patch deletes the value
 */
export function mergeStrategically(
  target: Json | undefined,
  patch: JsonObject,
  shape: MergeShape,
): Json | undefined {
  const action = own(patch, directive);
  if (action === 'delete') return undefined;
  if (action !== undefined && action !== 'replace' && action !== 'merge') {
    throw buildError(
      `a patch says ${directive}: ${JSON.stringify(action)}; known are delete, replace and merge`,
    );
  }
  if (action === 'replace' || !isObject(target)) return additions(patch, shape);
  const result: JsonObject = { ...target };
  for (const [key, value] of Object.entries(patch)) {
    if (key === directive) continue;
    const merged = mergeValue(
      own(result, key),
      value,
      shape.fields === undefined ? {} : (own(shape.fields, key) ?? {}),
    );
    if (merged === undefined) delete result[key];
    else setOwn(result, key, merged);
  }
  return result;
}

function mergeValue(target: Json | undefined, patch: Json, shape: MergeShape): Json | undefined {
  if (patch === null) return undefined;
  if (target != null && shapeName(target) !== shapeName(patch))
    throw buildError(`a patch puts ${shapeName(patch)} where ${shapeName(target)} is`);
  if (isObject(patch)) return mergeStrategically(target, patch, shape);
  if (!Array.isArray(patch)) return patch;
  if (shape.set === true) return mergeSets(Array.isArray(target) ? target : [], patch);
  if (shape.keys === undefined) return withoutDirectives(patch);
  return mergeLists(Array.isArray(target) ? target : [], patch, shape);
}

function shapeName(value: Json): string {
  if (Array.isArray(value)) return 'a list';
  return isObject(value) ? 'a map' : 'a plain value';
}

/** What a patch adds where nothing was: without directives, and without what it deletes. */
function additions(patch: JsonObject, shape: MergeShape): JsonObject {
  const result: JsonObject = {};
  for (const [key, value] of Object.entries(patch)) {
    if (key === directive) continue;
    const added = mergeValue(
      undefined,
      value,
      shape.fields === undefined ? {} : (own(shape.fields, key) ?? {}),
    );
    if (added !== undefined) setOwn(result, key, added);
  }
  return result;
}

function withoutDirectives(list: Json[]): Json[] {
  return list
    .filter((item) => !(isObject(item) && Object.hasOwn(item, directive)))
    .map((item) => jsonClone(item));
}

function mergeSets(target: Json[], patch: Json[]): Json[] {
  const present = new Set(target.map((item) => JSON.stringify(item)));
  return [...patch.filter((item) => !present.has(JSON.stringify(item))), ...target];
}

/** What the patch names comes first, in its order; where two keys are in use, only what it adds does. */
function mergeLists(target: Json[], patch: Json[], shape: MergeShape): Json[] {
  if (patch.some((item) => isDirective(item, 'replace'))) return withoutDirectives(patch);
  const { items = {} } = shape;
  const keys = keysInUse([...target, ...patch], shape.keys ?? []);
  const named: Json[] = [];
  const rest: (Json | undefined)[] = [...target];
  const places = placesByKey(target, keys);
  for (const item of patch) {
    if (isDirective(item, 'merge')) continue;
    const key = isObject(item) ? keyOfItem(item, keys) : undefined;
    if (!isObject(item) || key === undefined) {
      throw buildError(`a patch has an item without ${keys[0] ?? ''} in a list`);
    }
    const at = places.get(key) ?? -1;
    const merged = mergeItem(at < 0 ? undefined : rest[at], item, items);
    if (at >= 0) rest[at] = keys.length > 1 ? merged : undefined;
    if (merged !== undefined && (at < 0 || keys.length === 1)) named.push(merged);
  }
  return [...named, ...rest.filter((item) => item !== undefined)];
}

/** In a list with keys, kustomize leaves an item alone that a patch says to replace; it is replaced as a whole list. */
function mergeItem(target: Json | undefined, item: JsonObject, shape: MergeShape): Json | undefined {
  return target !== undefined && own(item, directive) === 'replace'
    ? target
    : mergeStrategically(target, item, shape);
}

/** The first key, and those that any item has. */
function keysInUse(items: readonly Json[], keys: readonly string[]): readonly string[] {
  return keys.filter(
    (key, index) => index === 0 || items.some((item) => isObject(item) && own(item, key) !== undefined),
  );
}

/** Of the first item with each key. */
function placesByKey(list: readonly Json[], keys: readonly string[]): Map<string, number> {
  const places = new Map<string, number>();
  for (const [index, item] of list.entries()) {
    const key = isObject(item) ? keyOfItem(item, keys) : undefined;
    if (key !== undefined && !places.has(key)) places.set(key, index);
  }
  return places;
}

/** An item that says what to do with the whole list. */
function isDirective(item: Json, action: string): boolean {
  return isObject(item) && own(item, directive) === action && Object.keys(item).length === 1;
}

/** Undefined where the item lacks what tells it apart. */
function keyOfItem(item: JsonObject, keys: readonly string[]): string | undefined {
  const values = keys.map((key) => own(item, key) ?? own(keyDefaults, key));
  return values.includes(undefined) ? undefined : JSON.stringify(values);
}

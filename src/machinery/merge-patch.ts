import { isObject, jsonClone, jsonEqual, own, setOwn, type Json, type JsonObject } from './json.ts';
import { boundDepth } from './patch-error.ts';

/**
 * Applies a merge patch (RFC 7386): objects merge, null removes, everything else replaces. Like an API server
 * (and unlike the RFC) it also drops null members of objects inside lists that it adds.
 *
 * Source: gopkg.in/evanphx/json-patch.v4 4.13, merge.go.
 *
 * @returns a new value that shares nothing with the arguments
 * @throws {PatchError} 400 where a document nests too deeply
 */
export function mergePatch(target: Json, patch: Json): Json {
  boundDepth(target);
  boundDepth(patch);
  return merge(target, patch);
}

function merge(target: Json, patch: Json): Json {
  // The server hands a list that replaces an object through as it is.
  if (!isObject(patch)) return isObject(target) ? jsonClone(patch) : withoutNulls(patch);
  if (!isObject(target)) return withoutNulls(patch);
  const merged: JsonObject = {};
  for (const [key, value] of Object.entries(target)) {
    const change = own(patch, key);
    if (change !== null) setOwn(merged, key, change === undefined ? jsonClone(value) : merge(value, change));
  }
  for (const [key, value] of Object.entries(patch)) {
    if (value !== null && !Object.hasOwn(target, key)) setOwn(merged, key, withoutNulls(value));
  }
  return merged;
}

/** A copy without null members; null items of lists stay. */
export function withoutNulls(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isObject(value)) return value;
  const kept: JsonObject = {};
  for (const [key, member] of Object.entries(value)) {
    if (member !== null) setOwn(kept, key, withoutNulls(member));
  }
  return kept;
}

/**
 * The smallest merge patch that turns `from` into `to`. A merge patch cannot set null: null members of `to`
 * come out as removals.
 *
 * @throws {PatchError} 400 where a document nests too deeply
 */
export function createMergePatch(from: JsonObject, to: JsonObject): JsonObject {
  boundDepth(from);
  boundDepth(to);
  return difference(from, to);
}

function difference(from: JsonObject, to: JsonObject): JsonObject {
  const patch: JsonObject = {};
  for (const key of Object.keys(from)) {
    if (!Object.hasOwn(to, key)) setOwn(patch, key, null);
  }
  for (const [key, value] of Object.entries(to)) {
    const before = own(from, key);
    if (isObject(before) && isObject(value)) {
      const change = difference(before, value);
      if (Object.keys(change).length > 0) setOwn(patch, key, change);
    } else if (!jsonEqual(before, value)) {
      setOwn(patch, key, jsonClone(value));
    }
  }
  return patch;
}

import { goText, goType } from './go-text.ts';
import { isObject, jsonClone, own, setOwn, type Json, type JsonObject } from './json.ts';
import { withoutNulls } from './merge-patch.ts';
import { boundDepth, PatchError } from './patch-error.ts';
import type { Schema } from './schema.ts';
import { checkElementOrder, keyText, mergeOrder } from './strategic-merge-order.ts';

const deletePrefix = '$deleteFromPrimitiveList';
const orderPrefix = '$setElementOrder';

/** How a field merges. */
interface Field {
  /** Of the object, or of the list's items. */
  readonly schema: Schema | undefined;
  readonly strategy: 'merge' | 'replace' | undefined;
  readonly mergeKey: string | undefined;
}

/**
 * Applies a strategic merge patch the way an API server does to built-in kinds: lists whose schema says so merge
 * by key (or as sets, for plain values), and `$patch`, `$retainKeys`, `$deleteFromPrimitiveList/FIELD` and
 * `$setElementOrder/FIELD` direct the merge. Fields that the schema does not know merge as maps and replace as
 * lists. Like the server's, the result may hold nulls and directives of objects that the patch adds: decoding
 * the result by its schema drops both.
 *
 * Source: k8s.io/apimachinery 0.36 util/strategicpatch, and the design
 * https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md
 *
 * @param schema of the kind, after `linkSchemas`
 * @returns a new object that shares nothing with the arguments
 * @throws {PatchError} 400 for malformed directives, 422 for lists of lists, 500 for what the server answers with
 *   an internal error (a missing merge key, an unknown `$patch`, a mixed list)
 */
export function strategicMergePatch(
  live: JsonObject,
  patch: JsonObject,
  schema: Schema | undefined,
): JsonObject {
  boundDepth(live);
  boundDepth(patch);
  return mergeMap(jsonClone(live), jsonClone(patch), schema);
}

/** Merges `patch` into `live`; takes both over. */
function mergeMap(live: JsonObject, patch: JsonObject, schema: Schema | undefined): JsonObject {
  const directive = own(patch, '$patch');
  if (directive === 'delete') return {};
  if (directive === 'replace') {
    delete patch['$patch'];
    return patch;
  }
  if (directive !== undefined) throw unknownDirective(directive, patch);
  retainKeys(live, patch);
  mergeOrderedLists(live, patch, schema);
  for (const [key, value] of Object.entries(patch)) mergeField(live, key, value, schema);
  return live;
}

/** `$retainKeys`: what the list does not name goes. */
function retainKeys(live: JsonObject, patch: JsonObject): void {
  const list = own(patch, '$retainKeys');
  if (list === undefined) return;
  delete patch['$retainKeys'];
  if (!Array.isArray(list)) throw new PatchError(400, 'invalid patch format of retainKeys');
  const retained = new Set(list);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null || key.startsWith(deletePrefix) || key.startsWith(orderPrefix)) continue;
    if (!retained.has(key)) throw new PatchError(400, 'invalid patch format of retainKeys');
  }
  for (const key of Object.keys(live)) {
    if (!retained.has(key)) delete live[key];
  }
}

/** `$setElementOrder/FIELD`: merges the list FIELD, and orders it by the directive's list. */
function mergeOrderedLists(live: JsonObject, patch: JsonObject, schema: Schema | undefined): void {
  for (const directive of Object.keys(patch)) {
    if (!directive.startsWith(orderPrefix)) continue;
    const order = asList(own(patch, directive) ?? null);
    delete patch[directive];
    const key = fieldOf(directive, orderPrefix, 'invalid patch format of setElementOrder list');
    const liveValue = own(live, key);
    const patchValue = own(patch, key);
    const liveList = liveValue === undefined ? [] : asList(liveValue);
    const patchList = patchValue === undefined ? [] : asList(patchValue);
    const field = lookup(schema, key);
    checkElementOrder(patchList, order, field.mergeKey);
    if (liveValue === undefined && patchValue === undefined) continue;
    let merged = liveList;
    if (liveValue === undefined) merged = listWithoutDirectives(patchList);
    else if (patchValue !== undefined) merged = mergeList(liveList, patchList, field, false);
    elementsAreMaps([...liveList, ...patchList]);
    setOwn(live, key, mergeOrder(merged, order, liveList, field.mergeKey));
    delete patch[key];
  }
}

function mergeField(live: JsonObject, name: string, value: Json, schema: Schema | undefined): void {
  const deletes = name.startsWith(deletePrefix);
  const key = deletes ? fieldOf(name, deletePrefix, 'invalid patch format of primitive list') : name;
  if (value === null) {
    delete live[key];
    return;
  }
  const current = own(live, key);
  if (isObject(current) && isObject(value)) {
    const field = lookup(schema, key);
    setOwn(live, key, field.strategy === 'replace' ? value : mergeMap(current, value, field.schema));
  } else if (Array.isArray(current) && Array.isArray(value)) {
    setOwn(live, key, mergeList(current, value, lookup(schema, key), deletes));
  } else if (!deletes) {
    const added = withoutDirectives(withoutNulls(value));
    if (added === undefined) delete live[key];
    else setOwn(live, key, added);
  }
}

/** @param deletes true where `patch` is what has to go */
function mergeList(live: Json[], patch: Json[], field: Field, deletes: boolean): Json[] {
  if (field.strategy !== 'merge' && !deletes) return patch;
  if (live.length === 0 && patch.length === 0) return live;
  if (elementsAreMaps([...live, ...patch])) {
    if (field.mergeKey === undefined) {
      throw new PatchError(500, 'cannot merge lists without merge key for struct');
    }
    return mergeMaps(live.filter(isObject), patch.filter(isObject), field, field.mergeKey);
  }
  if (deletes) {
    const gone = new Set(patch);
    return live.filter((item) => !gone.has(item));
  }
  return mergeOrder([...new Set([...live, ...patch])], patch, live, undefined);
}

function mergeMaps(live: JsonObject[], patch: JsonObject[], field: Field, mergeKey: string): Json[] {
  const { replaces, deleted } = listDirectives(patch, mergeKey);
  const changes = patch.filter((item) => !Object.hasOwn(item, '$patch'));
  if (replaces) return mergeOrder(changes, [], changes, mergeKey);
  const kept = live.filter((item) => !deleted.has(keyText(item, mergeKey)));
  const merged = [...kept];
  const places = new Map<string, number>();
  for (const [index, item] of merged.entries()) {
    const text = keyText(item, mergeKey);
    // Of items with the same key (container ports of two protocols, say) the first one merges.
    if (!places.has(text)) places.set(text, index);
  }
  for (const item of changes) {
    const text = keyText(item, mergeKey);
    const index = places.get(text);
    const current = index === undefined ? undefined : merged[index];
    if (index !== undefined && current !== undefined) merged[index] = mergeMap(current, item, field.schema);
    else places.set(text, merged.push(item) - 1);
  }
  return mergeOrder(merged, changes, kept, mergeKey);
}

/** What the items with `$patch` ask for: to replace the whole list, or to delete items by key. */
function listDirectives(
  patch: JsonObject[],
  mergeKey: string,
): { replaces: boolean; deleted: ReadonlySet<string> } {
  const deleted = new Set<string>();
  let replaces = false;
  for (const item of patch) {
    const directive = own(item, '$patch');
    if (directive === undefined) continue;
    if (directive === 'delete') {
      deleted.add(keyText(item, mergeKey));
    } else if (directive === 'replace') {
      replaces = true;
    } else if (directive === 'merge') {
      throw new PatchError(500, 'merging lists cannot yet be specified in the patch');
    } else {
      throw unknownDirective(directive, item);
    }
  }
  return { replaces, deleted };
}

function lookup(schema: Schema | undefined, key: string): Field {
  const additional = schema?.additionalProperties;
  const found =
    own(schema?.properties ?? {}, key) ?? (typeof additional === 'object' ? additional : undefined);
  const strategies = found?.['x-kubernetes-patch-strategy']?.split(',') ?? [];
  return {
    schema: found?.items ?? found,
    strategy: strategies.includes('merge') ? 'merge' : strategies.includes('replace') ? 'replace' : undefined,
    mergeKey: found?.['x-kubernetes-patch-merge-key'],
  };
}

/** True for a list of maps, false for one of plain values; a list that mixes types cannot merge. */
function elementsAreMaps(list: Json[]): boolean {
  const [first] = list;
  if (first === undefined) throw new PatchError(500, 'no elements in any of the given slices');
  if (Array.isArray(first)) throw new PatchError(422, 'lists of lists are not supported');
  if (list.some((item) => item === null || typeof item !== typeof first || Array.isArray(item))) {
    throw new PatchError(500, `list element types are not identical: ${goText(list)}`);
  }
  return isObject(first);
}

/** Without the maps that carry a `$patch`; undefined where `value` is one itself. */
function withoutDirectives(value: Json): Json | undefined {
  if (Array.isArray(value)) return listWithoutDirectives(value);
  if (!isObject(value)) return value;
  if (Object.hasOwn(value, '$patch')) return undefined;
  const kept: JsonObject = {};
  for (const [key, member] of Object.entries(value)) {
    const cleaned = withoutDirectives(member);
    if (cleaned !== undefined) setOwn(kept, key, cleaned);
  }
  return kept;
}

function listWithoutDirectives(list: Json[]): Json[] {
  return list.map(withoutDirectives).filter((item) => item !== undefined);
}

/** The field that a directive such as `$setElementOrder/containers` is about. */
function fieldOf(directive: string, prefix: string, malformed: string): string {
  if (!directive.startsWith(`${prefix}/`)) throw new PatchError(400, malformed);
  return directive.slice(prefix.length + 1);
}

function asList(value: Json): Json[] {
  if (Array.isArray(value)) return value;
  throw new PatchError(500, `expected a []interface {}, but received a ${goType(value)}`);
}

function unknownDirective(directive: Json, map: JsonObject): PatchError {
  return new PatchError(500, `unknown patch type: ${goText(directive)} in map: ${goText(map)}`);
}

import { InvalidInputError } from '../../base/errors.ts';
import type { Json, JsonObject } from '../json.ts';
import { isObject, jsonEqual, own, setOwn } from '../json.ts';
import type { PathElement } from './field-path.ts';
import { fieldElement } from './field-path.ts';
import { FieldSet, FieldSetBuilder, maxDepth } from './field-set.ts';
import { isEmptyList, isEmptyMap, itemElement } from './list-items.ts';
import type { ListShape, MapShape, Shape } from './shape.ts';
import { fieldShape, kindOf } from './shape.ts';

/*
 * The walks over values with a shape. All of them take values as immutable and return parts of them where
 * nothing changes: identity is how a no-op is noticed cheaply.
 *
 * Source: https://pkg.go.dev/sigs.k8s.io/structured-merge-diff/v6/typed
 */

/** @throws InvalidInputError where `value` is nested more deeply than the recursive walks can take */
export function checkDepth(value: Json | undefined, depth = 0): void {
  if (typeof value !== 'object' || value === null) return;
  if (depth > maxDepth) {
    throw new InvalidInputError(`object is nested more than ${maxDepth} levels deep`, 'TooDeep');
  }
  for (const child of Array.isArray(value) ? value : Object.values(value)) checkDepth(child, depth + 1);
}

/** The fields that `value` sets: what an applier of it owns. */
export function toFieldSet(value: Json | undefined, shape: Shape): FieldSet {
  return FieldSet.node(false, fieldSetNode(value, shape).children);
}

function fieldSetNode(value: Json | undefined, shape: Shape): FieldSet {
  const kind = kindOf(shape, value);
  if (kind === 'scalar' || shape[kind]?.atomic === true) return FieldSet.leaf;
  if (shape.map !== undefined && kind === 'map') return mapFieldSet(value, shape.map);
  return shape.list === undefined ? FieldSet.empty : listFieldSet(value, shape.list);
}

function mapFieldSet(value: Json | undefined, map: MapShape): FieldSet {
  if (!isObject(value)) return FieldSet.empty;
  const children = new Map<PathElement, FieldSet>();
  for (const name of Object.keys(value)) {
    const child = value[name];
    const declared = map.declared(name);
    const isBare = child === null || (isObject(child) && isEmptyMap(child));
    const node = fieldSetNode(child, declared ?? map.unknown ?? fieldShape(map, name));
    const kept = isBare || declared === undefined ? node.asMember() : node;
    if (!kept.isEmpty) children.set(fieldElement(name), kept);
  }
  return FieldSet.node(false, children);
}

function listFieldSet(value: Json | undefined, list: ListShape): FieldSet {
  if (!Array.isArray(value)) return FieldSet.empty;
  const children = new Map<PathElement, FieldSet>();
  for (const [i, item] of value.entries()) {
    const element = itemElement(list, item, i);
    // Items that cannot be told apart are owned together, as one.
    const node = children.has(element) ? FieldSet.leaf : fieldSetNode(item, list.element).asMember();
    children.set(element, node);
  }
  return FieldSet.node(false, children);
}

export interface Comparison {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
}

/** Which fields `after` adds to, changes in, and removes from `before`. */
export function compare(before: Json | undefined, after: Json | undefined, shape: Shape): Comparison {
  const walk = new CompareWalk();
  if (before !== undefined || after !== undefined) walk.compare(before, after, shape);
  return { added: walk.added.build(), modified: walk.modified.build(), removed: walk.removed.build() };
}

class CompareWalk {
  readonly added = new FieldSetBuilder();
  readonly modified = new FieldSetBuilder();
  readonly removed = new FieldSetBuilder();
  readonly #path: PathElement[] = [];

  compare(before: Json | undefined, after: Json | undefined, shape: Shape): void {
    if (before === after) return;
    const beforeKind = kindOf(shape, before);
    const afterKind = after === undefined ? beforeKind : kindOf(shape, after);
    if (before !== undefined && beforeKind !== afterKind) this.#compareAs(beforeKind, before, after, shape);
    const isLeaf = this.#compareAs(afterKind, before, after, shape);
    if (isLeaf) return;
    if (before === undefined) this.added.add(this.#path);
    else if (after === undefined) this.removed.add(this.#path);
  }

  /** @returns true where the place was compared as a whole */
  #compareAs(kind: string, before: Json | undefined, after: Json | undefined, shape: Shape): boolean {
    if (kind === 'map' && shape.map !== undefined) {
      if (!shape.map.atomic && !(isEmptyMap(before) && isEmptyMap(after))) {
        this.#maps(isObject(before) ? before : {}, isObject(after) ? after : {}, shape.map);
        return false;
      }
    } else if (kind === 'list' && shape.list !== undefined) {
      if (!shape.list.atomic && !(isEmptyList(before) && isEmptyList(after))) {
        this.#lists(Array.isArray(before) ? before : [], Array.isArray(after) ? after : [], shape.list);
        return false;
      }
    }
    if (before === undefined) this.added.add(this.#path);
    else if (after === undefined) this.removed.add(this.#path);
    else if (!jsonEqual(before, after)) this.modified.add(this.#path);
    return true;
  }

  #maps(before: JsonObject, after: JsonObject, map: MapShape): void {
    for (const name of Object.keys(before)) {
      this.#below(fieldElement(name), before[name], own(after, name), fieldShape(map, name));
    }
    for (const name of Object.keys(after)) {
      if (Object.hasOwn(before, name)) continue;
      this.#below(fieldElement(name), undefined, after[name], fieldShape(map, name));
    }
  }

  #below(element: PathElement, before: Json | undefined, after: Json | undefined, shape: Shape): void {
    if (before === after) return;
    this.#path.push(element);
    this.compare(before, after, shape);
    this.#path.pop();
  }

  #lists(before: readonly Json[], after: readonly Json[], list: ListShape): void {
    const beforeItems = groupItems(before, list);
    const afterItems = groupItems(after, list);
    for (const element of new Set([...beforeItems.keys(), ...afterItems.keys()])) {
      const left = beforeItems.get(element) ?? [];
      const right = afterItems.get(element) ?? [];
      if (left.length < 2 && right.length < 2) {
        this.#below(element, left[0], right[0], list.element);
      } else {
        this.#duplicates(element, left, right, list.element);
      }
    }
  }

  /** Items with the same key count as one atomic thing. */
  #duplicates(element: PathElement, before: readonly Json[], after: readonly Json[], shape: Shape): void {
    const here = [...this.#path, element];
    if (before.length > 1 && after.length > 1) {
      if (!jsonEqual(before, after)) this.modified.add(here);
    } else if (before.length > 1) {
      if (after.length === 1) this.#below(element, undefined, after[0], shape);
      this.removed.add(here);
    } else {
      if (before.length === 1) this.#below(element, before[0], undefined, shape);
      this.added.add(here);
    }
  }
}

function groupItems(items: readonly Json[], list: ListShape): Map<PathElement, Json[]> {
  const groups = new Map<PathElement, Json[]>();
  for (const [i, item] of items.entries()) {
    const element = itemElement(list, item, i);
    const group = groups.get(element);
    if (group === undefined) groups.set(element, [item]);
    else group.push(item);
  }
  return groups;
}

/**
 * `live` with what `applied` says: maps are merged field by field, sets and list maps item by item, the rest
 * is replaced.
 *
 * @returns `live` itself where nothing changes
 */
export function merge(live: Json | undefined, applied: Json | undefined, shape: Shape): Json | undefined {
  if (applied === undefined) return live;
  if (live === undefined || live === applied) return applied;
  const kind = kindOf(shape, applied);
  if (kind === 'map' && shape.map?.atomic === false && !(isEmptyMap(live) && isEmptyMap(applied))) {
    return mergeMaps(live, applied, shape.map);
  }
  if (kind === 'list' && shape.list?.atomic === false && !(isEmptyList(live) && isEmptyList(applied))) {
    return mergeLists(live, applied, shape.list);
  }
  return jsonEqual(live, applied) ? live : applied;
}

function mergeMaps(live: Json, applied: Json, map: MapShape): Json {
  if (!isObject(live)) return applied;
  if (!isObject(applied)) return live;
  let merged: JsonObject | undefined;
  for (const name of Object.keys(applied)) {
    const before = own(live, name);
    const after = merge(before, applied[name], fieldShape(map, name));
    if (after === before || after === undefined) continue;
    merged ??= { ...live };
    setOwn(merged, name, after);
  }
  return merged ?? live;
}

function mergeLists(live: Json, applied: Json, list: ListShape): Json {
  if (isEmptyList(applied)) return live;
  if (isEmptyList(live)) return applied;
  if (!Array.isArray(live) || !Array.isArray(applied)) return applied;
  const merged = mergeItems(live, applied, list);
  const same = merged.length === live.length && merged.every((item, i) => item === live[i]);
  return same ? live : merged;
}

/**
 * The order of the original: items of both lists keep the order of the applied one, items of the live list
 * only stay near their neighbours.
 */
function mergeItems(live: readonly Json[], applied: readonly Json[], list: ListShape): Json[] {
  const left = live.map((item, i) => itemElement(list, item, i));
  const right = applied.map((item, i) => itemElement(list, item, i));
  const liveItems = new Map<PathElement, Json>();
  for (const [i, element] of left.entries()) {
    // A duplicate is replaced, not merged: nobody knows with which of them.
    liveItems.set(element, liveItems.has(element) ? null : (live[i] ?? null));
  }
  const appliedItems = new Map(right.map((element, i) => [element, applied[i] ?? null]));
  const shared = right.filter((element) => liveItems.has(element));
  const done = new Set<PathElement>();
  const out: Json[] = [];
  const take = (element: PathElement): void => {
    done.add(element);
    const item = merge(liveItems.get(element), appliedItems.get(element), list.element);
    if (item !== undefined) out.push(item);
    if (shared[0] === element) shared.shift();
  };
  for (let l = 0, r = 0; l < left.length || r < right.length;) {
    const mine = left[l];
    const theirs = right[r];
    const isShared = mine !== undefined && appliedItems.has(mine);
    if (mine !== undefined && !isShared && mine !== theirs) {
      out.push(live[l] ?? null);
      l++;
    } else if (mine !== undefined && theirs !== undefined && mine === theirs) {
      take(mine);
      l++;
      r++;
    } else if (isShared && theirs !== undefined && shared[0] !== undefined && shared[0] !== mine) {
      l++; // shared, but an earlier one of the applied order comes first
    } else {
      if (mine !== undefined && done.has(mine)) l++;
      if (theirs !== undefined) {
        take(theirs);
        r++;
      }
    }
  }
  return out;
}

import type { Json, JsonObject } from '../json.ts';
import { isObject, setOwn } from '../json.ts';
import type { PathElement } from './field-path.ts';
import { fieldElement } from './field-path.ts';
import { FieldSet } from './field-set.ts';
import { isEmptyList, isEmptyMap, itemElement } from './list-items.ts';
import type { ListShape, MapShape, Shape } from './shape.ts';
import { fieldShape, kindOf } from './shape.ts';
import { toFieldSet } from './typed.ts';

/**
 * `value` without the fields and items in `items`. What becomes empty stays, as an empty map or list.
 *
 * Source: https://pkg.go.dev/sigs.k8s.io/structured-merge-diff/v6/typed#TypedValue.RemoveItems
 *
 * @returns `value` itself where nothing is removed; undefined where nothing is left
 */
export function removeItems(value: Json, items: FieldSet, shape: Shape): Json | undefined {
  if (items.children.size === 0) return value;
  const kind = kindOf(shape, value);
  if (kind === 'scalar') return value;
  if (kind === 'map' && shape.map !== undefined) {
    if (!isObject(value) || isEmptyMap(value) || shape.map.atomic) return undefined;
    return removeFields(value, items, shape.map);
  }
  if (!Array.isArray(value) || isEmptyList(value) || shape.list === undefined || shape.list.atomic) {
    return undefined;
  }
  return removeListItems(value, items, shape.list);
}

function removeFields(value: JsonObject, items: FieldSet, map: MapShape): Json | undefined {
  const left: JsonObject = {};
  let changed = false;
  let hadMatches = false;
  for (const name of Object.keys(value)) {
    const child = value[name] ?? null;
    const node = items.below(fieldElement(name));
    if (node.member) {
      changed = true;
      continue;
    }
    const next = removeBelow(child, node, fieldShape(map, name));
    hadMatches ||= !node.isEmpty;
    changed ||= next !== child;
    setOwn(left, name, next);
  }
  if (!changed) return value;
  return hadMatches || !isEmptyMap(left) ? left : undefined;
}

function removeListItems(value: readonly Json[], items: FieldSet, list: ListShape): Json | undefined {
  const left: Json[] = [];
  let hadMatches = false;
  for (const [i, item] of value.entries()) {
    const node = items.below(itemElement(list, item, i));
    if (node.member) continue;
    hadMatches ||= !node.isEmpty;
    left.push(removeBelow(item, node, list.element));
  }
  if (left.length === value.length && left.every((item, i) => item === value[i])) return value as Json[];
  return hadMatches || left.length > 0 ? left : undefined;
}

function removeBelow(child: Json, items: FieldSet, shape: Shape): Json {
  if (items.children.size === 0) return child;
  return removeItems(child, items, shape) ?? (isObject(child) ? {} : Array.isArray(child) ? [] : null);
}

/**
 * Only the fields and items of `value` that are in `items`, with the keys that list items need to be told
 * apart.
 *
 * Source: https://pkg.go.dev/sigs.k8s.io/structured-merge-diff/v6/typed#TypedValue.ExtractItems
 */
export function extractItems(value: Json, items: FieldSet, shape: Shape): Json | undefined {
  return extract(value, withKeyFields(items, toFieldSet(value, shape)), shape);
}

/** `items` with the key fields of the list items in `present` on the way to its members. */
function withKeyFields(items: FieldSet, present: FieldSet, element: PathElement = ''): FieldSet {
  const children = new Map<PathElement, FieldSet>();
  for (const [below, child] of items.children) {
    const there = present.below(below);
    children.set(below, there.isEmpty ? child : withKeyFields(child, there, below));
  }
  if (element.startsWith('k:')) {
    for (const name of Object.keys(JSON.parse(element.slice(2)) as JsonObject)) {
      children.set(fieldElement(name), items.below(fieldElement(name)).asMember());
    }
  }
  return FieldSet.node(items.member, children);
}

function extract(value: Json, items: FieldSet, shape: Shape): Json | undefined {
  const kind = kindOf(shape, value);
  if (kind === 'scalar') return value;
  if (kind === 'map' && shape.map !== undefined) {
    if (!isObject(value) || isEmptyMap(value) || shape.map.atomic) return isObject(value) ? value : undefined;
    const found: JsonObject = {};
    for (const name of Object.keys(value)) {
      const child = value[name] ?? null;
      const node = items.below(fieldElement(name));
      if (node.isEmpty) continue;
      const kept = extract(child, node, fieldShape(shape.map, name));
      setOwn(found, name, kept ?? (isObject(child) ? {} : null));
    }
    return isEmptyMap(found) ? undefined : found;
  }
  const { list } = shape;
  if (!Array.isArray(value) || isEmptyList(value) || list === undefined || list.atomic) {
    return Array.isArray(value) ? value : undefined;
  }
  const found: Json[] = [];
  for (const [i, item] of value.entries()) {
    const node = items.below(itemElement(list, item, i));
    if (node.isEmpty) continue;
    found.push(node.children.size === 0 ? item : (extract(item, node, list.element) ?? null));
  }
  return found.length > 0 ? found : undefined;
}

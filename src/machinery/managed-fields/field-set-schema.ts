import type { PathElement } from './field-path.ts';
import { FieldSet } from './field-set.ts';
import type { Shape } from './shape.ts';

/*
 * What a schema says about field sets.
 *
 * Source: https://pkg.go.dev/sigs.k8s.io/structured-merge-diff/v6/fieldpath#Set.EnsureNamedFieldsAreMembers and
 * https://pkg.go.dev/sigs.k8s.io/structured-merge-diff/v6/typed#ReconcileFieldSetWithSchema
 */

/**
 * `set` with the declared fields on the way to its members: owning `spec.replicas` does not own `spec`, yet
 * when nobody owns anything below `spec`, it goes as well.
 */
export function withNamedFields(set: FieldSet, shape: Shape | undefined): FieldSet {
  if (set.children.size === 0) return set;
  const children = new Map<PathElement, FieldSet>();
  for (const [element, child] of set.children) {
    const full = withNamedFields(child, shapeBelow(shape, element));
    const isNamed = element.startsWith('f:') && shape?.map?.declared(element.slice(2)) !== undefined;
    children.set(element, isNamed ? full.asMember() : full);
  }
  return FieldSet.node(set.member, children);
}

function shapeBelow(shape: Shape | undefined, element: PathElement): Shape | undefined {
  if (element.startsWith('f:')) return shape?.map?.declared(element.slice(2)) ?? shape?.map?.unknown;
  return element.startsWith('k:') ? shape?.list?.element : undefined;
}

/** For each shape the sets that were found to fit: an object is written much more often than its schema. */
const fitting = new WeakMap<Shape, WeakSet<FieldSet>>();

/**
 * Follows a schema that made a list or map atomic after `set` was written: who owned parts of it now owns
 * the whole.
 */
export function reconcileWithSchema(set: FieldSet, shape: Shape): FieldSet {
  let fits = fitting.get(shape);
  if (fits?.has(set) === true) return set;
  const reconciled = reconcileNode(set, shape);
  if (fits === undefined) fitting.set(shape, (fits = new WeakSet()));
  fits.add(reconciled);
  return reconciled;
}

function reconcileNode(set: FieldSet, shape: Shape): FieldSet {
  if (set.children.size === 0 || shape.map?.deduced === true) return set;
  if (shape.map === undefined && shape.list === undefined) return set;
  const isAtomic = shape.map === undefined ? shape.list?.atomic : shape.map.atomic;
  if (isAtomic === true) return FieldSet.leaf;
  let changed = false;
  const children = new Map<PathElement, FieldSet>();
  for (const [element, child] of set.children) {
    const below = shape.map === undefined ? shape.list?.element : shapeBelow(shape, element);
    const next = below === undefined ? child : reconcileNode(child, below);
    if (next !== child) changed = true;
    children.set(element, next);
  }
  return changed ? FieldSet.node(set.member, children) : set;
}

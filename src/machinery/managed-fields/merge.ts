import type { Json, JsonObject } from '../json.ts';
import { isObject, jsonEqual } from '../json.ts';
import { ApplyConflictError, listConflicts } from './conflict.ts';
import { fieldPath } from './field-path.ts';
import { FieldSet } from './field-set.ts';
import { reconcileWithSchema, withNamedFields } from './field-set-schema.ts';
import type { FieldOwner, FieldOwners } from './owners.ts';
import { ownerId } from './owners.ts';
import { removeItems } from './remove-items.ts';
import type { Shape } from './shape.ts';
import type { Comparison } from './typed.ts';
import { compare, merge, toFieldSet } from './typed.ts';

/*
 * Apply and update over the owners of an object.
 *
 * Source: https://pkg.go.dev/sigs.k8s.io/structured-merge-diff/v6/merge#Updater
 */

/** Who writes, and what it cannot own. */
export interface Writer {
  readonly manager: string;
  readonly apiVersion: string;
  readonly subresource: string | undefined;
  /** Fields that this endpoint resets: writes to them have no effect and give no ownership. */
  readonly resetFields: FieldSet;
  /** RFC 3339. */
  readonly now: string;
}

/** Source: stripSet of k8s.io/apimachinery/pkg/util/managedfields/internal/stripmeta.go. */
export const unownedMetadata: readonly string[] = [
  'name',
  'namespace',
  'creationTimestamp',
  'selfLink',
  'uid',
  'clusterName',
  'generation',
  'managedFields',
  'resourceVersion',
];

/** Fields that nobody owns. */
const unowned = FieldSet.of(
  fieldPath('apiVersion'),
  fieldPath('kind'),
  fieldPath('metadata'),
  ...unownedMetadata.map((name) => fieldPath('metadata', name)),
);

/**
 * Merges `applied` into `live`; removes what the writer applied before and nobody owns now.
 *
 * @returns the object (`live` itself where nothing changes) and its owners
 * @throws ApplyConflictError where it would change fields of others, without `force`
 */
export function applyOver(
  live: JsonObject,
  applied: JsonObject,
  current: FieldOwners,
  writer: Writer,
  force: boolean,
  shape: Shape,
): { object: JsonObject; owners: FieldOwners } {
  const self = { ...writerIdentity(writer), operation: 'Apply' as const };
  const id = ownerId(self);
  const owners = reconcileOwners(current, shape);
  const last = owners.get(id);
  const claimed = toFieldSet(applied, shape).recursiveDifference(writer.resetFields);
  owners.set(id, { ...self, time: last?.time, fields: claimed });

  const merged = merge(live, applied, shape) ?? live;
  const pruned = last === undefined ? merged : prune(merged, owners, claimed, last.fields, shape);
  const object = isObject(pruned) && !jsonEqual(live, pruned) ? pruned : live;
  if (object !== live && owners.size > 1) {
    const comparison = excluding(compare(live, object, shape), writer.resetFields);
    const lost = lostToOthers(owners, comparison, id);
    if (!force && lost.size > 0) throw new ApplyConflictError(listConflicts(owners, lost));
    takeAway(owners, comparison, id);
  }

  const fields = claimed.difference(unowned);
  const time = object === live ? last?.time : writer.now;
  // The same set as before stays the same object: it need not be encoded and compared again.
  if (fields.isEmpty) owners.delete(id);
  else owners.set(id, { ...self, time, fields: last?.fields.equals(fields) === true ? last.fields : fields });
  return { object, owners };
}

/**
 * The owners after a create, update or patch: the writer owns what it added or changed.
 */
export function updateOver(
  before: JsonObject,
  after: JsonObject,
  current: FieldOwners,
  writer: Writer,
  shape: Shape,
): FieldOwners {
  const owners = reconcileOwners(current, shape);
  const comparison = excluding(compare(before, after, shape), writer.resetFields);
  takeAway(owners, comparison, undefined);
  const gained = comparison.modified.union(comparison.added).difference(unowned);
  if (gained.isEmpty) return owners;
  const self = { ...writerIdentity(writer), operation: 'Update' as const };
  const id = ownerId(self);
  const fields = gained.union(owners.get(id)?.fields ?? FieldSet.empty);
  owners.set(id, { ...self, time: writer.now, fields });
  return owners;
}

function writerIdentity(writer: Writer): Omit<FieldOwner, 'operation' | 'fields' | 'time'> {
  const { manager, apiVersion, subresource } = writer;
  return { manager: manager === '' ? 'unknown' : manager, apiVersion, subresource };
}

function reconcileOwners(owners: FieldOwners, shape: Shape): Map<string, FieldOwner> {
  const reconciled = new Map<string, FieldOwner>();
  for (const [id, owner] of owners) {
    const fields = reconcileWithSchema(owner.fields, shape);
    reconciled.set(id, fields === owner.fields ? owner : { ...owner, fields });
  }
  return reconciled;
}

function excluding(comparison: Comparison, fields: FieldSet): Comparison {
  return {
    added: comparison.added.recursiveDifference(fields),
    modified: comparison.modified.recursiveDifference(fields),
    removed: comparison.removed.recursiveDifference(fields),
  };
}

function lostToOthers(owners: FieldOwners, comparison: Comparison, self: string): Map<string, FieldSet> {
  const written = comparison.modified.union(comparison.added);
  const lost = new Map<string, FieldSet>();
  for (const [id, owner] of owners) {
    if (id === self) continue;
    const fields = owner.fields.intersection(written);
    if (!fields.isEmpty) lost.set(id, fields);
  }
  return lost;
}

/** Takes what was written or removed from everybody but the writer. */
function takeAway(owners: Map<string, FieldOwner>, comparison: Comparison, self: string | undefined): void {
  const gone = comparison.modified.union(comparison.added).union(comparison.removed);
  for (const [id, owner] of owners) {
    if (id === self) continue;
    const fields = owner.fields.difference(gone);
    if (fields.isEmpty) owners.delete(id);
    else if (fields !== owner.fields) owners.set(id, { ...owner, fields });
  }
}

/**
 * Removes from `merged` what `last` (the writer's previous claim) owned and no owner claims now. What lies
 * below a removed item stays where somebody else owns it, or where the writer never did.
 */
function prune(
  merged: Json,
  owners: FieldOwners,
  claimed: FieldSet,
  last: FieldSet,
  shape: Shape,
): Json | undefined {
  if (last.difference(claimed).isEmpty) return merged;
  const owned = withNamedFields(last, shape);
  let claims = FieldSet.empty;
  for (const owner of owners.values()) claims = claims.union(owner.fields);

  const present = withNamedFields(toFieldSet(merged, shape), shape);
  const leftAfter = (items: FieldSet): FieldSet =>
    withNamedFields(toFieldSet(removeItems(merged, items, shape), shape), shape);
  const withoutOwned = leftAfter(owned);
  const withClaimed = leftAfter(present.difference(withoutOwned.union(withNamedFields(claims, shape))));
  return removeItems(merged, present.difference(withClaimed).intersection(owned), shape);
}

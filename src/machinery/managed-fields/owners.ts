import { InvalidInputError } from '../../base/errors.ts';
import { parseTime } from '../../base/time.ts';
import type { Json, JsonObject } from '../json.ts';
import { isObject, own } from '../json.ts';
import { compareText } from './field-path.ts';
import { FieldSet } from './field-set.ts';
import { decodeFields, encodeFields } from './shared-field-sets.ts';

/** One entry of `metadata.managedFields`, decoded. */
export interface FieldOwner {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly subresource: string | undefined;
  /** RFC 3339. Absent where the owner never changed anything: it applied what was already there. */
  readonly time: string | undefined;
  readonly fields: FieldSet;
}

/** The owners of the fields of one object, by {@link ownerId}. */
export type FieldOwners = ReadonlyMap<string, FieldOwner>;

/**
 * What makes two entries the same: manager, operation, subresource, and for updates the version. As the
 * original's JSON, because conflicts and old updates are sorted by it.
 */
export function ownerId(owner: Omit<FieldOwner, 'fields' | 'time'>): string {
  const { manager, operation, apiVersion, subresource } = owner;
  return JSON.stringify({
    ...(manager === '' ? {} : { manager }),
    operation,
    ...(operation === 'Apply' ? {} : { apiVersion }),
    ...(subresource === undefined ? {} : { subresource }),
  });
}

/**
 * The owners in a `managedFields` list.
 *
 * @throws InvalidInputError, worded as the server does
 */
export function decodeOwners(managedFields: Json | undefined): FieldOwners {
  if (managedFields === undefined || managedFields === null) return new Map();
  if (!Array.isArray(managedFields)) throw invalid('managedFields must be a list');
  const owners = new Map<string, FieldOwner>();
  for (const [i, entry] of managedFields.entries()) {
    const owner = decodeOwner(entry, i);
    owners.set(ownerId(owner), owner);
  }
  return owners;
}

function decodeOwner(entry: Json, index: number): FieldOwner {
  if (!isObject(entry)) throw invalid(`managedFields[${index}] must be an object`);
  const operation = own(entry, 'operation');
  if (operation !== 'Apply' && operation !== 'Update') throw invalid('operation must be `Apply` or `Update`');
  const apiVersion = textField(entry, 'apiVersion', index);
  if (apiVersion === '') throw invalid('apiVersion must not be empty');
  const fieldsType = textField(entry, 'fieldsType', index);
  if (fieldsType === '') throw invalid(`missing fieldsType in managed fields entry ${index}`);
  if (fieldsType !== 'FieldsV1') {
    throw invalid(`invalid fieldsType ${JSON.stringify(fieldsType)} in managed fields entry ${index}`);
  }
  const time = textField(entry, 'time', index);
  if (time !== '') parseTime(time);
  return {
    manager: textField(entry, 'manager', index),
    operation,
    apiVersion,
    subresource: textField(entry, 'subresource', index) || undefined,
    time: time || undefined,
    fields: decodeFields(own(entry, 'fieldsV1')),
  };
}

function textField(entry: JsonObject, name: string, index: number): string {
  const value = own(entry, name) ?? '';
  if (typeof value !== 'string') throw invalid(`managedFields[${index}].${name} must be a string`);
  return value;
}

function invalid(message: string): InvalidInputError {
  return new InvalidInputError(message, 'InvalidManagedFields');
}

/** The `managedFields` list for `owners`, in the server's order; undefined for none. */
export function encodeOwners(owners: FieldOwners): Json[] | undefined {
  if (owners.size === 0) return undefined;
  return [...owners.values()].sort(compareOwners).map((owner) => ({
    ...(owner.manager === '' ? {} : { manager: owner.manager }),
    operation: owner.operation,
    apiVersion: owner.apiVersion,
    ...(owner.time === undefined ? {} : { time: owner.time }),
    fieldsType: 'FieldsV1',
    fieldsV1: encodeFields(owner.fields),
    ...(owner.subresource === undefined ? {} : { subresource: owner.subresource }),
  }));
}

function compareOwners(a: FieldOwner, b: FieldOwner): number {
  return (
    compareText(a.operation, b.operation) ||
    compareTimes(a.time, b.time) ||
    compareText(a.manager, b.manager) ||
    compareText(a.apiVersion, b.apiVersion) ||
    compareText(a.subresource ?? '', b.subresource ?? '')
  );
}

function compareTimes(a: string | undefined, b: string | undefined): number {
  return a === b ? 0 : seconds(a) - seconds(b);
}

function seconds(time: string | undefined): number {
  return time === undefined ? 0 : Math.floor(parseTime(time) / 1000);
}

/** Whether both say the same, apart from the time of the writes where `ignoreTimes` is set. */
export function sameOwners(a: FieldOwners, b: FieldOwners, ignoreTimes = false): boolean {
  if (a === b) return true;
  if (a.size !== b.size) return false;
  for (const [id, owner] of a) {
    const twin = b.get(id);
    if (twin === undefined || twin.apiVersion !== owner.apiVersion) return false;
    if (!ignoreTimes && twin.time !== owner.time) return false;
    if (!twin.fields.equals(owner.fields)) return false;
  }
  return true;
}

/** Owners by update that one object keeps apart. */
const maxUpdateOwners = 10;

/**
 * Merges the oldest updates, per version, into one entry of `ancient-changes`, until there are at most 10.
 *
 * Source: https://pkg.go.dev/k8s.io/apimachinery/pkg/util/managedfields (internal/capmanagers.go)
 */
export function capUpdateOwners(owners: FieldOwners): FieldOwners {
  const updates = [...owners].filter(([, owner]) => owner.operation === 'Update');
  if (updates.length <= maxUpdateOwners) return owners;
  updates.sort(([idA, a], [idB, b]) => compareTimes(a.time, b.time) || compareText(idA, idB));
  const capped = new Map(owners);
  const firstOfVersion = new Map<string, string>();
  let left = updates.length;
  for (const [id, owner] of updates) {
    if (left <= maxUpdateOwners) break;
    const first = firstOfVersion.get(owner.apiVersion);
    if (first === undefined) {
      firstOfVersion.set(owner.apiVersion, id);
      continue;
    }
    const bucket = { ...owner, manager: 'ancient-changes', subresource: undefined };
    const bucketId = ownerId(bucket);
    const merged = capped.get(bucketId) ?? capped.get(first);
    if (!capped.has(bucketId)) capped.delete(first);
    capped.delete(id);
    capped.set(bucketId, { ...bucket, fields: owner.fields.union(merged?.fields ?? FieldSet.empty) });
    left--;
  }
  return capped;
}

import { InvalidInputError } from '../base/errors.ts';
import { isObject, jsonEqual, own, withoutUndefined, type Json, type JsonObject } from '../machinery/json.ts';
import {
  fieldElement,
  keyElement,
  type PathElement,
  valueElement,
} from '../machinery/managed-fields/field-path.ts';
import { FieldSet } from '../machinery/managed-fields/field-set.ts';
import { unownedMetadata } from '../machinery/managed-fields/merge.ts';
import { decodeOwners, type FieldOwners, ownerId } from '../machinery/managed-fields/owners.ts';
import { createMergePatch, withoutNulls } from '../machinery/merge-patch.ts';
import { asJson, type KubeObject } from '../machinery/object.ts';
import type { ApplyOptions, ResourceClient, WriteOptions } from './resource-client.ts';

/** What became of a write that is made only where it makes a difference. */
export interface Written<T> {
  /** Whether the server has a new version of the object. */
  readonly changed: boolean;
  /** As the server has it. */
  readonly object: T;
}

/**
 * Server-side apply, without a request where {@link needsApply} sees that it would change nothing.
 *
 * @param live the object as cached, with its managedFields; undefined if there is none
 * @param desired all that `fieldManager` wants to own; no `status`
 */
export async function applyIfChanged<T extends KubeObject>(
  client: ResourceClient<T>,
  live: T | undefined,
  desired: T,
  options: ApplyOptions & { readonly fieldManager: string },
): Promise<Written<T>> {
  if (live !== undefined && !needsApply(live, desired, options.fieldManager, options.subresource)) {
    return { changed: false, object: live };
  }
  const object = await client.apply(desired, options);
  return { changed: live?.metadata.resourceVersion !== object.metadata.resourceVersion, object };
}

/**
 * Whether a server-side apply of `desired` could change `live`: a value, an owner, or a field that the manager
 * owns and no longer wants. Knows no schema, and says yes where that would be needed to tell: to empty lists of
 * sets and maps, to values that the server writes in another way (`1000m`), to lists in another order, and always where
 * `live` comes without managedFields (a cache may drop them).
 */
export function needsApply(
  live: KubeObject,
  desired: KubeObject,
  fieldManager: string,
  subresource?: string,
): boolean {
  const { apiVersion } = desired;
  const owners = ownersOf(live);
  const mine = owners.get(
    ownerId({ manager: fieldManager, operation: 'Apply', apiVersion, subresource: subresource || undefined }),
  );
  if (mine === undefined || mine.apiVersion !== apiVersion || live.apiVersion !== apiVersion) return true;
  if (!meetsPreconditions(live, desired)) return true;
  let everyones = FieldSet.empty;
  for (const { fields } of owners.values()) everyones = everyones.union(fields);
  return !isCovered(appliedFields(desired), asJson(live), mine.fields, everyones);
}

function ownersOf(live: KubeObject): FieldOwners {
  try {
    return decodeOwners(own(asJson(live).metadata as JsonObject, 'managedFields'));
  } catch (error) {
    if (error instanceof InvalidInputError) return new Map();
    throw error;
  }
}

/** What `desired` demands of the object, and the server would refuse otherwise. */
function meetsPreconditions(live: KubeObject, desired: KubeObject): boolean {
  const { uid, resourceVersion } = desired.metadata;
  const isSame = uid === undefined || uid === live.metadata.uid;
  return isSame && (resourceVersion === undefined || resourceVersion === live.metadata.resourceVersion);
}

/** What the manager would own: without undefined members, and what nobody can own. */
function appliedFields(desired: KubeObject): JsonObject {
  const { apiVersion: _apiVersion, kind: _kind, metadata, ...rest } = desired;
  const meta = Object.entries(metadata).filter(([name]) => !unownedMetadata.includes(name));
  const fields = asJson({ ...rest, metadata: Object.fromEntries(meta) } as KubeObject);
  const applied = withoutUndefined(fields);
  if (isObject(applied.metadata) && Object.keys(applied.metadata).length === 0) delete applied.metadata;
  return applied;
}

/**
 * Whether `mine` is exactly what an applier of `wanted` owns, and `live` has those values.
 *
 * @param all what anyone owns below this place: tells a value that is owned as a whole from an empty one that is
 *   merged field by field
 */
function isCovered(wanted: Json, live: Json | undefined, mine: FieldSet, all: FieldSet): boolean {
  if (mine.children.size === 0) {
    if (!mine.member || all.children.size > 0) return false;
    // Built-in kinds drop empty values but keep their owner; had somebody removed it, it would have no owner.
    return live === undefined ? isEmpty(wanted) : jsonEqual(wanted, live);
  }
  if (Array.isArray(wanted)) return Array.isArray(live) && isListCovered(wanted, live, mine, all);
  if (!isObject(wanted) || !isObject(live)) return false;
  const names = Object.keys(wanted);
  return (
    names.length === mine.children.size &&
    names.every((name) => {
      const element = fieldElement(name);
      return isCovered(own(wanted, name) ?? null, own(live, name), mine.below(element), all.below(element));
    })
  );
}

function isEmpty(value: Json): boolean {
  return value === null || (typeof value === 'object' && Object.keys(value).length === 0);
}

/** A set or a list of items with keys, whose items `live` must have in the same order. */
function isListCovered(wanted: Json[], live: Json[], mine: FieldSet, all: FieldSet): boolean {
  if (wanted.length !== mine.children.size) return false;
  const owned = [...mine.children.keys()].map(parseItem);
  const keys = new Set(owned.flatMap(({ key }) => (key === undefined ? [] : Object.keys(key))));
  const places = placesOf(live, keys);
  const exact = wanted
    .map((value) => elementOf(value, keys))
    .map((e) => (mine.children.has(e) ? e : undefined));
  const taken = new Set(exact);
  const left = owned.filter(({ element }) => !taken.has(element));
  let before = -1;
  for (const [i, value] of wanted.entries()) {
    const element = exact[i] ?? onlyOne(left.filter((item) => couldBe(value, item)))?.element;
    if (element === undefined) return false;
    const at = places.get(element) ?? -1;
    // Absent, in another order than wanted, or there twice.
    if (at <= before) return false;
    if (!isCovered(value, live[at], mine.below(element), all.below(element))) return false;
    before = at;
  }
  return true;
}

/** Where each item of a list is; -1 for one that is there twice. */
function placesOf(list: Json[], keys: ReadonlySet<string>): ReadonlyMap<PathElement, number> {
  const places = new Map<PathElement, number>();
  for (const [at, item] of list.entries()) {
    const element = elementOf(item, keys);
    places.set(element, places.has(element) ? -1 : at);
  }
  return places;
}

/** @param keys all fields that tell items of this list apart, as far as is known; none in a set */
function elementOf(item: Json, keys: ReadonlySet<string>): PathElement {
  if (keys.size === 0 || !isObject(item)) return valueElement(item);
  const names = [...keys].filter((name) => Object.hasOwn(item, name));
  return keyElement(names.map((name) => [name, own(item, name) ?? null]));
}

/** An item of a list as `fieldsV1` names it. */
interface OwnedItem {
  readonly element: PathElement;
  /** The fields that tell it from others; undefined in a set. */
  readonly key: JsonObject | undefined;
}

function parseItem(element: PathElement): OwnedItem {
  const key: unknown = element.startsWith('k:') ? JSON.parse(element.slice(2)) : undefined;
  return { element, key: isObject(key) ? key : undefined };
}

/** Whether the server may have filled in the keys that `value` leaves out. */
function couldBe(value: Json, { key }: OwnedItem): boolean {
  if (key === undefined || !isObject(value)) return false;
  const present = Object.keys(key).filter((name) => Object.hasOwn(value, name));
  return present.length > 0 && present.every((name) => jsonEqual(value[name], key[name]));
}

function onlyOne<T>(found: readonly T[]): T | undefined {
  return found.length === 1 ? found[0] : undefined;
}

/**
 * Makes `status` the object's whole status, without a request where it is so already. `undefined` and null members
 * count as absent.
 *
 * The patch holds the difference to `live`, so it demands that `live` is the newest version: an outdated one ends in a
 * conflict, to be retried after reading again.
 */
export async function patchStatusIfChanged<T extends KubeObject>(
  client: ResourceClient<T>,
  live: T & { readonly status?: unknown },
  status: object,
  options: WriteOptions = {},
): Promise<Written<T>> {
  const before = isObject(live.status) ? live.status : {};
  const after = withoutNulls(withoutUndefined(status as JsonObject)) as JsonObject;
  const difference = createMergePatch(before, after);
  if (Object.keys(difference).length === 0) return { changed: false, object: live };
  const { name = '', namespace, resourceVersion } = live.metadata;
  const patch = { metadata: { resourceVersion }, status: difference };
  const object = await client.patch({ namespace, name }, 'merge', patch, {
    ...options,
    subresource: 'status',
  });
  return { changed: resourceVersion !== object.metadata.resourceVersion, object };
}

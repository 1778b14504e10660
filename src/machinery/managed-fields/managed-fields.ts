import { statusReason } from '../../base/error-codes.ts';
import { InvalidInputError, errorMessage } from '../../base/errors.ts';
import type { Json, JsonObject } from '../json.ts';
import { isObject, jsonEqual, own } from '../json.ts';
import type { Schema } from '../schema.ts';
import { ApplyConflictError } from './conflict.ts';
import { FieldSet } from './field-set.ts';
import { lastAppliedFields, withLastApplied } from './last-applied.ts';
import type { Writer } from './merge.ts';
import { applyOver, updateOver } from './merge.ts';
import type { FieldOwners } from './owners.ts';
import { capUpdateOwners, decodeOwners, encodeOwners, sameOwners } from './owners.ts';
import type { Shape } from './shape.ts';
import { shapeOfObject } from './shape.ts';
import { checkDepth } from './typed.ts';
import { validateApplied } from './validate.ts';

/** What a write needs to know, whatever its verb. */
interface WriteOptions {
  /** The schema of the kind; undefined merges maps field by field and replaces lists. */
  readonly schema: Schema | undefined;
  readonly manager: string;
  /** `status`, `scale`, …; absent for the main resource. */
  readonly subresource?: string | undefined;
  /** Fields that this endpoint resets to their live value: writing them gives no ownership. */
  readonly resetFields?: FieldSet | undefined;
  /** What a create is compared with: see `emptyObject`. Absent for custom resources. */
  readonly empty?: JsonObject | undefined;
  /** RFC 3339, whole seconds. */
  readonly now: string;
}

export interface ApplyOptions extends WriteOptions {
  /** The stored object; undefined for a create. */
  readonly live: JsonObject | undefined;
  readonly applied: JsonObject;
  readonly force?: boolean | undefined;
}

/**
 * Server-side apply: merges the applied configuration into the live object, and says who owns what.
 *
 * Objects are taken as immutable: the result shares parts with both inputs, and what was decoded from
 * `managedFields` is remembered per list. Version conversion is left to the caller: all entries, whatever their
 * apiVersion, are read with the one schema.
 *
 * Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/ and
 * https://pkg.go.dev/k8s.io/apimachinery/pkg/util/managedfields#FieldManager.Apply
 *
 * @returns `live` itself where nothing changed, so that the caller can keep the resourceVersion
 * @throws ApplyConflictError where it would change fields of others, without `force`
 * @throws InvalidInputError whose code is the reason for the answer: `BadRequest` or `InternalError`
 */
export function applyConfiguration(options: ApplyOptions): { object: JsonObject } {
  const { live = {}, applied, force = false } = options;
  checkDepth(applied);
  checkDepth(live);
  const shape = shapeOfObject(options.schema);
  const writer = writerOf(options, applied);
  checkApplied(applied, shape);

  const decoded = ownersOfLive(live);
  const owners =
    decoded.size === 0 && hasUid(live)
      ? updateOver(
          {},
          withOwners(live, new Map()),
          decoded,
          { ...writer, manager: 'before-first-apply' },
          shape,
        )
      : decoded;
  const merge = (forced: boolean): { object: JsonObject; owners: FieldOwners } =>
    applyOver(live, applied, owners, writer, forced, shape);
  const isKubectl = options.manager === 'kubectl';
  const result = isKubectl ? overLastApplied(merge, force, live, writer, shape) : merge(force);

  const object = isKubectl ? withLastApplied(result.object, applied) : result.object;
  if (object === live && sameOwners(decoded, result.owners)) return { object: live };
  return { object: withOwners(object, result.owners) };
}

/** Conflicts over what client-side apply set, and nobody changed since, are no conflicts. */
function overLastApplied<T>(
  merge: (force: boolean) => T,
  force: boolean,
  live: JsonObject,
  writer: Writer,
  shape: Shape,
): T {
  try {
    return merge(force);
  } catch (error) {
    if (!(error instanceof ApplyConflictError)) throw error;
    const allowed = lastAppliedFields(live, writer.apiVersion, shape);
    if (allowed === undefined) throw error;
    const left = error.conflicts.filter((conflict) => !allowed.has(conflict.elements));
    if (left.length > 0) throw new ApplyConflictError(left);
    return merge(true);
  }
}

function checkApplied(applied: JsonObject, shape: Shape): void {
  const metadata = metadataOf(applied);
  if (Array.isArray(own(metadata, 'managedFields'))) {
    throw new InvalidInputError('metadata.managedFields must be nil', statusReason('BadRequest'));
  }
  const problem = validateApplied(applied, shape);
  if (problem === undefined) return;
  const apiVersion = textOf(applied, 'apiVersion');
  const groupVersion = apiVersion.includes('/') ? apiVersion : `/${apiVersion}`;
  const name = `${textOf(metadata, 'namespace')}/${textOf(metadata, 'name')}`;
  throw new InvalidInputError(
    `failed to create typed patch object (${name}; ${groupVersion}, Kind=${textOf(applied, 'kind')}): ${problem}`,
    statusReason('InternalError'),
  );
}

function ownersOfLive(live: JsonObject): FieldOwners {
  try {
    return decodeOwners(own(metadataOf(live), 'managedFields'));
  } catch (error) {
    const message = `failed to decode managed fields: ${errorMessage(error)}`;
    throw new InvalidInputError(message, statusReason('InternalError'), error);
  }
}

export interface UpdateOptions extends WriteOptions {
  /** The stored object; undefined for a create. */
  readonly before: JsonObject | undefined;
  /** What is about to be stored, with defaults; its `managedFields`, if it has them, replace those of `before`. */
  readonly after: JsonObject;
}

/**
 * The object to store for a create, update or patch: `after` with the fields that changed owned by the writer.
 *
 * Invalid `managedFields` in `after` are ignored in favour of those before; an empty list or `[{}]` ends the
 * tracking until the next apply. Where the object cannot be tracked (an item of a list map without keys) it is
 * stored without `managedFields`. All of this is as in the original.
 *
 * Source: https://pkg.go.dev/k8s.io/apimachinery/pkg/util/managedfields#FieldManager.UpdateNoErrors
 *
 * @returns `before` itself where nothing changed
 * @throws InvalidInputError where `after` is nested too deeply or names no apiVersion
 */
export function trackUpdate(options: UpdateOptions): JsonObject {
  const { before = options.empty ?? {}, after } = options;
  checkDepth(after);
  const writer = writerOf(options, after);
  const decoded = decodeOrEmpty(own(metadataOf(before), 'managedFields'));
  const claimed = options.subresource === undefined ? requestedOwners(after) : undefined;
  const current = claimed ?? decoded;
  let owners: FieldOwners = new Map();
  if (current.size > 0 || !hasUid(before)) {
    try {
      const bare = withOwners(after, owners);
      owners = capUpdateOwners(updateOver(before, bare, current, writer, shapeOfObject(options.schema)));
    } catch (error) {
      if (!(error instanceof InvalidInputError)) throw error;
    }
  }
  if (sameOwners(decoded, owners)) {
    const metadata = metadataOf(before);
    const kept = withManagedFields(after, own(metadata, 'managedFields') ?? undefined);
    return jsonEqual(kept, before) ? before : kept;
  }
  return withOwners(after, owners);
}

/** What a request says about owners; undefined where it says nothing valid. */
function requestedOwners(after: JsonObject): FieldOwners | undefined {
  const managedFields = own(metadataOf(after), 'managedFields');
  if (!Array.isArray(managedFields)) return undefined;
  const [first] = managedFields;
  const isReset =
    first === undefined ||
    (managedFields.length === 1 && isObject(first) && Object.values(first).every((value) => value === null));
  if (isReset) return new Map();
  const owners = decodeOrEmpty(managedFields);
  return owners.size === 0 ? undefined : owners;
}

function decodeOrEmpty(managedFields: Json | undefined): FieldOwners {
  try {
    return decodeOwners(managedFields);
  } catch (error) {
    if (error instanceof InvalidInputError) return new Map();
    throw error;
  }
}

/**
 * Takes back changes of nothing but the times of `managedFields`: for the caller, after defaulting and the
 * strategy have had their say, so that a write without effect is none.
 *
 * Source: https://pkg.go.dev/k8s.io/apiserver/pkg/endpoints/handlers/fieldmanager#IgnoreManagedFieldsTimestampsTransformer
 *
 * @returns `before` where nothing else differs, otherwise `after`
 */
export function withoutTimeOnlyChange(before: JsonObject, after: JsonObject): JsonObject {
  const owners = decodeOrEmpty(own(metadataOf(before), 'managedFields'));
  if (!sameOwners(owners, decodeOrEmpty(own(metadataOf(after), 'managedFields')), true)) return after;
  return jsonEqual(withOwners(before, new Map()), withOwners(after, new Map())) ? before : after;
}

/**
 * The fields that the live `managedFields` show owned by `manager`, through any subresource and version.
 *
 * @param operation only this way of owning
 */
export function ownedBy(object: JsonObject, manager: string, operation?: 'Apply' | 'Update'): FieldSet {
  let fields = FieldSet.empty;
  for (const owner of decodeOrEmpty(own(metadataOf(object), 'managedFields')).values()) {
    if (owner.manager !== manager) continue;
    if (operation === undefined || owner.operation === operation) fields = fields.union(owner.fields);
  }
  return fields;
}

function writerOf(options: WriteOptions, object: JsonObject): Writer {
  const apiVersion = textOf(object, 'apiVersion');
  if (apiVersion === '') throw new InvalidInputError('apiVersion must be set', statusReason('BadRequest'));
  const { manager, subresource, resetFields = FieldSet.empty, now } = options;
  return { manager, apiVersion, subresource: subresource || undefined, resetFields, now };
}

function metadataOf(object: JsonObject): JsonObject {
  const metadata = own(object, 'metadata');
  return isObject(metadata) ? metadata : {};
}

function textOf(object: JsonObject, name: string): string {
  const value = own(object, name);
  return typeof value === 'string' ? value : '';
}

function hasUid(object: JsonObject): boolean {
  const uid = own(metadataOf(object), 'uid');
  return uid !== undefined && uid !== null && uid !== '';
}

function withOwners(object: JsonObject, owners: FieldOwners): JsonObject {
  return withManagedFields(object, encodeOwners(owners));
}

function withManagedFields(object: JsonObject, managedFields: Json | undefined): JsonObject {
  const metadata = metadataOf(object);
  if (own(metadata, 'managedFields') === managedFields) return object;
  const { managedFields: _, ...rest } = metadata;
  return { ...object, metadata: managedFields === undefined ? rest : { ...rest, managedFields } };
}

import { invalidStatus, invalidValue } from '../../../machinery/field-errors.ts';
import type { Json, JsonObject } from '../../../machinery/json.ts';
import { jsonClone, jsonEqual, own } from '../../../machinery/json.ts';
import { withoutTimeOnlyChange } from '../../../machinery/managed-fields/managed-fields.ts';
import type { Answer, ApiRequest, ApiServer } from '../api-server.ts';
import { bodyFormat } from '../body.ts';
import { decodeBody } from '../decode.ts';
import { validateMetadata, validateMetadataUpdate } from '../metadata-validation.ts';
import { nameOf, metadataOf, ownMetadata, resourceVersionOf, uidOf } from '../object-metadata.ts';
import { RequestError, conflictError, notFoundError } from '../request-error.ts';
import { parseWriteOptions } from '../request-options.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import { served, toStored } from '../served-version.ts';
import { insert, readObject, refuseUid, wipe } from './create.ts';
import type { Write } from './write.ts';
import { beginWrite, matchName, matchNamespace, mayGo, refuseInvalid, track, dedupOwners } from './write.ts';

/** PUT of an object, or of its status. */
export async function update(server: ApiServer, request: ApiRequest): Promise<Answer> {
  const { http, query, definition, warnings, info } = request;
  const { name = '', namespace } = info;
  const format = bodyFormat(http.headers['content-type']);
  const body = await readObject(server, request, format);
  const options = parseWriteOptions(query, 'UpdateOptions', http.headers['user-agent'] ?? '');
  const object = decodeBody(definition, body, options.fieldValidation, warnings);
  const write = beginWrite(server, request, options);
  matchNamespace(write, object);
  matchName(object, name);
  dedupOwners(write, object);
  definition.setDefaults(object);
  const stored = server.storage.get(definition.storageKey, namespace, name);
  if (stored !== undefined) return { status: 200, value: replace(write, stored, object, info.subresource) };
  if (!definition.createOnUpdate || info.subresource !== '') throw notFoundError(definition.kind, name);
  refuseUid(write, object, name);
  wipe(object);
  return { status: 201, value: insert(write, track(write, undefined, object, '')) };
}

/**
 * Stores the next state of an object.
 *
 * @param object with defaults; changed in place
 * @param tracked the owners of its fields are already up to date
 * @returns the object as served; the one that was there when nothing changed
 * @throws RequestError
 */
export function replace(
  write: Write,
  stored: JsonObject,
  object: JsonObject,
  subresource: string,
  tracked = false,
): JsonObject {
  const { server, definition, context, request } = write;
  const old = served(definition, stored);
  checkVersion(definition, old, object);
  carryOver(old, object);
  const next = tracked ? object : track(write, old, object, subresource);
  if (next === old) return old;
  prepare(write, next, old, subresource);
  refuseInvalid(definition, nameOf(old), [
    ...validateMetadata(definition, next),
    ...validateMetadataUpdate(next, old),
    ...definition.validate(next, old, subresource === 'status' ? 'status' : undefined, context),
  ]);
  request.warnings.push(...(definition.warnings?.(next, old) ?? []));
  if (mayGo(definition, next, old)) {
    if (!context.dryRun) server.storage.delete(definition.storageKey, stored);
    return next;
  }
  const changed = withoutTimeOnlyChange(old, next);
  if (changed === old || jsonEqual(changed, old)) return old;
  if (context.dryRun) return changed;
  return served(
    definition,
    server.storage.update(definition.storageKey, toStored(definition, changed), stored),
  );
}

/** The caller must know which object, and which state of it, is replaced. @throws RequestError 409, 422 */
function checkVersion(definition: ResourceDefinition, old: JsonObject, object: JsonObject): void {
  const { kind, storageKey } = definition;
  const name = nameOf(old);
  const uid = uidOf(object);
  if (uid !== '' && uid !== uidOf(old)) {
    const key = `/registry/${storageKey}/${name}`;
    const failed = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${uidOf(old)}`;
    throw conflictError(
      kind,
      name,
      `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: ${failed}`,
    );
  }
  const version = resourceVersionOf(object);
  if (version === '' || version === '0') {
    if (definition.unconditionalUpdate) return;
    const error = invalidValue('metadata.resourceVersion', 0, 'must be specified for an update');
    // This one error speaks of the resource where all others speak of the kind.
    throw new RequestError(invalidStatus({ group: kind.group, kind: kind.resource }, name, [error]));
  }
  if (version === resourceVersionOf(old)) return;
  const why = 'the object has been modified; please apply your changes to the latest version and try again';
  throw conflictError(kind, name, why);
}

const carried = ['uid', 'creationTimestamp', 'deletionTimestamp', 'resourceVersion', 'generation'] as const;

/** Metadata that no update changes. */
function carryOver(old: JsonObject, object: JsonObject): void {
  const before = metadataOf(old);
  const metadata = ownMetadata(object);
  for (const field of carried) setOrDelete(metadata, field, own(before, field));
  metadata['deletionGracePeriodSeconds'] ??= own(before, 'deletionGracePeriodSeconds') ?? null;
  if (metadata['deletionGracePeriodSeconds'] === null) delete metadata['deletionGracePeriodSeconds'];
  delete metadata['selfLink'];
}

function setOrDelete(object: JsonObject, field: string, value: Json | undefined): void {
  if (value === undefined) delete object[field];
  else object[field] = value;
}

/** Keeps spec and status apart, lets the kind have its say, and counts the generation. */
function prepare(
  { definition, context }: Write,
  next: JsonObject,
  old: JsonObject,
  subresource: string,
): void {
  if (subresource === 'status') {
    keepAllButStatus(definition, next, old);
    definition.prepareForStatusUpdate?.(next, old, context);
    return;
  }
  if (definition.status) setOrDelete(next, 'status', jsonClone(own(old, 'status')));
  definition.prepareForUpdate?.(next, old, context);
  const generation = metadataOf(old)['generation'];
  if (definition.generation === 'none' || !specChanged(definition, next, old)) return;
  ownMetadata(next)['generation'] = (typeof generation === 'number' ? generation : 0) + 1;
}

function keepAllButStatus(definition: ResourceDefinition, next: JsonObject, old: JsonObject): void {
  for (const field of new Set([...Object.keys(next), ...Object.keys(old)])) {
    if (field !== 'status' && field !== 'metadata') setOrDelete(next, field, jsonClone(own(old, field)));
  }
  if (!definition.custom) return;
  // Of the metadata, only who wrote the status is new.
  const managedFields = own(metadataOf(next), 'managedFields');
  const metadata = { ...metadataOf(old) };
  setOrDelete(metadata, 'managedFields', managedFields);
  next['metadata'] = metadata;
}

function specChanged(definition: ResourceDefinition, next: JsonObject, old: JsonObject): boolean {
  for (const field of new Set([...Object.keys(next), ...Object.keys(old)])) {
    if (field === 'metadata' || field === 'status') continue;
    if (!jsonEqual(own(next, field), own(old, field))) return true;
  }
  if (definition.generation !== 'specAndAnnotations') return false;
  return !jsonEqual(own(metadataOf(next), 'annotations') ?? {}, own(metadataOf(old), 'annotations') ?? {});
}

import { InvalidInputError } from '../../../base/errors.ts';
import { invalidStatus } from '../../../machinery/field-errors.ts';
import type { FieldError } from '../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../machinery/json.ts';
import { fieldPath } from '../../../machinery/managed-fields/field-path.ts';
import { FieldSet } from '../../../machinery/managed-fields/field-set.ts';
import { trackUpdate } from '../../../machinery/managed-fields/managed-fields.ts';
import type { ApiRequest, ApiServer } from '../api-server.ts';
import { writeContext } from '../api-server.ts';
import {
  finalizersOf,
  isTerminating,
  metadataOf,
  nameOf,
  namespaceOf,
  ownMetadata,
  ownerReferencesOf,
  textOf,
} from '../object-metadata.ts';
import { RequestError, badRequestError, failure } from '../request-error.ts';
import type { WriteOptions } from '../request-options.ts';
import type { ResourceDefinition, WriteContext } from '../resource-definition.ts';

/** One write on its way. */
export interface Write {
  readonly server: ApiServer;
  readonly request: ApiRequest;
  readonly definition: ResourceDefinition;
  readonly options: WriteOptions;
  readonly context: WriteContext;
}

export function beginWrite(server: ApiServer, request: ApiRequest, options: WriteOptions): Write {
  const { definition, user } = request;
  return { server, request, definition, options, context: writeContext(server, user, options.dryRun) };
}

/**
 * Puts the namespace of the URL into the object; takes one out that its kind does not have.
 * @throws RequestError 400 when it names another one
 */
export function matchNamespace({ definition, request }: Write, object: JsonObject): void {
  const metadata = ownMetadata(object);
  const given = namespaceOf(object);
  const { namespace } = request.info;
  if (!definition.kind.namespaced || namespace === undefined) delete metadata['namespace'];
  else if (given === undefined) metadata['namespace'] = namespace;
  else if (given !== namespace) {
    throw badRequestError(
      'the namespace of the provided object does not match the namespace sent on the request',
    );
  }
}

/** @throws RequestError 400 when the object has not the name of the URL */
export function matchName(object: JsonObject, name: string): void {
  const given = nameOf(object);
  if (given === '') {
    throw badRequestError(
      `the name of the object (${name} based on URL) was undeterminable: name must be provided`,
    );
  }
  if (given === name) return;
  throw badRequestError(`the name of the object (${given}) does not match the name on the URL (${name})`);
}

const statusOnly = FieldSet.of(fieldPath('status'));
const allButStatus = FieldSet.of(fieldPath('spec'));
const allButCustomStatus = FieldSet.of(fieldPath('spec'), fieldPath('metadata'));

/** Fields that the endpoint takes back: whoever writes them does not own them. */
export function resetFields(definition: ResourceDefinition, subresource: string): FieldSet {
  if (!definition.status || subresource === 'scale') return FieldSet.empty;
  if (subresource !== 'status') return statusOnly;
  return definition.custom ? allButCustomStatus : allButStatus;
}

/** `after` with the fields that changed owned by the writer. Shares nothing that will be changed with `before`. */
export function track(
  { definition, options, context }: Write,
  before: JsonObject | undefined,
  after: JsonObject,
  subresource: string,
): JsonObject {
  try {
    return trackUpdate({
      schema: definition.schema,
      manager: options.fieldManager,
      subresource: subresource === '' ? undefined : subresource,
      resetFields: resetFields(definition, subresource),
      now: context.now,
      before,
      after,
    });
  } catch (error) {
    throw asRequestError(error);
  }
}

/** Drops owner references that stand twice, and says so. */
export function dedupOwners({ request }: Write, object: JsonObject): void {
  const references = ownerReferencesOf(object);
  const left = new Map<string, JsonObject>();
  const duplicates: string[] = [];
  for (const reference of references) {
    const content = JSON.stringify(Object.entries(reference).sort(([a], [b]) => (a < b ? -1 : 1)));
    if (left.has(content)) duplicates.push(textOf(reference, 'uid'));
    else left.set(content, reference);
  }
  if (duplicates.length === 0) return;
  ownMetadata(object)['ownerReferences'] = [...left.values()];
  const when = request.info.verb === 'patch' ? ' after mutating admission happens' : '';
  request.warnings.push(
    `.metadata.ownerReferences contains duplicate entries${when}; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${duplicates.join(', ')}`,
  );
}

/** What went wrong in the machinery, as an answer. */
export function asRequestError(error: unknown): unknown {
  if (!(error instanceof InvalidInputError)) return error;
  return error.code === 'InternalError'
    ? failure(500, 'InternalError', error.message, { causes: [{ message: error.message }] })
    : badRequestError(error.message);
}

/** @throws RequestError 422 when there are any */
export function refuseInvalid(
  definition: ResourceDefinition,
  name: string,
  errors: readonly FieldError[],
): void {
  if (errors.length > 0) throw new RequestError(invalidStatus(definition.kind, name, errors));
}

/** Whether an object that is marked for deletion has nothing left that keeps it. */
export function mayGo(definition: ResourceDefinition, object: JsonObject, marked: JsonObject): boolean {
  if (!isTerminating(marked) || finalizersOf(object).length > 0) return false;
  const grace = metadataOf(marked)['deletionGracePeriodSeconds'];
  if (typeof grace === 'number' && grace > 0) return false;
  return definition.isHeld?.(object) !== true;
}

/**
 * Writes the next state of an object that needs no more checks: for the garbage collector and its like.
 *
 * @param next in the stored form; not changed afterwards
 * @returns what is there now; undefined when the object is gone
 */
export function replaceStored(
  { storage }: ApiServer,
  definition: ResourceDefinition,
  stored: JsonObject,
  next: JsonObject,
): JsonObject | undefined {
  if (!mayGo(definition, next, stored)) return storage.update(definition.storageKey, next, stored);
  storage.delete(definition.storageKey, stored);
  return undefined;
}

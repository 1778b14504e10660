import type { JsonObject } from '../../../machinery/json.ts';
import type { Answer, ApiRequest, ApiServer } from '../api-server.ts';
import { BodyError, bodyFormat, readBody, undecodableError } from '../body.ts';
import { decodeBody } from '../decode.ts';
import { validateMetadata } from '../metadata-validation.ts';
import { checkNamespace } from '../namespace-lifecycle.ts';
import {
  isTerminating,
  nameOf,
  namespaceOf,
  ownMetadata,
  resourceVersionOf,
  textOf,
  uidOf,
} from '../object-metadata.ts';
import { RequestError, alreadyExistsError, conflictError, failure, notFoundError } from '../request-error.ts';
import { parseWriteOptions } from '../request-options.ts';
import { served, toStored } from '../served-version.ts';
import type { Write } from './write.ts';
import { beginWrite, matchNamespace, refuseInvalid, track, dedupOwners } from './write.ts';

/** POST to a collection. */
export async function create(server: ApiServer, request: ApiRequest): Promise<Answer> {
  const { http, query, definition, warnings } = request;
  const format = bodyFormat(http.headers['content-type']);
  const body = await readObject(server, request, format);
  const options = parseWriteOptions(query, 'CreateOptions', http.headers['user-agent'] ?? '');
  const object = decodeBody(definition, body, options.fieldValidation, warnings);
  const write = beginWrite(server, request, options);
  wipe(object);
  matchNamespace(write, object);
  dedupOwners(write, object);
  definition.setDefaults(object);
  return { status: 201, value: insert(write, track(write, undefined, object, '')) };
}

/** The body that a write cannot do without. @throws RequestError 400, 413 */
export async function readObject(
  server: ApiServer,
  request: ApiRequest,
  format: ReturnType<typeof bodyFormat>,
): Promise<NonNullable<Awaited<ReturnType<typeof readBody>>>> {
  const { kind } = request.definition.kind;
  try {
    const body = await readBody(request.http, format, server.decodeProtobuf);
    if (body === undefined) throw new BodyError('unexpected end of JSON input', '<empty>');
    return body;
  } catch (error) {
    throw error instanceof BodyError ? undecodableError(kind, error) : error;
  }
}

/** Takes out what only the server gives. */
export function wipe(object: JsonObject): void {
  const metadata = ownMetadata(object);
  for (const field of [
    'uid',
    'creationTimestamp',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
    'selfLink',
  ]) {
    delete metadata[field];
  }
}

/**
 * Stores a new object.
 *
 * @param object with defaults and owners of its fields; changed in place
 * @returns the object as served
 * @throws RequestError
 */
export function insert(write: Write, object: JsonObject): JsonObject {
  const { server, definition, context, request } = write;
  // Its CRD may have gone while the body was on its way: nobody would ever see the object.
  if (server.registry.ofStorageKey(definition.storageKey) === undefined) {
    throw notFoundError(definition.kind, nameOf(object));
  }
  checkNamespace(server, definition, namespaceOf(object), nameOf(object));
  const metadata = ownMetadata(object);
  metadata['uid'] = server.random.uuid();
  metadata['creationTimestamp'] = context.now;
  if (nameOf(object) === '') generateName(write, object);
  const name = nameOf(object);
  if (definition.status) delete object['status'];
  if (definition.generation === 'none') delete metadata['generation'];
  else metadata['generation'] = 1;
  definition.prepareForCreate?.(object, context);
  refuseInvalid(definition, name, [
    ...validateMetadata(definition, object),
    ...definition.validate(object, undefined, undefined, context),
  ]);
  request.warnings.push(...(definition.warnings?.(object, undefined) ?? []));
  const existing = server.storage.get(definition.storageKey, namespaceOf(object), name);
  if (existing !== undefined) throw exists(write, existing);
  if (resourceVersionOf(object) !== '') {
    throw failure(500, '', 'resourceVersion should not be set on objects to be created');
  }
  if (context.dryRun) return object;
  return served(definition, server.storage.create(definition.storageKey, toStored(definition, object)));
}

function exists({ definition }: Write, existing: JsonObject): RequestError {
  const error = alreadyExistsError(definition.kind, nameOf(existing));
  if (!isTerminating(existing)) return error;
  return new RequestError({ ...error.status, message: `object is being deleted: ${error.status.message}` });
}

const generateAttempts = 8;
const maxGeneratedBase = 58;

/** Makes a name out of `generateName`, if there is one, and of five random characters. */
function generateName({ server, definition }: Write, object: JsonObject): void {
  const metadata = ownMetadata(object);
  const base = textOf(metadata, 'generateName').slice(0, maxGeneratedBase);
  if (base === '') return;
  for (let i = 0; i < generateAttempts; i += 1) {
    metadata['name'] = base + server.random.suffix(5);
    if (server.storage.get(definition.storageKey, namespaceOf(object), nameOf(object)) === undefined) return;
  }
}

/** Applying or putting an object that is not there, with the uid of one that was. */
export function refuseUid({ definition }: Write, object: JsonObject, name: string): void {
  if (uidOf(object) === '') return;
  const why = `uid mismatch: the provided object specified uid ${uidOf(object)}, and no existing object was found`;
  throw conflictError(definition.kind, name, why);
}

import type { FieldError } from '../../../machinery/field-errors.ts';
import { invalidValue, unsupportedValue } from '../../../machinery/field-errors.ts';
import { formatTime, parseTime } from '../../../base/time.ts';
import type { JsonObject } from '../../../machinery/json.ts';
import { isObject, jsonClone, own } from '../../../machinery/json.ts';
import type { Answer, ApiRequest, ApiServer } from '../api-server.ts';
import { BodyError, bodyFormat, readBody } from '../body.ts';
import { checkNamespaceDeletion } from '../namespace-lifecycle.ts';
import {
  finalizersOf,
  isTerminating,
  metadataOf,
  nameOf,
  ownMetadata,
  resourceVersionOf,
  textOf,
  uidOf,
} from '../object-metadata.ts';
import { badRequestError, conflictError, notFoundError } from '../request-error.ts';
import { parseFlag } from '../request-info.ts';
import { refuseOptions, validateDryRun } from '../request-options.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import { served, toStored } from '../served-version.ts';

export type PropagationPolicy = 'Background' | 'Foreground' | 'Orphan';

export interface DeleteOptions {
  readonly dryRun: boolean;
  readonly gracePeriodSeconds?: number | undefined;
  readonly propagationPolicy?: PropagationPolicy | undefined;
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
}

const policies: readonly PropagationPolicy[] = ['Foreground', 'Background', 'Orphan'];

/** DELETE of one object. */
export async function remove(server: ApiServer, request: ApiRequest): Promise<Answer> {
  const { definition, info } = request;
  const { name = '', namespace } = info;
  const options = await parseDeleteOptions(server, request);
  checkNamespaceDeletion(definition, name);
  const stored = server.storage.get(definition.storageKey, namespace, name);
  if (stored === undefined) throw notFoundError(definition.kind, name);
  return { status: 200, value: answerTo(definition, removeStored(server, definition, stored, options)) };
}

export interface Removal {
  /** The object after the request, as served: marked for deletion, or its last state. */
  readonly object: JsonObject;
  readonly gone: boolean;
}

/**
 * Deletes an object, or marks it for deletion where something still keeps it.
 * @throws RequestError 409 when it is not the one that the options name
 */
export function removeStored(
  server: ApiServer,
  definition: ResourceDefinition,
  stored: JsonObject,
  options: DeleteOptions,
): Removal {
  const { storage, clock } = server;
  const old = served(definition, stored);
  checkPreconditions(definition, old, options);
  const marked = mark(definition, old, options, clock.now());
  if (marked === 'unchanged') return { object: old, gone: false };
  if (marked === undefined) {
    if (options.dryRun) return { object: old, gone: true };
    return { object: served(definition, storage.delete(definition.storageKey, stored)), gone: true };
  }
  if (options.dryRun) return { object: marked, gone: false };
  const updated = storage.update(definition.storageKey, toStored(definition, marked), stored);
  return { object: served(definition, updated), gone: false };
}

/**
 * The object as a DELETE leaves it.
 * @returns undefined when nothing keeps it; `unchanged` when it is already on its way out as wanted
 */
function mark(
  definition: ResourceDefinition,
  old: JsonObject,
  options: DeleteOptions,
  nowMs: number,
): JsonObject | 'unchanged' | undefined {
  const next: JsonObject = { ...old, metadata: { ...metadataOf(old) } };
  const metadata = ownMetadata(next);
  const finalizers = finalizersAfterDelete(definition, old, options);
  if (finalizers.length > 0) metadata['finalizers'] = finalizers;
  else delete metadata['finalizers'];
  const grace = graceAfterDelete(definition, old, options, nowMs);
  if (grace === 'pending') return 'unchanged';
  const held = finalizers.length > 0 || definition.isHeld?.(old) === true;
  const graceful = grace !== undefined && grace.seconds > 0;
  if (!held && !graceful) return undefined;
  if (!isTerminating(old)) {
    const generation = own(metadata, 'generation');
    if (typeof generation === 'number' && generation > 0) metadata['generation'] = generation + 1;
    if (definition.prepareForDelete !== undefined) {
      const copy = jsonClone(next);
      definition.prepareForDelete(copy, formatTime(nowMs));
      Object.assign(next, copy);
    }
  }
  const at = grace?.at ?? earliest(textOf(metadataOf(old), 'deletionTimestamp'), nowMs);
  const marks = ownMetadata(next);
  marks['deletionTimestamp'] = at;
  // A namespace has no grace period at all; other objects that wait have one of zero.
  if (definition.isHeld === undefined) marks['deletionGracePeriodSeconds'] = grace?.seconds ?? 0;
  return sameMarks(old, next) ? 'unchanged' : next;
}

function sameMarks(old: JsonObject, next: JsonObject): boolean {
  return (
    textOf(metadataOf(old), 'deletionTimestamp') === textOf(metadataOf(next), 'deletionTimestamp') &&
    own(metadataOf(old), 'deletionGracePeriodSeconds') ===
      own(metadataOf(next), 'deletionGracePeriodSeconds') &&
    finalizersOf(old).join() === finalizersOf(next).join()
  );
}

/** A mark stays; one that lies in the future (a grace period that ends early) moves to now. */
function earliest(timestamp: string, nowMs: number): string {
  return timestamp === '' || parseTime(timestamp) > nowMs ? formatTime(nowMs) : timestamp;
}

/**
 * How long the object stays for whoever runs it.
 * @returns undefined for objects that go at once; `pending` when it has been asked already, for no longer than this
 */
function graceAfterDelete(
  definition: ResourceDefinition,
  old: JsonObject,
  options: DeleteOptions,
  nowMs: number,
): { readonly seconds: number; readonly at: string } | 'pending' | undefined {
  if (definition.gracePeriodSeconds === undefined) return undefined;
  const asked = options.gracePeriodSeconds;
  const wanted = asked !== undefined && asked < 0 ? 1 : asked;
  if (!isTerminating(old)) {
    const seconds = definition.gracePeriodSeconds(old, wanted);
    return { seconds, at: formatTime(nowMs + seconds * 1000) };
  }
  const before = own(metadataOf(old), 'deletionGracePeriodSeconds');
  if (typeof before !== 'number' || before === 0) return undefined;
  if (wanted === undefined || wanted >= before) return 'pending';
  const start = parseTime(textOf(metadataOf(old), 'deletionTimestamp')) - before * 1000;
  const end = start + wanted * 1000;
  if (end >= nowMs) return { seconds: wanted, at: formatTime(end) };
  // The time is already over: as little as still counts as graceful.
  return { seconds: wanted === 0 ? 0 : 1, at: formatTime(nowMs) };
}

/** The finalizers through which the garbage collector is told what to do with the dependents. */
function finalizersAfterDelete(
  definition: ResourceDefinition,
  old: JsonObject,
  { propagationPolicy }: DeleteOptions,
): string[] {
  const finalizers = finalizersOf(old);
  const others = finalizers.filter((name) => name !== 'orphan' && name !== 'foregroundDeletion');
  const policy =
    propagationPolicy ??
    (finalizers.includes('orphan')
      ? 'Orphan'
      : finalizers.includes('foregroundDeletion')
        ? 'Foreground'
        : definition.defaultPropagation);
  if (policy === 'Orphan') others.push('orphan');
  if (policy === 'Foreground') others.push('foregroundDeletion');
  // The order only changes with the members.
  const before = new Set(finalizers);
  return others.length === finalizers.length && others.every((name) => before.has(name))
    ? finalizers
    : others;
}

function checkPreconditions(
  definition: ResourceDefinition,
  object: JsonObject,
  { uid, resourceVersion }: DeleteOptions,
): void {
  const { kind } = definition;
  const of = { group: kind.group, resource: kind.kind };
  if (uid !== undefined && uid !== uidOf(object)) {
    const why = `the UID in the precondition (${uid}) does not match the UID in record (${uidOf(object)}). The object might have been deleted and then recreated`;
    throw conflictError(of, nameOf(object), why);
  }
  const current = resourceVersionOf(object);
  if (resourceVersion !== undefined && resourceVersion !== current) {
    const why = `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${current}). The object might have been modified`;
    throw conflictError(of, nameOf(object), why);
  }
}

function answerTo(definition: ResourceDefinition, { object, gone }: Removal): JsonObject {
  if (!gone || definition.deleteAnswer === 'object') return object;
  const { group, resource } = definition.kind;
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: {
      name: nameOf(object),
      ...(group === '' ? {} : { group }),
      kind: resource,
      uid: uidOf(object),
    },
  };
}

/** From the body, or else from the query. @throws RequestError 400, 413, 415, 422 */
export async function parseDeleteOptions(server: ApiServer, request: ApiRequest): Promise<DeleteOptions> {
  const { http, query } = request;
  const contentType = http.headers['content-type'];
  const format = contentType === undefined ? 'json' : bodyFormat(contentType);
  let value: unknown;
  try {
    value = (await readBody(http, format, server.decodeProtobuf))?.value;
  } catch (error) {
    if (error instanceof BodyError)
      throw badRequestError(`couldn't get version/kind; json parse error: ${error.message}`);
    throw error;
  }
  if (value === undefined) return optionsOf(optionsOfQuery(query));
  if (!isObject(value)) throw badRequestError('decoded object cannot be converted to DeleteOptions');
  const kind = textOf(value, 'kind');
  if (kind !== '' && kind !== 'DeleteOptions') {
    throw badRequestError(`no kind "${kind}" is registered for DeleteOptions`);
  }
  return optionsOf(value);
}

function optionsOfQuery(query: URLSearchParams): JsonObject {
  const value: JsonObject = {};
  const grace = query.get('gracePeriodSeconds');
  if (grace !== null && grace !== '') value['gracePeriodSeconds'] = Number(grace);
  const policy = query.get('propagationPolicy');
  if (policy !== null) value['propagationPolicy'] = policy;
  const orphan = parseFlag(query.get('orphanDependents'));
  if (orphan !== undefined) value['orphanDependents'] = orphan;
  if (query.has('dryRun')) value['dryRun'] = query.getAll('dryRun');
  return value;
}

function optionsOf(value: JsonObject): DeleteOptions {
  const grace = own(value, 'gracePeriodSeconds') ?? undefined;
  const policy = own(value, 'propagationPolicy') ?? undefined;
  const orphan = own(value, 'orphanDependents') ?? undefined;
  const dryRun = own(value, 'dryRun') ?? [];
  const conditions = own(value, 'preconditions') ?? {};
  if (grace !== undefined && !Number.isSafeInteger(grace)) {
    throw badRequestError(
      'json: cannot unmarshal into Go struct field DeleteOptions.gracePeriodSeconds of type int64',
    );
  }
  if (!isObject(conditions)) {
    throw badRequestError(
      'json: cannot unmarshal into Go struct field DeleteOptions.preconditions of type v1.Preconditions',
    );
  }
  const errors: FieldError[] = [];
  if (orphan !== undefined && policy !== undefined) {
    const message = 'orphanDependents and deletionPropagation cannot be both set';
    errors.push(invalidValue('propagationPolicy', policy, message));
  }
  const known = policies.find((name) => name === policy);
  if (policy !== undefined && known === undefined) {
    errors.push(unsupportedValue('propagationPolicy', policy, [...policies, 'nil']));
  }
  const runs = (Array.isArray(dryRun) ? dryRun : [dryRun]).map((run) =>
    typeof run === 'string' ? run : JSON.stringify(run),
  );
  refuseOptions('DeleteOptions', [...errors, ...validateDryRun(runs)]);
  const legacy = orphan === undefined ? undefined : orphan === true ? 'Orphan' : 'Background';
  const uid = textOf(conditions, 'uid');
  const resourceVersion = textOf(conditions, 'resourceVersion');
  return {
    dryRun: runs.length > 0,
    gracePeriodSeconds: typeof grace === 'number' ? grace : undefined,
    propagationPolicy: known ?? legacy,
    uid: uid === '' ? undefined : uid,
    resourceVersion: resourceVersion === '' ? undefined : resourceVersion,
  };
}

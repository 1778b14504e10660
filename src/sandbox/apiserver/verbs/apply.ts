import type { JsonObject } from '../../../machinery/json.ts';
import { isObject } from '../../../machinery/json.ts';
import { apiVersionOf } from '../../../machinery/group-version-kind.ts';
import { ApplyConflictError } from '../../../machinery/managed-fields/conflict.ts';
import { applyConfiguration } from '../../../machinery/managed-fields/managed-fields.ts';
import type { Answer } from '../api-server.ts';
import type { Body } from '../body.ts';
import { DecodeError, decodeObject } from '../decode.ts';
import { textOf } from '../object-metadata.ts';
import { badRequestError, failure } from '../request-error.ts';
import { served } from '../served-version.ts';
import { insert, refuseUid } from './create.ts';
import { replace } from './update.ts';
import type { Write } from './write.ts';
import { asRequestError, matchName, matchNamespace, resetFields, dedupOwners } from './write.ts';

/**
 * Server-side apply of an object, or of its status. Creates the object where there is none.
 * @throws RequestError 400, 409, 422, 500
 */
export function apply(write: Write, stored: JsonObject | undefined, body: Body): Answer {
  const { definition, options, request, context } = write;
  const { name = '', subresource } = request.info;
  const applied = checkApplied(write, body);
  const live = stored === undefined ? undefined : served(definition, stored);
  let merged: JsonObject;
  try {
    ({ object: merged } = applyConfiguration({
      schema: definition.schema,
      manager: options.fieldManager,
      subresource: subresource === '' ? undefined : subresource,
      resetFields: resetFields(definition, subresource),
      now: context.now,
      live,
      applied,
      force: options.force,
    }));
  } catch (error) {
    throw error instanceof ApplyConflictError ? conflict(error) : asRequestError(error);
  }
  if (merged === live) {
    matchName(merged, name);
    return { status: 200, value: merged };
  }
  const object = decodeMerged(write, merged);
  matchNamespace(write, object);
  matchName(object, name);
  dedupOwners(write, object);
  definition.setDefaults(object);
  if (stored !== undefined) return { status: 200, value: replace(write, stored, object, subresource, true) };
  refuseUid(write, object, name);
  return { status: 201, value: insert(write, object) };
}

/** @throws RequestError 400 */
function checkApplied({ definition, options, request }: Write, body: Body): JsonObject {
  const { kind } = definition;
  const { value } = body;
  if (!isObject(value)) throw badRequestError('error decoding YAML: the configuration must be an object');
  const given = textOf(value, 'kind');
  const apiVersion = textOf(value, 'apiVersion');
  if (given === '' || apiVersion === '') {
    const missing = given === '' ? 'Kind' : 'apiVersion';
    throw badRequestError(`Object '${missing}' is missing in '${JSON.stringify(value)}'`);
  }
  if (given !== kind.kind || apiVersion !== apiVersionOf(kind)) {
    throw badRequestError(
      `failed to convert new object (${apiVersion}, Kind=${given}) to smd typed: the configuration is not a ${apiVersionOf(kind)}, Kind=${kind.kind}`,
    );
  }
  const problems = body.yamlProblem === undefined ? body.strictProblems() : [body.yamlProblem];
  if (options.fieldValidation === 'Strict' && problems.length > 0) {
    throw badRequestError(`error strict decoding YAML: ${problems.join(', ')}`);
  }
  if (options.fieldValidation === 'Warn') {
    for (const problem of problems) request.warnings.push(problem);
  }
  return value;
}

/** A private copy: the merge shares its parts with the live object and with the configuration. */
function decodeMerged({ definition }: Write, merged: JsonObject): JsonObject {
  try {
    return decodeObject(definition, merged).object;
  } catch (error) {
    if (error instanceof DecodeError) throw badRequestError(error.message);
    throw error;
  }
}

function conflict(error: ApplyConflictError): Error {
  const causes = error.conflicts.map(({ message, path }) => ({
    reason: 'FieldManagerConflict',
    message,
    field: path,
  }));
  return failure(409, 'Conflict', error.message, { causes });
}

import type { Json, JsonObject } from '../../../machinery/json.ts';
import { isObject } from '../../../machinery/json.ts';
import { invalidStatus, invalidValue } from '../../../machinery/field-errors.ts';
import { apiVersionOf } from '../../../machinery/group-version-kind.ts';
import { jsonPatch } from '../../../machinery/json-patch.ts';
import { mergePatch } from '../../../machinery/merge-patch.ts';
import { PatchError } from '../../../machinery/patch-error.ts';
import { strategicMergePatch } from '../../../machinery/strategic-merge-patch.ts';
import type { Answer, ApiRequest, ApiServer } from '../api-server.ts';
import type { Body } from '../body.ts';
import { BodyError, mediaTypeOf, readBody, unsupportedMediaTypeError } from '../body.ts';
import type { Decoded } from '../decode.ts';
import { DecodeError, decodeObject, strictError } from '../decode.ts';
import { RequestError, badRequestError, failure, notFoundError } from '../request-error.ts';
import { parseWriteOptions } from '../request-options.ts';
import type { FieldValidation } from '../request-options.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import { served } from '../served-version.ts';
import { apply } from './apply.ts';
import { replace } from './update.ts';
import type { Write } from './write.ts';
import { beginWrite, matchName, matchNamespace, dedupOwners } from './write.ts';

const patchTypes = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
  'application/apply-patch+yaml': 'apply',
} as const;

export type PatchType = (typeof patchTypes)[keyof typeof patchTypes];

/**
 * What the content type says about the patch.
 * @throws RequestError 415
 */
export function patchTypeOf(definition: ResourceDefinition, contentType: string | undefined): PatchType {
  const mediaType = mediaTypeOf(contentType);
  const accepted = Object.entries(patchTypes).filter(
    ([, type]) => type !== 'strategic' || !definition.custom,
  );
  const found = accepted.find(([name]) => name === mediaType);
  if (found === undefined) throw unsupportedMediaTypeError(accepted.map(([name]) => name));
  return found[1];
}

/** PATCH of an object, or of its status. */
export async function patch(server: ApiServer, request: ApiRequest): Promise<Answer> {
  const { http, definition, query, info } = request;
  const { name = '', namespace, subresource } = info;
  const type = patchTypeOf(definition, http.headers['content-type']);
  const body = await readPatch(request, type);
  const userAgent = http.headers['user-agent'] ?? '';
  const options = parseWriteOptions(query, 'PatchOptions', userAgent, type === 'apply');
  const write = beginWrite(server, request, options);
  const stored = server.storage.get(definition.storageKey, namespace, name);
  if (type === 'apply') return apply(write, stored, body);
  if (stored === undefined) throw notFoundError(definition.kind, name);
  const object = patched(write, served(definition, stored), type, body);
  matchNamespace(write, object);
  matchName(object, name);
  dedupOwners(write, object);
  definition.setDefaults(object);
  return { status: 200, value: replace(write, stored, object, subresource) };
}

/** @throws RequestError 400, 413 */
export async function readPatch({ http }: ApiRequest, type: PatchType): Promise<Body> {
  try {
    const body = await readBody(http, type === 'apply' ? 'yaml' : 'json', undefined);
    if (body === undefined) throw new BodyError('unexpected end of JSON input', '<empty>');
    return body;
  } catch (error) {
    if (!(error instanceof BodyError)) throw error;
    throw badRequestError(
      type === 'apply' ? `error decoding YAML: ${error.message}` : `error decoding patch: ${error.message}`,
    );
  }
}

/** A private copy of `old` with the patch applied, decoded again. */
function patched(write: Write, old: JsonObject, type: Exclude<PatchType, 'apply'>, body: Body): JsonObject {
  const { definition, options, request } = write;
  const value = applyPatch(definition, old, type, body.value);
  if (!isObject(value)) throw invalidPatch(value, 'the patched object is no object');
  let decoded: Decoded;
  try {
    decoded = decodeObject(definition, value);
  } catch (error) {
    if (error instanceof DecodeError) throw invalidPatch(value, error.message);
    throw error;
  }
  noteProblems(body, type, decoded, options.fieldValidation, request.warnings, value);
  decoded.object['apiVersion'] = apiVersionOf(definition.kind);
  decoded.object['kind'] = definition.kind.kind;
  return decoded.object;
}

function noteProblems(
  body: Body,
  type: PatchType,
  decoded: Decoded,
  fieldValidation: FieldValidation,
  warnings: string[],
  value: JsonObject,
): void {
  if (fieldValidation === 'Ignore') return;
  const duplicates = body.strictProblems();
  const problems = [
    ...(type === 'json' ? duplicates.map((problem) => `json patch ${problem}`) : duplicates),
    ...decoded.problems,
  ];
  if (fieldValidation === 'Strict' && problems.length > 0) throw invalidPatch(value, strictError(problems));
  for (const problem of problems) warnings.push(problem);
}

/** @throws RequestError 400, 413, 422, 500 */
export function applyPatch(
  definition: Pick<ResourceDefinition, 'schema'>,
  old: JsonObject,
  type: Exclude<PatchType, 'apply'>,
  patchValue: Json,
): Json {
  try {
    if (type === 'json') return jsonPatch(old, patchValue);
    if (!isObject(patchValue)) throw badRequestError('error decoding patch: the patch must be an object');
    if (type === 'merge') return mergePatch(old, patchValue);
    return strategicMergePatch(old, patchValue, definition.schema);
  } catch (error) {
    if (!(error instanceof PatchError)) throw error;
    if (error.status !== 422 || type !== 'json') {
      throw failure(error.status, error.code, error.message, error.status === 422 ? {} : undefined);
    }
    const message = 'the server rejected our request due to an error in our request';
    throw failure(422, 'Invalid', message, {});
  }
}

function invalidPatch(value: Json, why: string): RequestError {
  const error = invalidValue('patch', JSON.stringify(value), why);
  return new RequestError(invalidStatus({ group: '', kind: '' }, '', [error]));
}

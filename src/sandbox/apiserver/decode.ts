import { apiVersionOf } from '../../machinery/group-version-kind.ts';
import type { Json, JsonObject } from '../../machinery/json.ts';
import { isObject, setOwn } from '../../machinery/json.ts';
import type { Schema } from '../../machinery/schema.ts';
import type { Body } from './body.ts';
import { BodyError, undecodableError } from './body.ts';
import { textOf } from './object-metadata.ts';
import { builtInSchema } from './openapi/built-in-schemas.ts';
import { decodeTypes } from './builtin/decode-types.ts';
import { badRequestError } from './request-error.ts';
import type { FieldValidation } from './request-options.ts';
import type { ResourceDefinition } from './resource-definition.ts';
import { pruneUnknown } from './schema/prune.ts';

/** A value does not fit the type that its field has. The message is that of Go's JSON decoder. */
export class DecodeError extends Error {}

const metadataOnly: Schema = {
  properties: { metadata: builtInSchema('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta') },
};

export interface Decoded {
  /** A private copy: no unknown fields, no defaults yet. */
  readonly object: JsonObject;
  /** `unknown field "spec.foo"` */
  readonly problems: readonly string[];
}

/**
 * A private copy of `value` as an object of the kind.
 * @throws DecodeError for a value of a wrong type: anywhere in a built-in kind, in the metadata of a custom one
 */
export function decodeObject(definition: ResourceDefinition, value: JsonObject): Decoded {
  const { schema, custom } = definition;
  const object = copyJson(value);
  if (!isObject(object['metadata'] ?? null)) {
    if ((object['metadata'] ?? null) !== null) {
      throw new DecodeError('json: cannot unmarshal into Go struct field .metadata of type v1.ObjectMeta');
    }
    object['metadata'] = {};
  }
  const problem = decodeTypes(custom ? metadataOnly : schema, object);
  if (problem !== undefined) throw new DecodeError(problem);
  return { object, problems: asProblems(pruneUnknown(schema, object, custom ? 'structural' : 'published')) };
}

/**
 * Decodes the body of a create or of an update.
 *
 * @param warnings takes what strict decoding minds, where the client wants warnings
 * @throws RequestError 400
 */
export function decodeBody(
  definition: ResourceDefinition,
  body: Body,
  fieldValidation: FieldValidation,
  warnings: string[],
): JsonObject {
  const { kind } = definition;
  const { value } = body;
  if (!isObject(value)) {
    const type = Array.isArray(value) ? 'array' : typeof value;
    const message = `json: cannot unmarshal ${type} into Go value of type struct { APIVersion string; Kind string }`;
    throw undecodableError(kind.kind, new BodyError(message, ''));
  }
  checkKind(definition, value);
  const cannot = (why: string): Error =>
    badRequestError(`${kind.kind} in version "${kind.version}" cannot be handled as a ${kind.kind}: ${why}`);
  let decoded: Decoded;
  try {
    decoded = decodeObject(definition, value);
  } catch (error) {
    if (error instanceof DecodeError) throw cannot(error.message);
    throw error;
  }
  if (fieldValidation !== 'Ignore') {
    if (fieldValidation === 'Strict' && body.yamlProblem !== undefined) {
      throw cannot(`strict decoding error: ${body.yamlProblem}`);
    }
    const problems = [...body.strictProblems(), ...decoded.problems];
    if (fieldValidation === 'Strict' && problems.length > 0) throw cannot(strictError(problems));
    if (body.yamlProblem !== undefined) warnings.push(body.yamlProblem);
    for (const problem of problems) warnings.push(problem);
  }
  decoded.object['apiVersion'] = apiVersionOf(kind);
  decoded.object['kind'] = kind.kind;
  return decoded.object;
}

export function strictError(problems: readonly string[]): string {
  return `strict decoding error: ${problems.join(', ')}`;
}

/** An absent kind or apiVersion is that of the URL; another one is an error. */
function checkKind(definition: ResourceDefinition, value: JsonObject): void {
  const { kind } = definition;
  const given = textOf(value, 'kind');
  const apiVersion = textOf(value, 'apiVersion');
  const expected = apiVersionOf(kind);
  const version = apiVersion.split('/').at(-1) ?? '';
  if (given !== '' && given !== kind.kind) {
    throw badRequestError(
      `${given} in version "${version}" cannot be handled as a ${kind.kind}: the kind in the data (${given}) does not match the expected kind (${kind.kind})`,
    );
  }
  if (apiVersion !== '' && apiVersion !== expected) {
    throw badRequestError(
      `the API version in the data (${apiVersion}) does not match the expected API version (${expected})`,
    );
  }
}

function asProblems(paths: readonly string[]): string[] {
  // What is left of the directives of a strategic merge patch is dropped without a word.
  return paths.filter((path) => !/(^|\.)\$[^.]*$/.test(path)).map((path) => `unknown field "${path}"`);
}

/** A deep copy without the undefined members that a sender in this process may have left. */
function copyJson(value: JsonObject): JsonObject {
  const copy: JsonObject = {};
  for (const [key, item] of Object.entries(value)) {
    if (item !== undefined) setOwn(copy, key, copyValue(item));
  }
  return copy;
}

function copyValue(value: Json): Json {
  if (Array.isArray(value)) return value.map(copyValue);
  return isObject(value) ? copyJson(value) : value;
}

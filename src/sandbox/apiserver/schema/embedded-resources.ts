import type { FieldError } from '../../../machinery/field-errors.ts';
import { FieldPath, invalidValue, requiredValue } from '../../../machinery/field-errors.ts';
import type { Json, JsonObject } from '../../../machinery/json.ts';
import { isObject, jsonClone, own } from '../../../machinery/json.ts';
import { validateDns1035Label, validatePathSegmentName } from '../../../machinery/names.ts';
import type { Schema } from '../../../machinery/schema.ts';
import { validateMetadata } from '../metadata-validation.ts';
import { decodeTypes } from '../builtin/decode-types.ts';
import { builtInSchema } from '../openapi/built-in-schemas.ts';

/**
 * What is wrong with the `apiVersion`, `kind` and `metadata` of embedded resources.
 *
 * Source: apiextensions-apiserver pkg/apiserver/schema/objectmeta/validation.go.
 */
export function embeddedResourceProblems(schema: Schema, value: Json): FieldError[] {
  if (!hasEmbedded(schema)) return [];
  const problems: FieldError[] = [];
  walk(schema, value, new FieldPath(), problems);
  return problems;
}

const known = new WeakMap<Schema, boolean>();

/** Whether there is anything to look for: most schemas have no embedded resources. */
function hasEmbedded(schema: Schema): boolean {
  let has = known.get(schema);
  if (has === undefined) {
    const { items, properties = {}, additionalProperties } = schema;
    has =
      schema['x-kubernetes-embedded-resource'] === true ||
      (items !== undefined && hasEmbedded(items)) ||
      (typeof additionalProperties === 'object' && hasEmbedded(additionalProperties)) ||
      Object.values(properties).some(hasEmbedded);
    known.set(schema, has);
  }
  return has;
}

function walk(schema: Schema, value: Json, path: FieldPath, problems: FieldError[]): void {
  if (!hasEmbedded(schema)) return;
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items === undefined) return;
    for (const [i, item] of value.entries()) walk(items, item, path.index(i), problems);
    return;
  }
  if (!isObject(value)) return;
  if (schema['x-kubernetes-embedded-resource'] === true) problems.push(...resourceProblems(value, path));
  const { properties = {}, additionalProperties } = schema;
  for (const [key, item] of Object.entries(value)) {
    const property = own(properties, key);
    if (property !== undefined) walk(property, item, path.child(key), problems);
    else if (typeof additionalProperties === 'object')
      walk(additionalProperties, item, path.key(key), problems);
  }
}

function resourceProblems(object: JsonObject, path: FieldPath): FieldError[] {
  const problems: FieldError[] = [];
  for (const name of ['apiVersion', 'kind'] as const) {
    const at = path.child(name);
    const value = own(object, name);
    if (value === undefined) problems.push(requiredValue(at));
    else if (typeof value !== 'string') problems.push(invalidValue(at, value, 'must be a string'));
    else if (value === '') problems.push(invalidValue(at, value, 'must not be empty'));
    else if (name === 'kind') problems.push(...kindProblems(value, at));
    else if (value.split('/').length > 2) {
      problems.push(invalidValue(at, value, `unexpected GroupVersion string: ${value}`));
    }
  }
  const metadata = own(object, 'metadata');
  if (metadata !== undefined) problems.push(...metadataProblems(metadata, path));
  return problems;
}

function kindProblems(kind: string, at: FieldPath): FieldError[] {
  const wrong = validateDns1035Label(kind.toLowerCase());
  if (wrong.length === 0) return [];
  const message = `may have mixed case, but should otherwise match: ${wrong.join(',')}`;
  return [invalidValue(at, kind, message)];
}

function metadataProblems(metadata: Json, path: FieldPath): FieldError[] {
  const at = path.child('metadata');
  const schema = builtInSchema('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta');
  if (!isObject(metadata)) {
    const type = Array.isArray(metadata) ? 'array' : typeof metadata;
    const message = `json: cannot unmarshal ${type} into Go value of type v1.ObjectMeta`;
    return [invalidValue(at, metadata, message)];
  }
  const decoded = jsonClone(metadata);
  const problem = decodeTypes(schema, decoded);
  if (problem !== undefined) return [invalidValue(at, metadata, problem)];
  // An embedded object need not have a name, and may be of a kind with or without namespaces.
  const name = own(decoded, 'name') ?? '';
  const namespaced = (own(decoded, 'namespace') ?? '') !== '';
  const object = { metadata: { ...decoded, name: name === '' ? 'fakename' : name } };
  const kind = { group: '', version: '', resource: '', kind: '', namespaced };
  return validateMetadata({ kind, validateName: validatePathSegmentName }, object).map((error) => ({
    ...error,
    field: path.child(error.field).toString(),
  }));
}

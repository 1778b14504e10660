import type { GroupVersionKind } from '../../../machinery/group-version-kind.ts';
import { apiVersionOf, formatGvk } from '../../../machinery/group-version-kind.ts';
import type { Json, JsonObject } from '../../../machinery/json.ts';
import { isObject, setOwn } from '../../../machinery/json.ts';
import type { Schema } from '../../../machinery/schema.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import { publishedSchemas } from './built-in-schemas.ts';

/** Schemas by name, as in `components.schemas` of an OpenAPI v3 document. */
export type Models = Map<string, JsonObject>;

export const refPrefix = '#/components/schemas/';
const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1';
export const deleteOptionsModel = `${meta}.DeleteOptions`;
export const patchModel = `${meta}.Patch`;
export const statusModel = `${meta}.Status`;
const gvkKey = 'x-kubernetes-group-version-kind';

let builtInNames: ReadonlyMap<string, string> | undefined;

/** The name of the model of a built-in kind. */
export function builtInModel(kind: GroupVersionKind): string | undefined {
  builtInNames ??= new Map(
    Object.entries(publishedSchemas()).flatMap(([name, schema]) =>
      (schema[gvkKey] ?? []).map((gvk): [string, string] => [formatGvk(gvk), name]),
    ),
  );
  return builtInNames.get(formatGvk(kind));
}

/** Names of the models of a kind and of its list. */
export function modelNames(definition: ResourceDefinition): { readonly one: string; readonly list: string } {
  const { kind, listKind, custom } = definition;
  if (custom) {
    const prefix = [...kind.group.split('.').reverse(), kind.version].join('.');
    return { one: `${prefix}.${kind.kind}`, list: `${prefix}.${listKind}` };
  }
  const one = builtInModel(kind) ?? kind.kind;
  return { one, list: builtInModel({ ...kind, kind: listKind }) ?? `${one}List` };
}

/**
 * The models of some kinds, and all that they refer to.
 *
 * @param others names of more models that are wanted
 */
export function modelsOf(definitions: Iterable<ResourceDefinition>, others: Iterable<string>): Models {
  const models: Models = new Map();
  const wanted = [...others];
  for (const definition of definitions) {
    const names = modelNames(definition);
    if (definition.custom) {
      models.set(names.one, customModel(definition));
      models.set(names.list, customListModel(definition, names.one));
    } else {
      wanted.push(names.one, names.list);
    }
  }
  for (const model of models.values()) wanted.push(...referencesOf(model));
  const published = publishedSchemas();
  for (let name = wanted.pop(); name !== undefined; name = wanted.pop()) {
    const schema = published[name];
    if (schema === undefined || models.has(name)) continue;
    const model = schema as unknown as JsonObject;
    models.set(name, model);
    wanted.push(...referencesOf(model));
  }
  return new Map([...models].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function referencesOf(value: Json): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => referencesOf(item));
  if (!isObject(value)) return [];
  const ref = value['$ref'];
  const own = typeof ref === 'string' ? [ref.slice(refPrefix.length)] : [];
  return [...own, ...Object.values(value).flatMap((child) => referencesOf(child))];
}

/** `apiVersion` and `kind`, as every object has them. */
function typeMetaProperties(): JsonObject {
  const { apiVersion, kind } = publishedSchemas()[statusModel]?.properties ?? {};
  return { apiVersion: asJson(apiVersion), kind: asJson(kind) };
}

function asJson(schema: Schema | undefined): JsonObject {
  return (schema ?? {}) as unknown as JsonObject;
}

function reference(model: string, description: string): JsonObject {
  return { allOf: [{ $ref: refPrefix + model }], description };
}

const objectMeta = reference(
  `${meta}.ObjectMeta`,
  "Standard object's metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata",
);

/** The schema of a custom kind as it is published: with the metadata that every object has. */
function customModel({ kind, schema }: ResourceDefinition): JsonObject {
  const model = copySchema(schema);
  const properties = isObject(model['properties']) ? model['properties'] : {};
  return {
    ...model,
    type: 'object',
    properties: { ...properties, ...typeMetaProperties(), metadata: objectMeta },
    [gvkKey]: [{ group: kind.group, version: kind.version, kind: kind.kind }],
  };
}

function customListModel({ kind, listKind }: ResourceDefinition, model: string): JsonObject {
  const more = 'https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md';
  return {
    description: `${listKind} is a list of ${kind.kind}`,
    type: 'object',
    required: ['items'],
    properties: {
      ...typeMetaProperties(),
      items: {
        type: 'array',
        description: `List of ${kind.resource}. More info: ${more}`,
        items: { $ref: refPrefix + model },
      },
      metadata: reference(`${meta}.ListMeta`, `Standard list metadata. More info: ${more}#types-kinds`),
    },
    [gvkKey]: [{ group: kind.group, version: kind.version, kind: listKind }],
  };
}

/** A schema as JSON; embedded objects get the metadata of objects by reference. */
function copySchema(schema: Schema): JsonObject {
  const copy: JsonObject = {};
  for (const [key, value] of Object.entries(schema)) {
    if (key === 'properties') copy[key] = copyProperties(schema.properties ?? {});
    else if (value !== undefined) copy[key] = copyPart(key, value);
  }
  if (schema['x-kubernetes-embedded-resource'] === true) {
    const properties = isObject(copy['properties']) ? copy['properties'] : {};
    copy['properties'] = { ...properties, ...typeMetaProperties(), metadata: objectMeta };
    copy['required'] = [...new Set([...(schema.required ?? []), 'kind', 'apiVersion'])];
  }
  return copy;
}

const subschemaKeys = ['additionalProperties', 'items', 'not', 'allOf', 'anyOf', 'oneOf'];

function copyPart(key: string, value: unknown): Json {
  if (!subschemaKeys.includes(key) || typeof value !== 'object') return value as Json;
  return Array.isArray(value) ? value.map((item: Schema) => copySchema(item)) : copySchema(value as Schema);
}

function copyProperties(properties: { readonly [name: string]: Schema }): JsonObject {
  const copy: JsonObject = {};
  for (const [name, schema] of Object.entries(properties)) {
    setOwn(copy, name, copySchema(schema));
  }
  return copy;
}

/** The path of a group version, `api/v1` or `apis/apps/v1`. */
export function groupVersionPath(of: { readonly group: string; readonly version: string }): string {
  return `${of.group === '' ? 'api' : 'apis'}/${apiVersionOf(of)}`;
}

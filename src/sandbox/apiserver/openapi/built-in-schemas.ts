import { createRequire } from 'node:module';
import type { Json, JsonObject } from '../../../machinery/json.ts';
import { isObject } from '../../../machinery/json.ts';
import type { Schema } from '../../../machinery/schema.ts';
import { linkSchemas } from '../../../machinery/schema.ts';

/** The generated file. Our own: its form is not checked again. */
interface Generated {
  readonly components: { readonly schemas: { [name: string]: Schema } };
  /** Type → fields that Go leaves out of its JSON when they are empty, zero or false. */
  readonly omittedWhenZero: Readonly<Record<string, readonly string[]>>;
  /** Type → fields that are always there, with the value they have then. */
  readonly defaults: Readonly<Record<string, JsonObject>>;
}

/** What Go knows of a type beside its schema. */
export interface GoType {
  /** As published: `io.k8s.api.core.v1.Pod`. */
  readonly name: string;
  /** Fields that Go leaves out of its JSON when they are empty, zero or false. */
  readonly omittedWhenZero: readonly string[];
  /** Fields that are always there, with the value they have where nothing sets them. */
  readonly defaults: readonly (readonly [field: string, value: Json])[];
}

interface BuiltInSchemas {
  readonly byName: { readonly [name: string]: Schema };
  readonly types: ReadonlyMap<Schema, GoType>;
}

let generated: Generated | undefined;
let linked: BuiltInSchemas | undefined;

function readGenerated(): Generated {
  generated ??= createRequire(import.meta.url)('./kubernetes.generated.json') as Generated;
  return generated;
}

/** Read and linked on first use: about 20 ms. */
function builtInSchemas(): BuiltInSchemas {
  if (linked !== undefined) return linked;
  const { components, omittedWhenZero, defaults } = readGenerated();
  const byName = linkSchemas(referencesOnly(components.schemas));
  const types = Object.entries(byName).map(([name, schema]): [Schema, GoType] => [
    schema,
    { name, omittedWhenZero: omittedWhenZero[name] ?? [], defaults: Object.entries(defaults[name] ?? {}) },
  ]);
  linked = { byName, types: new Map(types) };
  return linked;
}

/**
 * A copy in which nothing but a merge strategy stands beside a reference: the linked type is then the same object
 * wherever it is used, which is how {@link goTypeOf} knows it.
 */
function referencesOnly<T>(value: T): T {
  if (Array.isArray(value)) return value.map((item: unknown) => referencesOnly(item)) as T;
  if (!isObject(value)) return value;
  const { allOf } = value;
  const isReference = typeof value['$ref'] === 'string' || (Array.isArray(allOf) && allOf.length === 1);
  const entries = Object.entries(value).filter(
    ([key]) => !isReference || (key !== 'description' && key !== 'default'),
  );
  return Object.fromEntries(entries.map(([key, item]) => [key, referencesOnly(item)])) as T;
}

/**
 * The schemas as Kubernetes publishes them, references and descriptions included: what `/openapi` serves.
 * Shared: do not change.
 */
export function publishedSchemas(): { readonly [name: string]: Schema } {
  return readGenerated().components.schemas;
}

/**
 * The schema of a built-in type, its references replaced by what they name.
 *
 * @param name as in the OpenAPI document: `io.k8s.api.core.v1.ConfigMap`
 * @throws Error when the generated file has no such type
 */
export function builtInSchema(name: string): Schema {
  const schema = builtInSchemas().byName[name];
  if (schema === undefined)
    throw new Error(`no schema ${name}: add it to scripts/generate-kubernetes-schemas.mjs`);
  return schema;
}

/** The Go type of a schema that {@link builtInSchema} gave, or that is part of one; undefined for others. */
export function goTypeOf(schema: Schema): GoType | undefined {
  return builtInSchemas().types.get(schema);
}

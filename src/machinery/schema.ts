import { InvalidInputError } from '../base/errors.ts';
import { type Json, own } from './json.ts';

/** `x-kubernetes-list-type`: how a list merges. */
export type ListType = 'atomic' | 'set' | 'map';

/**
 * An OpenAPI v3 schema as Kubernetes uses it: structural schemas of CRDs, and the published schemas of
 * built-in kinds once {@link linkSchemas} has replaced their references. One shape serves apply, strategic
 * merge, validation, defaulting, pruning and CEL.
 *
 * Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy and
 * JSONSchemaProps of apiextensions.k8s.io/v1.
 */
export interface Schema {
  readonly type?: string;
  readonly format?: string;
  readonly title?: string;
  readonly description?: string;
  readonly properties?: { readonly [name: string]: Schema };
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly required?: readonly string[];
  readonly enum?: readonly Json[];
  readonly default?: Json;
  readonly nullable?: boolean;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: boolean;
  readonly exclusiveMaximum?: boolean;
  readonly multipleOf?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly allOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly not?: Schema;
  readonly $ref?: string;
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
  readonly 'x-kubernetes-embedded-resource'?: boolean;
  readonly 'x-kubernetes-int-or-string'?: boolean;
  readonly 'x-kubernetes-list-type'?: ListType;
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-map-type'?: 'granular' | 'atomic';
  /** Comma-separated: `merge`, `replace`, `retainKeys`. Built-in kinds only. */
  readonly 'x-kubernetes-patch-strategy'?: string;
  readonly 'x-kubernetes-patch-merge-key'?: string;
  readonly 'x-kubernetes-validations'?: readonly ValidationRule[];
  readonly 'x-kubernetes-group-version-kind'?: readonly {
    readonly group: string;
    readonly version: string;
    readonly kind: string;
  }[];
}

/** One `x-kubernetes-validations` rule. */
export interface ValidationRule {
  readonly rule: string;
  readonly message?: string;
  readonly messageExpression?: string;
  readonly reason?: string;
  readonly fieldPath?: string;
  readonly optionalOldSelf?: boolean;
}

const refPrefix = '#/components/schemas/';

/**
 * Replaces every `$ref` by the schema it names. What stands beside it (published documents wrap a reference as
 * `allOf: [{$ref}]` to add a description, a default, a merge strategy) is laid over a copy. The result is a graph:
 * recursive types point back at themselves.
 *
 * @param components the `components.schemas` of an OpenAPI v3 document; taken over and changed in place
 * @throws InvalidInputError for a reference to a schema that is not there
 */
export function linkSchemas(components: { [name: string]: Schema }): { [name: string]: Schema } {
  const seen = new Set<object>();
  const link = (schema: Schema): Schema => {
    const single = schema.allOf?.length === 1 ? schema.allOf[0]?.$ref : undefined;
    const ref = schema.$ref ?? single;
    if (ref !== undefined) {
      const target = ref.startsWith(refPrefix) ? own(components, ref.slice(refPrefix.length)) : undefined;
      if (target === undefined) throw new InvalidInputError(`unknown schema reference ${ref}`);
      const { $ref: _ref, allOf: _allOf, ...beside } = schema;
      return Object.keys(beside).length === 0 ? link(target) : { ...link(target), ...beside };
    }
    if (seen.has(schema)) return schema;
    seen.add(schema);
    linkChildren(schema, link);
    return schema;
  };
  for (const [name, schema] of Object.entries(components)) components[name] = link(schema);
  return components;
}

/** Changes the containers in place: a copy of a schema that is still being linked shares them. */
function linkChildren(schema: Schema, link: (child: Schema) => Schema): void {
  const at = schema as { -readonly [K in keyof Schema]: Schema[K] };
  const properties: { [name: string]: Schema } = at.properties ?? {};
  for (const [name, property] of Object.entries(properties)) properties[name] = link(property);
  if (typeof at.additionalProperties === 'object') at.additionalProperties = link(at.additionalProperties);
  if (at.items !== undefined) at.items = link(at.items);
  if (at.not !== undefined) at.not = link(at.not);
  for (const key of ['allOf', 'anyOf', 'oneOf'] as const) {
    const list = at[key];
    if (list !== undefined) at[key] = list.map(link);
  }
}

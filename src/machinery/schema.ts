import type { Json } from './json.ts';

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
 * Replaces every `$ref` (also the `allOf: [{$ref}]` wrapping that published documents use to add a default or
 * a description) by the schema it names. The result is a graph: recursive types point back at themselves.
 *
 * @param components the `components.schemas` of an OpenAPI v3 document; taken over and changed in place
 */
export function linkSchemas(components: { [name: string]: Schema }): { [name: string]: Schema } {
  const seen = new Set<object>();
  const link = (schema: Schema): Schema => {
    const single = schema.allOf?.length === 1 ? schema.allOf[0]?.$ref : undefined;
    const ref = schema.$ref ?? single;
    if (ref !== undefined) {
      const target = components[ref.slice(refPrefix.length)];
      if (!ref.startsWith(refPrefix) || target === undefined)
        throw new Error(`unknown schema reference ${ref}`);
      return link(withExtensions(target, schema));
    }
    if (seen.has(schema)) return schema;
    seen.add(schema);
    linkChildren(schema, link);
    return schema;
  };
  for (const [name, schema] of Object.entries(components)) components[name] = link(schema);
  return components;
}

/** `target`, where the wrapper says nothing of its own about merging (`x-kubernetes-patch-strategy` of one field). */
function withExtensions(target: Schema, wrapper: Schema): Schema {
  const extensions = Object.entries(wrapper).filter(([key]) => key.startsWith('x-kubernetes-'));
  return extensions.length === 0 ? target : { ...target, ...Object.fromEntries(extensions) };
}

function linkChildren(schema: Schema, link: (child: Schema) => Schema): void {
  const at = schema as { -readonly [K in keyof Schema]: Schema[K] };
  if (at.properties !== undefined) {
    at.properties = Object.fromEntries(Object.entries(at.properties).map(([k, v]) => [k, link(v)]));
  }
  if (typeof at.additionalProperties === 'object') at.additionalProperties = link(at.additionalProperties);
  if (at.items !== undefined) at.items = link(at.items);
  if (at.not !== undefined) at.not = link(at.not);
  for (const key of ['allOf', 'anyOf', 'oneOf'] as const) {
    const list = at[key];
    if (list !== undefined) at[key] = list.map(link);
  }
}

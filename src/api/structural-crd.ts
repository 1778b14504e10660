import { z } from 'zod';
import { InvalidInputError } from '../base/errors.ts';
import { isObject, setOwn, type Json, type JsonObject } from '../machinery/json.ts';
import type { ValidationRule } from '../machinery/schema.ts';

/** A column of `kubectl get`. Priority 1 shows only with `-o wide`. */
export interface PrinterColumn {
  readonly name: string;
  readonly type: 'string' | 'boolean' | 'integer' | 'number' | 'date';
  readonly jsonPath: string;
  readonly priority?: 1;
}

/** What a CRD says beyond the schema of its objects. */
export interface KindDefinition {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly categories: readonly string[];
  readonly annotations: Readonly<Record<string, string>>;
  readonly description: string;
  readonly printerColumns: readonly PrinterColumn[];
  readonly spec: z.ZodType;
  /** Without it the status subresource exists and keeps nothing. */
  readonly status?: z.ZodType;
  /** Of the whole object; of its metadata they see name and generateName. */
  readonly rules?: readonly ValidationRule[];
}

/**
 * Adds CEL rules to a schema. They are evaluated by the API server only; what the program must refuse too is a
 * function beside the kind.
 */
export function celRules<T extends z.ZodType>(schema: T, ...rules: readonly ValidationRule[]): T {
  const { 'x-kubernetes-validations': before = [], ...meta } = schema.meta() ?? {};
  const all = [...(before as readonly ValidationRule[]), ...rules];
  return schema.meta({ ...meta, 'x-kubernetes-validations': all });
}

/** Exactly one of the optional fields must be given. A rule: `oneOf` would not tell what to write instead. */
export function exactlyOneOf<T extends z.ZodType>(schema: T, ...fields: readonly string[]): T {
  return celRules(schema, {
    rule: `[${fields.map((field) => `has(self.${field})`).join(', ')}].exists_one(given, given)`,
    message: `give exactly one of ${fields.slice(0, -1).join(', ')} and ${fields.at(-1)}`,
  });
}

/** A number or a name, as the ports of Kubernetes are. */
export function intOrString(): z.ZodType<number | string> {
  return z.union([z.int(), z.string()]).meta({ 'x-kubernetes-int-or-string': true });
}

/** The CustomResourceDefinition of a kind, ready to be applied. */
export function customResourceDefinition(definition: KindDefinition): JsonObject {
  const { group, version, kind, plural, singular } = definition;
  const columns = definition.printerColumns.map((column): JsonObject => ({ ...column }));
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}`, annotations: { ...definition.annotations } },
    spec: {
      group,
      names: { kind, listKind: `${kind}List`, plural, singular, categories: [...definition.categories] },
      scope: 'Namespaced',
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: columns,
          schema: { openAPIV3Schema: objectSchema(definition) },
        },
      ],
    },
  };
}

function objectSchema({ description, spec, status, rules = [] }: KindDefinition): JsonObject {
  return {
    description,
    type: 'object',
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
      spec: structuralSchema(spec),
      ...(status === undefined ? {} : { status: structuralSchema(status) }),
    },
    ...(rules.length === 0 ? {} : { 'x-kubernetes-validations': rules.map((rule) => ({ ...rule })) }),
  };
}

/**
 * The structural schema of a zod schema: what zod emits for OpenAPI 3.0, without what API servers forbid.
 *
 * Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
 *
 * @throws InvalidInputError for a union that is not an int-or-string, and for a recursive schema
 */
function structuralSchema(schema: z.ZodType): JsonObject {
  const emitted: unknown = z.toJSONSchema(schema, { target: 'openapi-3.0', io: 'input', reused: 'inline' });
  return structural(emitted, '$');
}

/** Fields whose values are schemas by name, and so must not be read as keywords. */
const schemaMaps = new Set(['properties']);
const verbatim = new Set(['default', 'enum', 'required', 'oneOf', 'x-kubernetes-validations']);
const dropped = new Set(['$schema', 'id', 'propertyNames']);

function structural(value: unknown, at: string): JsonObject {
  if (!isObject(value)) throw new InvalidInputError(`${at}: not a schema`);
  if ('$ref' in value) throw new InvalidInputError(`${at}: a structural schema cannot be recursive`);
  if (value['x-kubernetes-int-or-string'] === true) return portSchema(value);
  if ('anyOf' in value || 'allOf' in value) {
    throw new InvalidInputError(`${at}: a union is not structural; use optional members and a rule`);
  }
  const result: JsonObject = {};
  for (const [key, inner] of Object.entries(value)) {
    if (!dropped.has(key) && !isBoundOfDoubles(key, inner)) {
      setOwn(result, key, keyword(key, inner, `${at}.${key}`));
    }
  }
  // An object of any shape: zod says that additional properties are `{}`, Kubernetes has a word for it.
  if (isObject(result['additionalProperties']) && Object.keys(result['additionalProperties']).length === 0) {
    delete result['additionalProperties'];
    result['x-kubernetes-preserve-unknown-fields'] = true;
  }
  // `false` would forbid pruning, which is what makes unknown fields harmless.
  if (result['additionalProperties'] === false) delete result['additionalProperties'];
  return result;
}

function keyword(key: string, value: Json, at: string): Json {
  if (verbatim.has(key) || !isObject(value)) return value;
  if (!schemaMaps.has(key)) return structural(value, at);
  const result: JsonObject = {};
  for (const [name, inner] of Object.entries(value)) setOwn(result, name, structural(inner, `${at}.${name}`));
  return result;
}

function portSchema({ description }: JsonObject): JsonObject {
  return {
    ...(description === undefined ? {} : { description }),
    anyOf: [{ type: 'integer' }, { type: 'string' }],
    'x-kubernetes-int-or-string': true,
  };
}

/** `z.int()` limits numbers to those that a double holds exactly: noise in a CRD. */
function isBoundOfDoubles(key: string, value: Json): boolean {
  return (key === 'minimum' || key === 'maximum') && Math.abs(Number(value)) === Number.MAX_SAFE_INTEGER;
}

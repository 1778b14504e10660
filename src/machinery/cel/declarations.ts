import { own } from '../json.ts';
import type { Schema } from '../schema.ts';
import { escapeName } from './property-names.ts';
import type { Type } from './types.ts';
import {
  boolType,
  bytesType,
  doubleType,
  durationType,
  dynType,
  intType,
  listType,
  mapType,
  stringType,
  timestampType,
} from './types.ts';

const stringSchema: Schema = { type: 'string' };
const metadataSchema: Schema = {
  type: 'object',
  properties: { name: stringSchema, generateName: stringSchema },
};

const withMeta = new WeakMap<Schema, Schema>();

/**
 * The schema of a resource with the fields that rules can always use: `apiVersion`, `kind`, `metadata.name` and
 * `metadata.generateName`.
 */
export function withTypeAndObjectMeta(schema: Schema): Schema {
  const known = withMeta.get(schema);
  if (known !== undefined) return known;
  const { kind, apiVersion, metadata } = schema.properties ?? {};
  const complete =
    kind?.type === 'string' &&
    apiVersion?.type === 'string' &&
    metadata?.properties?.['name']?.type === 'string' &&
    metadata.properties['generateName']?.type === 'string';
  const result: Schema = complete
    ? schema
    : {
        ...schema,
        properties: {
          ...schema.properties,
          kind: stringSchema,
          apiVersion: stringSchema,
          metadata: metadataSchema,
        },
      };
  withMeta.set(schema, result);
  return result;
}

const declared = new WeakMap<Schema, { readonly type: Type | undefined }>();

/**
 * The CEL type of values of a structural schema; undefined where they are not exposed to CEL.
 *
 * Source: SchemaDeclType of k8s.io/apiserver/pkg/cel/common/schemas.go.
 *
 * @param resource whether it is the schema of a resource, embedded or not
 */
export function declareType(schema: Schema, resource: boolean): Type | undefined {
  if (schema['x-kubernetes-int-or-string'] === true) return dynType;
  const whole = resource ? withTypeAndObjectMeta(schema) : schema;
  const known = declared.get(whole);
  if (known !== undefined) return known.type;
  const type = declare(whole);
  declared.set(whole, { type });
  return type;
}

function declareChild(schema: Schema): Type | undefined {
  return declareType(schema, schema['x-kubernetes-embedded-resource'] === true);
}

function declare(schema: Schema): Type | undefined {
  switch (schema.type) {
    case 'array': {
      const item = schema.items === undefined ? undefined : declareChild(schema.items);
      return item === undefined ? undefined : listType(item);
    }
    case 'object':
      return declareObject(schema);
    case 'string':
      return declareString(schema.format);
    case 'boolean':
      return boolType;
    case 'number':
      return doubleType;
    case 'integer':
      return intType;
    default:
      return undefined;
  }
}

function declareString(format: string | undefined): Type {
  switch (format) {
    case 'byte':
      return bytesType;
    case 'duration':
      return durationType;
    case 'date':
    case 'date-time':
      return timestampType;
    default:
      return stringType;
  }
}

function declareObject(schema: Schema): Type | undefined {
  const values = schema.additionalProperties;
  if (typeof values === 'object') {
    const type = declareChild(values);
    return type === undefined ? undefined : mapType(stringType, type);
  }
  const fields = new Map<string, Schema>();
  for (const name of Object.keys(schema.properties ?? {})) {
    const property = own(schema.properties ?? {}, name);
    const escaped = escapeName(name);
    if (property !== undefined && escaped !== undefined) fields.set(escaped, property);
  }
  return {
    kind: 'object',
    name: 'object',
    field(name) {
      const property = fields.get(name);
      return property === undefined ? undefined : declareChild(property);
    },
  };
}

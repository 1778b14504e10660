import { parseTime } from '../../../base/time.ts';
import type { Json, JsonObject } from '../../../machinery/json.ts';
import { isObject, own, setOwn } from '../../../machinery/json.ts';
import type { Schema } from '../../../machinery/schema.ts';

/** A value does not fit the type that its field has. The message is that of Go's JSON decoder. */
export class DecodeError extends Error {}

export interface TypedOptions {
  /** Name of the whole, for messages: the kind. */
  readonly kind: string;
  /** Short Go name of the type that a schema describes (`v1.Container`), where it is known. */
  readonly typeName: (schema: Schema) => string | undefined;
}

/**
 * A copy of `object` as a decoder into fixed types would have made it: null is absent, so are empty maps and lists,
 * and fields without a place are dropped.
 *
 * @param unknown takes the paths of dropped fields, in order
 * @throws DecodeError for a value of a wrong type
 */
export function decodeTyped(
  schema: Schema,
  object: JsonObject,
  options: TypedOptions,
  unknown: string[],
): JsonObject {
  return new Decoder(options, unknown).object(schema, object, '', options.kind);
}

class Decoder {
  readonly #options: TypedOptions;
  readonly #unknown: string[];

  constructor(options: TypedOptions, unknown: string[]) {
    this.#options = options;
    this.#unknown = unknown;
  }

  object(schema: Schema, object: JsonObject, path: string, struct: string): JsonObject {
    const copy: JsonObject = {};
    for (const key of Object.keys(object)) {
      const at = path === '' ? key : `${path}.${key}`;
      const field = schema.properties === undefined ? undefined : own(schema.properties, key);
      if (field === undefined) {
        this.#unknown.push(at);
        continue;
      }
      const value = this.#value(field, own(object, key), at, struct);
      if (value === undefined) continue;
      if (isEmpty(field, value) && schema.required?.includes(key) !== true) continue;
      setOwn(copy, key, value);
    }
    return copy;
  }

  #value(schema: Schema, value: Json | undefined, path: string, struct: string): Json | undefined {
    if (value === null || value === undefined) return undefined;
    switch (schema.type) {
      case 'object':
        return this.#map(schema, value, path, struct);
      case 'array':
        return this.#list(schema, value, path, struct);
      case 'string':
        return this.#text(schema, value, path, struct);
      case 'integer':
      case 'number':
        return this.#number(schema, value, path, struct);
      case 'boolean':
        return typeof value === 'boolean' ? value : this.#refuse(value, path, struct, 'bool');
      default:
        return this.#untyped(schema, value, path, struct);
    }
  }

  #map(schema: Schema, value: Json, path: string, struct: string): Json {
    const name = this.#options.typeName(schema);
    if (!isObject(value)) return this.#refuse(value, path, struct, this.#goType(schema));
    if (schema.properties !== undefined) {
      return this.object(schema, value, path, name?.replace(/^.*\./, '') ?? struct);
    }
    const { additionalProperties } = schema;
    if (typeof additionalProperties !== 'object') return structuredClone(value);
    const copy: JsonObject = {};
    for (const key of Object.keys(value)) {
      const item = own(value, key);
      const decoded =
        this.#value(additionalProperties, item, `${path}.${key}`, struct) ?? zero(additionalProperties);
      setOwn(copy, key, decoded);
    }
    return copy;
  }

  #list(schema: Schema, value: Json, path: string, struct: string): Json {
    if (!Array.isArray(value)) return this.#refuse(value, path, struct, this.#goType(schema));
    const { items } = schema;
    if (items === undefined) return structuredClone(value);
    return value.map((item, i) => this.#value(items, item, `${path}[${i}]`, struct) ?? zero(items));
  }

  #text(schema: Schema, value: Json, path: string, struct: string): Json {
    const isQuantity = this.#options.typeName(schema) === 'resource.Quantity';
    if (isQuantity && typeof value === 'number') return String(value);
    if (schema.format === 'int-or-string' && typeof value === 'number') return value;
    if (typeof value !== 'string') return this.#refuse(value, path, struct, 'string');
    if (schema.format === 'date-time') checkTime(value);
    if (schema.format === 'byte') checkBase64(value);
    return value;
  }

  #number(schema: Schema, value: Json, path: string, struct: string): Json {
    const goType = this.#goType(schema);
    if (typeof value !== 'number') return this.#refuse(value, path, struct, goType);
    if (schema.type === 'number') return value;
    const limit = schema.format === 'int32' ? 2 ** 31 : 2 ** 63;
    if (Number.isInteger(value) && value >= -limit && value < limit) return value;
    throw new DecodeError(cannot(`number ${value}`, path, struct, goType));
  }

  /** int-or-string and raw JSON have no type of their own. */
  #untyped(schema: Schema, value: Json, path: string, struct: string): Json {
    const isIntOrString = schema.format === 'int-or-string' || schema['x-kubernetes-int-or-string'] === true;
    if (isIntOrString && typeof value !== 'number' && typeof value !== 'string') {
      return this.#refuse(value, path, struct, 'intstr.IntOrString');
    }
    return typeof value === 'object' ? structuredClone(value) : value;
  }

  #refuse(value: Json, path: string, struct: string, goType: string): never {
    throw new DecodeError(cannot(jsonType(value), path, struct, goType));
  }

  #goType(schema: Schema): string {
    const name = this.#options.typeName(schema);
    if (name !== undefined) return name;
    switch (schema.type) {
      case 'object': {
        const { additionalProperties } = schema;
        return `map[string]${typeof additionalProperties === 'object' ? this.#goType(additionalProperties) : 'interface {}'}`;
      }
      case 'array':
        return `[]${schema.items === undefined ? 'interface {}' : this.#goType(schema.items)}`;
      case 'integer':
        return schema.format ?? 'int64';
      case 'number':
        return 'float64';
      case 'boolean':
        return 'bool';
      default:
        return 'string';
    }
  }
}

function cannot(what: string, path: string, struct: string, goType: string): string {
  return `json: cannot unmarshal ${what} into Go struct field ${struct}.${path} of type ${goType}`;
}

/** What a null inside a map or a list becomes. */
function zero(schema: Schema): Json {
  switch (schema.type) {
    case 'object':
      return {};
    case 'array':
      return [];
    case 'integer':
    case 'number':
      return 0;
    case 'boolean':
      return false;
    default:
      return '';
  }
}

function jsonType(value: Json): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

/** Empty maps and lists are not written; an empty struct is. */
function isEmpty(schema: Schema, value: Json): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return isObject(value) && schema.additionalProperties !== undefined && Object.keys(value).length === 0;
}

function checkTime(text: string): void {
  try {
    parseTime(text);
  } catch {
    const quoted = JSON.stringify(text);
    throw new DecodeError(
      `parsing time ${quoted} as "2006-01-02T15:04:05Z07:00": cannot parse ${quoted} as "2006"`,
    );
  }
}

function checkBase64(text: string): void {
  const clean = text.replace(/[\r\n]/g, '');
  const bad = /[^A-Za-z0-9+/=]/.exec(clean)?.index;
  if (bad !== undefined || clean.length % 4 !== 0 || !/^[^=]*={0,2}$/.test(clean)) {
    throw new DecodeError(`illegal base64 data at input byte ${bad ?? Math.max(clean.length - 1, 0)}`);
  }
}

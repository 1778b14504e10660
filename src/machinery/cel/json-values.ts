import type { Json, JsonObject } from '../json.ts';
import { isObject, jsonEqual, own } from '../json.ts';
import { goType } from '../go-text.ts';
import type { Schema } from '../schema.ts';
import { withTypeAndObjectMeta } from './declarations.ts';
import { CelEvaluationError } from './errors.ts';
import { isDate } from './named-formats.ts';
import { escapeName, unescapeName } from './property-names.ts';
import { parseTimestamp, toDuration } from './standard-functions.ts';
import type { ListSemantics, MapValue, Timestamp, Value } from './values.ts';
import { Duration, List } from './values.ts';

/**
 * The CEL value of a JSON value. Fields and items are converted when they are read.
 *
 * Source: UnstructuredToVal of k8s.io/apiserver/pkg/cel/common/valuesunstructured.go.
 *
 * @throws CelEvaluationError if it does not fit the schema
 */
export function toValue(json: Json, schema: Schema): Value {
  if (json === null) {
    if (schema.nullable === true) return null;
    throw new CelEvaluationError('invalid data, got null for schema with nullable=false');
  }
  if (schema['x-kubernetes-int-or-string'] === true) return intOrString(json);
  switch (schema.type) {
    case 'object':
      return objectValue(json, schema);
    case 'array':
      return listValue(json, schema);
    case 'string':
      return typeof json === 'string' ? stringValue(json, schema.format) : mismatch('string', json);
    case 'number':
      return typeof json === 'number' ? json : mismatch('float', json);
    case 'integer':
      return typeof json === 'number' && Number.isInteger(json) ? BigInt(json) : mismatch('int', json);
    case 'boolean':
      return typeof json === 'boolean' ? json : mismatch('bool', json);
    default:
      throw new CelEvaluationError(
        `invalid type, expected object, array, number, integer, boolean or string, or no type with x-kubernetes-int-or-string or x-kubernetes-preserve-unknown-fields is true, got ${schema.type ?? ''}`,
      );
  }
}

function mismatch(expected: string, json: Json): never {
  throw new CelEvaluationError(`invalid data, expected ${expected}, got ${goType(json)}`);
}

function intOrString(json: Json): Value {
  if (typeof json === 'string') return json;
  if (typeof json === 'number' && Number.isInteger(json)) return BigInt(json);
  throw new CelEvaluationError('invalid data, expected XIntOrString value to be either a string or integer');
}

function stringValue(text: string, format: string | undefined): Value {
  switch (format) {
    case 'duration':
      return durationValue(text);
    case 'date':
      if (isDate(text)) return parseTimestamp(`${text}T00:00:00Z`);
      throw new CelEvaluationError(`Invalid date formatted string ${text}`);
    case 'date-time':
      return timeValue(text);
    case 'byte':
      return new Uint8Array(Buffer.from(text, 'base64'));
    default:
      return text;
  }
}

function timeValue(text: string): Timestamp {
  try {
    return parseTimestamp(text);
  } catch {
    throw new CelEvaluationError(`Invalid date-time formatted string ${text}`);
  }
}

const longUnits = new Map<string, number>([
  ...(['ns', 'nano'] as const).map((unit) => [unit, 1] as const),
  ...(['us', 'µs', 'micro'] as const).map((unit) => [unit, 1e3] as const),
  ...(['ms', 'milli'] as const).map((unit) => [unit, 1e6] as const),
  ...(['s', 'sec'] as const).map((unit) => [unit, 1e9] as const),
  ...(['m', 'min'] as const).map((unit) => [unit, 60e9] as const),
  ...(['h', 'hr', 'hour'] as const).map((unit) => [unit, 3600e9] as const),
  ...(['d', 'day'] as const).map((unit) => [unit, 86_400e9] as const),
  ...(['w', 'wk', 'week'] as const).map((unit) => [unit, 604_800e9] as const),
]);

/** As Go writes durations, or `3 days`: what the format `duration` of OpenAPI means in Kubernetes. */
function durationValue(text: string): Duration {
  try {
    return toDuration(text);
  } catch {
    let nanos = 0n;
    let known = false;
    for (const [, digits = '', unit = ''] of text.matchAll(/(\d{1,18})\s*([A-Za-zµ]+)/g)) {
      const perUnit = longUnits.get(unit) ?? longUnits.get(unit.replace(/s$/, ''));
      if (perUnit === undefined) continue;
      known = true;
      nanos += BigInt(digits) * BigInt(perUnit);
    }
    if (known) return new Duration(nanos);
    throw new CelEvaluationError(`Invalid duration ${text}`);
  }
}

function listValue(json: Json, schema: Schema): List {
  if (!Array.isArray(json)) {
    throw new CelEvaluationError('invalid data, expected an array for the provided schema with type=array');
  }
  const { items } = schema;
  if (items === undefined) {
    throw new CelEvaluationError('invalid array type, expected Items with a non-empty Schema');
  }
  const converted: Value[] = [];
  const item = (index: number): Value => (converted[index] ??= toValue(json[index] ?? null, items));
  return new List(json.length, item, semanticsOf(schema));
}

function semanticsOf(schema: Schema): ListSemantics {
  switch (schema['x-kubernetes-list-type']) {
    case 'set':
      return 'set';
    case 'map':
      return { keys: (schema['x-kubernetes-list-map-keys'] ?? []).map((key) => escapeName(key) ?? key) };
    default:
      return 'sequence';
  }
}

function objectValue(json: Json, schema: Schema): MapValue {
  if (!isObject(json)) {
    throw new CelEvaluationError('invalid data, expected a map for the provided schema with type=object');
  }
  const whole = schema['x-kubernetes-embedded-resource'] === true ? withTypeAndObjectMeta(schema) : schema;
  return new JsonMap(json, whole);
}

/** An object of declared fields, whose names are escaped, or a map. */
class JsonMap implements MapValue {
  readonly #json: JsonObject;
  readonly #schema: Schema;
  /** Each value is converted once, however often a rule reads it. */
  readonly #converted = new Map<string, Value>();

  constructor(json: JsonObject, schema: Schema) {
    this.#json = json;
    this.#schema = schema;
  }

  get mapSize(): number {
    return Object.keys(this.#json).length;
  }

  #schemaOf(name: string): Schema | undefined {
    const { properties, additionalProperties } = this.#schema;
    if (properties !== undefined) return own(properties, name);
    return typeof additionalProperties === 'object' ? additionalProperties : undefined;
  }

  *keys(): Generator<Value, undefined> {
    const isObject = this.#schema.properties !== undefined;
    for (const name of Object.keys(this.#json)) {
      if (this.#schemaOf(name) !== undefined) yield isObject ? (escapeName(name) ?? name) : name;
    }
  }

  find(key: Value): Value | undefined {
    if (typeof key !== 'string') throw new CelEvaluationError('no such overload');
    const isObject = this.#schema.properties !== undefined;
    const name = isObject ? unescapeName(key) : key;
    if (name === undefined) return undefined;
    const known = this.#converted.get(name);
    if (known !== undefined) return known;
    const json = own(this.#json, name);
    const schema = this.#schemaOf(name);
    if (json === undefined || schema === undefined) return undefined;
    // A field that may be null is absent when it is.
    if (isObject && json === null) return undefined;
    const value = toValue(json, schema);
    this.#converted.set(name, value);
    return value;
  }

  /** Compares the fields that the schema does not know. */
  hiddenEqual(other: MapValue): boolean {
    if (!(other instanceof JsonMap)) return true;
    return Object.keys(this.#json).every((name) => {
      if (this.#schemaOf(name) !== undefined) return true;
      const theirs = own(other.#json, name);
      return theirs === undefined || jsonEqual(own(this.#json, name), theirs);
    });
  }
}

import { parseTime, formatMicroTime, formatTime } from '../../../base/time.ts';
import { errorMessage } from '../../../base/errors.ts';
import { goQuote } from '../../../machinery/field-errors.ts';
import type { Json, JsonObject } from '../../../machinery/json.ts';
import { isObject, jsonClone, own, setOwn } from '../../../machinery/json.ts';
import { parseQuantity } from '../../../machinery/quantity.ts';
import type { Schema } from '../../../machinery/schema.ts';
import { goTypeOf } from '../openapi/built-in-schemas.ts';

/** Where a value stands: the Go struct that has the field, and the fields from the root to it. */
interface Place {
  readonly struct: string;
  readonly path: string;
}

class DecodeError extends Error {}

/**
 * Reads an object of a built-in kind as the API server's typed decoding does: values must have the types of the schema,
 * and come out in the form in which Go writes them again (quantities and times in canonical form; null, empty lists and
 * maps, and optional fields that are empty, zero or false left out). Changes `object` in place. Unknown fields are kept.
 *
 * @returns what Go says about the first value of another type, in the order of the JSON: `json: cannot unmarshal string
 * into Go struct field DeploymentSpec.spec.replicas of type int32`; undefined when all fit
 */
export function decodeTypes(schema: Schema, object: JsonObject): string | undefined {
  try {
    decodeStruct(schema, object, { struct: '', path: '' });
    return undefined;
  } catch (error) {
    if (error instanceof DecodeError) return error.message;
    throw error;
  }
}

/**
 * Adds the fields that Go always writes: structs that are no pointers (`status: {}`, `resources: {}`), required texts
 * and numbers, and what a type declares as default. Changes `object` in place.
 */
export function setSchemaDefaults(schema: Schema, object: JsonObject): void {
  for (const [field, value] of goTypeOf(schema)?.defaults ?? []) {
    if ((own(object, field) ?? null) === null) setOwn(object, field, jsonClone(value));
  }
  const properties = schema.properties ?? {};
  for (const [field, value] of Object.entries(object)) {
    if (typeof value !== 'object' || value === null) continue;
    const child = own(properties, field);
    if (child === undefined) continue;
    if (isObject(value)) setDefaultsOfObject(child, value);
    else if (child.items !== undefined) setDefaultsOfItems(child.items, value);
  }
}

function setDefaultsOfObject(schema: Schema, value: JsonObject): void {
  if (schema.properties !== undefined) setSchemaDefaults(schema, value);
  const entries = schema.additionalProperties;
  if (typeof entries !== 'object' || entries.properties === undefined) return;
  for (const entry of Object.values(value)) if (isObject(entry)) setSchemaDefaults(entries, entry);
}

function setDefaultsOfItems(items: Schema, list: readonly Json[]): void {
  if (items.properties === undefined) return;
  for (const item of list) if (isObject(item)) setSchemaDefaults(items, item);
}

function decodeStruct(schema: Schema, object: JsonObject, at: Place): void {
  const type = goTypeOf(schema);
  const struct = type === undefined ? at.struct : shortName(type.name);
  const properties = schema.properties ?? {};
  for (const field of Object.keys(object)) {
    const child = own(properties, field);
    if (child === undefined) continue;
    const place = { struct, path: at.path === '' ? field : `${at.path}.${field}` };
    const value = decode(child, object[field] ?? null, place);
    const isRequired = schema.required?.includes(field) === true;
    if (value === null || (!isRequired && isEmptyCollection(child, value))) delete object[field];
    else if (value !== object[field]) setOwn(object, field, value);
  }
  for (const field of type?.omittedWhenZero ?? []) {
    const value = own(object, field);
    if (value === '' || value === 0 || value === false) delete object[field];
  }
}

/** Of structs the empty one means something (`emptyDir: {}`); of lists and maps it does not. */
function isEmptyCollection(schema: Schema, value: Json): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return isObject(value) && schema.additionalProperties !== undefined && Object.keys(value).length === 0;
}

function decode(schema: Schema, value: Json, at: Place): Json {
  if (value === null) return null;
  const special = specialDecoders[goTypeOf(schema)?.name ?? ''];
  if (special !== undefined) return special(value, at);
  switch (schema.type) {
    case 'string':
      if (typeof value !== 'string') throw typeError(schema, value, at);
      return schema.format === 'byte' ? decodeBytes(value) : value;
    case 'integer':
      return decodeInteger(schema, value, at);
    case 'number':
      if (typeof value !== 'number') throw typeError(schema, value, at);
      return value;
    case 'boolean':
      if (typeof value !== 'boolean') throw typeError(schema, value, at);
      return value;
    case 'array':
      return decodeList(schema, value, at);
    case 'object':
      return decodeObject(schema, value, at);
    case undefined:
    default:
      return value;
  }
}

function decodeList(schema: Schema, value: Json, at: Place): Json {
  if (!Array.isArray(value)) throw typeError(schema, value, at);
  const { items } = schema;
  if (items === undefined) return value;
  for (const [i, item] of value.entries()) {
    value[i] = item === null ? zeroOf(items) : decode(items, item, at);
  }
  return value;
}

/** What null means as an item or an entry, which cannot be left out. */
function zeroOf(schema: Schema): Json {
  switch (schema.type) {
    case 'string':
      return '';
    case 'integer':
    case 'number':
      return 0;
    case 'boolean':
      return false;
    case 'object':
      return {};
    case undefined:
    default:
      return null;
  }
}

function decodeObject(schema: Schema, value: Json, at: Place): Json {
  const entries = schema.additionalProperties;
  // Neither fields nor entries: any JSON (FieldsV1, RawExtension).
  if (schema.properties === undefined && typeof entries !== 'object') return value;
  if (!isObject(value)) throw typeError(schema, value, at);
  if (typeof entries !== 'object') {
    decodeStruct(schema, value, at);
    return value;
  }
  for (const key of Object.keys(value)) {
    const entry = value[key] ?? null;
    const decoded = entry === null ? zeroOf(entries) : decode(entries, entry, at);
    if (decoded !== entry) setOwn(value, key, decoded);
  }
  return value;
}

function decodeInteger(schema: Schema, value: Json, at: Place): number {
  const limit = schema.format === 'int32' ? 2 ** 31 : 2 ** 63;
  if (typeof value !== 'number') throw typeError(schema, value, at);
  if (!Number.isInteger(value) || value >= limit || value < -limit) {
    throw unmarshalError(`number ${value}`, goTypeName(schema), at);
  }
  return value;
}

const specialDecoders: Readonly<Record<string, (value: Json, at: Place) => Json>> = {
  'io.k8s.apimachinery.pkg.api.resource.Quantity': decodeQuantity,
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': (value, at) => {
    if (typeof value === 'string') return value;
    return decodeInteger({ type: 'integer', format: 'int32' }, value, at);
  },
  'io.k8s.apimachinery.pkg.apis.meta.v1.Time': (value, at) =>
    decodeTime(value, at, '2006-01-02T15:04:05Z07:00', formatTime),
  'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime': (value, at) =>
    decodeTime(value, at, '2006-01-02T15:04:05.000000Z07:00', formatMicroTime),
};

function decodeQuantity(value: Json): Json {
  const text = typeof value === 'string' || typeof value === 'number' ? value : JSON.stringify(value);
  try {
    return parseQuantity(text === '' ? '0' : text).toString();
  } catch (error) {
    throw new DecodeError(errorMessage(error));
  }
}

function decodeTime(value: Json, at: Place, layout: string, format: (ms: number) => string): Json {
  if (typeof value !== 'string') throw typeError({ type: 'string' }, value, at);
  if (value === '') return null;
  try {
    return format(parseTime(value));
  } catch {
    throw new DecodeError(`parsing time ${goQuote(value)} as ${goQuote(layout)}: ${timeProblem(value)}`);
  }
}

/** Which element of the layout the text does not have, as Go's time.Parse tells. */
function timeProblem(text: string): string {
  let rest = text;
  for (const element of ['2006', '-', '01', '-', '02', 'T', '15', ':', '04', ':', '05']) {
    const digits = /\d/.test(element) ? new RegExp(`^\\d{${element.length}}`) : undefined;
    const fits = digits === undefined ? rest.startsWith(element) : digits.test(rest);
    if (!fits) return `cannot parse ${goQuote(rest)} as ${goQuote(element)}`;
    rest = rest.slice(element.length);
  }
  rest = rest.replace(/^\.\d+/, '');
  if (!/^(Z|[-+]\d\d:\d\d)/.test(rest)) return `cannot parse ${goQuote(rest)} as "Z07:00"`;
  return 'out of range';
}

function decodeBytes(text: string): string {
  const digits = text.replace(/[\r\n]/g, '');
  const bad = /[^A-Za-z0-9+/=]|=(?!=?$)/.exec(digits);
  if (bad !== null || digits.length % 4 !== 0) {
    const position = bad?.index ?? digits.length - (digits.length % 4);
    throw new DecodeError(`illegal base64 data at input byte ${position}`);
  }
  return digits;
}

function typeError(schema: Schema, value: Json, at: Place): DecodeError {
  return unmarshalError(jsonTypeName(value), goTypeName(schema), at);
}

function unmarshalError(what: string, type: string, at: Place): DecodeError {
  return new DecodeError(
    `json: cannot unmarshal ${what} into Go struct field ${at.struct}.${at.path} of type ${type}`,
  );
}

function jsonTypeName(value: Json): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

function shortName(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}

/** The type as Go prints it. Named texts (`v1.PullPolicy`) are not told by the schema and come out as `string`. */
function goTypeName(schema: Schema): string {
  const name = goTypeOf(schema)?.name;
  if (name !== undefined) return name.split('.').slice(-2).join('.');
  switch (schema.type) {
    case 'integer':
      return schema.format ?? 'int64';
    case 'number':
      return 'float64';
    case 'boolean':
      return 'bool';
    case 'array':
      return `[]${goTypeName(schema.items ?? {})}`;
    case 'object': {
      const entries = schema.additionalProperties;
      return typeof entries === 'object' ? `map[string]${goTypeName(entries)}` : 'map[string]interface {}';
    }
    case undefined:
    default:
      return schema.format === 'byte' ? '[]uint8' : 'string';
  }
}

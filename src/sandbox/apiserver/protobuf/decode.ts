import { createRequire } from 'node:module';
import type { Long, Reader } from 'protobufjs/minimal.js';
import protobuf from 'protobufjs/minimal.js';
import { errorMessage } from '../../../base/errors.ts';
import type { Json, JsonObject } from '../../../machinery/json.ts';
import { isObject, setOwn } from '../../../machinery/json.ts';
import { decodeWellKnown } from './well-known.ts';

/** Number, JSON name, type, flags: see scripts/generate-protobuf-descriptor.mjs. */
type FieldDescriptor = readonly [number: number, name: string, type: string, flags?: string];

interface Field {
  readonly name: string;
  readonly type: string;
  readonly isList: boolean;
  readonly isMap: boolean;
  readonly omitZero: boolean;
  readonly isInline: boolean;
}

type Message = ReadonlyMap<number, Field>;

interface Descriptor {
  /** `apps/v1` → the package of its messages. */
  readonly packages: { readonly [apiVersion: string]: string };
  readonly messages: ReadonlyMap<string, Message>;
}

const magic = Buffer.from('k8s\0');
const metaPackage = 'k8s.io.apimachinery.pkg.apis.meta.v1';
/** Objects nest about 20 deep; only schemas of CRDs nest further. */
const maxDepth = 200;

/** A body that is no protobuf of Kubernetes. */
export class ProtobufError extends Error {}

/**
 * The object in a body of type `application/vnd.kubernetes.protobuf`, as the same client would have written it in
 * JSON.
 *
 * Source: the protobuf serializer of apimachinery, runtime.Unknown.
 *
 * @throws ProtobufError
 */
export function decodeProtobuf(bytes: Uint8Array): JsonObject {
  if (!magic.equals(bytes.subarray(0, magic.length))) {
    throw new ProtobufError(
      'provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]',
    );
  }
  try {
    return decodeUnknown(protobuf.Reader.create(bytes.subarray(magic.length)));
  } catch (error) {
    if (error instanceof ProtobufError) throw error;
    throw new ProtobufError(`the body is not valid protobuf: ${errorMessage(error)}`);
  }
}

/** The envelope: what the object is, and its bytes. */
function decodeUnknown(reader: Reader): JsonObject {
  let apiVersion = '';
  let kind = '';
  let raw: Uint8Array = new Uint8Array();
  let contentType = '';
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    switch (tag) {
      case 0x0a:
        [apiVersion, kind] = decodeTypeMeta(reader);
        break;
      case 0x12:
        raw = reader.bytes();
        break;
      case 0x1a:
        if (reader.string() !== '')
          throw new ProtobufError('unable to decode: content encoding is not supported');
        break;
      case 0x22:
        contentType = reader.string();
        break;
      default:
        reader.skipType(tag & 7);
    }
  }
  if (contentType === 'application/json') return asObject(JSON.parse(Buffer.from(raw).toString('utf8')));
  const message = messageOf(apiVersion, kind);
  const object = decodeMessage(protobuf.Reader.create(raw), message, raw.length, 0);
  return { apiVersion, kind, ...object };
}

function asObject(value: unknown): JsonObject {
  if (!isObject(value)) throw new ProtobufError('the body is not an object');
  return value;
}

function decodeTypeMeta(reader: Reader): [apiVersion: string, kind: string] {
  const end = endOf(reader);
  let apiVersion = '';
  let kind = '';
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 0x0a) apiVersion = reader.string();
    else if (tag === 0x12) kind = reader.string();
    else reader.skipType(tag & 7);
  }
  checkEnd(reader, end);
  return [apiVersion, kind];
}

function messageOf(apiVersion: string, kind: string): Message {
  const { packages, messages } = descriptor();
  const inGroup = Object.hasOwn(packages, apiVersion)
    ? messages.get(`${packages[apiVersion]}.${kind}`)
    : undefined;
  // The options of requests are in every group.
  const message = inGroup ?? (kind.endsWith('Options') ? messages.get(`${metaPackage}.${kind}`) : undefined);
  if (message === undefined) {
    throw new ProtobufError(
      `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}`,
    );
  }
  return message;
}

let loaded: Descriptor | undefined;

/** Read on first use: most servers never see a protobuf body. */
function descriptor(): Descriptor {
  loaded ??= readDescriptor();
  return loaded;
}

function readDescriptor(): Descriptor {
  // Our own generated file: its form is not checked again.
  const { packages, messages } = createRequire(import.meta.url)('./descriptor.generated.json') as {
    packages: { [apiVersion: string]: string };
    messages: { [name: string]: FieldDescriptor[] };
  };
  const parsed = Object.entries(messages).map(([name, fields]): [string, Message] => [
    name,
    new Map(fields.map(([number, fieldName, type, flags = '']) => [number, fieldOf(fieldName, type, flags)])),
  ]);
  return { packages, messages: new Map(parsed) };
}

function fieldOf(name: string, type: string, flags: string): Field {
  return {
    name,
    type,
    isList: flags.includes('r'),
    isMap: flags.includes('m'),
    omitZero: flags.includes('o'),
    isInline: flags.includes('i'),
  };
}

function decodeMessage(reader: Reader, message: Message, end: number, depth: number): JsonObject {
  if (depth > maxDepth) throw new ProtobufError('exceeded max depth');
  const object: JsonObject = {};
  while (reader.pos < end) {
    const tag = reader.uint32();
    const wireType = tag & 7;
    const field = message.get(tag >>> 3);
    if (field === undefined) reader.skipType(wireType);
    else decodeField(reader, field, wireType, object, depth);
  }
  checkEnd(reader, end);
  return object;
}

function decodeField(
  reader: Reader,
  field: Field,
  wireType: number,
  object: JsonObject,
  depth: number,
): void {
  const { name, type } = field;
  if (field.isMap) {
    checkWireType(field, wireType, 2);
    decodeMapEntry(reader, type, mapIn(object, name), depth);
  } else if (field.isList) {
    decodeItems(reader, field, wireType, listIn(object, name), depth);
  } else {
    const value = decodeValue(reader, field, wireType, depth);
    if (field.isInline && isObject(value)) mergeInto(object, value);
    else if (value === undefined || (field.omitZero && isZero(value))) delete object[name];
    else setOwn(object, name, value);
  }
}

function mergeInto(object: JsonObject, part: JsonObject): void {
  for (const [key, value] of Object.entries(part)) setOwn(object, key, value);
}

function isZero(value: Json): boolean {
  return value === '' || value === 0 || value === false;
}

function mapIn(object: JsonObject, name: string): JsonObject {
  const known = object[name];
  if (isObject(known)) return known;
  const made: JsonObject = {};
  object[name] = made;
  return made;
}

function listIn(object: JsonObject, name: string): Json[] {
  const known = object[name];
  if (Array.isArray(known)) return known;
  const made: Json[] = [];
  object[name] = made;
  return made;
}

function decodeItems(reader: Reader, field: Field, wireType: number, list: Json[], depth: number): void {
  const isPacked =
    wireType === 2 && Object.hasOwn(scalarWireTypes, field.type) && scalarWireTypes[field.type] !== 2;
  if (!isPacked) {
    list.push(decodeValue(reader, field, wireType, depth) ?? null);
    return;
  }
  const end = endOf(reader);
  while (reader.pos < end) list.push(decodeScalar(reader, field.type));
  checkEnd(reader, end);
}

function decodeMapEntry(reader: Reader, type: string, map: JsonObject, depth: number): void {
  const end = endOf(reader);
  let key = '';
  let value: Json | undefined;
  const field = fieldOf('value', type, '');
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 0x0a) key = reader.string();
    else if (tag >>> 3 === 2) value = decodeValue(reader, field, tag & 7, depth);
    else reader.skipType(tag & 7);
  }
  checkEnd(reader, end);
  setOwn(map, key, value ?? (type === 'string' || type === 'bytes' ? '' : null));
}

/** Undefined: as if the field were absent (a zero time). */
function decodeValue(reader: Reader, field: Field, wireType: number, depth: number): Json | undefined {
  const scalar = scalarWireTypes[field.type];
  checkWireType(field, wireType, scalar ?? 2);
  if (scalar !== undefined) return decodeScalar(reader, field.type);
  const end = endOf(reader);
  const message = descriptor().messages.get(field.type);
  if (message === undefined) throw new ProtobufError(`unknown type ${field.type}`);
  return decodeWellKnown(field.type, decodeMessage(reader, message, end, depth + 1));
}

const scalarWireTypes: { readonly [type: string]: number } = {
  string: 2,
  bytes: 2,
  bool: 0,
  int32: 0,
  int64: 0,
  double: 1,
};

function decodeScalar(reader: Reader, type: string): Json {
  switch (type) {
    case 'string':
      return reader.string();
    case 'bytes':
      return Buffer.from(reader.bytes()).toString('base64');
    case 'bool':
      return reader.bool();
    case 'int32':
      return reader.int32();
    case 'int64':
      return toNumber(reader.int64());
    default:
      return finite(reader.double());
  }
}

/** 64-bit integers come as numbers or as halves, depending on what else is installed. */
function toNumber(value: number | Long): number {
  return typeof value === 'number' ? value : value.high * 2 ** 32 + (value.low >>> 0);
}

function finite(value: number): number {
  if (!Number.isFinite(value)) throw new ProtobufError('json: unsupported value');
  return value;
}

function checkWireType({ name, type }: Field, got: number, want: number): void {
  if (got !== want)
    throw new ProtobufError(`proto: wrong wireType = ${got} for field ${name === '' ? type : name}`);
}

/** Where the part of which the length comes next will end. */
function endOf(reader: Reader): number {
  const length = reader.uint32();
  const end = reader.pos + length;
  if (end > reader.len) throw new ProtobufError('unexpected EOF');
  return end;
}

/** A part that goes on beyond its end was cut in the middle. */
function checkEnd(reader: Reader, end: number): void {
  if (reader.pos > end) throw new ProtobufError('unexpected EOF');
}

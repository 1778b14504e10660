import { errorMessage } from '../../base/errors.ts';
import type { HttpRequest } from '../../base/network.ts';
import { readBody as readBytes } from '../../base/network.ts';
import type { Json, JsonObject } from '../../machinery/json.ts';
import { isObject } from '../../machinery/json.ts';
import { duplicateKeys } from './duplicate-keys.ts';
import { badRequestError, failure } from './request-error.ts';
import type { YamlDocument } from './yaml-document.ts';
import { YamlError, maxYamlBytes, parseYamlDocument } from './yaml-document.ts';

const maxBodyBytes = 3 * 1024 * 1024;
/** Every walk over an object is recursive; no real object comes near. */
const maxDepth = 200;
/**
 * Members and items, at all depths. Work on an object is about 10 µs for each, and nobody else is served meanwhile.
 * The real server's database takes no object that would hold more.
 */
const maxValues = 100_000;

const acceptedBodies = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];

/** A body that cannot be read as a value. The message is that of the real decoder. */
export class BodyError extends Error {
  /** The beginning of the body, for messages. */
  readonly summary: string;

  constructor(message: string, summary: string) {
    super(message);
    this.summary = summary;
  }
}

/** The body of a request as a value. It may be shared with the sender: read-only. */
export interface Body {
  readonly value: Json;
  /** `duplicate field "data.k"`: problems that only strict decoding minds. */
  readonly strictProblems: () => readonly string[];
  /** A duplicate key of YAML stops strict decoding where a JSON one is just listed. */
  readonly yamlProblem?: string | undefined;
}

export type BodyFormat = 'json' | 'yaml' | 'protobuf';

export type DecodeProtobuf = (bytes: Uint8Array) => JsonObject | Promise<JsonObject>;

/**
 * The format that `content-type` announces; JSON when there is none.
 * @throws RequestError 415
 */
export function bodyFormat(contentType: string | undefined): BodyFormat {
  switch (mediaTypeOf(contentType)) {
    case '':
    case 'application/json':
      return 'json';
    case 'application/yaml':
      return 'yaml';
    case 'application/vnd.kubernetes.protobuf':
      return 'protobuf';
    default:
      throw unsupportedMediaTypeError(acceptedBodies);
  }
}

/** `application/json; charset=utf-8` without its parameters. */
export function mediaTypeOf(contentType: string | undefined): string {
  return (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

export function unsupportedMediaTypeError(accepted: readonly string[]): Error {
  const list = accepted.join(', ');
  return failure(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${list}`,
  );
}

/**
 * Reads the whole body.
 *
 * @returns undefined when there is none
 * @throws RequestError 413
 * @throws BodyError
 */
export async function readBody(
  request: HttpRequest,
  format: BodyFormat,
  decodeProtobuf: DecodeProtobuf | undefined,
): Promise<Body | undefined> {
  if (request.json !== undefined) return fromValue(request.json);
  const bytes = await bytesOf(request);
  if (bytes.length === 0) return undefined;
  if (format === 'protobuf') {
    if (decodeProtobuf === undefined) throw unsupportedMediaTypeError(acceptedBodies.slice(0, 2));
    return await fromProtobuf(bytes, decodeProtobuf);
  }
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
  // JSON is YAML, and nearly all YAML bodies are JSON: clients send apply patches so.
  return format === 'json' || isJson(text) ? fromJson(text) : fromYaml(text);
}

async function bytesOf(request: HttpRequest): Promise<Uint8Array> {
  try {
    return await readBytes(request.body(), maxBodyBytes);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw tooLargeError(maxBodyBytes);
  }
}

function tooLargeError(limit: number, unit = ''): Error {
  return failure(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${limit}${unit}`);
}

/** The value of a sender in this process: JSON by contract, but its depth is not bounded by a parser. */
function fromValue(value: unknown): Body {
  checkJson(value, '');
  return { value, strictProblems: () => [] };
}

function fromJson(text: string): Body {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new BodyError(jsonProblem(text, error), summarize(text));
  }
  checkJson(value, summarize(text));
  return {
    value,
    strictProblems: () => duplicateKeys(text).map((path) => `duplicate field "${path}"`),
  };
}

function isJson(text: string): boolean {
  if (!/^\s*\{/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** V8's words differ from Go's: the two cases that people meet get Go's. */
function jsonProblem(text: string, error: unknown): string {
  const message = errorMessage(error);
  if (/end of JSON input|Unterminated/.test(message)) return 'unexpected end of JSON input';
  const unexpected = /Unexpected token '(.)'/u.exec(message)?.[1];
  if (unexpected === undefined) return message;
  return text.trimStart().startsWith(unexpected)
    ? `invalid character '${unexpected}' looking for beginning of value`
    : `invalid character '${unexpected}' in JSON`;
}

function fromYaml(text: string): Body {
  if (text.length > maxYamlBytes) throw tooLargeError(maxYamlBytes);
  let document: YamlDocument;
  try {
    document = parseYamlDocument(text);
  } catch (error) {
    if (error instanceof YamlError) throw new BodyError(error.message, summarize(text));
    throw error;
  }
  const { value, duplicate } = document;
  checkJson(value, summarize(text));
  return { value, strictProblems: () => [], yamlProblem: duplicate };
}

async function fromProtobuf(bytes: Uint8Array, decode: DecodeProtobuf): Promise<Body> {
  let value: JsonObject;
  try {
    value = await decode(bytes);
  } catch (error) {
    throw new BodyError(errorMessage(error), Buffer.from(bytes.subarray(0, 30)).toString('hex'));
  }
  checkJson(value, '');
  return { value, strictProblems: () => [] };
}

/** Nothing but JSON, not too deep for recursion, and not too much of it. Walks without recursion itself. */
function checkJson(value: unknown, summary: string): asserts value is Json {
  const left: { value: unknown; depth: number }[] = [{ value, depth: 0 }];
  let count = 0;
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const { value: item, depth } = next;
    if (depth > maxDepth) throw new BodyError('exceeded max depth', summary);
    count += 1;
    if (count > maxValues) throw tooLargeError(maxValues, ' values');
    if (Array.isArray(item)) {
      for (const child of item) left.push({ value: child, depth: depth + 1 });
    } else if (isObject(item)) {
      for (const key of Object.keys(item)) {
        // JSON has no undefined: what a sender in this process left undefined is absent.
        if (item[key] !== undefined) left.push({ value: item[key], depth: depth + 1 });
      }
    } else if (!isScalar(item)) {
      throw new BodyError('json: unsupported value', summary);
    }
  }
}

function isScalar(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  return value === null || typeof value === 'string' || typeof value === 'boolean';
}

function summarize(text: string): string {
  if (text === '') return '<empty>';
  const shown = text.startsWith('{') ? text.slice(0, 30) : Buffer.from(text).subarray(0, 30).toString('hex');
  return text.length > 30 ? `${shown} ...` : shown;
}

/** The answer to a body that should have been an object of `kind`. */
export function undecodableError(kind: string, error: BodyError): Error {
  return badRequestError(
    `the object provided is unrecognized (must be of type ${kind}): couldn't get version/kind; json parse error: ${error.message} (${error.summary})`,
  );
}

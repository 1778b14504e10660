import type { Duplex } from 'node:stream';
import { TypedError } from './errors.ts';

/** Names are lower-case. A list is a header that is sent several times. */
export type RequestHeaders = Readonly<Record<string, string | readonly string[]>>;

/** What a request may carry. */
export interface FetchInit {
  readonly method?: string | undefined;
  readonly headers?: RequestHeaders | undefined;
  /** Bytes as they go over the wire. */
  readonly body?: string | Uint8Array | undefined;
  /**
   * A JSON value to send instead of `body`. Over a socket it is serialised; inside one process it is handed over
   * as it is, so neither side may change it afterwards. The caller sets `content-type`.
   */
  readonly json?: unknown;
  readonly signal?: AbortSignal | undefined;
}

/** Header names are lower-case. */
export interface ResponseHeaders extends Iterable<[string, string]> {
  get(name: string): string | null;
}

/**
 * The part of the web's Response that the product uses, so that a server in the same process can answer without
 * bytes. A body is read once, by one of the methods; a body that is not wanted must be cancelled.
 */
export interface FetchResponse {
  readonly status: number;
  readonly headers: ResponseHeaders;
  /** The bytes as they arrive. */
  body(): AsyncIterable<Uint8Array>;
  text(): Promise<string>;
  /**
   * The whole body as one JSON value; treat it as read-only.
   * @throws FetchError `MalformedBody` when it is not JSON
   */
  json(): Promise<unknown>;
  /**
   * The body as JSON values, one a line, as they arrive (a watch). Ends when the other side ends the body cleanly;
   * ending the loop early closes it. Treat the values as read-only.
   * @throws FetchError `MalformedBody` for a line that is not JSON or is longer than the limit
   */
  jsonLines(): AsyncIterable<unknown>;
  /** Gives up the rest of the body. */
  cancel(): void;
}

/** Sends one request. Rejects with a {@link FetchError} when there is no answer; any status is an answer. */
export type Fetch = (url: string, init?: FetchInit) => Promise<FetchResponse>;

/** A WebSocket after its handshake. Messages are never split or joined. */
export interface WebSocketConnection {
  /** The sub-protocol that the server chose. */
  readonly protocol: string;
  send(message: string | Uint8Array): Promise<void>;
  /** Messages in order of arrival; ends when either side closes. */
  messages(): AsyncIterable<string | Uint8Array>;
  close(code?: number, reason?: string): void;
}

export interface UpgradeInit {
  readonly headers?: RequestHeaders | undefined;
  /** Sub-protocols, best first. */
  readonly protocols?: readonly string[] | undefined;
  /** Ends the handshake, and later the connection. */
  readonly signal?: AbortSignal | undefined;
}

/** Opens a WebSocket at an `http(s)` or `ws(s)` URL. Rejects with a {@link FetchError}. */
export type Upgrade = (url: string, init?: UpgradeInit) => Promise<WebSocketConnection>;

/** A bidirectional stream of bytes. */
export type Connection = Duplex;

export type FetchErrorCode =
  /** No connection, or it broke before the answer was complete. The request may have been carried out. */
  | 'Unreachable'
  /** The certificate of the other side, or ours, was refused. */
  | 'TlsRefused'
  /** The answer is not what was promised: not JSON, a line too long, no WebSocket. */
  | 'MalformedBody'
  | 'UpgradeRefused';

/** A request had no usable answer. */
export class FetchError extends TypedError {
  /** HTTP status where the server did answer (a refused upgrade). */
  readonly status: number | undefined;

  constructor(code: FetchErrorCode, message: string, cause?: unknown, status?: number) {
    super(message, { code, next: 'retry', cause });
    this.status = status;
  }
}

/** Headers as Node's servers show them: one that was sent several times is joined with commas, as HTTP allows. */
export function flatHeaders(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) flat[name] = typeof value === 'string' ? value : value.join(', ');
  }
  return flat;
}

/** The view of a plain record of headers; names must be lower-case. */
export function headersOf(headers: Readonly<Record<string, string>>): ResponseHeaders {
  return {
    get: (name) => (Object.hasOwn(headers, name) ? (headers[name] ?? null) : null),
    [Symbol.iterator]: () => Object.entries(headers).values(),
  };
}

/** `value` as the answer of a server in this process. */
export function jsonResponse(
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): FetchResponse {
  return memoryResponse(status, { 'content-type': 'application/json', ...headers }, [value]);
}

/**
 * An answer made of JSON values in this process: one for a plain answer, a stream of them for a watch. Bytes are
 * only made for a reader that asks for bytes.
 *
 * @param onCancel called once when the reader gives up before the end
 */
export function memoryResponse(
  status: number,
  headers: Readonly<Record<string, string>>,
  values: Iterable<unknown> | AsyncIterable<unknown>,
  onCancel: () => void = () => {},
): FetchResponse {
  let ended = false;
  async function* lines(): AsyncGenerator {
    try {
      yield* values;
      ended = true;
    } finally {
      cancel();
    }
  }
  function cancel(): void {
    if (ended) return;
    ended = true;
    onCancel();
  }
  async function* bytes(): AsyncGenerator<Uint8Array> {
    for await (const value of lines()) yield Buffer.from(`${JSON.stringify(value)}\n`);
  }
  return {
    status,
    headers: headersOf(headers),
    body: bytes,
    text: async () => Buffer.concat(await Array.fromAsync(bytes())).toString('utf8'),
    json: async () => {
      for await (const value of lines()) return value;
      throw new FetchError('MalformedBody', 'the answer has no body');
    },
    jsonLines: lines,
    cancel,
  };
}

/**
 * `response`, with `done` called once: when its body has been read, has failed, or has been given up.
 */
export function onResponseEnd(response: FetchResponse, done: () => void): FetchResponse {
  let ended = false;
  const end = (): void => {
    if (!ended) done();
    ended = true;
  };
  const whole = async <T>(read: () => Promise<T>): Promise<T> => {
    try {
      return await read();
    } finally {
      end();
    }
  };
  async function* stream<T>(read: () => AsyncIterable<T>): AsyncGenerator<T> {
    try {
      yield* read();
    } finally {
      end();
    }
  }
  return {
    status: response.status,
    headers: response.headers,
    body: () => stream(() => response.body()),
    text: () => whole(() => response.text()),
    json: () => whole(() => response.json()),
    jsonLines: () => stream(() => response.jsonLines()),
    cancel: () => {
      response.cancel();
      end();
    },
  };
}

/**
 * Splits a stream of bytes at newlines and parses each line as JSON.
 *
 * @param maxLineBytes a longer line is an error, not memory
 * @param parse makes the value of a line
 * @throws FetchError `MalformedBody`
 */
export async function* parseJsonLines(
  chunks: AsyncIterable<Uint8Array>,
  maxLineBytes = 64 * 1024 * 1024,
  parse: (line: string) => unknown = parseJsonBody,
): AsyncGenerator {
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      pending.push(chunk.subarray(from, end));
      yield* parseLine(pending, parse);
      pending = [];
      pendingBytes = 0;
      from = end + 1;
    }
    if (from === chunk.length) continue;
    pending.push(chunk.subarray(from));
    pendingBytes += chunk.length - from;
    if (pendingBytes > maxLineBytes) {
      throw new FetchError('MalformedBody', `a line of the answer is longer than ${maxLineBytes} bytes`);
    }
  }
  yield* parseLine(pending, parse);
}

function* parseLine(parts: readonly Uint8Array[], parse: (line: string) => unknown): Generator {
  const text = Buffer.concat(parts).toString('utf8');
  if (text.trim() !== '') yield parse(text);
}

/** @throws FetchError `MalformedBody` when `text` is not JSON */
export function parseJsonBody(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The body may hold a Secret, and Node's error quotes it: only its size is told.
    throw new FetchError('MalformedBody', `the answer (${text.length} characters) is not JSON`);
  }
}

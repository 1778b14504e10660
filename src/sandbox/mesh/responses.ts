import { type FetchResponse, parseJsonBody, parseJsonLines, type ResponseHeaders } from '../../base/fetch.ts';
import type { HeaderList } from './header-operations.ts';

/** The view of a list of headers, where a name may come several times. */
function listedHeaders(list: HeaderList): ResponseHeaders {
  return {
    get: (name) => {
      const values = list.filter(([key]) => key === name).map(([, value]) => value);
      return values.length === 0 ? null : values.join(', ');
    },
    [Symbol.iterator]: () => list.values(),
  };
}

/** An answer that a proxy gives itself. */
export function localReply(status: number, headers: HeaderList, body: string | Uint8Array): FetchResponse {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const typed = headers.some(([name]) => name === 'content-type');
  const described: HeaderList =
    bytes.length === 0
      ? [['content-length', '0']]
      : [
          ['content-length', String(bytes.length)],
          ...(typed ? [] : ([['content-type', 'text/plain']] satisfies HeaderList)),
        ];
  async function* read(): AsyncGenerator<Uint8Array> {
    if (bytes.length > 0) yield bytes;
  }
  const text = (): string => Buffer.from(bytes).toString('utf8');
  return {
    status,
    headers: listedHeaders([...described, ...headers]),
    body: read,
    text: async () => text(),
    json: async () => parseJsonBody(text()),
    jsonLines: () => parseJsonLines(read()),
    cancel: () => {},
  };
}

/** How the body of an answer ended. */
export interface BodyEnd {
  /** Bytes that were read as such, or as many as the answer announced. */
  readonly bytes: number;
  readonly error: unknown;
}

/** `response` with other headers, and `done` called once when its body has been read, has failed or is given up. */
export function relay(
  response: FetchResponse,
  headers: HeaderList,
  done: (end: BodyEnd) => void,
): FetchResponse {
  const announced = Number(response.headers.get('content-length') ?? 0) || 0;
  let ended = false;
  const end = (bytes: number, error?: unknown): void => {
    if (ended) return;
    ended = true;
    done({ bytes, error });
  };
  const whole = async <T>(read: () => Promise<T>, size: (result: T) => number): Promise<T> => {
    try {
      const result = await read();
      end(size(result));
      return result;
    } catch (error) {
      end(0, error);
      throw error;
    }
  };
  async function* stream<T>(source: AsyncIterable<T>, size: (part: T) => number): AsyncGenerator<T> {
    let bytes = 0;
    try {
      for await (const part of source) {
        bytes += size(part);
        yield part;
      }
    } catch (error) {
      end(bytes, error);
      throw error;
    } finally {
      end(bytes);
    }
  }
  return {
    status: response.status,
    headers: listedHeaders(headers),
    body: () => stream(response.body(), (chunk) => chunk.length),
    text: () =>
      whole(
        () => response.text(),
        (text) => text.length,
      ),
    json: () =>
      whole(
        () => response.json(),
        () => announced,
      ),
    jsonLines: () => stream(response.jsonLines(), () => 0),
    cancel: () => {
      response.cancel();
      end(announced);
    },
  };
}

import type { FetchResponse } from '../../base/fetch.ts';
import { headersOf, parseJsonBody, parseJsonLines } from '../../base/fetch.ts';

/** An answer of bytes: text, YAML, protobuf. */
export function bytesResponse(
  status: number,
  headers: Readonly<Record<string, string>>,
  bytes: Uint8Array,
): FetchResponse {
  async function* body(): AsyncGenerator<Uint8Array> {
    if (bytes.length > 0) yield bytes;
  }
  const text = (): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
  return {
    status,
    headers: headersOf(headers),
    body,
    text: async () => text(),
    json: async () => parseJsonBody(text()),
    jsonLines: () => parseJsonLines(body()),
    cancel: () => {},
  };
}

export function textResponse(status: number, text: string): FetchResponse {
  const headers = { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' };
  return bytesResponse(status, headers, Buffer.from(text));
}

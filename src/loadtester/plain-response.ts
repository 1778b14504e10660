import { type FetchResponse, headersOf, parseJsonBody, parseJsonLines } from '../base/fetch.ts';

/** An answer of text; without any, of nothing. */
export function plainResponse(
  status: number,
  text = '',
  headers: Readonly<Record<string, string>> = {},
): FetchResponse {
  const bytes = Buffer.from(text, 'utf8');
  async function* body(): AsyncGenerator<Uint8Array> {
    if (bytes.length > 0) yield bytes;
  }
  return {
    status,
    headers: headersOf({
      'content-type': 'text/plain; charset=utf-8',
      'content-length': String(bytes.length),
      ...headers,
    }),
    body,
    text: async () => text,
    json: async () => parseJsonBody(text),
    jsonLines: () => parseJsonLines(body()),
    cancel: () => {},
  };
}

import { STATUS_CODES } from 'node:http';
import { InvalidInputError } from '../base/errors.ts';
import type { Fetch, FetchResponse } from '../base/fetch.ts';

/** Where a request goes, as a spec or a Secret names it. */
export interface Destination {
  readonly url: URL;
  /** For messages: without credentials and query. */
  readonly shown: string;
  /** From the user and password of the URL. */
  readonly authorization: string | undefined;
}

/** @throws InvalidInputError for anything but an `http(s)` URL; its message does not quote the text */
export function destinationOf(text: string, base?: URL): Destination {
  const url = URL.parse(text, base?.href);
  if (url === null) throw new InvalidInputError('the address is not a valid URL');
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new InvalidInputError(`unsupported protocol scheme "${url.protocol.slice(0, -1)}"`);
  }
  const { username, password } = url;
  url.username = '';
  url.password = '';
  url.hash = '';
  return {
    url,
    shown: url.origin + url.pathname,
    authorization:
      username === '' && password === '' ? undefined : basicAuthorization(plain(username), plain(password)),
  };
}

/** `Basic …`, RFC 7617. */
export function basicAuthorization(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`, 'utf8').toString('base64')}`;
}

function plain(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}

/** The two ways to reach the world outside. */
export interface Outside {
  readonly fetch: Fetch;
  /** Without verification of certificates. */
  readonly insecureFetch?: Fetch | undefined;
}

/**
 * The fetch for a destination.
 * @throws InvalidInputError `InsecureTlsUnsupported` when verification is to be skipped and cannot be
 */
export function fetchFor(outside: Outside, { url }: Destination, skipVerify: boolean): Fetch {
  if (!skipVerify || url.protocol === 'http:') return outside.fetch;
  if (outside.insecureFetch !== undefined) return outside.insecureFetch;
  throw new InvalidInputError(
    'skipping the verification of TLS certificates is not supported here: use a certificate that is trusted, or http',
    'InsecureTlsUnsupported',
  );
}

/** `503 Service Unavailable` */
export function statusText(status: number): string {
  return `${status} ${STATUS_CODES[status] ?? ''}`.trimEnd();
}

/** The start of a body, for a message; the rest is given up. Empty when it cannot be read. */
export async function excerptOf(response: FetchResponse, maxBytes = 512): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of response.body()) {
      chunks.push(chunk);
      size += chunk.length;
      if (size >= maxBytes) break;
    }
  } catch {
    // What came before it broke off is all there is to show.
  }
  response.cancel();
  const text = new TextDecoder().decode(Buffer.concat(chunks).subarray(0, maxBytes));
  return text.replaceAll(/[\p{Cc}\uFFFD]+/gu, ' ').trim();
}

import type { FetchResponse } from '../../base/fetch.ts';
import { formatTime } from '../../base/time.ts';
import { bytesResponse } from '../apiserver/bytes-response.ts';

const weekdays = ['Thu', 'Fri', 'Sat', 'Sun', 'Mon', 'Tue', 'Wed'];
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** The time of a `Date` header. @param ms milliseconds since the Unix epoch */
function httpDate(ms: number): string {
  const [year = '', month = '1', day = '', time = ''] = formatTime(ms).split(/[-T]/);
  const weekday = weekdays[Math.floor(ms / 86_400_000) % 7] ?? '';
  return `${weekday}, ${day} ${months[Number(month) - 1] ?? ''} ${year} ${time.slice(0, 8)} GMT`;
}

/** JSON as Go's encoder and podinfo's indentation write it. */
function goJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** The shapes of podinfo's answers. Source: pkg/api/http/http.go. */
export class Answers {
  readonly #now: () => number;

  /** @param now wall time in milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  json(value: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): FetchResponse {
    const type = { 'content-type': 'application/json; charset=utf-8', 'x-content-type-options': 'nosniff' };
    return this.raw(status, { ...headers, ...type }, goJson(value));
  }

  /** podinfo sends its errors with status 200; the code stands in the body. */
  error(message: string, code: number): FetchResponse {
    return this.json({ code, message });
  }

  empty(status: number): FetchResponse {
    return this.raw(status, {});
  }

  html(page: string): FetchResponse {
    return this.raw(200, { 'content-type': 'text/html; charset=utf-8' }, page);
  }

  metrics(text: string): FetchResponse {
    return this.raw(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }, text);
  }

  notFound(): FetchResponse {
    return this.raw(404, { 'x-content-type-options': 'nosniff' }, '404 page not found\n');
  }

  /** As Go's server sends it: dated, with its length and, unless it is named, the sniffed type of text. */
  raw(
    status: number,
    headers: Readonly<Record<string, string>>,
    body: string | Uint8Array = '',
  ): FetchResponse {
    const bytes = typeof body === 'string' ? Buffer.from(body, 'utf8') : body;
    const date = httpDate(this.#now());
    if (status === 204 || status === 304)
      return bytesResponse(status, { ...headers, date }, new Uint8Array());
    const type = bytes.length > 0 ? { 'content-type': 'text/plain; charset=utf-8' } : {};
    const length = { 'content-length': String(bytes.length) };
    return bytesResponse(status, { ...type, ...headers, date, ...length }, bytes);
  }
}

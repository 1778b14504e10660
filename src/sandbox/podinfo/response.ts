import type { FetchResponse } from '../../base/fetch.ts';
import { formatTime } from '../../base/time.ts';
import { bytesResponse } from '../apiserver/bytes-response.ts';

const weekdays = ['Thu', 'Fri', 'Sat', 'Sun', 'Mon', 'Tue', 'Wed'];
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** The time of a `Date` header. @param ms milliseconds since the Unix epoch */
export function httpDate(ms: number): string {
  const [year = '', month = '1', day = '', time = ''] = formatTime(ms).split(/[-T]/);
  const weekday = weekdays[Math.floor(ms / 86_400_000) % 7] ?? '';
  return `${weekday}, ${day} ${months[Number(month) - 1] ?? ''} ${year} ${time.slice(0, 8)} GMT`;
}

/** An answer as Go's server sends it: dated, with its length and, unless it is named, the sniffed type of text. */
export function goResponse(
  nowMs: number,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: string | Uint8Array = '',
): FetchResponse {
  const bytes = typeof body === 'string' ? Buffer.from(body, 'utf8') : body;
  const bodiless = status === 204 || status === 304;
  const type = bytes.length > 0 && !bodiless ? { 'content-type': 'text/plain; charset=utf-8' } : {};
  const length = bodiless ? {} : { 'content-length': String(bytes.length) };
  return bytesResponse(
    status,
    { ...type, ...headers, date: httpDate(nowMs), ...length },
    bodiless ? new Uint8Array() : bytes,
  );
}

/** JSON as Go's encoder and podinfo's indentation write it. */
export function goJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

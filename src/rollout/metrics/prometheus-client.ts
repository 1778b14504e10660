import { abortError } from '../../base/abort.ts';
import type { Clock } from '../../base/clock.ts';
import { errorMessage, nextStep } from '../../base/errors.ts';
import { type FetchResponse, parseJsonBody, type RequestHeaders } from '../../base/fetch.ts';
import { readBody } from '../../base/network.ts';
import { isObject, own } from '../../machinery/json.ts';
import { type Destination, excerptOf, type Outside, statusText } from '../destination.ts';
import { send } from '../redirects.ts';

/** What became of a query; `unavailable`: the provider could not be asked. */
export type QueryResult =
  | { readonly kind: 'value'; readonly value: number }
  | { readonly kind: 'no-values' | 'failed' | 'unavailable'; readonly error: string };

/** A Prometheus, and how to be let in. */
export interface PrometheusServer {
  readonly destination: Destination;
  readonly headers: RequestHeaders;
  readonly skipVerify: boolean;
}

const timeoutMs = 5_000;
const maxAnswerBytes = 1024 * 1024;

const noValuesFound = 'no values found';

/** Asks for the value of a query now. @throws TypedError only when `signal` aborts */
export async function queryPrometheus(
  outside: Outside & { readonly clock: Clock },
  server: PrometheusServer,
  query: string,
  signal: AbortSignal,
): Promise<QueryResult> {
  using deadline = outside.clock.timeout(timeoutMs, signal);
  try {
    const destination = { ...server.destination, url: queryUrl(server.destination.url, query) };
    const response = await send(outside, { ...server, destination }, deadline.signal);
    if (response.status >= 400) return await refused(response);
    const body = await readBody(response.body(), maxAnswerBytes);
    return valueOf(parseJsonBody(Buffer.from(body).toString('utf8')));
  } catch (error) {
    if (signal.aborted) throw abortError(signal);
    const kind = error instanceof RangeError || nextStep(error) !== 'retry' ? 'failed' : 'unavailable';
    return { kind, error: `request failed: ${errorMessage(error)}` };
  }
}

/** Asks what is always 1. @returns why there is no such answer */
export async function pingPrometheus(
  outside: Outside & { readonly clock: Clock },
  server: PrometheusServer,
  signal: AbortSignal,
): Promise<string | undefined> {
  const result = await queryPrometheus(outside, server, 'vector(1)', signal);
  if (result.kind !== 'value') return result.error;
  return result.value === 1 ? undefined : `vector(1) is ${result.value} there`;
}

function queryUrl(address: URL, query: string): URL {
  const url = new URL(address);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/api/v1/query`;
  url.search = new URLSearchParams({ query }).toString();
  return url;
}

/** Overload and trouble of the server pass; anything else is the fault of the query or of the credentials. */
async function refused(response: FetchResponse): Promise<QueryResult> {
  const { status } = response;
  const error = `error response: Status ${statusText(status)}: ${await excerptOf(response)}`;
  return { kind: status >= 500 || status === 429 ? 'unavailable' : 'failed', error };
}

/** The value of a vector; of several series the last counts, as in Flagger. */
function valueOf(answer: unknown): QueryResult {
  const data = isObject(answer) ? own(answer, 'data') : undefined;
  const result = isObject(data) ? own(data, 'result') : undefined;
  if (!isObject(data) || !Array.isArray(result)) return { kind: 'failed', error: 'the answer has no result' };
  const type = own(data, 'resultType');
  if (type === 'matrix') return { kind: 'failed', error: 'query returned multiple values' };
  if (typeof type === 'string' && type !== 'vector') {
    return { kind: 'failed', error: `query returned a ${type.slice(0, 32)}, want a vector` };
  }
  let value = Number.NaN;
  for (const series of result) {
    if (isObject(series) && own(series, 'values') !== undefined) {
      return { kind: 'failed', error: 'query returned multiple values' };
    }
    const sample = isObject(series) ? own(series, 'value') : undefined;
    const text = Array.isArray(sample) ? sample[1] : undefined;
    if (typeof text === 'string') value = parseValue(text);
  }
  return Number.isNaN(value) ? { kind: 'no-values', error: noValuesFound } : { kind: 'value', value };
}

function parseValue(text: string): number {
  if (text === '+Inf' || text === 'Inf') return Number.POSITIVE_INFINITY;
  if (text === '-Inf') return Number.NEGATIVE_INFINITY;
  return /^[-+]?[\d.]+(?:e[-+]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
}

import type { Clock } from '../base/clock.ts';
import { CancelledError, DeadlineError, errorMessage } from '../base/errors.ts';
import type { Fetch, FetchResponse, RequestHeaders } from '../base/fetch.ts';

/** What to send, how often, and for how long. */
export interface LoadOptions {
  readonly url: string;
  readonly method: string;
  /** Names are lower-case. */
  readonly headers: RequestHeaders;
  readonly body: string | Uint8Array | undefined;
  /** Workers that each send one request at a time. */
  readonly concurrency: number;
  /** Requests of each worker. */
  readonly requestsPerWorker: number;
  /** Requests per second of each worker; 0: each as soon as the one before is done. */
  readonly ratePerWorker: number;
  /** Nothing is started after this long; 0: no limit. */
  readonly durationMs: number;
  /** For one request with its redirects and its body; 0: no limit. */
  readonly timeoutMs: number;
  readonly followRedirects: boolean;
}

export interface LoadSeams {
  readonly fetch: Fetch;
  readonly clock: Clock;
}

/** Requests are told apart up to this many; later ones are only counted. */
const maxSamples = 1_000_000;

/** What came of the answered requests, one entry each, in the order in which they finished. Times are seconds. */
export interface LoadSamples {
  readonly latency: number[];
  /** From sending to the head of the answer. */
  readonly wait: number[];
  /** From the head of the answer to its end. */
  readonly read: number[];
  readonly status: number[];
  /** Start, counted from the start of the load. */
  readonly offset: number[];
}

export interface LoadResult {
  /** Answered or failed. */
  requests: number;
  seconds: number;
  /** Bytes of all bodies. */
  bytes: number;
  readonly samples: LoadSamples;
  /** How often each error was met. */
  readonly errors: Map<string, number>;
}

/** In a simulation a request may take no time at all; a worker then sends at most one per millisecond. */
const leastPaceMs = 1;

/**
 * Puts load on a URL. With a rate, each worker's n-th request is due at n / rate, starting at once; where the
 * request before it is not done by then, the wait counts as part of its latency. A slow server therefore shows in
 * the latencies instead of lowering the rate unseen (no coordinated omission).
 *
 * @param signal ends the load early: what is in flight is finished, nothing more is sent
 */
export async function runLoad(
  options: LoadOptions,
  seams: LoadSeams,
  signal: AbortSignal,
): Promise<LoadResult> {
  const { clock } = seams;
  const samples: LoadSamples = { latency: [], wait: [], read: [], status: [], offset: [] };
  const result: LoadResult = { requests: 0, seconds: 0, bytes: 0, samples, errors: new Map() };
  const start = clock.monotonic();
  const end = options.durationMs > 0 ? start + options.durationMs : Number.POSITIVE_INFINITY;
  const workers = Array.from({ length: options.concurrency }, () =>
    runWorker(options, seams, signal, start, end, result),
  );
  await Promise.all(workers);
  result.seconds = (clock.monotonic() - start) / 1000;
  return result;
}

async function runWorker(
  options: LoadOptions,
  seams: LoadSeams,
  signal: AbortSignal,
  start: number,
  end: number,
  result: LoadResult,
): Promise<void> {
  const { clock } = seams;
  const intervalMs = options.ratePerWorker > 0 ? 1000 / options.ratePerWorker : 0;
  for (let sent = 0; sent < options.requestsPerWorker; sent++) {
    const due = intervalMs > 0 ? start + sent * intervalMs : clock.monotonic();
    if (due >= end || !(await sleepUntil(clock, due, signal))) return;
    const began = clock.monotonic();
    if (began >= end) return;
    await sendOne(options, seams, start, due, result);
    const pace = began + leastPaceMs;
    if (clock.monotonic() === began && !(await sleepUntil(clock, pace, signal))) return;
  }
}

/** False: the load has been ended meanwhile. */
async function sleepUntil(clock: Clock, at: number, signal: AbortSignal): Promise<boolean> {
  const left = at - clock.monotonic();
  if (left <= 0) return !signal.aborted;
  try {
    await clock.sleep(left, signal);
    return true;
  } catch (error) {
    if (error instanceof CancelledError) return false;
    throw error;
  }
}

async function sendOne(
  options: LoadOptions,
  { fetch, clock }: LoadSeams,
  start: number,
  due: number,
  result: LoadResult,
): Promise<void> {
  const sent = clock.monotonic();
  using deadline = options.timeoutMs > 0 ? clock.timeout(options.timeoutMs) : undefined;
  result.requests += 1;
  try {
    const response = await followed(options, fetch, deadline?.signal);
    const head = clock.monotonic();
    for await (const chunk of response.body()) result.bytes += chunk.length;
    const done = clock.monotonic();
    const { samples } = result;
    if (samples.latency.length >= maxSamples) return;
    samples.latency.push((done - due) / 1000);
    samples.wait.push((head - sent) / 1000);
    samples.read.push((done - head) / 1000);
    samples.status.push(response.status);
    samples.offset.push((due - start) / 1000);
  } catch (error) {
    const what = failureText(options, error);
    result.errors.set(what, (result.errors.get(what) ?? 0) + 1);
  }
}

/** As Go's client words it. */
function failureText({ method, url }: LoadOptions, error: unknown): string {
  const verb = method.charAt(0) + method.slice(1).toLowerCase();
  const timedOut = error instanceof DeadlineError;
  const why = timedOut ? 'context deadline exceeded (Client.Timeout exceeded)' : errorMessage(error);
  return `${verb} ${JSON.stringify(url)}: ${why}`;
}

/** Source: net/http.defaultCheckRedirect. */
const maxRedirects = 10;

/** The answer after its redirects, as Go's client follows them. */
async function followed(
  options: LoadOptions,
  fetch: Fetch,
  signal: AbortSignal | undefined,
): Promise<FetchResponse> {
  const { followRedirects, headers } = options;
  let { url, method, body } = options;
  for (let redirects = 0; ; redirects++) {
    const response = await fetch(url, { method, headers, body, signal });
    const location = response.headers.get('location');
    if (!followRedirects || location === null || ![301, 302, 303, 307, 308].includes(response.status)) {
      return response;
    }
    response.cancel();
    if (redirects >= maxRedirects) throw new Error(`stopped after ${maxRedirects} redirects`);
    url = new URL(location, url).href;
    if (response.status < 307 && method !== 'HEAD') {
      method = 'GET';
      body = undefined;
    }
  }
}

import type { Clock } from '../base/clock.ts';
import { DeadlineError, errorMessage, InvalidInputError } from '../base/errors.ts';
import type { Fetch, FetchResponse } from '../base/fetch.ts';
import type { CurlCommand } from './curl-flags.ts';

/** What a program left behind. */
export interface Outcome {
  /** Exit code. */
  readonly code: number;
  readonly output: string;
}

/** More of a body is read, but not kept. Bytes. */
const mostOutput = 64 * 1024;
const mostRedirects = 50;
const longestDelayMs = 10 * 60_000;

/** Exit codes of curl. */
const exit = { ok: 0, unreachable: 7, httpError: 22, timeout: 28, tooManyRedirects: 47 } as const;

interface Attempt extends Outcome {
  /** What `--retry` tries again. */
  readonly isTransient: boolean;
}

/** Sends the request of a curl command line, with its retries. */
export async function runCurl(
  command: CurlCommand,
  { fetch, clock }: { readonly fetch: Fetch; readonly clock: Clock },
  signal: AbortSignal,
): Promise<Outcome> {
  for (let retries = 0; ; retries += 1) {
    const { isTransient, ...outcome } = await attempt(command, fetch, clock, signal);
    if (!isTransient || retries >= command.retries || signal.aborted) return outcome;
    const delayMs = command.retryDelayMs ?? Math.min(longestDelayMs, 1000 * 2 ** retries);
    await clock.sleep(delayMs, signal);
  }
}

async function attempt(
  command: CurlCommand,
  fetch: Fetch,
  clock: Clock,
  signal: AbortSignal,
): Promise<Attempt> {
  const { timeoutMs, failsOnError } = command;
  using deadline = clock.timeout(timeoutMs > 0 ? timeoutMs : longestDelayMs, signal);
  try {
    const response = await followed(command, fetch, deadline.signal);
    if (response === undefined)
      return failed(exit.tooManyRedirects, `Maximum (${mostRedirects}) redirects followed`);
    const { status } = response;
    const body = await excerptOf(response);
    const isTransient = [408, 429, 500, 502, 503, 504].includes(status);
    if (failsOnError && status >= 400) {
      return failed(exit.httpError, `The requested URL returned error: ${status}`, isTransient);
    }
    const head = command.showsHead ? headOf(response) : '';
    return { code: exit.ok, output: head + (command.showsBody ? body : ''), isTransient };
  } catch (error) {
    if (error instanceof DeadlineError) return failed(exit.timeout, 'Operation timed out', true);
    const isRefusal = error instanceof InvalidInputError;
    return failed(exit.unreachable, errorMessage(error), command.retriesRefused && !isRefusal);
  }
}

function failed(code: number, message: string, isTransient = false): Attempt {
  return { code, output: `curl: (${code}) ${message}\n`, isTransient };
}

/** The answer after its redirects; undefined where they have no end. */
async function followed(
  command: CurlCommand,
  fetch: Fetch,
  signal: AbortSignal,
): Promise<FetchResponse | undefined> {
  let { url, method, body } = command;
  for (let redirects = 0; redirects <= mostRedirects; redirects += 1) {
    const response = await fetch(url, { method, headers: command.headers, body, signal });
    const location = response.headers.get('location');
    const isRedirect = [301, 302, 303, 307, 308].includes(response.status);
    if (!command.followsRedirects || !isRedirect || location === null) return response;
    response.cancel();
    url = new URL(location, url).href;
    if (response.status < 307 && method !== 'HEAD') {
      method = 'GET';
      body = undefined;
    }
  }
  return undefined;
}

/** The start of a body, all of which is read. */
async function excerptOf(response: FetchResponse): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body()) {
    if (size < mostOutput) chunks.push(chunk);
    size += chunk.length;
  }
  return Buffer.concat(chunks).subarray(0, mostOutput).toString('utf8');
}

function headOf({ status, headers }: FetchResponse): string {
  return [`HTTP/1.1 ${status}`, ...[...headers].map(([name, value]) => `${name}: ${value}`), '', ''].join(
    '\r\n',
  );
}

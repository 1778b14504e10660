import { abortError } from '../../base/abort.ts';
import type { Clock } from '../../base/clock.ts';
import { errorMessage, nextStep } from '../../base/errors.ts';
import { FetchError, type FetchResponse, type RequestHeaders } from '../../base/fetch.ts';
import type { Random } from '../../base/random.ts';
import { destinationOf, excerptOf, type Outside, statusText } from '../destination.ts';
import { send } from '../redirects.ts';

/** A JSON document on its way to somebody. */
export interface Post {
  readonly url: string;
  readonly body: unknown;
  readonly headers?: RequestHeaders | undefined;
  /** Of one attempt, redirects included. */
  readonly timeoutMs: number;
  /** Further attempts. */
  readonly retries: number;
  readonly skipVerify: boolean;
  /** Stands for the URL in messages; default: the URL without credentials and query. */
  readonly shown?: string | undefined;
}

export interface PostOptions extends Outside {
  readonly clock: Clock;
  readonly random: Random;
}

const firstWaitMs = 1_000;
/** Also for `Retry-After`: who waits here is a rollout. */
const longestWaitMs = 30_000;

/**
 * Posts until somebody answers 2xx, or there is no point in another attempt.
 *
 * @returns why it failed, with the start of the answer's body; undefined when it passed
 * @throws TypedError only when `signal` aborts
 */
export async function postJson(
  options: PostOptions,
  post: Post,
  signal: AbortSignal,
): Promise<string | undefined> {
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await attemptOnce(options, post, signal);
    if (outcome === 'passed') return undefined;
    if (!outcome.retryable) return outcome.error;
    if (attempt > post.retries) {
      return `POST ${shownUrl(post)} giving up after ${attempt} attempt(s): ${outcome.error}`;
    }
    const backoffMs = Math.min(longestWaitMs, firstWaitMs * 2 ** (attempt - 1));
    const waitMs = Math.min(longestWaitMs, outcome.retryAfterMs ?? backoffMs);
    // A little later than planned, so that the hooks of many Canaries do not come back together.
    await options.clock.sleep(waitMs * (1 + 0.1 * options.random.next()), signal);
  }
}

interface Failure {
  readonly error: string;
  readonly retryable: boolean;
  readonly retryAfterMs?: number | undefined;
}

async function attemptOnce(
  options: PostOptions,
  post: Post,
  signal: AbortSignal,
): Promise<'passed' | Failure> {
  using deadline = options.clock.timeout(post.timeoutMs, signal);
  try {
    const { url, headers = {}, body: json, skipVerify } = post;
    const request = { destination: destinationOf(url), headers, json, skipVerify };
    const response = await send(options, request, deadline.signal);
    if (response.status >= 200 && response.status < 300) {
      response.cancel();
      return 'passed';
    }
    const failure = await refusal(response);
    if (signal.aborted) throw abortError(signal);
    return failure;
  } catch (error) {
    if (signal.aborted) throw abortError(signal);
    const isTls = error instanceof FetchError && error.code === 'TlsRefused';
    return { error: errorMessage(error), retryable: nextStep(error) === 'retry' && !isTls };
  }
}

async function refusal(response: FetchResponse): Promise<Failure> {
  const { status } = response;
  const retryable = status === 429 || (status >= 500 && status !== 501);
  const seconds = /^\d{1,9}$/.exec(response.headers.get('retry-after') ?? '')?.[0];
  const isPolite = seconds !== undefined && (status === 429 || status === 503);
  const body = await excerptOf(response);
  const error =
    body === '' || retryable ? `Status ${statusText(status)}${body === '' ? '' : `: ${body}`}` : body;
  return { error, retryable, retryAfterMs: isPolite ? Number(seconds) * 1000 : undefined };
}

function shownUrl({ url, shown }: Post): string {
  return shown ?? destinationOf(url).shown;
}

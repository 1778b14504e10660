import { abortError, linkAbort, orAbort } from '../base/abort.ts';
import type { Clock } from '../base/clock.ts';
import { formatDuration } from '../base/duration.ts';
import { DeadlineError } from '../base/errors.ts';
import {
  type Fetch,
  FetchError,
  type FetchResponse,
  type Upgrade,
  type WebSocketConnection,
} from '../base/fetch.ts';
import { ApiError, errorOfResponse } from './api-error.ts';
import { type Credentials, fixedCredentials, type AuthHeaders } from './credentials.ts';
import type { TokenBucket } from './token-bucket.ts';

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** One request of the REST API. */
export interface RestRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Absolute, its parts encoded, no query. */
  readonly path: string;
  readonly query?: Query | undefined;
  /** Default: JSON. */
  readonly accept?: string | undefined;
  /** Of `json`; default: JSON. */
  readonly contentType?: string | undefined;
  readonly json?: unknown;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

export interface TransportOptions {
  readonly fetch: Fetch;
  readonly upgrade?: Upgrade | undefined;
  readonly server: string;
  readonly clock: Clock;
  readonly userAgent: string;
  readonly credentials?: Credentials | undefined;
  readonly timeoutMs: number;
  readonly bucket?: TokenBucket | undefined;
}

/** A GET is sent so often at most while the server asks to come back later. */
const mostTries = 5;

/**
 * Requests with credentials, deadlines and typed errors.
 *
 * A write is sent once. A GET that must be whole (no watch, no log) is repeated, within its deadline: once when
 * the connection broke before any answer, once with fresh credentials after a 401, and after the time in
 * `Retry-After` when the server answers 429 or 503 with one (client-go does that for up to ten tries).
 */
export class RestTransport {
  readonly #options: TransportOptions;
  readonly #credentials: Credentials;

  constructor(options: TransportOptions) {
    this.#options = { ...options, server: options.server.replace(/\/+$/, '') };
    this.#credentials = options.credentials ?? fixedCredentials({});
  }

  /**
   * Sends a request and reads its answer (status 2xx), all before the deadline.
   *
   * @throws ApiError for any other status
   * @throws DeadlineError the request may have been carried out
   */
  async send<T>(request: RestRequest, read: (response: FetchResponse) => Promise<T>): Promise<T> {
    const { clock } = this.#options;
    const ms = request.timeoutMs ?? this.#options.timeoutMs;
    using deadline = clock.timeout(ms, request.signal);
    const { signal } = deadline;
    try {
      const response = await this.#answer(request, signal, clock.monotonic() + ms);
      try {
        return await orAbort(read(response), signal);
      } catch (error) {
        if (signal.aborted) response.cancel();
        throw error;
      }
    } catch (error) {
      throw explain(error, request, signal, ms);
    }
  }

  /**
   * Sends a request whose answer comes bit by bit. The whole may take as long as it likes, or `longestMs`; the
   * answer must begin within the deadline of other requests. Ending the loop early gives up the rest.
   */
  async *stream<T>(
    request: RestRequest,
    read: (response: FetchResponse) => AsyncIterable<T>,
    longestMs = Number.POSITIVE_INFINITY,
  ): AsyncGenerator<T> {
    const { clock, timeoutMs } = this.#options;
    using whole = Number.isFinite(longestMs)
      ? clock.timeout(longestMs, request.signal)
      : linkAbort(request.signal);
    const opening = clock.timeout(timeoutMs);
    using either = linkAbort(whole.signal, opening.signal);
    const { signal } = either;
    try {
      let response: FetchResponse;
      try {
        response = await this.#answer(request, signal, undefined);
      } finally {
        opening[Symbol.dispose]();
      }
      yield* untilAborted(response, read(response), signal);
    } catch (error) {
      throw explain(error, request, signal, opening.signal.aborted ? timeoutMs : longestMs);
    }
  }

  /** Opens a WebSocket. */
  async connect(
    path: string,
    query: Query,
    protocols: readonly string[],
    parent: AbortSignal | undefined,
  ): Promise<WebSocketConnection> {
    const { clock, timeoutMs, upgrade } = this.#options;
    if (upgrade === undefined) {
      throw new FetchError('UpgradeRefused', 'this connection cannot open WebSockets');
    }
    const request: RestRequest = { method: 'GET', path, query, signal: parent };
    using deadline = clock.timeout(timeoutMs, parent);
    try {
      const used = await orAbort(this.#credentials.authorize(), deadline.signal);
      const headers = { 'user-agent': this.#options.userAgent, ...used };
      // The signal of the handshake alone: who holds the connection closes it.
      const opened = upgrade(this.#url(request), { headers, protocols, signal: deadline.signal });
      return await orAbort(opened, deadline.signal, (late) => late.close()).catch((error: unknown) => {
        if (error instanceof FetchError && error.status === 401) this.#credentials.unauthorized?.(used);
        throw error;
      });
    } catch (error) {
      throw explain(error, request, deadline.signal, timeoutMs);
    }
  }

  /**
   * The answer with a 2xx status.
   *
   * @param until when the deadline passes, by the monotonic clock; absent: try once only
   */
  async #answer(
    request: RestRequest,
    signal: AbortSignal,
    until: number | undefined,
  ): Promise<FetchResponse> {
    const { clock, bucket } = this.#options;
    const repeatable = request.method === 'GET' && until !== undefined;
    const repeats = { broken: repeatable, refused: repeatable };
    for (let tries = 1; ; tries += 1) {
      await bucket?.take(signal);
      const used = await orAbort(this.#credentials.authorize(), signal);
      let response: FetchResponse;
      try {
        response = await this.#fetch(request, used, signal);
      } catch (error) {
        const again = repeats.broken && error instanceof FetchError && error.code === 'Unreachable';
        if (!again || signal.aborted) throw error;
        repeats.broken = false;
        continue;
      }
      if (response.status >= 200 && response.status < 300) return response;
      const error = await orAbort(errorOfResponse(labelOf(request), response), signal);
      if (error.status === 401) {
        this.#credentials.unauthorized?.(used);
        if (!repeats.refused || this.#credentials.unauthorized === undefined) throw error;
        repeats.refused = false;
        continue;
      }
      const waitMs = repeatable ? waitBeforeRepeat(error, response) : undefined;
      const inTime = waitMs !== undefined && until !== undefined && clock.monotonic() + waitMs < until;
      if (!inTime || tries >= mostTries) throw error;
      await clock.sleep(waitMs, signal);
    }
  }

  #fetch(request: RestRequest, used: AuthHeaders, signal: AbortSignal): Promise<FetchResponse> {
    if (signal.aborted) throw abortError(signal);
    const headers: Record<string, string | readonly string[]> = {
      accept: request.accept ?? 'application/json',
      'user-agent': this.#options.userAgent,
      ...used,
    };
    const hasBody = request.json !== undefined;
    if (hasBody) headers['content-type'] = request.contentType ?? 'application/json';
    const sent = this.#options.fetch(this.#url(request), {
      method: request.method,
      headers,
      signal,
      ...(hasBody ? { json: request.json } : {}),
    });
    return orAbort(sent, signal, (late) => late.cancel());
  }

  #url({ path, query = {} }: RestRequest): string {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) search.set(name, String(value));
    }
    return `${this.#options.server}${path}${search.size === 0 ? '' : `?${search.toString()}`}`;
  }
}

/** How messages call a request: without its query (selectors, tokens of pages) and its body. */
export function labelOf({ method, path }: RestRequest): string {
  return `${method} ${path}`;
}

function waitBeforeRepeat(error: ApiError, response: FetchResponse): number | undefined {
  if (error.status !== 429 && error.status !== 503) return undefined;
  return response.headers.get('retry-after') === null ? undefined : error.retryAfterMs;
}

/** What an error means, where it came of an abort. */
function explain(thrown: unknown, request: RestRequest, signal: AbortSignal, ms: number): unknown {
  if (!signal.aborted || thrown instanceof ApiError) return thrown;
  if (request.signal?.aborted) return abortError(request.signal);
  const reason = abortError(signal);
  if (!(reason instanceof DeadlineError)) return reason;
  return new DeadlineError(`${labelOf(request)}: no complete answer within ${formatDuration(ms)}`);
}

/** The values of a body until its end or an abort; cancels `response`, once, when they end before it does. */
async function* untilAborted<T>(
  response: FetchResponse,
  values: AsyncIterable<T>,
  signal: AbortSignal,
): AsyncGenerator<T> {
  const iterator = values[Symbol.asyncIterator]();
  let open = true;
  let interrupt: (error: Error) => void = () => {};
  const close = (): void => {
    if (open) response.cancel();
    open = false;
  };
  const onAbort = (): void => {
    close();
    interrupt(abortError(signal));
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    for (;;) {
      if (signal.aborted) throw abortError(signal);
      // A promise for each value: racing one promise of the signal would collect reactions for as long as it lives.
      const next = await new Promise<IteratorResult<T, unknown>>((resolve, reject) => {
        interrupt = reject;
        iterator.next().then(resolve, reject);
      });
      if (next.done === true) {
        open = false;
        return;
      }
      yield next.value;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    close();
  }
}

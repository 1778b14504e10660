import type { HttpRouteDocument } from './documents.ts';

/** When and how often a request is sent again. Times are milliseconds. */
export interface RetryPolicy {
  readonly retries: number;
  readonly perTryTimeoutMs: number | undefined;
  readonly conditions: ReadonlySet<string>;
  readonly statusCodes: ReadonlySet<number>;
  /** Prefer endpoints that have not been tried. */
  readonly otherHosts: boolean;
  readonly backoffMs: number;
}

/** How one try ended: with an answer, or with what went wrong. */
export type TryResult = { readonly status: number } | 'connect-failure' | 'reset' | 'timeout';

const defaultBackoffMs = 25;

/** What every route without `retries` has. Source: Istio's pilot/pkg/networking/core/route/retry. */
export const defaultRetryPolicy: RetryPolicy = {
  retries: 2,
  perTryTimeoutMs: undefined,
  conditions: new Set([
    'connect-failure',
    'refused-stream',
    'unavailable',
    'cancelled',
    'retriable-status-codes',
  ]),
  statusCodes: new Set([503]),
  otherHosts: true,
  backoffMs: defaultBackoffMs,
};

export function compileRetries(document: HttpRouteDocument['retries']): RetryPolicy {
  if (document === undefined) return defaultRetryPolicy;
  const { attempts = 0, perTryTimeout, retryOn, retryIgnorePreviousHosts = true, backoff } = document;
  const parts = (retryOn ?? '').split(',').map((part) => part.trim());
  const codes = parts.filter((part) => /^[1-5]\d\d$/.test(part)).map(Number);
  const conditions = new Set(parts.filter((part) => part !== '' && !/^\d+$/.test(part)));
  if (codes.length > 0) conditions.add('retriable-status-codes');
  return {
    ...defaultRetryPolicy,
    ...(retryOn === undefined || retryOn === '' ? {} : { conditions, statusCodes: new Set(codes) }),
    retries: Math.max(0, attempts),
    perTryTimeoutMs: perTryTimeout,
    otherHosts: retryIgnorePreviousHosts,
    backoffMs: backoff ?? defaultBackoffMs,
  };
}

/** Whether Envoy's `retry_on` conditions ask for another try after this result. */
export function asksForRetry({ conditions, statusCodes }: RetryPolicy, result: TryResult): boolean {
  if (result === 'connect-failure') {
    return ['connect-failure', '5xx', 'gateway-error', 'reset', 'reset-before-request'].some((c) =>
      conditions.has(c),
    );
  }
  if (result === 'reset' || result === 'timeout') {
    return ['reset', '5xx', 'gateway-error'].some((condition) => conditions.has(condition));
  }
  const { status } = result;
  return (
    (status >= 500 && conditions.has('5xx')) ||
    ([502, 503, 504].includes(status) && conditions.has('gateway-error')) ||
    (status === 409 && conditions.has('retriable-4xx')) ||
    (conditions.has('retriable-status-codes') && statusCodes.has(status))
  );
}

/** Longest pause before the given retry (1, 2, …), in milliseconds; the pause is uniform below it. */
export function retryPauseMs({ backoffMs }: RetryPolicy, retry: number): number {
  return Math.min(backoffMs * (2 ** retry - 1), backoffMs * 10);
}

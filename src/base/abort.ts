import { CancelledError, TypedError } from './errors.ts';

/** An abort signal that follows others. Dispose it when the work is done: long-lived parents hold on to it. */
export interface LinkedAbort extends Disposable {
  readonly signal: AbortSignal;
  abort(reason?: unknown): void;
}

/**
 * A signal that aborts with the first of `parents`, with its reason, or by itself.
 *
 * Not `AbortSignal.any`: on Node 24 each of its signals stays in the memory of long-lived parents for good.
 */
export function linkAbort(...parents: readonly (AbortSignal | undefined)[]): LinkedAbort {
  const controller = new AbortController();
  const listeners = parents.map((parent) => (): void => abort(parent?.reason));
  const release = (): void => {
    for (const [i, parent] of parents.entries()) {
      const listener = listeners[i];
      if (listener !== undefined) parent?.removeEventListener('abort', listener);
    }
  };
  const abort = (reason?: unknown): void => {
    release();
    controller.abort(reason);
  };
  for (const [i, parent] of parents.entries()) {
    const listener = listeners[i];
    if (parent === undefined || listener === undefined) continue;
    if (parent.aborted) {
      abort(parent.reason);
      break;
    }
    parent.addEventListener('abort', listener, { once: true });
  }
  return { signal: controller.signal, abort, [Symbol.dispose]: release };
}

/**
 * `work`, or the error of `signal` as soon as it aborts, whether or not `work` heeds it.
 *
 * @param late gets what `work` still brings after that
 */
export async function orAbort<T>(
  work: Promise<T>,
  signal: AbortSignal,
  late: (result: T) => void = () => {},
): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => {
    reject(abortError(signal));
    work.then(late, () => {});
  };
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** The error to throw for an aborted signal: its reason where that is one of ours, else a CancelledError. */
export function abortError(signal: AbortSignal): TypedError {
  const reason: unknown = signal.reason;
  return reason instanceof TypedError ? reason : new CancelledError('cancelled', reason);
}

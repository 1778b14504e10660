import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { isApplyConflict, isConflict } from './api-error.ts';
import { Backoff } from './backoff.ts';

export interface RetryOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Attempts in all; default 5. */
  readonly tries?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Milliseconds. Source: client-go's retry.DefaultRetry; doubled, since a conflict tells of others at work. */
const initialMs = 10;
const maxMs = 1000;

/**
 * Reads and changes until no other writer comes in between.
 *
 * @param change must make its write conditional on the version that it was given; called with each version read
 * @throws the last conflict after `tries`, and any other error at once
 */
export async function retryOnConflict<T, R>(
  read: () => Promise<T>,
  change: (current: T) => Promise<R>,
  { clock, random, tries = 5, signal }: RetryOptions,
): Promise<R> {
  const backoff = new Backoff({ random, initialMs, maxMs });
  for (let attempt = 1; ; attempt += 1) {
    const current = await read();
    try {
      return await change(current);
    } catch (error) {
      // Two managers that want different values will not agree by repeating them.
      if (!isConflict(error) || isApplyConflict(error) || attempt >= tries) throw error;
    }
    await clock.sleep(backoff.next(), signal);
  }
}

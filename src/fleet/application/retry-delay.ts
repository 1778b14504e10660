import { parseDuration } from '../../base/duration.ts';
import type { Random } from '../../base/random.ts';

const firstRetryMs = 1000;
const longestRetryMs = 15 * 60_000;

/**
 * How long to wait after a failure, in milliseconds: a second, doubled with each further failure up to `retryInterval`,
 * or to `interval` (at most 15 minutes), or to 15 minutes. Flux waits for `retryInterval` at once, and without an
 * interval for ever.
 *
 * @param failures since the last success, this one included
 */
export function retryDelayMs(
  failures: number,
  {
    retryInterval = '0s',
    interval = '0s',
  }: { readonly retryInterval?: string | undefined; readonly interval?: string | undefined },
  random: Random,
): number {
  const retryMs = parseDuration(retryInterval);
  const intervalMs = parseDuration(interval);
  const mostMs = retryMs || Math.min(intervalMs || longestRetryMs, longestRetryMs);
  const ms = Math.min(firstRetryMs * 2 ** (failures - 1), Math.max(mostMs, firstRetryMs));
  // What failed together does not come back together.
  return ms * (1 - random.next() / 4);
}

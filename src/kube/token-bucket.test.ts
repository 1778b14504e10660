import { expect, test } from 'vitest';
import { VirtualClock } from '../base/clock.ts';
import { CancelledError } from '../base/errors.ts';
import { TokenBucket } from './token-bucket.ts';

test('a burst goes through at once, the rest at the rate, in order; idleness fills it again', async () => {
  const clock = new VirtualClock();
  const bucket = new TokenBucket(clock, 10, 3);
  const { signal } = new AbortController();
  const times: number[] = [];
  const take = async (): Promise<void> => {
    await bucket.take(signal);
    times.push(clock.monotonic());
  };
  await clock.run(Promise.all([take(), take(), take(), take(), take()]));
  expect(times).toEqual([0, 0, 0, 100, 200]);
  await clock.advance(10_000);
  await clock.run(Promise.all([take(), take(), take(), take()]));
  expect(times.slice(5).map((at) => at - 10_200)).toEqual([0, 0, 0, 100]);
});

test('a caller that gives up stops waiting', async () => {
  const clock = new VirtualClock();
  const bucket = new TokenBucket(clock, 1, 1);
  const abort = new AbortController();
  await bucket.take(abort.signal);
  const waiting = bucket.take(abort.signal);
  abort.abort();
  await expect(waiting).rejects.toThrow(CancelledError);
});

import { expect, test } from 'vitest';
import { VirtualClock } from '../base/clock.ts';
import { EventLoopLag } from './event-loop-lag.ts';

test('lateness is told, and the worst is remembered for ten seconds', async () => {
  const clock = new VirtualClock();
  let late = 0;
  // Sleeps that end later than they should, as on a busy loop.
  const busy = {
    monotonic: () => clock.monotonic(),
    sleep: (ms: number, signal?: AbortSignal) => clock.sleep(ms + late, signal),
  };
  const lag = new EventLoopLag();
  const stop = new AbortController();
  const running = lag.run(busy, stop.signal);
  await clock.advance(1_000);
  expect(lag.worstMs).toBe(0);
  late = 250;
  await clock.advance(1_000);
  expect(lag.lastMs).toBe(250);
  expect(lag.render()).toContain('\nviridian_event_loop_lag_seconds 0.25\n');
  late = 0;
  await clock.advance(2_000);
  expect([lag.lastMs, lag.worstMs]).toEqual([0, 250]);
  await clock.advance(10_000);
  expect(lag.worstMs).toBe(0);
  stop.abort();
  await clock.run(running);
});

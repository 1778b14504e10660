import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { realClock, VirtualClock } from './clock.ts';
import { CancelledError, DeadlineError } from './errors.ts';

describe('virtual time', () => {
  test('passes only while nothing is runnable, and jumps from timer to timer', async () => {
    const clock = new VirtualClock(1_000);
    const seen: [string, number][] = [];
    const program = async (): Promise<void> => {
      await clock.sleep(86_400_000);
      for (let i = 0; i < 50; i++) await Promise.resolve();
      seen.push(['after microtasks', clock.now()]);
      await new Promise<void>((resolve) => process.nextTick(resolve));
      seen.push(['after a tick', clock.now()]);
      await clock.sleep(0.5);
      seen.push(['half a millisecond later', clock.monotonic()]);
    };

    await clock.run(program());

    expect(seen).toEqual([
      ['after microtasks', 86_401_000],
      ['after a tick', 86_401_000],
      ['half a millisecond later', 86_400_000.5],
    ]);
  });

  test('fires timers by time, and those of one instant in the order in which they were set', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(20), { maxLength: 60 }),
        fc.array(fc.nat(59)),
        async (delays, cancelled) => {
          const clock = new VirtualClock();
          const fired: number[] = [];
          const stops = delays.map(() => new AbortController());
          const sleeps = delays.map((ms, i) =>
            clock.sleep(ms, stops[i]!.signal).then(
              () => fired.push(i),
              () => {},
            ),
          );
          for (const i of cancelled) stops[i]?.abort();
          await clock.advance(20);
          await Promise.all(sleeps);

          const expected = delays
            .map((ms, i) => ({ ms, i }))
            .filter(({ i }) => !cancelled.includes(i))
            .sort((a, b) => a.ms - b.ms || a.i - b.i)
            .map(({ i }) => i);
          expect(fired).toEqual(expected);
          expect(clock.pending).toBe(0);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('a loop over a deadline with fractions never spins at one instant', async () => {
    await fc.assert(
      fc.asyncProperty(fc.double({ min: 1e-9, max: 50, noNaN: true }), fc.nat(1e6), async (ms, before) => {
        const clock = new VirtualClock();
        await clock.advance(before / 7);
        const due = clock.monotonic() + ms;
        let turns = 0;
        const waiting = (async () => {
          while (clock.monotonic() < due) {
            turns += 1;
            await clock.sleep(due - clock.monotonic());
          }
        })();
        await clock.run(waiting);
        expect(turns).toBeLessThanOrEqual(2);
        expect(clock.monotonic() - due).toBeLessThan(0.002);
      }),
      { numRuns: 500 },
    );
  });

  test('stands still while external work is open', async () => {
    const clock = new VirtualClock(0);
    const work = Promise.withResolvers<string>();
    const order: string[] = [];
    const program = Promise.all([
      clock.external(work.promise).then((text) => order.push(`${text} at ${clock.monotonic()}`)),
      clock.sleep(10).then(() => order.push(`timer at ${clock.monotonic()}`)),
    ]);
    setTimeout(() => work.resolve('file read'), 20);

    await clock.run(program);

    expect(order).toEqual(['file read at 0', 'timer at 10']);
  });

  test('stands still too for external work that follows other external work a few turns later', async () => {
    const clock = new VirtualClock();
    const file = async (): Promise<void> => {
      await clock.external(new Promise<void>((resolve) => setTimeout(resolve, 5)));
    };
    const program = async (): Promise<number> => {
      await file();
      for (let i = 0; i < 20; i++) await Promise.resolve();
      await file();
      return clock.monotonic();
    };
    const alarm = clock.sleep(1_000);
    expect(await clock.run(program())).toBe(0);
    await clock.run(alarm);
  });

  test('stops at the moment when what is awaited settles', async () => {
    const clock = new VirtualClock();
    void clock.sleep(1_000);
    await clock.run(Promise.resolve());
    expect(clock.monotonic()).toBe(0);
    await clock.run(clock.sleep(500));
    expect(clock.monotonic()).toBe(500);
  });

  test('never goes back, whoever else lets it pass meanwhile', async () => {
    const clock = new VirtualClock();
    const long = clock.run(clock.sleep(1_000));
    await clock.advance(5);
    await long;
    expect(clock.monotonic()).toBe(1_000);
  });

  test('a sleep without an end never ends, and one of NaN is refused', async () => {
    for (const clock of [new VirtualClock(), realClock()]) {
      await expect(clock.sleep(Number.NaN)).rejects.toBeInstanceOf(RangeError);
      expect(() => clock.timeout(Number.NaN)).toThrow(RangeError);
    }
    const clock = new VirtualClock();
    const stop = new AbortController();
    const endless = clock.sleep(Number.POSITIVE_INFINITY, stop.signal);
    await expect(clock.run(endless)).rejects.toThrow('virtual time stands still');
    stop.abort();
    await expect(endless).rejects.toBeInstanceOf(CancelledError);
    expect(clock.pending).toBe(0);
  });

  test('a failed external work gives time free again', async () => {
    const clock = new VirtualClock();
    const failed = clock.external(Promise.reject(new Error('no such file')));
    await expect(failed).rejects.toThrow('no such file');
    await clock.run(clock.sleep(5));
    expect(clock.monotonic()).toBe(5);
  });

  test('says so when what is awaited can never happen', async () => {
    const clock = new VirtualClock();
    await expect(clock.run(new Promise(() => {}))).rejects.toThrow('virtual time stands still');
  });

  test('advance stops at its end, between timers', async () => {
    const clock = new VirtualClock(0);
    let ticks = 0;
    const stop = new AbortController();
    const loop = clock.every(10, () => void ticks++, stop.signal);
    await clock.advance(35);
    expect([ticks, clock.now()]).toEqual([3, 35]);
    await clock.advance(5);
    expect(ticks).toBe(4);
    stop.abort();
    await clock.run(loop);
    expect(clock.pending).toBe(0);
  });

  test('a skewed clock shows other times, and sleeps by its own rate', async () => {
    const clock = new VirtualClock(0);
    const fast = clock.skewed({ offsetMs: 5_000, rate: 2 });
    expect(fast.now()).toBe(5_000);
    await clock.run(fast.sleep(1_000));
    expect(clock.monotonic()).toBe(500);
    expect(fast.monotonic()).toBe(1_000);
    expect(fast.now()).toBe(6_000);
  });
});

describe.each([
  ['virtual', () => new VirtualClock()],
  ['real', () => realClock()],
])('the %s clock', (_name, make) => {
  const run = <T>(clock: ReturnType<typeof make>, work: Promise<T>): Promise<T> =>
    clock instanceof VirtualClock ? clock.run(work) : work;

  test('rejects a sleep that is aborted, before or during it', async () => {
    const clock = make();
    await expect(run(clock, clock.sleep(1, AbortSignal.abort()))).rejects.toBeInstanceOf(CancelledError);
    const stop = new AbortController();
    const sleeping = clock.sleep(60_000, stop.signal);
    stop.abort('enough');
    await expect(run(clock, sleeping)).rejects.toMatchObject({ next: 'terminal', cause: 'enough' });
  });

  test('aborts with a DeadlineError when time is up', async () => {
    const clock = make();
    using deadline = clock.timeout(5);
    await run(clock, clock.sleep(20));
    expect(deadline.signal.reason).toBeInstanceOf(DeadlineError);
  });

  test('a deadline follows its parent, and is silent once disposed of', async () => {
    const clock = make();
    const parent = new AbortController();
    const followed = clock.timeout(60_000, parent.signal);
    const disposed = clock.timeout(1);
    disposed[Symbol.dispose]();
    parent.abort('shutdown');
    await run(clock, clock.sleep(20));
    expect(followed.signal.reason).toBe('shutdown');
    expect(clock.timeout(60_000, parent.signal).signal.reason).toBe('shutdown');
    expect(disposed.signal.aborted).toBe(false);
  });

  test('a slow task leaves out the turns it missed', async () => {
    const clock = make();
    const stop = new AbortController();
    let running = 0;
    let most = 0;
    let turns = 0;
    const loop = clock.every(
      10,
      async () => {
        turns += 1;
        most = Math.max(most, ++running);
        await clock.sleep(25);
        running -= 1;
        if (turns === 3) stop.abort();
      },
      stop.signal,
    );
    await run(clock, loop);
    expect({ turns, most }).toEqual({ turns: 3, most: 1 });
  });

  test('what a periodic task throws ends the loop', async () => {
    const clock = make();
    const loop = clock.every(1, () => Promise.reject(new Error('broken')), new AbortController().signal);
    await expect(run(clock, loop)).rejects.toThrow('broken');
  });

  test('refuses an interval that would spin', async () => {
    const clock = make();
    await expect(clock.every(0, () => {}, new AbortController().signal)).rejects.toThrow('more than 0 ms');
  });
});

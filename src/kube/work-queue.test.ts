import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../base/clock.ts';
import { CancelledError } from '../base/errors.ts';
import { seededRandom } from '../base/random.ts';
import type { Metric, MetricLabels, Metrics } from './metrics.ts';
import { WorkQueue } from './work-queue.ts';

function setUp(options: { baseDelayMs?: number; maxDelayMs?: number; metrics?: Metrics } = {}) {
  const clock = new VirtualClock();
  const queue = new WorkQueue({ name: 'test', clock, random: seededRandom(1), ...options });
  return { clock, queue };
}

describe('a work queue', () => {
  test('gives each waiting key once, in the order in which they were added', async () => {
    const { queue } = setUp();
    for (const key of ['a', 'b', 'a', 'c', 'b']) queue.add(key);
    expect(queue.length).toBe(3);
    expect([await queue.get(), await queue.get(), await queue.get()]).toEqual(['a', 'b', 'c']);
    expect(queue.length).toBe(0);
  });

  test('gives a key that was added during its work once more, but only when that work is done', async () => {
    const { queue, clock } = setUp();
    queue.add('a');
    await queue.get();
    queue.add('a');
    queue.add('a');
    const again = queue.get();
    let given = false;
    void again.then(() => (given = true));
    await clock.advance(1_000);
    expect(given).toBe(false);
    queue.done('a');
    expect(await again).toBe('a');
    queue.done('a');
    expect(queue.length).toBe(0);
  });

  test('makes one piece of work of a burst of adds, also when somebody waits for work', async () => {
    const { queue, clock } = setUp();
    const getting = queue.get();
    queue.add('a');
    queue.add('a');
    expect(await getting).toBe('a');
    queue.done('a');
    await clock.settle();
    expect(queue.length).toBe(0);
  });

  test('wakes another getter for a key when the one woken for it has just been cancelled', async () => {
    const { queue } = setUp();
    const leaving = new AbortController();
    const left = queue.get(leaving.signal).catch((error: unknown) => error);
    const stayed = queue.get();
    queue.add('a');
    leaving.abort();
    expect(await left).toBeInstanceOf(CancelledError);
    expect(await stayed).toBe('a');
  });

  test('wakes a key at the earliest of the times planned for it, and a plain add leaves the plan alone', async () => {
    const { queue, clock } = setUp();
    queue.addAfter('a', 500);
    queue.addAfter('a', 100);
    queue.addAfter('a', 300);
    expect(queue.planned).toBe(1);
    queue.add('a');
    queue.done(await queue.get());
    await clock.advance(99);
    expect(queue.length).toBe(0);
    await clock.advance(1);
    expect(queue.length).toBe(1);
    queue.done(await queue.get());
    await clock.advance(1_000);
    expect(queue.length).toBe(0);
  });

  test('adds at once for a delay of 0 or less, and refuses one that is no number', () => {
    const { queue } = setUp();
    queue.addAfter('a', 0);
    queue.addAfter('b', -5);
    expect(queue.length).toBe(2);
    expect(() => queue.addAfter('c', Number.NaN)).toThrow(RangeError);
    expect(() => queue.addAfter('c', Number.POSITIVE_INFINITY)).toThrow(RangeError);
  });

  test('honours a longer delay that the other side asked for', async () => {
    const { queue, clock } = setUp();
    queue.addRateLimited('a', 60_000);
    await clock.advance(59_999);
    expect(queue.length).toBe(0);
    await clock.advance(1);
    expect(queue.length).toBe(1);
  });

  test('ends the wait of a getter whose signal aborts, and gives the next key to the next one', async () => {
    const { queue } = setUp();
    const leaving = new AbortController();
    const left = queue.get(leaving.signal).catch((error: unknown) => error);
    const stayed = queue.get();
    leaving.abort();
    queue.add('a');
    expect(await stayed).toBe('a');
    expect(await left).toBeInstanceOf(CancelledError);
    await expect(queue.get(leaving.signal)).rejects.toThrow(CancelledError);
  });

  test('shut down, drops what waits and what is planned, and turns getters away', async () => {
    const { queue, clock } = setUp();
    const getting = queue.get().catch((error: unknown) => error);
    queue.addAfter('later', 10);
    queue.shutDown();
    expect(await getting).toBeInstanceOf(CancelledError);
    queue.add('a');
    queue.addRateLimited('a');
    await clock.advance(1_000);
    expect([queue.length, queue.planned, clock.pending]).toEqual([0, 0, 0]);
    await expect(queue.get()).rejects.toThrow(CancelledError);
  });

  test('drained, still gives the keys that it had taken, the ones to be repeated included', async () => {
    const { queue, clock } = setUp();
    for (const key of ['a', 'b']) queue.add(key);
    const first = await queue.get();
    queue.add('a');
    queue.addAfter('later', 10);
    let drained = false;
    const draining = queue.drain().then(() => (drained = true));
    queue.add('c');
    queue.done(first);
    expect(await queue.get()).toBe('b');
    expect(await queue.get()).toBe('a');
    await expect(queue.get()).rejects.toThrow(CancelledError);
    queue.done('b');
    await clock.settle();
    expect(drained).toBe(false);
    queue.done('a');
    await draining;
  });

  test('reports its depth, adds, retries and times', async () => {
    const seen: [string, number][] = [];
    const note = (metric: Metric, labels: MetricLabels, value = 1): void => {
      expect(labels).toEqual({ name: 'test', controller: 'test' });
      seen.push([metric.name, value]);
    };
    const { queue, clock } = setUp({ metrics: { count: note, set: note, observe: note, remove: note } });
    queue.add('a');
    queue.add('a');
    await clock.advance(2_000);
    const key = await queue.get();
    await clock.advance(3_000);
    queue.addRateLimited(key);
    queue.done(key);
    expect(seen).toEqual([
      ['workqueue_adds_total', 1],
      ['workqueue_depth', 1],
      ['workqueue_queue_duration_seconds', 2],
      ['workqueue_depth', 0],
      ['workqueue_retries_total', 1],
      ['workqueue_work_duration_seconds', 3],
    ]);
  });
});

type Call = { wait: number; key: string; call: 'add' | 'addRateLimited' | 'forget' | 'addAfter'; ms: number };

const key = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const calls: fc.Arbitrary<Call[]> = fc.array(
  fc.record({
    call: fc.constantFrom('add', 'add', 'addRateLimited', 'forget', 'addAfter'),
    key,
    ms: fc.integer({ min: -10, max: 500 }),
    wait: fc.oneof(fc.constant(0), fc.nat(100)),
  }),
  { minLength: 1, maxLength: 40 },
);

describe('a work queue, whatever the calls', () => {
  test('never has a key in two hands, forgets none, wakes none early, and is done in the end', async () => {
    const property = fc.asyncProperty(
      calls,
      fc.integer({ min: 1, max: 3 }),
      fc.nat(),
      async (script, workers, seed) => {
        const { clock, queue } = setUp({ maxDelayMs: 1_000 });
        const random = seededRandom(seed);
        const problems: string[] = [];
        const working = new Set<string>();
        /** When each key may have become ready, as far as the calls tell. */
        const reasons = new Map<string, { from: number; to: number }[]>();
        const starts = new Map<string, { at: number; order: number }>();
        const calledAt = new Map<string, number>();
        let order = 0;
        const stop = new AbortController();
        const worker = async (): Promise<void> => {
          for (;;) {
            const next = await queue.get(stop.signal).catch(() => undefined);
            if (next === undefined) return;
            if (working.has(next)) problems.push(`${next} is in two hands`);
            working.add(next);
            const now = clock.monotonic();
            const since = starts.get(next)?.at ?? 0;
            const isDue = reasons.get(next)?.some(({ from, to }) => from <= now && to >= since);
            if (isDue !== true) problems.push(`${next} given at ${now} without a reason, or early`);
            starts.set(next, { at: now, order: (order += 1) });
            await clock.sleep(random.int(50));
            working.delete(next);
            queue.done(next);
          }
        };
        const running = Promise.all(Array.from({ length: workers }, worker));
        for (const { call, key: on, ms, wait } of script) {
          if (call === 'forget') {
            queue.forget(on);
            if (queue.failures(on) !== 0) problems.push(`${on} was not forgotten`);
          } else {
            const fullMs = Math.min(5 * 2 ** queue.failures(on), 1_000);
            const [from, to] = {
              add: [0, 0] as const,
              addAfter: [Math.max(0, ms), Math.max(0, ms)] as const,
              addRateLimited: [fullMs * 0.75, fullMs] as const,
            }[call];
            const now = clock.monotonic();
            reasons.set(on, [...(reasons.get(on) ?? []), { from: now + from, to: now + to + 1 }]);
            calledAt.set(on, (order += 1));
            if (call === 'addAfter') queue.addAfter(on, ms);
            else queue[call](on);
          }
          if (wait > 0) await clock.advance(wait);
        }
        await clock.advance(10_000);
        for (const [on, at] of calledAt) expect(starts.get(on)?.order).toBeGreaterThan(at);
        expect(problems).toEqual([]);
        expect([queue.length, queue.planned, working.size]).toEqual([0, 0, 0]);
        stop.abort();
        await clock.run(running);
        expect(clock.pending).toBe(0);
      },
    );
    await fc.assert(property, { numRuns: 1_000 });
  });

  test('backs off longer after each failure, up to the limit, and begins again after forget', async () => {
    const property = fc.asyncProperty(fc.nat(), fc.integer({ min: 2, max: 25 }), async (seed, failures) => {
      const clock = new VirtualClock();
      const queue = new WorkQueue({ name: 'test', clock, random: seededRandom(seed) });
      const delayOf = async (): Promise<number> => {
        const from = clock.monotonic();
        queue.addRateLimited('a');
        queue.done(await clock.run(queue.get()));
        return clock.monotonic() - from;
      };
      const delays: number[] = [];
      for (let i = 0; i < failures; i += 1) delays.push(await delayOf());
      for (const [i, delay] of delays.entries()) {
        const fullMs = Math.min(5 * 2 ** i, 1_000_000);
        expect(delay).toBeLessThanOrEqual(fullMs + 1e-6);
        expect(delay).toBeGreaterThanOrEqual(fullMs * 0.75 - 1e-6);
        if (i > 0 && fullMs < 1_000_000) expect(delay).toBeGreaterThan(delays[i - 1]!);
      }
      queue.forget('a');
      expect(await delayOf()).toBeLessThanOrEqual(5 + 1e-6);
    });
    await fc.assert(property, { numRuns: 200 });
  });

  test('lets no key wait longer than one turn of each other key, however busy that one is', async () => {
    const property = fc.asyncProperty(fc.integer({ min: 1, max: 200 }), async (others) => {
      const { clock, queue } = setUp();
      const order: string[] = [];
      queue.add('hot');
      for (let i = 0; i < others; i += 1) queue.add(`cold-${i}`);
      while (queue.length > 0) {
        const next = await queue.get();
        order.push(next);
        if (next === 'hot' && order.length <= others * 3) queue.add('hot');
        await clock.advance(1);
        queue.done(next);
      }
      expect(order.slice(0, others + 1)).toEqual([
        'hot',
        ...Array.from({ length: others }, (_, i) => `cold-${i}`),
      ]);
    });
    await fc.assert(property, { numRuns: 50 });
  });

  test('holds no more than the keys, however often their times are moved', async () => {
    const { clock, queue } = setUp();
    for (let i = 0; i < 20_000; i += 1) {
      queue.addAfter('a', 1_000_000);
      queue.addAfter('a', 1);
      await clock.advance(i % 100 === 0 ? 1 : 0);
    }
    expect(queue.planned).toBeLessThanOrEqual(1);
    expect(clock.pending).toBeLessThanOrEqual(1);
  });
});

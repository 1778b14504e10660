import type { Clock } from '../base/clock.ts';
import { CancelledError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import {
  type Metrics,
  noMetrics,
  queueAdds,
  queueDepth,
  queueLatency,
  queueRetries,
  queueWorkDuration,
} from './metrics.ts';
import { WakeTimes } from './wake-times.ts';

export interface WorkQueueOptions {
  /** The `name` (and `controller`) label of the metrics. */
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics?: Metrics | undefined;
  /** Delay after the first failure, in milliseconds; default 5. It doubles with each further one. */
  readonly baseDelayMs?: number | undefined;
  /** Longest delay after a failure, in milliseconds; default 1000 s. */
  readonly maxDelayMs?: number | undefined;
}

/**
 * Keys that have work to do, in client-go's semantics:
 *
 * - A key is in the queue once, however often it is added.
 * - A key is never worked on twice at once: one that is added meanwhile is queued again when its work is done.
 * - Keys come out in the order in which they became ready, so that a busy one cannot starve the others.
 * - Of the wakes that `addAfter` and `addRateLimited` plan for a key the earliest counts. A plain `add` leaves a
 *   planned wake as it is: it may have been planned for what is only true then.
 *
 * Everything is held once per key: the queue is bounded by the number of distinct keys, that is, of objects. Failure
 * counts are kept until `forget`.
 */
export class WorkQueue {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #metrics: Metrics;
  readonly #labels: { readonly name: string; readonly controller: string };
  readonly #baseDelayMs: number;
  readonly #maxDelayMs: number;

  /** Keys with work to do, and since when: those in `#ready`, and those in `#processing` that were added again. */
  readonly #dirty = new Map<string, number>();
  readonly #processing = new Map<string, number>();
  /** In order, from `#head` on. */
  #ready: string[] = [];
  #head = 0;
  /** What wakes those who wait for a key. */
  readonly #getters = new Set<() => void>();

  readonly #planned = new WakeTimes();
  #alarm: { readonly at: number; readonly cancel: AbortController } | undefined;
  readonly #failures = new Map<string, number>();

  #state: 'open' | 'draining' | 'shut' = 'open';
  readonly #drained = Promise.withResolvers<void>();

  constructor(options: WorkQueueOptions) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.#metrics = options.metrics ?? noMetrics;
    this.#labels = { name: options.name, controller: options.name };
    this.#baseDelayMs = options.baseDelayMs ?? 5;
    this.#maxDelayMs = options.maxDelayMs ?? 1_000_000;
  }

  /** Keys that are ready to be worked on. */
  get length(): number {
    return this.#ready.length - this.#head;
  }

  /** Keys that will be added later. */
  get planned(): number {
    return this.#planned.size;
  }

  /** Keys that somebody works on. */
  get processing(): string[] {
    return [...this.#processing.keys()];
  }

  /** Failures of `key` since it was last forgotten. */
  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  add(key: string): void {
    if (this.#state !== 'open' || this.#dirty.has(key)) return;
    this.#metrics.count(queueAdds, this.#labels);
    this.#dirty.set(key, this.#clock.monotonic());
    if (!this.#processing.has(key)) this.#makeReady(key);
  }

  /**
   * Adds `key` after `ms`, never earlier; at once for 0 and less.
   * @throws RangeError when `ms` is not finite
   */
  addAfter(key: string, ms: number): void {
    if (!Number.isFinite(ms)) throw new RangeError(`a delay must be finite, not ${ms}`);
    if (this.#state !== 'open') return;
    if (ms <= 0) {
      this.add(key);
      return;
    }
    this.#planned.add(key, this.#clock.monotonic() + ms);
    this.#setAlarm();
  }

  /**
   * Counts a failure of `key` and adds it after its back-off: the base delay, doubled for each earlier failure, less
   * up to a quarter of it by chance, so that what failed together does not come back together.
   *
   * @param atLeastMs a longer delay that the other side asked for
   */
  addRateLimited(key: string, atLeastMs = 0): void {
    if (this.#state !== 'open') return;
    const failures = this.failures(key);
    this.#failures.set(key, failures + 1);
    this.#metrics.count(queueRetries, this.#labels);
    const fullMs = Math.min(this.#baseDelayMs * 2 ** failures, this.#maxDelayMs);
    const delayMs = fullMs * (1 - this.#random.next() / 4);
    this.addAfter(key, Number.isFinite(atLeastMs) ? Math.max(delayMs, atLeastMs) : delayMs);
  }

  /** The next failure of `key` is the first again. Does not take it out of the queue. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /**
   * Waits for a key to work on. Whoever gets one must call {@link done} with it.
   * @throws CancelledError when `signal` aborts, or nothing more can come
   */
  async get(signal?: AbortSignal): Promise<string> {
    while (!this.#isFinished()) {
      if (signal?.aborted) {
        // We may have been woken for a key.
        this.#wakeGetter();
        throw new CancelledError('no more keys wanted', signal.reason);
      }
      const key = this.#take();
      if (key !== undefined) return key;
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#getters.delete(wake);
          signal?.removeEventListener('abort', wake);
          resolve();
        };
        this.#getters.add(wake);
        signal?.addEventListener('abort', wake, { once: true });
      });
    }
    throw new CancelledError('the queue is shut down');
  }

  /** The work on `key` has ended, well or not. */
  done(key: string): void {
    const startedAt = this.#processing.get(key);
    if (startedAt === undefined) return;
    this.#processing.delete(key);
    const seconds = (this.#clock.monotonic() - startedAt) / 1000;
    this.#metrics.observe(queueWorkDuration, this.#labels, seconds);
    if (this.#dirty.has(key)) this.#makeReady(key);
    this.#settle();
  }

  /** Drops all keys that nobody works on, and takes no new ones. */
  shutDown(): void {
    this.#state = 'shut';
    this.#dirty.clear();
    this.#ready = [];
    this.#head = 0;
    this.#failures.clear();
    this.#dropPlanned();
    this.#reportDepth();
    this.#settle();
  }

  /** Takes no new keys and drops the planned ones; resolves when the work on all others is done. */
  drain(): Promise<void> {
    if (this.#state === 'open') this.#state = 'draining';
    this.#dropPlanned();
    this.#settle();
    return this.#drained.promise;
  }

  #makeReady(key: string): void {
    this.#ready.push(key);
    this.#reportDepth();
    this.#wakeGetter();
  }

  /**
   * Getters are woken, not handed the key: it stays in the queue until one of them has its turn, so that a burst of
   * events in one turn makes for one piece of work.
   */
  #wakeGetter(): void {
    const [wake] = this.#getters;
    if (this.length > 0) wake?.();
  }

  #take(): string | undefined {
    const key = this.#ready[this.#head];
    if (key === undefined) return undefined;
    this.#head += 1;
    if (this.#head > 64 && this.#head > this.#ready.length / 2) {
      this.#ready = this.#ready.slice(this.#head);
      this.#head = 0;
    }
    const now = this.#clock.monotonic();
    this.#metrics.observe(queueLatency, this.#labels, (now - (this.#dirty.get(key) ?? now)) / 1000);
    this.#dirty.delete(key);
    this.#processing.set(key, now);
    this.#reportDepth();
    return key;
  }

  #reportDepth(): void {
    this.#metrics.set(queueDepth, this.#labels, this.length);
  }

  /** One timer for all planned keys, for the first of them. */
  #setAlarm(): void {
    const at = this.#planned.next;
    if (at === undefined || (this.#alarm !== undefined && this.#alarm.at <= at)) return;
    this.#alarm?.cancel.abort();
    const alarm = { at, cancel: new AbortController() };
    this.#alarm = alarm;
    const wake = (): void => {
      if (this.#alarm !== alarm) return;
      this.#alarm = undefined;
      const now = this.#clock.monotonic();
      for (let key = this.#planned.takeDue(now); key !== undefined; key = this.#planned.takeDue(now)) {
        this.add(key);
      }
      // Also for what is not due after all: a timer may fire a little early.
      this.#setAlarm();
    };
    // Whole milliseconds: a remainder too small for the clock to see would be slept on for ever.
    const ms = Math.ceil(at - this.#clock.monotonic());
    this.#clock.sleep(ms, alarm.cancel.signal).then(wake, () => {});
  }

  #dropPlanned(): void {
    this.#planned.clear();
    this.#alarm?.cancel.abort();
    this.#alarm = undefined;
  }

  /** Whether there will be no more keys. */
  #isFinished(): boolean {
    return this.#state !== 'open' && this.#dirty.size === 0;
  }

  #settle(): void {
    if (!this.#isFinished()) return;
    for (const wake of this.#getters) wake();
    if (this.#processing.size === 0) this.#drained.resolve();
  }
}

import { linkAbort } from './abort.ts';
import { CancelledError, DeadlineError } from './errors.ts';

/** A deadline as an abort signal. Dispose it when the work is done, or its timer stays pending. */
export interface Deadline extends Disposable {
  readonly signal: AbortSignal;
}

/**
 * Time, as everything outside this folder sees it. Durations are milliseconds.
 *
 * `now` is for time stamps that people and other machines read; it may jump. `monotonic` is for measuring and
 * for deadlines: it never goes back.
 */
export interface Clock {
  /** Wall time: milliseconds since the Unix epoch. */
  now(): number;
  /** Milliseconds since an arbitrary start, never decreasing. */
  monotonic(): number;
  /**
   * Resolves after `ms` (at least one turn of the event loop, also for 0 and less).
   * @throws CancelledError when `signal` aborts first, or already has
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /**
   * Calls `task` every `ms`, first after `ms`, until `signal` aborts. A task still running when its next turn
   * comes is not started a second time: that turn is left out. What `task` throws ends the loop and rejects.
   */
  every(ms: number, task: () => void | Promise<void>, signal: AbortSignal): Promise<void>;
  /** A signal that aborts after `ms` with a DeadlineError, or with `parent`, whichever is first. */
  timeout(ms: number, parent?: AbortSignal): Deadline;
  /**
   * Marks `work` as going on outside the process's own turns (child processes, files, compression, sockets):
   * virtual time stands still until it has settled. Returns `work` itself.
   */
  external<T>(work: Promise<T>): Promise<T>;
}

/** Starts a timer and returns how to stop it. All a clock must bring; the rest is the same for every clock. */
type StartTimer = (ms: number, fire: () => void) => () => void;

function assertDuration(ms: number): void {
  if (Number.isNaN(ms)) throw new RangeError('a duration must be a number of milliseconds, not NaN');
}

function sleepOn(start: StartTimer, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    assertDuration(ms);
    if (signal?.aborted) {
      reject(new CancelledError('sleep cancelled', signal.reason));
      return;
    }
    const onAbort = (): void => {
      stop();
      reject(new CancelledError('sleep cancelled', signal?.reason));
    };
    const stop = start(ms, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

async function everyOn(
  clock: Clock,
  ms: number,
  task: () => void | Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  if (!(ms > 0)) throw new RangeError(`an interval must be more than 0 ms, not ${ms}`);
  let due = clock.monotonic() + ms;
  while (!signal.aborted) {
    try {
      await clock.sleep(due - clock.monotonic(), signal);
    } catch (error) {
      if (error instanceof CancelledError) return;
      throw error;
    }
    await task();
    const missed = Math.floor((clock.monotonic() - due) / ms);
    due += ms * (1 + Math.max(0, missed));
  }
}

function timeoutOn(start: StartTimer, ms: number, parent?: AbortSignal): Deadline {
  assertDuration(ms);
  const linked = linkAbort(parent);
  const stop = start(ms, () => linked.abort(new DeadlineError(`deadline of ${ms} ms passed`)));
  linked.signal.addEventListener('abort', stop, { once: true });
  if (linked.signal.aborted) stop();
  return {
    signal: linked.signal,
    [Symbol.dispose]() {
      stop();
      linked[Symbol.dispose]();
    },
  };
}

/** A longer timer overflows Node's and would fire at once. */
const longestTimerMs = 2 ** 31 - 1;

/** The machine's time. */
export function realClock(): Clock {
  const start: StartTimer = (ms, fire) => {
    let timer: NodeJS.Timeout;
    const arm = (left: number): void => {
      timer = setTimeout(
        () => (left > longestTimerMs ? arm(left - longestTimerMs) : fire()),
        Math.min(Math.max(0, left), longestTimerMs),
      );
    };
    arm(ms);
    return () => clearTimeout(timer);
  };
  const clock: Clock = {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    sleep: (ms, signal) => sleepOn(start, ms, signal),
    every: (ms, task, signal) => everyOn(clock, ms, task, signal),
    timeout: (ms, parent) => timeoutOn(start, ms, parent),
    external: (work) => work,
  };
  return clock;
}

interface Timer {
  /** Microseconds since the start. */
  at: number;
  /** Timers of one instant fire in the order in which they were set. */
  order: number;
  fire: (() => void) | undefined;
}

/** How far another machine's clock is off. */
export interface Skew {
  /** Added to wall time, in milliseconds. */
  readonly offsetMs?: number;
  /** Speed of this machine's clock: 1.01 runs one per cent fast. Sleeps there are shorter by as much. */
  readonly rate?: number;
}

/**
 * Time that passes only while nothing is runnable: the event loop has run dry and no {@link Clock.external}
 * work is open. Then it jumps to the next timer. Timers fire one by one, each followed by everything that it
 * made runnable, so a run depends on nothing but its inputs.
 */
export class VirtualClock implements Clock {
  /** Whole microseconds since the start. */
  #elapsed = 0;
  readonly #epoch: number;
  readonly #timers: Timer[] = [];
  #order = 0;
  /** External work that has not settled. */
  #open = 0;
  readonly #waiting: (() => void)[] = [];
  readonly #start: StartTimer = (ms, fire) => this.#set(ms, fire);

  /** @param startMs wall time at the start, milliseconds since the Unix epoch */
  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#epoch = startMs;
  }

  now(): number {
    return this.#epoch + Math.floor(this.#elapsed / 1000);
  }

  monotonic(): number {
    return this.#elapsed / 1000;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this.#start, ms, signal);
  }

  every(ms: number, task: () => void | Promise<void>, signal: AbortSignal): Promise<void> {
    return everyOn(this, ms, task, signal);
  }

  timeout(ms: number, parent?: AbortSignal): Deadline {
    return timeoutOn(this.#start, ms, parent);
  }

  external<T>(work: Promise<T>): Promise<T> {
    this.#open += 1;
    const close = (): void => {
      this.#open -= 1;
      if (this.#open === 0) for (const wake of this.#waiting.splice(0)) wake();
    };
    work.then(close, close);
    return work;
  }

  /** The same time seen by a machine whose clock is off. */
  skewed({ offsetMs = 0, rate = 1 }: Skew): Clock {
    const start: StartTimer = (ms, fire) => this.#set(ms / rate, fire);
    const clock: Clock = {
      now: () => Math.floor(this.#epoch + this.monotonic() * rate + offsetMs),
      monotonic: () => this.monotonic() * rate,
      sleep: (ms, signal) => sleepOn(start, ms, signal),
      every: (ms, task, signal) => everyOn(clock, ms, task, signal),
      timeout: (ms, parent) => timeoutOn(start, ms, parent),
      external: (work) => this.external(work),
    };
    return clock;
  }

  /** Lets `ms` pass; what is due on the way happens on the way. */
  async advance(ms: number): Promise<void> {
    assertDuration(ms);
    const end = this.#after(ms);
    await this.settle();
    while (this.#fireNext(end)) await this.settle();
    this.#elapsed = Math.max(this.#elapsed, end);
  }

  /**
   * Lets time pass until `work` has settled, and returns its result.
   * @throws Error when nothing is left that could ever settle it (it waits for ever)
   */
  async run<T>(work: Promise<T>): Promise<T> {
    const state = { settled: false };
    const done = (): void => {
      state.settled = true;
    };
    work.then(done, done);
    await this.settle();
    while (!state.settled) {
      if (!this.#fireNext(Number.MAX_VALUE)) {
        throw new Error(
          'virtual time stands still: nothing is scheduled and the awaited work has not settled',
        );
      }
      await this.settle();
    }
    return work;
  }

  /** Runs what is runnable now; no time passes. */
  async settle(): Promise<void> {
    // External work may be followed by more of it, some turns later.
    for (let quietTurns = 0; quietTurns < 2; quietTurns += 1) {
      await turn();
      if (this.#open === 0) continue;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
      quietTurns = -1;
    }
  }

  /** Timers that are still pending. */
  get pending(): number {
    return this.#timers.reduce((n, timer) => n + (timer.fire === undefined ? 0 : 1), 0);
  }

  /** Fires the next timer that is due by `end`. False when there is none. */
  #fireNext(end: number): boolean {
    let next = this.#timers[0];
    while (next !== undefined && next.fire === undefined) {
      this.#pop();
      next = this.#timers[0];
    }
    if (next === undefined || next.at > end) return false;
    this.#pop();
    this.#elapsed = Math.max(this.#elapsed, next.at);
    next.fire?.();
    return true;
  }

  #set(ms: number, fire: () => void): () => void {
    const timer: Timer = { at: this.#after(ms), order: this.#order++, fire };
    this.#push(timer);
    return () => {
      timer.fire = undefined;
      this.#dropCancelled();
    };
  }

  /**
   * Rounded up to whole microseconds: a sleep for the tiny remainder before a deadline must move time on, or a loop
   * over that deadline would spin at one instant.
   */
  #after(ms: number): number {
    return this.#elapsed + Math.ceil(Math.max(0, ms) * 1000);
  }

  #cancelled = 0;

  /** Cancelled timers stay in the heap until they reach its top, or until they are most of it. */
  #dropCancelled(): void {
    this.#cancelled += 1;
    if (this.#cancelled < 64 || this.#cancelled < this.#timers.length / 2) return;
    const live = this.#timers.filter((timer) => timer.fire !== undefined);
    this.#timers.length = 0;
    for (const timer of live) this.#push(timer);
    this.#cancelled = 0;
  }

  // A binary heap by (at, order).
  #push(timer: Timer): void {
    const heap = this.#timers;
    let i = heap.push(timer) - 1;
    while (i > 0) {
      const up = (i - 1) >> 1;
      const parent = heap[up];
      if (parent === undefined || before(parent, timer)) break;
      heap[i] = parent;
      i = up;
    }
    heap[i] = timer;
  }

  #pop(): void {
    const heap = this.#timers;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let i = 0;
    for (;;) {
      const left = heap[2 * i + 1];
      const right = heap[2 * i + 2];
      const least = left !== undefined && right !== undefined && before(right, left) ? right : left;
      if (least === undefined || before(last, least)) break;
      heap[i] = least;
      i = least === left ? 2 * i + 1 : 2 * i + 2;
    }
    heap[i] = last;
  }
}

function before(a: Timer, b: Timer): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** One real turn of the event loop: every microtask and tick that is runnable has run when it resolves. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

import type { Clock } from '../base/clock.ts';
import { CancelledError, DeadlineError, errorMessage, nextStep, TypedError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { aborted } from './aborted.ts';
import { isConflict } from './api-error.ts';
import {
  activeWorkers,
  maxConcurrentReconciles,
  type Metrics,
  noMetrics,
  reconcileErrors,
  reconcileTime,
  reconcileTotal,
  terminalReconcileErrors,
} from './metrics.ts';
import type { Source } from './sources.ts';
import { WorkQueue } from './work-queue.ts';

/** What a successful reconcile wants next: nothing, or another turn after so many milliseconds. */
export type Result = { readonly requeueAfterMs: number } | undefined;

export interface ReconcileContext {
  /** Aborts at the deadline, and when the controller stops. */
  readonly signal: AbortSignal;
  readonly log: Log;
}

/** Brings the world in line with the object of `key`, which may be gone. Must be safe to repeat. */
export type Reconcile = (key: string, context: ReconcileContext) => Promise<Result | void>;

export interface ControllerOptions {
  /** The `controller` label of metrics and log. */
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics?: Metrics | undefined;
  readonly sources: readonly Source[];
  readonly reconcile: Reconcile;
  /** Reconciles at once, of different keys; default 1. */
  readonly concurrency?: number | undefined;
  /** Deadline of one reconcile, in milliseconds; default 5 minutes. */
  readonly timeoutMs?: number | undefined;
  /** How long a stop waits for reconciles under way, in milliseconds; default 30 s. */
  readonly stopTimeoutMs?: number | undefined;
  /** Delays after failures; see {@link WorkQueue}. */
  readonly baseDelayMs?: number | undefined;
  readonly maxDelayMs?: number | undefined;
}

/** How a reconcile ended: the `result` label of `controller_runtime_reconcile_total`. */
type Outcome = 'success' | 'requeue_after' | 'error' | 'wait' | 'stalled' | 'terminal';

const syncReportMs = 10_000;

/**
 * Calls `reconcile` for every key that its sources name, never twice at once for one key.
 *
 * What follows an error is in its type: `retry` comes back after a growing delay (or what the other side asked for, if
 * longer), `wait`, `stalled` and `terminal` only at the next event. A reconcile cut off by its deadline is retried. It
 * is not left behind, though: its worker waits until it has returned, or two would work on one key.
 */
export class Controller {
  readonly #options: ControllerOptions;
  readonly #log: Log;
  readonly #metrics: Metrics;
  readonly #labels: { readonly controller: string };
  readonly #queue: WorkQueue;
  /** What the stalled keys were last stalled by: reported once, not at every event. */
  readonly #stalled = new Map<string, string>();
  #active = 0;
  #started = false;

  constructor(options: ControllerOptions) {
    this.#options = options;
    this.#log = options.log.child({ controller: options.name });
    this.#metrics = options.metrics ?? noMetrics;
    this.#labels = { controller: options.name };
    this.#queue = new WorkQueue(options);
  }

  /** Makes work for `key`, as a source would. */
  enqueue(key: string): void {
    this.#queue.add(key);
  }

  /**
   * Runs the sources, waits until all have synced, then works until `signal` aborts. Resolves when the reconciles
   * under way have ended or the time for that is up. Runs once.
   */
  async run(signal: AbortSignal): Promise<void> {
    if (this.#started) throw new Error(`controller ${this.#options.name} has already been run`);
    this.#started = true;
    const { sources } = this.#options;
    const onError = (error: unknown): void => this.#log.error('a mapper of events to keys failed', { error });
    const unsubscribe = sources.map((source) => source.subscribe((key) => this.#queue.add(key), onError));
    const ended = new AbortController();
    try {
      const running = Promise.all([...sources.map((source) => source.run(signal)), this.#work(signal)]);
      await Promise.race([running, this.#patience(signal, ended.signal)]);
    } finally {
      ended.abort();
      for (const stop of unsubscribe) stop();
      this.#queue.shutDown();
      this.#log.info('controller stopped');
    }
  }

  /** Resolves when a stop has taken too long, or all has ended. */
  async #patience(signal: AbortSignal, ended: AbortSignal): Promise<void> {
    const { clock, stopTimeoutMs = 30_000 } = this.#options;
    await aborted(signal);
    try {
      await clock.sleep(stopTimeoutMs, ended);
      this.#log.warn('stopped without waiting any longer', { objects: this.#queue.processing });
    } catch {
      // All ended in time.
    }
  }

  async #work(signal: AbortSignal): Promise<void> {
    const { concurrency = 1 } = this.#options;
    this.#metrics.set(maxConcurrentReconciles, this.#labels, concurrency);
    this.#reportActive();
    if (!(await this.#synced(signal))) return;
    this.#log.info('controller started', { concurrency });
    await Promise.all(Array.from({ length: concurrency }, () => this.#worker(signal)));
  }

  /** False when `signal` aborted first. */
  async #synced(signal: AbortSignal): Promise<boolean> {
    const { clock, sources } = this.#options;
    const waiting = new AbortController();
    const reports = clock.every(
      syncReportMs,
      () => {
        for (const source of sources) {
          if (source.hasSynced) continue;
          const { lastError, lastContact } = source.status;
          this.#log.warn('waiting for the first list', {
            source: source.name,
            lastError: lastError?.message,
            lastContact,
          });
        }
      },
      waiting.signal,
    );
    try {
      await Promise.all(sources.map((source) => source.synced(signal)));
      return !signal.aborted;
    } catch (error) {
      if (error instanceof CancelledError && signal.aborted) return false;
      throw error;
    } finally {
      waiting.abort();
      await reports;
    }
  }

  async #worker(signal: AbortSignal): Promise<void> {
    for (;;) {
      let key: string;
      try {
        key = await this.#queue.get(signal);
      } catch {
        return;
      }
      this.#active += 1;
      this.#reportActive();
      try {
        if (!signal.aborted) await this.#reconcile(key, signal);
      } finally {
        this.#queue.done(key);
        this.#active -= 1;
        this.#reportActive();
      }
    }
  }

  async #reconcile(key: string, stop: AbortSignal): Promise<void> {
    const { clock, reconcile, timeoutMs = 300_000 } = this.#options;
    const log = this.#log.child({ object: key });
    const startedAt = clock.monotonic();
    using deadline = clock.timeout(timeoutMs, stop);
    let outcome: Outcome;
    try {
      const result = await reconcile(key, { signal: deadline.signal, log });
      outcome = this.#succeeded(key, result ?? undefined);
    } catch (error) {
      if (stop.aborted) return;
      // What an abort makes of the work is a cancellation, which says nothing about the key.
      const timedOut = deadline.signal.aborted;
      const reason = timedOut
        ? new DeadlineError(`not done after ${timeoutMs} ms: ${errorMessage(error)}`)
        : error;
      outcome = this.#failed(key, reason, log);
    }
    if (outcome !== 'stalled') this.#stalled.delete(key);
    this.#metrics.count(reconcileTotal, { ...this.#labels, result: outcome });
    this.#metrics.observe(reconcileTime, this.#labels, (clock.monotonic() - startedAt) / 1000);
  }

  #succeeded(key: string, result: Result): Outcome {
    if (result === undefined) {
      this.#queue.forget(key);
      return 'success';
    }
    // At least a millisecond, or work that always wants another turn would keep the event loop to itself.
    this.#queue.addAfter(key, Math.max(1, result.requeueAfterMs));
    this.#queue.forget(key);
    return 'requeue_after';
  }

  #failed(key: string, error: unknown, log: Log): Outcome {
    const next = nextStep(error);
    if (next === 'retry') {
      this.#metrics.count(reconcileErrors, this.#labels);
      this.#queue.addRateLimited(key, error instanceof TypedError ? error.retryAfterMs : undefined);
      const failures = this.#queue.failures(key);
      // Somebody else has written first, which is nobody's fault, unless it goes on.
      if (isConflict(error) && failures < 3) log.debug('reconcile met a newer version', { failures });
      else log.warn('reconcile failed; it will be retried', { error, failures });
      return 'error';
    }
    this.#queue.forget(key);
    if (next === 'stalled') {
      this.#metrics.count(reconcileErrors, this.#labels);
      this.#metrics.count(terminalReconcileErrors, this.#labels);
      const message = errorMessage(error);
      if (this.#stalled.get(key) !== message)
        log.error('reconcile stalled until something changes', { error });
      this.#stalled.set(key, message);
    } else if (next === 'wait') {
      log.debug('reconcile waits for an event', { reason: errorMessage(error) });
    }
    return next;
  }

  #reportActive(): void {
    this.#metrics.set(activeWorkers, this.#labels, this.#active);
  }
}

import type { Clock } from '../base/clock.ts';

/** Milliseconds between two looks. */
const periodMs = 100;
/** Looks that {@link EventLoopLag.worstMs} goes back: ten seconds. */
const remembered = 100;

/**
 * How late the event loop of this process is: everything in the sandbox is late by as much, and a verdict about latency
 * would be about the sandbox itself. Always 0 on virtual time.
 */
export class EventLoopLag {
  readonly #recent: number[] = [];
  #lastMs = 0;

  /** The latest look. */
  get lastMs(): number {
    return this.#lastMs;
  }

  /** The worst of the last ten seconds. */
  get worstMs(): number {
    return Math.max(0, ...this.#recent);
  }

  /** Looks until `signal` aborts. */
  async run(clock: Pick<Clock, 'monotonic' | 'sleep'>, signal: AbortSignal): Promise<void> {
    let due = clock.monotonic() + periodMs;
    const look = (): void => {
      this.#lastMs = Math.max(0, clock.monotonic() - due);
      this.#recent.push(this.#lastMs);
      if (this.#recent.length > remembered) this.#recent.shift();
      due = clock.monotonic() + periodMs;
    };
    // Not `every`: it makes up for lateness, which is what is measured here.
    while (!signal.aborted) {
      try {
        await clock.sleep(periodMs, signal);
      } catch {
        return;
      }
      look();
    }
  }

  /** In the text format of Prometheus. */
  render(): string {
    return [
      '# HELP viridian_event_loop_lag_seconds How late the event loop of the sandbox was at the latest look.',
      '# TYPE viridian_event_loop_lag_seconds gauge',
      `viridian_event_loop_lag_seconds ${this.lastMs / 1000}`,
      '# HELP viridian_event_loop_lag_worst_seconds The worst of the last ten seconds.',
      '# TYPE viridian_event_loop_lag_worst_seconds gauge',
      `viridian_event_loop_lag_worst_seconds ${this.worstMs / 1000}`,
      '',
    ].join('\n');
  }
}

import type { Clock } from '../base/clock.ts';

/** Lets `burst` calls through at once and `qps` a second in the long run, in order of arrival. */
export class TokenBucket {
  readonly #clock: Clock;
  readonly #msPerToken: number;
  readonly #burst: number;
  /** When the bucket would be full again, by the monotonic clock. */
  #fullAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, qps: number, burst: number) {
    if (!(qps > 0) || !(burst >= 1)) throw new RangeError('qps must be more than 0 and burst at least 1');
    this.#clock = clock;
    this.#msPerToken = 1000 / qps;
    this.#burst = burst;
  }

  /**
   * Waits for a turn. A caller that gives up loses its turn; nobody moves up.
   * @throws CancelledError when `signal` aborts first
   */
  async take(signal: AbortSignal): Promise<void> {
    const now = this.#clock.monotonic();
    this.#fullAt = Math.max(now, this.#fullAt) + this.#msPerToken;
    const waitMs = this.#fullAt - now - this.#burst * this.#msPerToken;
    if (waitMs > 0) await this.#clock.sleep(waitMs, signal);
  }
}

import type { Random } from '../base/random.ts';

export interface BackoffOptions {
  readonly random: Random;
  readonly initialMs: number;
  readonly maxMs: number;
}

/**
 * Delays that double from `initialMs` to `maxMs`, each stretched by up to its own length so that many clients of
 * one server do not come back together. Source: client-go's reflector (factor 2, jitter 1).
 */
export class Backoff {
  readonly #options: BackoffOptions;
  #baseMs: number;

  constructor(options: BackoffOptions) {
    this.#options = options;
    this.#baseMs = options.initialMs;
  }

  /** The next delay in milliseconds. */
  next(): number {
    const delay = this.#baseMs * (1 + this.#options.random.next());
    this.#baseMs = Math.min(this.#baseMs * 2, this.#options.maxMs);
    return delay;
  }

  reset(): void {
    this.#baseMs = this.#options.initialMs;
  }
}

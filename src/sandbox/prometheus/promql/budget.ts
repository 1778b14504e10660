import { PromqlCancelledError, PromqlExecutionError, PromqlTimeoutError } from './errors.ts';

export interface Limits {
  /**
   * Samples that a query may touch, counted each time it does; evaluations count as some samples too. It bounds work
   * and memory: a query holds up the whole process.
   */
  readonly maxSamples: number;
  /** True once the time for the query is over. */
  readonly expired?: (() => boolean) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Samples between two looks at the clock. */
const checkEvery = 10_000;

/** What a query has used of what it may use. */
export class Budget {
  readonly #limits: Limits;
  #samples = 0;
  #nextCheck = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** @throws PromqlExecutionError, PromqlTimeoutError, PromqlCancelledError */
  charge(samples: number): void {
    this.#samples += samples;
    if (this.#samples > this.#limits.maxSamples) {
      throw new PromqlExecutionError(
        'query processing would load too many samples into memory in query execution',
      );
    }
    if (this.#samples < this.#nextCheck) return;
    this.#nextCheck = this.#samples + checkEvery;
    this.checkTime();
  }

  checkTime(): void {
    if (this.#limits.signal?.aborted) throw new PromqlCancelledError();
    if (this.#limits.expired?.()) throw new PromqlTimeoutError();
  }
}

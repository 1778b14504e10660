import { orAbort } from '../../base/abort.ts';

interface Waiting {
  readonly group: string;
  readonly start: () => void;
}

/**
 * Lets a bounded number of tasks run at once; the others wait in order. Tasks may have groups with a bound of their own:
 * one that fills it up leaves room for the others.
 */
export class Slots {
  readonly #perGroup: number;
  #free: number;
  readonly #running = new Map<string, number>();
  readonly #waiting: Waiting[] = [];

  /** @param perGroup tasks of one group at once; default: no bound of their own */
  constructor(count: number, perGroup = count) {
    this.#free = count;
    this.#perGroup = perGroup;
  }

  /** @throws what `task` throws, or the error of `signal` when it aborts before the task's turn */
  async run<T>(task: () => Promise<T>, signal: AbortSignal, group = ''): Promise<T> {
    await this.#take(group, signal);
    try {
      return await task();
    } finally {
      this.#give(group);
    }
  }

  async #take(group: string, signal: AbortSignal): Promise<void> {
    if (this.#isFreeFor(group)) {
      this.#begin(group);
      return;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    const own = { group, start: resolve };
    this.#waiting.push(own);
    try {
      await orAbort(promise, signal);
    } catch (error) {
      const at = this.#waiting.indexOf(own);
      // The turn may have come in the same instant.
      if (at === -1) this.#give(group);
      else this.#waiting.splice(at, 1);
      throw error;
    }
  }

  #isFreeFor(group: string): boolean {
    return this.#free > 0 && (this.#running.get(group) ?? 0) < this.#perGroup;
  }

  #begin(group: string): void {
    this.#free -= 1;
    this.#running.set(group, (this.#running.get(group) ?? 0) + 1);
  }

  #give(group: string): void {
    this.#free += 1;
    const left = (this.#running.get(group) ?? 0) - 1;
    if (left > 0) this.#running.set(group, left);
    else this.#running.delete(group);
    const at = this.#waiting.findIndex((one) => this.#isFreeFor(one.group));
    const [next] = at === -1 ? [] : this.#waiting.splice(at, 1);
    if (next === undefined) return;
    this.#begin(next.group);
    next.start();
  }
}

/** Work for one cluster at once: a cluster that answers slowly must not take all workers. */
export class Lanes {
  readonly #width: number;
  /** Who has a turn, and in which lane. */
  readonly #turns = new Map<string, string>();
  readonly #busy = new Map<string, number>();
  readonly #waiting = new Map<string, Set<string>>();
  /** Who waits, and for which lane. */
  readonly #queued = new Map<string, string>();

  constructor(width: number) {
    this.#width = width;
  }

  /** @returns whether there is room; if not, `key` comes out of {@link leave} when its turn has come */
  enter(lane: string, key: string): boolean {
    if (this.#turns.has(key)) return true;
    const queued = this.#queued.get(key);
    if (queued === lane) return false;
    // It has something else to do now.
    if (queued !== undefined) this.#unqueue(queued, key);
    const busy = this.#busy.get(lane) ?? 0;
    if (busy < this.#width) {
      this.#busy.set(lane, busy + 1);
      this.#turns.set(key, lane);
      return true;
    }
    const waiting = this.#waiting.get(lane) ?? new Set();
    this.#waiting.set(lane, waiting.add(key));
    this.#queued.set(key, lane);
    return false;
  }

  /**
   * Ends the turn of `key`, taken or not, if it has one.
   * @returns who has it now: that one must enter, or leave too
   */
  leave(key: string): string | undefined {
    const lane = this.#turns.get(key);
    if (lane === undefined) return undefined;
    this.#turns.delete(key);
    const [next] = this.#waiting.get(lane) ?? [];
    if (next !== undefined) {
      this.#unqueue(lane, next);
      this.#turns.set(next, lane);
      return next;
    }
    const busy = (this.#busy.get(lane) ?? 1) - 1;
    if (busy > 0) this.#busy.set(lane, busy);
    else this.#busy.delete(lane);
    return undefined;
  }

  #unqueue(lane: string, key: string): void {
    this.#queued.delete(key);
    const waiting = this.#waiting.get(lane);
    waiting?.delete(key);
    if (waiting?.size === 0) this.#waiting.delete(lane);
  }
}

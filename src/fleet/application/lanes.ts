/** Work for one cluster at once: a cluster that answers slowly must not take all workers. */
export class Lanes {
  readonly #width: number;
  /** Who has a turn, and where. */
  readonly #turns = new Map<string, string>();
  readonly #busy = new Map<string, number>();
  readonly #waiting = new Map<string, Set<string>>();

  constructor(width: number) {
    this.#width = width;
  }

  /** @returns whether there is room; if not, `key` comes out of {@link leave} when its turn has come */
  enter(cluster: string, key: string): boolean {
    if (this.#turns.has(key)) return true;
    const busy = this.#busy.get(cluster) ?? 0;
    if (busy < this.#width) {
      this.#busy.set(cluster, busy + 1);
      this.#turns.set(key, cluster);
      return true;
    }
    const waiting = this.#waiting.get(cluster) ?? new Set();
    this.#waiting.set(cluster, waiting.add(key));
    return false;
  }

  /**
   * Ends the turn of `key`, taken or not, if it has one.
   * @returns who has it now: that one must enter, or leave too
   */
  leave(key: string): string | undefined {
    const cluster = this.#turns.get(key);
    if (cluster === undefined) return undefined;
    this.#turns.delete(key);
    const waiting = this.#waiting.get(cluster);
    const [next] = waiting ?? [];
    if (next !== undefined && waiting !== undefined) {
      waiting.delete(next);
      if (waiting.size === 0) this.#waiting.delete(cluster);
      this.#turns.set(next, cluster);
      return next;
    }
    const busy = (this.#busy.get(cluster) ?? 1) - 1;
    if (busy > 0) this.#busy.set(cluster, busy);
    else this.#busy.delete(cluster);
    return undefined;
  }
}

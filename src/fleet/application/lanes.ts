/** Work for one cluster at once: a cluster that answers slowly must not take all workers. */
export class Lanes {
  readonly #width: number;
  readonly #busy = new Map<string, number>();
  readonly #waiting = new Map<string, Set<string>>();

  constructor(width: number) {
    this.#width = width;
  }

  /** @returns whether there is room; if not, `key` comes out of {@link leave} when its turn has come */
  enter(cluster: string, key: string): boolean {
    const busy = this.#busy.get(cluster) ?? 0;
    if (busy < this.#width) {
      this.#busy.set(cluster, busy + 1);
      return true;
    }
    const waiting = this.#waiting.get(cluster) ?? new Set();
    this.#waiting.set(cluster, waiting.add(key));
    return false;
  }

  /** @returns whose turn it is */
  leave(cluster: string): string | undefined {
    const busy = (this.#busy.get(cluster) ?? 1) - 1;
    if (busy > 0) this.#busy.set(cluster, busy);
    else this.#busy.delete(cluster);
    const waiting = this.#waiting.get(cluster);
    const [next] = waiting ?? [];
    if (next === undefined || waiting === undefined) return undefined;
    waiting.delete(next);
    if (waiting.size === 0) this.#waiting.delete(cluster);
    return next;
  }
}

interface Wake {
  readonly key: string;
  readonly at: number;
}

/** Keys by the time at which each is due: one time per key, the earliest that was asked for. */
export class WakeTimes {
  readonly #times = new Map<string, number>();
  /** A binary heap by time. Entries that an earlier time of their key has replaced stay until they surface. */
  #heap: Wake[] = [];

  get size(): number {
    return this.#times.size;
  }

  /** When the first key is due. */
  get next(): number | undefined {
    let first = this.#heap[0];
    while (first !== undefined && !this.#isCurrent(first)) {
      this.#pop();
      first = this.#heap[0];
    }
    return first?.at;
  }

  add(key: string, at: number): void {
    const known = this.#times.get(key);
    if (known !== undefined && known <= at) return;
    this.#times.set(key, at);
    this.#push({ key, at });
    // So that replaced entries never outnumber the keys.
    if (this.#heap.length < 64 + 2 * this.#times.size) return;
    const live = this.#heap.filter((wake) => this.#isCurrent(wake));
    this.#heap = [];
    for (const wake of live) this.#push(wake);
  }

  /** Takes out a key that is due at `now`, the longest due first. */
  takeDue(now: number): string | undefined {
    const { next } = this;
    if (next === undefined || next > now) return undefined;
    const key = this.#pop()?.key;
    if (key !== undefined) this.#times.delete(key);
    return key;
  }

  clear(): void {
    this.#times.clear();
    this.#heap = [];
  }

  #isCurrent(wake: Wake): boolean {
    return this.#times.get(wake.key) === wake.at;
  }

  #push(wake: Wake): void {
    const heap = this.#heap;
    let i = heap.push(wake) - 1;
    while (i > 0) {
      const up = (i - 1) >> 1;
      const parent = heap[up];
      if (parent === undefined || parent.at <= wake.at) break;
      heap[i] = parent;
      i = up;
    }
    heap[i] = wake;
  }

  #pop(): Wake | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let i = 0;
    for (;;) {
      const left = heap[2 * i + 1];
      const right = heap[2 * i + 2];
      const least = left !== undefined && right !== undefined && right.at < left.at ? right : left;
      if (least === undefined || last.at <= least.at) break;
      heap[i] = least;
      i = least === left ? 2 * i + 1 : 2 * i + 2;
    }
    heap[i] = last;
    return first;
  }
}

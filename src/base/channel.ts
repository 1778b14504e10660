/** A bounded queue between one writer and one reader: a writer waits while it is full. */
export class Channel<T> implements AsyncIterable<T> {
  readonly #capacity: number;
  readonly #values: T[] = [];
  #closed = false;
  #error: Error | undefined;
  #wakeReader: (() => void) | undefined;
  #wakeWriters: (() => void)[] = [];

  /** @param capacity values that may wait before a writer has to */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Values that wait to be read. */
  get size(): number {
    return this.#values.length;
  }

  /** Resolves when there is room for the next value. False: nobody will read this one. */
  async push(value: T): Promise<boolean> {
    while (!this.#closed && this.#values.length >= this.#capacity) {
      await new Promise<void>((resolve) => this.#wakeWriters.push(resolve));
    }
    if (this.#closed) return false;
    this.#values.push(value);
    this.#wake();
    return true;
  }

  /** No more values; those that wait are still read. With `error`, the reader gets it after them. */
  close(error?: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#error = error;
    this.#wake();
    this.#drained();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    try {
      for (;;) {
        while (this.#values.length > 0) {
          const [value] = this.#values.splice(0, 1) as [T];
          this.#drained();
          yield value;
        }
        if (this.#closed) break;
        await new Promise<void>((resolve) => {
          this.#wakeReader = resolve;
        });
      }
    } finally {
      // A reader that stops early must not leave writers waiting.
      this.#closed = true;
      this.#values.length = 0;
      this.#drained();
    }
    if (this.#error !== undefined) throw this.#error;
  }

  #wake(): void {
    this.#wakeReader?.();
    this.#wakeReader = undefined;
  }

  #drained(): void {
    for (const wake of this.#wakeWriters.splice(0)) wake();
  }
}

import type { Change } from './storage-change.ts';

export interface WatcherOptions {
  /** Only changes with a greater revision. */
  readonly after: number;
  readonly namespace?: string | undefined;
  /** One object only. */
  readonly name?: string | undefined;
  /** Changes that may wait for a slow reader before it is cut off; default 4096. */
  readonly capacity?: number | undefined;
}

/**
 * One reader of changes. A reader that falls too far behind is cut off, which costs nobody else anything: it looks
 * like any other end of a watch, and the reader starts again from where it was.
 */
export class Watcher {
  readonly #after: number;
  readonly #capacity: number;
  readonly #onClose: () => void;
  #queue: Change[];
  #at = 0;
  #closed = false;
  #finished = false;
  #wake: (() => void) | undefined;

  /** @param backlog what has already happened; not counted as waiting */
  constructor(options: WatcherOptions, backlog: Change[], onClose: () => void) {
    this.#after = options.after;
    this.#capacity = (options.capacity ?? 4096) + backlog.length;
    this.#queue = backlog;
    this.#onClose = onClose;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Whether changes wait to be read. */
  get pending(): boolean {
    return this.#at < this.#queue.length;
  }

  push(change: Change): void {
    if (this.#closed || this.#finished || change.revision <= this.#after) return;
    if (this.#queue.length - this.#at >= this.#capacity) {
      this.close();
      return;
    }
    this.#queue.push(change);
    this.wake();
  }

  /** The next change, if there is one now. */
  take(): Change | undefined {
    const change = this.#queue[this.#at];
    if (change === undefined) return undefined;
    this.#at += 1;
    if (this.#at === this.#queue.length) {
      this.#queue = [];
      this.#at = 0;
      if (this.#finished) this.close();
    }
    return change;
  }

  /** Resolves when there is something to take, when the watch has ended, or on {@link wake}. */
  async wait(): Promise<void> {
    if (this.#closed || this.pending) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Lets a reader that waits look around. */
  wake(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  /** Nothing more comes; what waits can still be read. */
  finish(): void {
    if (!this.pending) this.close();
    else this.#finished = true;
    this.wake();
  }

  /** What waits is dropped. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue = [];
    this.#at = 0;
    this.#onClose();
    this.wake();
  }
}

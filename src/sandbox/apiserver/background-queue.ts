import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';

/** Work between two turns of the event loop: much of it must not hold up requests. */
const batch = 200;

/**
 * Keys of things to look at, each once however often it is added. They are looked at one by one, soon after but never
 * during the call that added them.
 */
export class BackgroundQueue {
  readonly #keys = new Set<string>();
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #process: (key: string) => void;
  #running = false;
  #closed = false;

  constructor(clock: Clock, log: Log, process: (key: string) => void) {
    this.#clock = clock;
    this.#log = log;
    this.#process = process;
  }

  add(key: string): void {
    this.#keys.add(key);
    if (this.#running || this.#closed) return;
    this.#running = true;
    void this.#drain();
  }

  close(): void {
    this.#closed = true;
    this.#keys.clear();
  }

  async #drain(): Promise<void> {
    await Promise.resolve();
    let done = 0;
    for (const key of this.#keys) {
      this.#keys.delete(key);
      try {
        this.#process(key);
      } catch (error) {
        this.#log.error('background work of the API server failed', { subject: key, error });
      }
      done += 1;
      if (done % batch === 0) await this.#clock.sleep(0);
    }
    this.#running = false;
  }
}

import type { Clock } from '../../src/base/clock.ts';

/** What happened in one run, line by line, for people; and when the engine last did something. */
export class Trace {
  readonly lines: string[] = [];
  readonly #clock: Clock;
  readonly #keep: boolean;

  /** @param keep whether the lines are wanted: most runs pass, and nobody reads theirs */
  constructor(clock: Clock, keep: boolean) {
    this.#clock = clock;
    this.#keep = keep;
  }

  add(who: string, what: string): void {
    if (!this.#keep) return;
    const seconds = (this.#clock.monotonic() / 1000).toFixed(3).padStart(9);
    this.lines.push(`${seconds} ${who.padEnd(8)} ${what}`);
  }
}

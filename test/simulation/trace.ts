import type { Clock } from '../../src/base/clock.ts';

/** What happened in one run, line by line, for people. */
export class Trace {
  readonly lines: string[];
  readonly #clock: Clock;
  readonly #keep: boolean;
  readonly #where: string;

  /** @param keep whether the lines are wanted: most runs pass, and nobody reads theirs */
  constructor(clock: Clock, keep: boolean, where = '', lines: string[] = []) {
    this.#clock = clock;
    this.#keep = keep;
    this.#where = where;
    this.lines = lines;
  }

  /** The same trace, of what happens in one of several clusters. */
  of(where: string): Trace {
    return new Trace(this.#clock, this.#keep, `${where} `, this.lines);
  }

  add(who: string, what: string): void {
    if (!this.#keep) return;
    const seconds = (this.#clock.monotonic() / 1000).toFixed(3).padStart(9);
    this.lines.push(`${seconds} ${this.#where}${who.padEnd(8)} ${what}`);
  }
}

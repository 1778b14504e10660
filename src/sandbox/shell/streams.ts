import { abortError, orAbort } from '../../base/abort.ts';
import type { Clock } from '../../base/clock.ts';

/** Where a command writes. */
export interface Output {
  /** @throws BrokenPipe when nobody reads any more */
  write(text: string): Promise<void>;
}

/** The reader of a pipe has gone. */
export class BrokenPipe extends Error {}

/** More was collected than a container may hold. */
export class OutOfMemory extends Error {}

/** Longest value of a variable, of a command substitution, of a command line. */
export const longestText = 1024 * 1024;
/** Longest file that a redirection writes, or input that a command reads as a whole. */
export const longestFile = 16 * 1024 * 1024;

/** @throws OutOfMemory when `text` is too long to be kept */
export function bounded(text: string, longest = longestText): string {
  if (text.length > longest) throw new OutOfMemory('out of memory');
  return text;
}

/** Keeps what is written. */
export class Collector implements Output {
  readonly #longest: number;
  text = '';

  constructor(longest: number) {
    this.#longest = longest;
  }

  async write(text: string): Promise<void> {
    this.text = bounded(this.text + text, this.#longest);
  }
}

export const nowhere: Output = { write: async () => {} };

/** What a command reads: lines, or pieces as they come. */
export class Input {
  readonly #source: AsyncIterator<string>;
  readonly #signal: AbortSignal;
  #pending = '';
  #ended = false;

  constructor(source: AsyncIterable<string>, signal: AbortSignal) {
    this.#source = source[Symbol.asyncIterator]();
    this.#signal = signal;
  }

  /** The next line without its end; undefined after the last. */
  async line(): Promise<string | undefined> {
    for (;;) {
      const end = this.#pending.indexOf('\n');
      if (end >= 0) {
        const line = this.#pending.slice(0, end);
        this.#pending = this.#pending.slice(end + 1);
        return line;
      }
      if (!(await this.#fill())) break;
    }
    const last = this.#pending;
    this.#pending = '';
    return last === '' ? undefined : last;
  }

  /** Pieces as they come, to the end. */
  async *pieces(): AsyncGenerator<string> {
    do {
      const piece = this.#pending;
      this.#pending = '';
      if (piece !== '') yield piece;
    } while (await this.#fill());
  }

  /** All that is left. @throws OutOfMemory */
  async rest(): Promise<string> {
    const all = new Collector(longestFile);
    for await (const piece of this.pieces()) await all.write(piece);
    return all.text;
  }

  async #fill(): Promise<boolean> {
    if (this.#ended) return false;
    if (this.#signal.aborted) throw abortError(this.#signal);
    const next = await orAbort(this.#source.next(), this.#signal);
    if (next.done === true) {
      this.#ended = true;
      return false;
    }
    this.#pending = bounded(this.#pending + next.value, longestFile);
    return true;
  }
}

export function inputOf(text: string, signal: AbortSignal): Input {
  async function* once(): AsyncGenerator<string> {
    if (text !== '') yield text;
  }
  return new Input(once(), signal);
}

/** Work units after which everybody else gets a turn. */
const workPerTurn = 64 * 1024;

/**
 * Keeps a script from holding up the process that it runs in, and virtual time: after so much work, and at each turn
 * of a loop, it lets others run; where the clock did not notice, a millisecond passes.
 */
export class Pace {
  readonly #clock: Clock;
  #work = 0;
  #last: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#last = clock.monotonic();
  }

  /** @param work about a character, or a thousandth of a command */
  async spend(work: number, signal: AbortSignal): Promise<void> {
    this.#work += work;
    if (this.#work >= workPerTurn) await this.turn(signal);
  }

  async turn(signal: AbortSignal): Promise<void> {
    this.#work = 0;
    const now = this.#clock.monotonic();
    await this.#clock.sleep(now > this.#last ? 0 : 1, signal);
    this.#last = this.#clock.monotonic();
  }
}

import { formatMicroTime } from '../../base/time.ts';

/** A line with its end, or a piece of one: the next entry then goes on with it. */
interface Entry {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly text: string;
  readonly startsLine: boolean;
}

export interface LogReadOptions {
  readonly follow: boolean;
  readonly timestamps: boolean;
  readonly tailLines?: number | undefined;
  /** Milliseconds since the epoch. */
  readonly since?: number | undefined;
  readonly limitBytes?: number | undefined;
  readonly signal: AbortSignal;
}

/** What an entry costs beside its text, roughly. */
const entryOverhead = 64;
const longestPiece = 16 * 1024;

/** What one container wrote: the last of it, within `maxBytes`. */
export class ContainerLog {
  readonly #now: () => number;
  readonly #maxBytes: number;
  #entries: Entry[] = [];
  /** How many entries came before the first in `#entries`. */
  #dropped = 0;
  #bytes = 0;
  #atLineStart = true;
  #closed = false;
  readonly #wake = new Set<() => void>();

  /** @param now wall time in milliseconds */
  constructor(now: () => number, maxBytes: number) {
    this.#now = now;
    this.#maxBytes = maxBytes;
  }

  write(text: string): void {
    if (this.#closed) return;
    for (const line of text.split(/(?<=\n)/)) {
      for (let at = 0; at < line.length; at += longestPiece) this.#add(line.slice(at, at + longestPiece));
    }
    this.#notify();
  }

  /** The container has ended: nothing more comes. */
  close(): void {
    this.#closed = true;
    this.#notify();
  }

  /** Its last lines, within `maxCharacters`. */
  tail(lines: number, maxCharacters: number): string {
    const entries = this.#entries.slice(this.#firstOf(lines) - this.#dropped);
    return entries
      .map(({ text }) => text)
      .join('')
      .slice(-maxCharacters);
  }

  /**
   * What is there, and with `follow` what comes, until the container ends. A reader that is slower than the writer
   * by more than the log holds misses what was dropped meanwhile.
   */
  async *read(options: LogReadOptions): AsyncGenerator<Uint8Array> {
    const { follow, timestamps, signal, tailLines, since = Number.NEGATIVE_INFINITY } = options;
    let left = options.limitBytes ?? Number.POSITIVE_INFINITY;
    let next = tailLines === undefined ? 0 : this.#firstOf(tailLines);
    while (left > 0) {
      const entries = this.#entries.slice(Math.max(0, next - this.#dropped));
      next = this.#dropped + this.#entries.length;
      const text = entries
        .filter(({ at }) => at >= since)
        .map((entry) => (timestamps && entry.startsLine ? `${stamp(entry.at)} ${entry.text}` : entry.text))
        .join('');
      const bytes = Buffer.from(text, 'utf8').subarray(0, left);
      left -= bytes.length;
      if (bytes.length > 0) yield bytes;
      if (next < this.#dropped + this.#entries.length) continue;
      if (!follow || this.#closed || signal.aborted) return;
      await this.#more(signal);
    }
  }

  /** Where the last `lines` lines begin. */
  #firstOf(lines: number): number {
    let first = this.#entries.length;
    for (let wanted = lines; wanted > 0 && first > 0;) {
      first -= 1;
      if (this.#entries[first]?.startsLine === true) wanted -= 1;
    }
    return this.#dropped + first;
  }

  #add(text: string): void {
    this.#entries.push({ at: this.#now(), text, startsLine: this.#atLineStart });
    this.#atLineStart = text.endsWith('\n');
    this.#bytes += text.length + entryOverhead;
    if (this.#bytes <= this.#maxBytes) return;
    // A quarter at once, or a full log would be copied at every line.
    let first = 0;
    for (; first < this.#entries.length - 1 && this.#bytes > 0.75 * this.#maxBytes; first += 1) {
      this.#bytes -= (this.#entries[first]?.text.length ?? 0) + entryOverhead;
    }
    this.#entries = this.#entries.slice(first);
    this.#dropped += first;
  }

  #notify(): void {
    for (const wake of this.#wake) wake();
  }

  async #more(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = (): void => resolve();
    this.#wake.add(wake);
    signal.addEventListener('abort', wake, { once: true });
    await promise;
    this.#wake.delete(wake);
    signal.removeEventListener('abort', wake);
  }
}

/** As a container runtime writes it: nine digits. */
function stamp(at: number): string {
  return `${formatMicroTime(at).slice(0, -1)}000Z`;
}

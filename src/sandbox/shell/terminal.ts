import { StringDecoder } from 'node:string_decoder';
import { linkAbort } from '../../base/abort.ts';

const longestLine = 4096;
const longestQueue = 64 * 1024;
const longestHistory = 200;

/** The keyboard and the screen of a person: edits lines, echoes, and turns Ctrl-C into an interrupt. */
export class Terminal {
  readonly #write: (text: string) => void;
  readonly #history: string[] = [];
  #queue: string[] = [];
  #closed = false;
  #wake: () => void = () => {};
  #interrupt: (() => void) | undefined;

  /** @param write puts text on the screen; line ends are translated there */
  constructor(stdin: AsyncIterable<Uint8Array>, write: (text: string) => void) {
    this.#write = write;
    this.#pump(stdin)
      .catch(() => {})
      .finally(() => {
        this.#closed = true;
        this.#wake();
      });
  }

  /** A line that is typed at a prompt; undefined when there will be none. */
  async readLine(prompt: string, signal: AbortSignal): Promise<string | undefined> {
    let line = '';
    let recalled = this.#history.length;
    const replace = (text: string): void => {
      line = text;
      this.#write(`\r${prompt}${line}\u001B[K`);
    };
    this.#write(prompt);
    for (;;) {
      const key = await this.#key(signal);
      switch (key) {
        case undefined:
          return undefined;
        case '\r':
        case '\n':
          this.#write('\n');
          this.#remember(line);
          return line;
        case '\u0003':
          this.#write(`^C\n${prompt}`);
          line = '';
          break;
        case '\u0004':
          if (line === '') return undefined;
          break;
        case '\b':
        case '\u007F':
          if (line !== '') this.#write('\b \b');
          line = withoutLast(line);
          break;
        case '\u0015':
          replace('');
          break;
        case '\u0017':
          replace(line.replace(/\S*\s*$/, ''));
          break;
        case '\u000C':
          this.#write('\u001B[H\u001B[J');
          replace(line);
          break;
        case 'up':
        case 'down':
          recalled = Math.min(Math.max(recalled + (key === 'up' ? -1 : 1), 0), this.#history.length);
          replace(this.#history[recalled] ?? '');
          break;
        default:
          if (!isPrintable(key) || line.length >= longestLine) break;
          line += key;
          this.#write(key);
      }
    }
  }

  /** What is typed while a command runs: echoed, line by line, to Ctrl-D. */
  async *typed(signal: AbortSignal): AsyncGenerator<string> {
    let line = '';
    for (;;) {
      const key = await this.#key(signal);
      if (key === undefined) return;
      if (key === '\u0004') {
        if (line === '') return;
        yield line;
        line = '';
      } else if (key === '\r' || key === '\n') {
        this.#write('\n');
        yield `${line}\n`;
        line = '';
      } else if (key === '\u007F' || key === '\b') {
        if (line !== '') this.#write('\b \b');
        line = withoutLast(line);
      } else if (isPrintable(key) && line.length < longestLine) {
        line += key;
        this.#write(key);
      }
    }
  }

  /** Runs a command that Ctrl-C interrupts. */
  async foreground<T>(parent: AbortSignal, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    using abort = linkAbort(parent);
    this.#interrupt = () => abort.abort();
    try {
      return await run(abort.signal);
    } finally {
      this.#interrupt = undefined;
      // Whoever still reads what is typed must not take what is meant for the prompt.
      abort.abort();
    }
  }

  #remember(line: string): void {
    if (line.trim() === '' || line === this.#history.at(-1)) return;
    this.#history.push(line);
    if (this.#history.length > longestHistory) this.#history.shift();
  }

  async #pump(stdin: AsyncIterable<Uint8Array>): Promise<void> {
    const decoder = new StringDecoder('utf8');
    for await (const bytes of stdin) {
      for (const key of decoder.write(Buffer.from(bytes))) {
        if (key === '\u0003' && this.#interrupt !== undefined) {
          this.#queue = [];
          this.#write('^C\n');
          this.#interrupt();
        } else if (this.#queue.length < longestQueue) this.#queue.push(key);
      }
      this.#wake();
    }
  }

  async #character(signal: AbortSignal): Promise<string | undefined> {
    while (!signal.aborted) {
      const key = this.#queue.shift();
      if (key !== undefined) return key;
      if (this.#closed) return undefined;
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          signal.removeEventListener('abort', wake);
          resolve();
        };
        this.#wake = wake;
        signal.addEventListener('abort', wake, { once: true });
      });
    }
    return undefined;
  }

  /** A character, or `up`, `down`; other escape sequences come as an empty one. */
  async #key(signal: AbortSignal): Promise<string | undefined> {
    const key = await this.#character(signal);
    if (key !== '\u001B') return key;
    const bracket = await this.#character(signal);
    if (bracket !== '[' && bracket !== 'O') return '';
    for (;;) {
      const final = await this.#character(signal);
      if (final === undefined) return undefined;
      if (!/[A-Za-z~]/.test(final)) continue;
      return final === 'A' ? 'up' : final === 'B' ? 'down' : '';
    }
  }
}

function withoutLast(text: string): string {
  return Array.from(text).slice(0, -1).join('');
}

function isPrintable(key: string): boolean {
  return key !== '' && (key >= ' ' || key === '\t') && key !== '\u007F' && Array.from(key).length === 1;
}

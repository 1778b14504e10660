import { type ChildProcess, spawn } from 'node:child_process';
import { cellsOf } from './table.ts';

export interface WatchedLine {
  /** When it came, in milliseconds since the Unix epoch. */
  readonly at: number;
  readonly cells: readonly string[];
}

/** A command of kubectl that goes on, and the lines that it has printed so far. */
export class KubectlWatch {
  readonly lines: WatchedLine[] = [];
  readonly #child: ChildProcess;
  readonly #listeners = new Set<() => void>();
  #rest = '';
  #problem = '';
  #hasEnded = false;

  constructor(program: string, args: readonly string[]) {
    this.#child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#take(text));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#problem += text));
    this.#child.on('error', (error) => (this.#problem += error.message));
    this.#child.on('close', () => {
      this.#hasEnded = true;
      this.#tell();
    });
  }

  /**
   * Waits for lines.
   *
   * @param find what is wanted of all lines so far; undefined: not yet
   * @param what for the message
   * @throws Error when it does not come in time, or kubectl ends before
   */
  async until<T>(
    find: (lines: readonly WatchedLine[]) => T | undefined,
    ms: number,
    what: string,
  ): Promise<T> {
    const { promise: over, resolve: end } = Promise.withResolvers<void>();
    let isOver = false;
    const timer = setTimeout(() => {
      isOver = true;
      end();
    }, ms);
    try {
      for (;;) {
        const found = find(this.lines);
        if (found !== undefined) return found;
        const last = this.lines.at(-1)?.cells.join(' ') ?? 'nothing';
        if (isOver) throw new Error(`no ${what} within ${ms / 1000} s; the last row is: ${last}`);
        if (this.#hasEnded) throw new Error(`no ${what}: kubectl has ended: ${this.#problem.trim()}`);
        await Promise.race([over, this.#change()]);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends the command; what it has printed stays. */
  close(): void {
    this.#child.kill('SIGKILL');
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#listeners.add(resolve));
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
    this.#listeners.clear();
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines)
      if (line.trim() !== '') this.lines.push({ at: Date.now(), cells: cellsOf(line) });
    this.#tell();
  }
}

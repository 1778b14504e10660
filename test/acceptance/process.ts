import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

const main = new URL('../../src/cli/main.ts', import.meta.url).pathname;
const mostOutput = 1024 * 1024;
const graceMs = 20_000;

/** `viridian …` as a process of its own. */
export class ViridianProcess {
  readonly #child: ChildProcess;
  readonly #name: string;
  #output = '';

  constructor(...args: readonly string[]) {
    this.#name = args[0] ?? '';
    this.#child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    const take = (text: string): void => {
      this.#output = (this.#output + text).slice(-mostOutput);
    };
    this.#child.stdout?.setEncoding('utf8').on('data', take);
    this.#child.stderr?.setEncoding('utf8').on('data', take);
  }

  /** The end of what it has printed, on both streams. */
  get output(): string {
    return this.#output;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /**
   * Waits until it has printed something.
   *
   * @param abort ends the wait
   * @throws Error when it ends before, or the time is over
   */
  async prints(text: string, ms: number, abort: AbortSignal): Promise<string> {
    const deadline = AbortSignal.timeout(ms);
    while (!this.#output.includes(text)) {
      if (this.hasEnded) throw new Error(`viridian ${this.#name} has ended: ${this.#output.slice(-2000)}`);
      const change = new AbortController();
      const signal = AbortSignal.any([deadline, abort, change.signal]);
      try {
        const { stdout } = this.#child;
        await Promise.race([
          once(stdout ?? this.#child, 'data', { signal }),
          once(this.#child, 'exit', { signal }),
        ]);
      } catch (error) {
        if (abort.aborted) throw abort.reason;
        if (!deadline.aborted) throw error;
        throw new Error(`viridian ${this.#name} did not print ${JSON.stringify(text)} in ${ms / 1000} s`, {
          cause: error,
        });
      } finally {
        change.abort();
      }
    }
    return this.#output;
  }

  /** As Ctrl-C, and by force when that does not help. */
  async stop(): Promise<void> {
    if (this.hasEnded) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGINT');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), graceMs);
    await exit;
    clearTimeout(timer);
  }
}

import type { Clock } from '../base/clock.ts';
import { errorMessage } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Outcome } from './curl.ts';

/** Something to do in the background, once at a time. */
export interface Task {
  /** Two tasks with the same are the same. */
  readonly identity: string;
  readonly command: string;
  readonly canary: string;
  readonly logsOutput: boolean;
  readonly run: (signal: AbortSignal) => Promise<Outcome>;
}

export interface TaskRunnerOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Milliseconds for one task. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly finished: (result: 'succeeded' | 'failed') => void;
}

const mostRunning = 32;
const mostWaiting = 256;

/** Runs tasks: each ends by its time-out at the latest, and one that runs or waits already is not started again. */
export class TaskRunner {
  readonly #options: TaskRunnerOptions;
  readonly #known = new Set<string>();
  readonly #waiting: Task[] = [];
  #running = 0;
  #idle: (() => void)[] = [];

  constructor(options: TaskRunnerOptions) {
    this.#options = options;
  }

  get running(): number {
    return this.#running;
  }

  /** @returns false where there is no room for it */
  submit(task: Task): boolean {
    const { log } = this.#options;
    if (this.#known.has(task.identity)) {
      log.info(`command skipped ${task.command} is already running`, { canary: task.canary });
      return true;
    }
    if (this.#waiting.length >= mostWaiting) return false;
    this.#known.add(task.identity);
    this.#waiting.push(task);
    this.#next();
    return true;
  }

  /** Runs `work` at once, within the time-out of a task; undefined where there is no room. */
  async now(work: (signal: AbortSignal) => Promise<Outcome>): Promise<Outcome | undefined> {
    if (this.#running >= mostRunning) return undefined;
    return this.#counted(work);
  }

  /** Resolves when nothing runs any more; what waits is given up. */
  async drain(): Promise<void> {
    for (const { identity } of this.#waiting.splice(0)) this.#known.delete(identity);
    if (this.#running > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #next(): void {
    if (this.#running >= mostRunning) return;
    const task = this.#waiting.shift();
    if (task !== undefined) void this.#run(task);
  }

  async #run({ identity, command, canary, logsOutput, run }: Task): Promise<void> {
    const log = this.#options.log.child({ canary });
    try {
      const { code, output } = await this.#counted(run);
      const fields = { command, code, ...(logsOutput || code !== 0 ? { output } : {}) };
      if (code === 0) log.info('command finished', fields);
      else log.error('command failed', fields);
    } catch (error) {
      log.error('command failed', { command, error: errorMessage(error) });
    } finally {
      this.#known.delete(identity);
      this.#next();
    }
  }

  async #counted(work: (signal: AbortSignal) => Promise<Outcome>): Promise<Outcome> {
    const { clock, timeoutMs, signal, finished } = this.#options;
    this.#running += 1;
    using deadline = clock.timeout(timeoutMs, signal);
    let succeeded = false;
    try {
      const outcome = await work(deadline.signal);
      succeeded = outcome.code === 0;
      return outcome;
    } finally {
      this.#running -= 1;
      finished(succeeded ? 'succeeded' : 'failed');
      if (this.#running === 0) for (const resolve of this.#idle.splice(0)) resolve();
    }
  }
}

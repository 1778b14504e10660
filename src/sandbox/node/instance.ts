import { linkAbort, orAbort } from '../../base/abort.ts';
import { Channel } from '../../base/channel.ts';
import { errorMessage } from '../../base/errors.ts';
import { type Fence, fence } from '../../base/fence.ts';
import { jsonLog } from '../../base/log.ts';
import type { Files, Program, Seams } from '../../base/program.ts';
import { ContainerLog } from './container-log.ts';

/** How a container ended. */
export interface Exit {
  readonly code: number;
  /** Milliseconds since the epoch. */
  readonly finishedAt: number;
}

export interface InstanceOptions {
  /** As in `containerID`. */
  readonly id: string;
  readonly program: Program;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly files: Files;
  readonly workingDir: string;
  /** Somebody may type to it. */
  readonly stdin: boolean;
  /** Without a log: that of the program is the container's. */
  readonly seams: Omit<Seams, 'log'>;
  readonly maxLogBytes: number;
  readonly onExit: () => void;
}

/** Typed input that may wait for a program to read it. */
const stdinBuffer = 64;
const killedCode = 137;

/** One run of a container: a Program behind a fence. */
export class ContainerInstance {
  readonly options: InstanceOptions;
  readonly startedAt: number;
  readonly log: ContainerLog;
  readonly stdin = new Channel<Uint8Array>(stdinBuffer);
  readonly #fence: Fence;
  readonly #terminate = new AbortController();
  readonly #exited = Promise.withResolvers<Exit>();
  /** Aborts when it has ended. */
  readonly #ended = new AbortController();
  #exit: Exit | undefined;
  #killAt = Number.POSITIVE_INFINITY;
  #killTimer: AbortController | undefined;

  constructor(options: InstanceOptions) {
    const { seams, maxLogBytes } = options;
    const { clock } = seams;
    this.options = options;
    this.startedAt = clock.now();
    this.log = new ContainerLog(() => clock.now(), maxLogBytes);
    const log = jsonLog(
      () => clock.now(),
      'info',
      (line) => this.log.write(line),
    );
    this.#fence = fence({ ...seams, log });
    if (!options.stdin) this.stdin.close();
  }

  get exit(): Exit | undefined {
    return this.#exit;
  }

  /** Resolves when it has ended, whichever way. */
  get exited(): Promise<Exit> {
    return this.#exited.promise;
  }

  /** What its program has: gone with it. */
  get seams(): Seams {
    return this.#fence.seams;
  }

  /** Aborts with a request to end. */
  get stopping(): boolean {
    return this.#terminate.signal.aborted;
  }

  /** Aborts when it has ended. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  start(): void {
    void this.#run();
  }

  /** SIGTERM now, and SIGKILL after `graceMs`: the earliest time that was asked for counts. */
  stop(graceMs: number): void {
    if (this.#exit !== undefined) return;
    const { clock } = this.options.seams;
    const at = clock.monotonic() + graceMs;
    if (at < this.#killAt) {
      this.#killAt = at;
      this.#killTimer?.abort();
      this.#killTimer = new AbortController();
      clock.sleep(graceMs, this.#killTimer.signal).then(
        () => this.kill(),
        () => {},
      );
    }
    this.#terminate.abort();
  }

  /** SIGKILL. */
  kill(): void {
    this.#finish(killedCode);
  }

  /**
   * Runs another program beside this one, in what it has; both end together.
   * @returns its exit code
   */
  async beside(
    signal: AbortSignal,
    run: (seams: Seams, ended: AbortSignal) => Promise<number>,
  ): Promise<number> {
    if (this.#exit !== undefined) return killedCode;
    const own = fence(this.seams);
    using abort = linkAbort(this.ended, signal);
    try {
      return await orAbort(run(own.seams, abort.signal), abort.signal);
    } catch (error) {
      if (abort.signal.aborted) return killedCode;
      throw error;
    } finally {
      own.close();
    }
  }

  async #run(): Promise<void> {
    const { program, argv, env, files } = this.options;
    try {
      const code = await program({
        argv,
        env,
        files,
        stdin: this.stdin,
        stdout: (text) => this.log.write(text),
        signal: this.#terminate.signal,
        seams: this.seams,
      });
      this.#finish(code);
    } catch (error) {
      this.log.write(`${errorMessage(error)}\n`);
      this.#finish(1);
    }
  }

  #finish(code: number): void {
    if (this.#exit !== undefined) return;
    this.#exit = { code, finishedAt: this.options.seams.clock.now() };
    this.#killTimer?.abort();
    // A process that ends takes its sockets with it, and nothing that it left behind goes on.
    this.#fence.close();
    this.log.close();
    this.stdin.close();
    this.#ended.abort();
    this.#exited.resolve(this.#exit);
    this.options.onExit();
  }
}

import { execFile } from 'node:child_process';
import { KubectlWatch } from './kubectl-watch.ts';

export interface KubectlOutput {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface KubectlOptions {
  /** For its standard input. */
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

const mostOutputBytes = 64 * 1024 * 1024;

/** kubectl, for one cluster. Never by way of a shell. */
export class Kubectl {
  readonly program: string;
  readonly kubeconfig: string;

  /** @param program path of kubectl */
  constructor(program: string, kubeconfig: string) {
    this.program = program;
    this.kubeconfig = kubeconfig;
  }

  /** Runs it to its end, whatever that is. */
  run(args: readonly string[], options: KubectlOptions = {}): Promise<KubectlOutput> {
    return execute(this.program, this.#argv(args), options);
  }

  /**
   * What it prints.
   *
   * @throws Error with what it says when it fails
   */
  async text(args: readonly string[], options: KubectlOptions = {}): Promise<string> {
    return succeeded(args, await this.run(args, options));
  }

  /** The parsed output of `get … -o json`. */
  async json(...args: readonly string[]): Promise<unknown> {
    return JSON.parse(await this.text([...args, '-o', 'json'])) as unknown;
  }

  /** As `json`; undefined where there is no such object. */
  async find(...args: readonly string[]): Promise<unknown> {
    const text = await this.text([...args, '--ignore-not-found', '-o', 'json']);
    return text.trim() === '' ? undefined : (JSON.parse(text) as unknown);
  }

  apply(manifest: unknown): Promise<string> {
    return this.text(['apply', '-f', '-'], { input: JSON.stringify(manifest) });
  }

  /** Begins a command that goes on by itself, such as `get … -w`. */
  watch(args: readonly string[]): KubectlWatch {
    return new KubectlWatch(this.program, this.#argv(args));
  }

  /** Flags first: what follows `--` is for a container. */
  #argv(args: readonly string[]): readonly string[] {
    return [`--kubeconfig=${this.kubeconfig}`, ...args];
  }
}

/** @throws Error when the exit code is not 0 */
export function succeeded(args: readonly string[], { code, stdout, stderr }: KubectlOutput): string {
  if (code !== 0) {
    throw new Error(`kubectl ${args.join(' ').slice(0, 200)}: ${(stderr || stdout).trim().slice(0, 1000)}`);
  }
  return stdout;
}

export function execute(
  program: string,
  args: readonly string[],
  { input, env = {}, timeoutMs = 120_000 }: KubectlOptions = {},
): Promise<KubectlOutput> {
  return new Promise((resolve) => {
    const child = execFile(
      program,
      args,
      {
        env: { ...process.env, ...env },
        timeout: timeoutMs,
        killSignal: 'SIGKILL',
        maxBuffer: mostOutputBytes,
      },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
        const why = error?.killed === true ? `no end within ${timeoutMs / 1000} s` : (error?.message ?? '');
        resolve({ code, stdout, stderr: stderr || why });
      },
    );
    // It may end before it has read everything.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input ?? '');
  });
}

import type { ProgramContext } from '../../base/program.ts';
import type { TerminalSize } from '../apiserver/pod-runtime.ts';
import type { ContainerInstance } from './instance.ts';

/** What a command in a container starts with. Its `argv` is the whole command: `['sh', '-c', 'ls']`. */
export interface ShellContext extends ProgramContext {
  readonly stderr: (text: string) => void;
  readonly workingDir: string;
  readonly tty: boolean;
  readonly resizes: AsyncIterable<TerminalSize>;
}

/** Runs any command in a container that is not the container's own program. Resolves with the exit code. */
export type Shell = (context: ShellContext) => Promise<number>;

export interface RunOptions {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Cuts the command off. */
  readonly signal: AbortSignal;
  readonly stdin?: AsyncIterable<Uint8Array> | undefined;
  readonly tty?: boolean | undefined;
  readonly resizes?: AsyncIterable<TerminalSize> | undefined;
}

/** Runs a command beside the program of a container. @returns its exit code; 137 when it was cut off */
export function runInside(
  instance: ContainerInstance,
  shell: Shell,
  command: readonly string[],
  options: RunOptions,
): Promise<number> {
  const { env, files, workingDir } = instance.options;
  const { stdout, stderr, stdin = nothing(), tty = false, resizes = nothing() } = options;
  return instance.beside(options.signal, (seams, signal) =>
    shell({ argv: command, env, files, stdin, stdout, stderr, workingDir, tty, resizes, signal, seams }),
  );
}

async function* nothing(): AsyncGenerator<never> {}

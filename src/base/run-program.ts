import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { abortError } from './abort.ts';

/** What a program left behind. */
export interface Finished {
  readonly stdout: string;
  /** 128 and the signal's number for one that a signal ended, as shells report it. */
  readonly code: number;
}

/** More output than this is an error, not memory. */
const maxStdoutBytes = 16 * 1024 * 1024;

/**
 * Runs a program of this machine and waits for its end. There is no shell: arguments reach it as they are. It leads a
 * process group of its own, so that what it has started ends with it.
 *
 * @param env its whole environment
 * @param signal kills it and rejects
 * @throws Error when it cannot be started or writes too much; its standard error goes to ours
 */
export function runProgram(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  stdin: string,
  signal: AbortSignal,
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(abortError(signal));
      return;
    }
    const child = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'inherit'], detached: true });
    const chunks: Buffer[] = [];
    let size = 0;
    const end = (error: Error): void => {
      killGroup(child.pid);
      reject(error);
    };
    const onAbort = (): void => end(abortError(signal));
    signal.addEventListener('abort', onAbort, { once: true });
    child.stdout.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      if (size > maxStdoutBytes) end(new Error(`${command} writes more than ${maxStdoutBytes} bytes`));
    });
    // A program that does not read its input closes the pipe: no reason to fail.
    child.stdin.on('error', () => {});
    child.stdin.end(stdin);
    child.once('error', (error) => {
      signal.removeEventListener('abort', onAbort);
      reject(error);
    });
    child.once('close', (code, killedBy) => {
      signal.removeEventListener('abort', onAbort);
      resolve({ stdout: Buffer.concat(chunks).toString('utf8'), code: code ?? 128 + signalNumber(killedBy) });
    });
  });
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

function signalNumber(name: NodeJS.Signals | null): number {
  return name === null ? 0 : constants.signals[name];
}

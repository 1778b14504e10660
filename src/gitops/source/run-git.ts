import { spawn } from 'node:child_process';
import { abortError } from '../../base/abort.ts';

export interface GitCommand {
  readonly args: readonly string[];
  /** Its whole environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
  /** More output than this ends it with an error. */
  readonly maxStdoutBytes: number;
}

export interface GitResult {
  /** 128 for one that a signal ended. */
  readonly code: number;
  readonly stdout: Buffer;
  /** Its end, where it is long. */
  readonly stderr: string;
}

export type RunGit = (command: GitCommand, signal: AbortSignal) => Promise<GitResult>;

const maxStderrCharacters = 16_384;

/**
 * Address space of one process, in KiB. A server's answer to a question for references is held in memory, and a compressed
 * one of a megabyte can stand for gigabytes. Where there is no such limit (macOS), it goes without.
 */
const maxMemoryKib = 256 * 1024;
const commandNotFound = 127;
const script = `ulimit -v ${maxMemoryKib} 2>/dev/null; exec git "$@"`;

/**
 * Runs the machine's git as the leader of a process group. A shell only sets its limit: arguments are no part of what it
 * reads. Settles only when the whole group has ended, so that nothing writes into the scratch folder afterwards.
 *
 * @throws the error of an aborted `signal`; RangeError for too much output
 */
export const runGit: RunGit = ({ args, env, stdin, maxStdoutBytes }, signal) =>
  new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(abortError(signal));
      return;
    }
    const child = spawn('/bin/sh', ['-c', script, 'git', ...args], {
      env,
      cwd: '/',
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    const chunks: Buffer[] = [];
    let size = 0;
    let stderr = '';
    let failure: Error | undefined;
    const end = (error: Error): void => {
      failure ??= error;
      killGroup(child.pid);
    };
    const onAbort = (): void => end(abortError(signal));
    signal.addEventListener('abort', onAbort, { once: true });
    child.stdout.on('data', (chunk: Buffer) => {
      if (failure !== undefined) return;
      size += chunk.length;
      if (size > maxStdoutBytes) {
        chunks.length = 0;
        end(new RangeError(`git writes more than ${maxStdoutBytes} bytes`));
      } else {
        chunks.push(chunk);
      }
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr = (stderr + chunk).slice(-maxStderrCharacters);
    });
    // It may end before it has read everything.
    child.stdin.on('error', () => {});
    child.stdin.end(stdin);
    child.once('error', (error) => {
      failure ??= error;
      if (child.pid === undefined) {
        signal.removeEventListener('abort', onAbort);
        reject(failure);
      }
    });
    child.once('close', (code) => {
      signal.removeEventListener('abort', onAbort);
      if (code === commandNotFound) failure ??= new Error('it is not installed');
      if (failure === undefined) resolve({ code: code ?? 128, stdout: Buffer.concat(chunks), stderr });
      else reject(failure);
    });
  });

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

export interface RunningCommand {
  readonly child: ChildProcess;
  /** What it has printed so far, on both streams. */
  readonly output: () => string;
}

/** Runs `viridian COMMAND` as a process of its own and gathers what it prints. */
export function startCommand(command: string, ...args: string[]): RunningCommand {
  const main = new URL('./main.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [main, command, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  child.stdout.on('data', (data: Buffer) => (text += data.toString()));
  child.stderr.on('data', (data: Buffer) => (text += data.toString()));
  return { child, output: () => text };
}

export async function exitCode(child: ChildProcess): Promise<number | null> {
  const [code] = (await once(child, 'close')) as [number | null];
  return code;
}

import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { realClock } from '../base/clock.ts';
import { InvalidInputError } from '../base/errors.ts';
import { jsonLog } from '../base/log.ts';
import type { Files, Program } from '../base/program.ts';
import { systemRandom } from '../base/random.ts';
import { socketClient } from '../base/socket-client.ts';
import { socketNetwork } from '../base/socket-network.ts';
import { interruption } from './interruption.ts';

/**
 * Runs in this process what a container runs, until it ends or the process is interrupted: real time, real sockets,
 * the files of this machine.
 *
 * @returns the exit code
 */
export async function runOnMachine(program: Program, argv: readonly string[]): Promise<number> {
  const clock = realClock();
  const sockets = socketClient();
  const stop = new AbortController();
  void interruption().then(() => stop.abort());
  try {
    return await program({
      argv,
      env: environment(),
      files: machineFiles,
      stdin: process.stdin,
      stdout: (text) => void process.stdout.write(text),
      signal: stop.signal,
      seams: {
        clock,
        random: systemRandom(),
        fetch: sockets.fetch,
        upgrade: sockets.upgrade,
        network: socketNetwork(sockets, { address: '0.0.0.0' }),
        log: jsonLog(() => clock.now()),
      },
    });
  } finally {
    await sockets.close();
  }
}

export function environment(): Record<string, string> {
  const set = Object.entries(process.env).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return Object.fromEntries(set);
}

/** The file system of this machine. */
const machineFiles: Files = {
  read: (path) =>
    readFile(path).catch((error: unknown) => {
      const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
      if (!isMissing) throw error;
      throw new InvalidInputError(`${path}: no such file`, 'FileNotFound', error);
    }),
  list: async (path) => (await readdir(path).catch(() => [])).sort((a, b) => (a < b ? -1 : 1)),
  async write(path, data) {
    await mkdir(dirname(path), { recursive: true });
    // Whole or not at all, whatever happens to this process.
    await writeFile(`${path}.draft`, data);
    await rename(`${path}.draft`, path);
  },
};

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { realClock } from '../base/clock.ts';
import { manager } from '../fleet/manager/manager.ts';
import { runGit } from '../gitops/source/run-git.ts';
import { systemGit } from '../gitops/source/system-git.ts';
import { connectApi } from './api-connection.ts';
import { environment, runOnMachine } from './run-on-machine.ts';

/**
 * `viridian manager`: clusters, fleets and applications of one host, in this process, until it is interrupted.
 *
 * @returns the exit code
 */
export async function runManager(argv: readonly string[], version: string): Promise<number> {
  const scratchFolder = await mkdtemp(join(tmpdir(), 'viridian-git-'));
  const { PATH: path = '' } = environment();
  const git = systemGit({ clock: realClock(), run: runGit, scratchFolder, path });
  try {
    return await runOnMachine(manager({ version, connect: connectApi, git }), argv);
  } finally {
    await rm(scratchFolder, { recursive: true, force: true });
  }
}

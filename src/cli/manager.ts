import { tmpdir } from 'node:os';
import { realClock } from '../base/clock.ts';
import { manager } from '../fleet/manager/manager.ts';
import { runGit } from '../gitops/source/run-git.ts';
import { openScratchFolder } from '../gitops/source/scratch-folder.ts';
import { systemGit } from '../gitops/source/system-git.ts';
import { connectApi } from './api-connection.ts';
import { environment, runOnMachine } from './run-on-machine.ts';

/**
 * `viridian manager`: clusters, fleets and applications of one host, in this process, until it is interrupted.
 *
 * @returns the exit code
 */
export async function runManager(argv: readonly string[], version: string): Promise<number> {
  await using scratch = await openScratchFolder(tmpdir());
  const { PATH: path = '' } = environment();
  const git = systemGit({ clock: realClock(), run: runGit, scratchFolder: scratch.path, path });
  return await runOnMachine(manager({ version, connect: connectApi, git }), argv);
}

import { rename, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { realClock } from '../base/clock.ts';
import { errorMessage } from '../base/errors.ts';
import { jsonLog } from '../base/log.ts';
import { systemRandom } from '../base/random.ts';
import type { Cluster } from '../sandbox/apiserver/cluster.ts';
import { startCluster } from '../sandbox/apiserver/cluster.ts';
import { interruption } from './interruption.ts';
import { makeFolder } from './make-folder.ts';

export interface ApiserverOptions {
  /** Made when it is not there. */
  readonly dir: string;
  /** 0 picks a free one. */
  readonly port: number;
}

/**
 * `viridian apiserver`: one empty cluster in the foreground, until the process is interrupted.
 * @returns the exit code
 */
export async function runApiserver({ dir, port }: ApiserverOptions): Promise<number> {
  const interrupted = interruption();
  const file = join(dir, 'apiserver.config');
  try {
    await makeFolder(dir);
    await writeFile(`${file}.draft`, '', { mode: 0o600 });
  } catch (error) {
    console.error(
      `viridian: cannot write to ${dir}: ${errorMessage(error)}. Nothing was started; name another folder with --dir.`,
    );
    return 1;
  }
  let cluster: Cluster;
  try {
    const clock = realClock();
    const log = jsonLog(() => clock.now(), 'warn');
    cluster = await startCluster({ clock, random: systemRandom(), log, listen: { port } });
  } catch (error) {
    await rm(`${file}.draft`, { force: true });
    console.error(
      `viridian: ${errorMessage(error)}. Nothing was started; name another port with --port, or none to get a free one.`,
    );
    return 1;
  }
  // Whole or not at all: somebody may be waiting for this file.
  await writeFile(`${file}.draft`, cluster.kubeconfig(), { mode: 0o600 });
  await rename(`${file}.draft`, file);
  console.log(`An empty cluster answers at ${cluster.server ?? ''}. Try:

  kubectl --kubeconfig ${relative('', file)} get namespaces

Ctrl-C ends it; nothing of it is kept.`);
  await interrupted;
  // It points to nobody now.
  await rm(file, { force: true });
  await cluster.close();
  return 0;
}

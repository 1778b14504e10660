import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { jsonLog } from '../../base/log.ts';
import { MemoryFiles } from '../../base/memory-files.ts';
import type { Random } from '../../base/random.ts';
import { socketClient } from '../../base/socket-client.ts';
import { socketNetwork } from '../../base/socket-network.ts';
import { manager } from '../../fleet/manager/manager.ts';
import { runGit } from '../../gitops/source/run-git.ts';
import { systemGit } from '../../gitops/source/system-git.ts';
import { connectApi } from '../api-connection.ts';

/** Lines of its log that are kept. */
const remembered = 200;
/** The shortest interval that agents allow by themselves, in seconds. */
const usualInterval = 10;

export interface ManagerStart {
  readonly clock: Clock;
  readonly random: Random;
  readonly version: string;
  /** PATH */
  readonly path: string;
  /** File, of the host. */
  readonly kubeconfig: string;
  /** Seconds between two checks of a rollout. */
  readonly interval: number;
  /** For its scratch. */
  readonly folder: string;
}

/** `viridian manager` in this process, with real sockets and the machine's git. */
export interface DemoManager {
  /** The end of its log: warnings and errors, as JSON lines. */
  log(): readonly string[];
  /** Resolves when it has ended, with its exit code. */
  readonly ended: Promise<number>;
  stop(): Promise<void>;
}

export async function startManager(start: ManagerStart): Promise<DemoManager> {
  const { clock, random, version, path, kubeconfig, interval, folder } = start;
  const scratchFolder = join(folder, 'git');
  await mkdir(scratchFolder);
  const git = systemGit({ clock, run: runGit, scratchFolder, path });
  const sockets = socketClient();
  const stop = new AbortController();
  const lines: string[] = [];
  const remember = (text: string): void => {
    lines.push(text.trimEnd());
    if (lines.length > remembered) lines.shift();
  };
  const shortest = Math.min(interval, usualInterval);
  const ended = manager({ version, connect: connectApi, git })({
    argv: ['-kubeconfig', kubeconfig, '-port=0', '-log-level=warn', `-min-interval=${shortest}s`],
    env: {},
    files: new MemoryFiles(),
    stdin: nothing(),
    stdout: remember,
    signal: stop.signal,
    seams: {
      clock,
      random: random.stream('manager'),
      fetch: sockets.fetch,
      upgrade: sockets.upgrade,
      network: socketNetwork(sockets),
      log: jsonLog(() => clock.now(), 'warn', remember),
    },
  });
  return {
    log: () => lines,
    ended,
    stop: async () => {
      stop.abort();
      await ended;
      await sockets.close();
    },
  };
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

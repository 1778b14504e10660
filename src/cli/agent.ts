import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { realClock } from '../base/clock.ts';
import { InvalidInputError } from '../base/errors.ts';
import { jsonLog } from '../base/log.ts';
import type { Files, ProgramContext } from '../base/program.ts';
import { systemRandom } from '../base/random.ts';
import { runProgram } from '../base/run-program.ts';
import { socketClient } from '../base/socket-client.ts';
import { socketNetwork } from '../base/socket-network.ts';
import { connectionOf, inClusterConnection, loadKubeconfig } from '../kube/connection.ts';
import { agent, type ApiConnection } from '../rollout/agent/agent.ts';
import type { AgentOptions } from '../rollout/agent/agent-flags.ts';
import { interruption } from './interruption.ts';

/**
 * `viridian agent`: the rollouts of one cluster, in this process, until it is interrupted.
 *
 * @param argv flags, as Flagger's command has them
 * @returns the exit code
 */
export async function runAgent(argv: readonly string[], version: string): Promise<number> {
  const clock = realClock();
  const sockets = socketClient();
  const anyCertificate = socketClient({ tls: { insecureSkipTlsVerify: true } });
  const stop = new AbortController();
  void interruption().then(() => stop.abort());
  const program = agent({ version, connect, insecureFetch: anyCertificate.fetch });
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
    await Promise.all([sockets.close(), anyCertificate.close()]);
  }
}

/** The API server of a kubeconfig, or of the pod that this runs in. */
async function connect(
  { env, seams: { clock } }: ProgramContext,
  { kubeconfig }: AgentOptions,
): Promise<ApiConnection> {
  const effects = { readFile: (path: string) => readFile(path, 'utf8'), clock, env, run: runProgram };
  const connection =
    kubeconfig === ''
      ? await inClusterConnection(effects)
      : await connectionOf(await loadKubeconfig(effects, kubeconfig), effects, { allowExec: true });
  const sockets = socketClient({ tls: connection.tls });
  return { connection, fetch: sockets.fetch, upgrade: sockets.upgrade, close: () => sockets.close() };
}

function environment(): Record<string, string> {
  const set = Object.entries(process.env).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return Object.fromEntries(set);
}

/** The file system of this machine. */
const machineFiles: Files = {
  read: (path) =>
    readFile(path).catch((error: unknown) => {
      throw new InvalidInputError(`cannot read ${path}`, 'FileNotFound', error);
    }),
  list: async (path) => (await readdir(path).catch(() => [])).sort((a, b) => (a < b ? -1 : 1)),
  write: async (path, data) => {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, data);
  },
};

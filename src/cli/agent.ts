import { readFile } from 'node:fs/promises';
import type { ProgramContext } from '../base/program.ts';
import { runProgram } from '../base/run-program.ts';
import { socketClient } from '../base/socket-client.ts';
import { connectionOf, inClusterConnection, loadKubeconfig } from '../kube/connection.ts';
import { agent, type ApiConnection } from '../rollout/agent/agent.ts';
import type { AgentOptions } from '../rollout/agent/agent-flags.ts';
import { runOnMachine } from './run-on-machine.ts';

/**
 * `viridian agent`: the rollouts of one cluster, in this process, until it is interrupted.
 *
 * @param argv flags, as Flagger's command has them
 * @returns the exit code
 */
export async function runAgent(argv: readonly string[], version: string): Promise<number> {
  const anyCertificate = socketClient({ tls: { insecureSkipTlsVerify: true } });
  try {
    return await runOnMachine(agent({ version, connect, insecureFetch: anyCertificate.fetch }), argv);
  } finally {
    await anyCertificate.close();
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

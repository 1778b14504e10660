import { socketClient } from '../base/socket-client.ts';
import { agent } from '../rollout/agent/agent.ts';
import { connectApi } from './api-connection.ts';
import { runOnMachine } from './run-on-machine.ts';

/**
 * `viridian agent`: the rollouts of one cluster, in this process, until it is interrupted.
 *
 * @param argv flags, as Flagger's command has them
 * @returns the exit code
 */
export async function runAgent(argv: readonly string[], version: string): Promise<number> {
  const anyCertificate = socketClient({ tls: { insecureSkipTlsVerify: true } });
  const insecureFetch = anyCertificate.fetch;
  try {
    return await runOnMachine(agent({ version, connect: connectApi, insecureFetch }), argv);
  } finally {
    await anyCertificate.close();
  }
}

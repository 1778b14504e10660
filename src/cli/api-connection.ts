import { readFile } from 'node:fs/promises';
import { runProgram } from '../base/run-program.ts';
import { socketClient } from '../base/socket-client.ts';
import { connectionOf, inClusterConnection, loadKubeconfig } from '../kube/connection.ts';
import type { ConnectApi } from '../kube/role.ts';

/** The API server of a kubeconfig, or of the pod that this runs in. */
export const connectApi: ConnectApi = async ({ env, seams: { clock } }, { kubeconfig }) => {
  const effects = { readFile: (path: string) => readFile(path, 'utf8'), clock, env, run: runProgram };
  const connection =
    kubeconfig === ''
      ? await inClusterConnection(effects)
      : await connectionOf(await loadKubeconfig(effects, kubeconfig), effects, { allowExec: true });
  const sockets = socketClient({ tls: connection.tls });
  return { connection, fetch: sockets.fetch, upgrade: sockets.upgrade, close: () => sockets.close() };
};

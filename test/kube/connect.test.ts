import { readFile } from 'node:fs/promises';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { realClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { runProgram } from '../../src/base/run-program.ts';
import { systemRandom } from '../../src/base/random.ts';
import { connect } from '../../src/kube/connect.ts';
import { connectionOf, loadKubeconfig } from '../../src/kube/connection.ts';
import { startCluster } from '../../src/sandbox/apiserver/cluster.ts';

// The whole way that a process on a laptop goes: a kubeconfig on disk, certificates, TLS, an API server.

const clock = realClock();
const namespaces = { group: '', version: 'v1', resource: 'namespaces', kind: 'Namespace', namespaced: false };
const tokens = { ...namespaces, resource: 'serviceaccounts', kind: 'ServiceAccount', namespaced: true };
const effects = {
  clock,
  env: { PATH: process.env['PATH'] },
  readFile: (path: string) => readFile(path, 'utf8'),
  run: runProgram,
};

test('a kubeconfig leads to a working client: by certificate, and by the token of a credential plugin', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'viridian-connect-'));
  const cluster = await startCluster({ clock, random: systemRandom(), log: silentLog, listen: {} });
  const file = join(dir, 'config');
  await writeFile(file, cluster.kubeconfig());

  const byCertificate = connect(await connectionOf(await loadKubeconfig(effects, file), effects), {
    clock,
    userAgent: 'test',
  });
  const found = await byCertificate.client.resource(namespaces).listAll();
  expect(found.items.map(({ metadata }) => metadata.name)).toContain('default');
  await byCertificate.close();

  const { token } = (
    (await cluster
      .client()
      .resource(tokens)
      .create(
        {
          apiVersion: 'authentication.k8s.io/v1',
          kind: 'TokenRequest',
          metadata: { name: 'default', namespace: 'default' },
          spec: { audiences: ['https://kubernetes.default.svc.cluster.local'], expirationSeconds: 600 },
        },
        { subresource: 'token' },
      )) as unknown as { status: { token: string } }
  ).status;
  const credential = {
    apiVersion: 'client.authentication.k8s.io/v1',
    kind: 'ExecCredential',
    status: { token },
  };
  const plugin = {
    apiVersion: 'client.authentication.k8s.io/v1',
    command: process.execPath,
    args: ['-e', `console.log(${JSON.stringify(JSON.stringify(credential))})`],
    interactiveMode: 'Never',
  };
  const server = {
    server: cluster.server,
    'certificate-authority-data': Buffer.from(cluster.ca).toString('base64'),
  };
  const withPlugin = join(dir, 'plugin');
  await writeFile(
    withPlugin,
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'c', cluster: server }],
      users: [{ name: 'u', user: { exec: plugin } }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    }),
  );
  const config = await loadKubeconfig(effects, withPlugin);
  await expect(connectionOf(config, effects)).rejects.toMatchObject({ code: 'ExecNotAllowed' });
  const byPlugin = connect(await connectionOf(config, effects, { allowExec: true }), {
    clock,
    userAgent: 'test',
  });
  const refused = byPlugin.client.resource(namespaces).listAll();
  await expect(refused).rejects.toMatchObject({
    status: 403,
    message: expect.stringContaining('system:serviceaccount:default:default') as string,
  });
  await byPlugin.close();
  await cluster.close();
  await rm(dir, { recursive: true });
});

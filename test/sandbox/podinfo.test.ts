import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { kubectlPath } from '../../scripts/kubectl.mjs';
import { realClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { socketClient } from '../../src/base/socket-client.ts';
import { podinfoImages } from '../../src/sandbox/podinfo/podinfo-images.ts';
import { shell } from '../../src/cli/shell.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import type { SandboxCluster } from '../../src/sandbox/sandbox-cluster.ts';
import { create, get, route } from './backend.ts';

const program = kubectlPath();
if (program === undefined) console.log('podinfo.test.ts is skipped: this machine has no kubectl');

const folder = mkdtempSync(join(tmpdir(), 'viridian-sandbox-test-'));
const manifests = new URL('../testdata/podinfo', import.meta.url).pathname;
const config = join(folder, 'config');
const clock = realClock();
const sockets = socketClient();
let sandbox: Sandbox;
let member: SandboxCluster;

beforeAll(async () => {
  if (program === undefined) return;
  const random = systemRandom();
  sandbox = await startSandbox({
    clock,
    random,
    log: silentLog,
    members: 1,
    images: podinfoImages(),
    shell,
    listen: {},
  });
  const [first] = sandbox.members;
  if (first === undefined) throw new Error('a member was asked for');
  member = first;
  writeFileSync(config, member.kubeconfig(), { mode: 0o600 });
  await create(member, '/api/v1/namespaces', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'webapp', labels: { 'istio-injection': 'enabled' } },
  });
  const webapp = ['common', 'backend', 'frontend'].flatMap((part) => [
    '-f',
    `${manifests}/deploy/webapp/${part}`,
  ]);
  await kubectl('apply', ...webapp);
  await kubectl('apply', '-k', `${manifests}/kustomize`);
  await Promise.all(
    ['webapp', 'default'].map((namespace) =>
      kubectl('-n', namespace, 'wait', '--for=condition=Available', 'deployment', '--all', '--timeout=60s'),
    ),
  );
}, 90_000);

afterAll(async () => {
  await sockets.close();
  await sandbox?.close();
  rmSync(folder, { recursive: true });
});

async function kubectl(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(program ?? '', ['--kubeconfig', config, ...args]);
  return stdout;
}

test.skipIf(program === undefined)(
  'pods are ready, with their sidecars where the namespace asks for them',
  async () => {
    const pods = await kubectl('get', 'po', '-A', '--no-headers');
    const ready = pods.split('\n').map((line) => line.split(/\s+/).slice(0, 4).join(' '));
    const of = (pattern: RegExp): number => ready.filter((line) => pattern.test(line)).length;
    expect(of(/^webapp backend-\S+ 2\/2 Running$/)).toBe(1);
    expect(of(/^webapp frontend-\S+ 2\/2 Running$/)).toBe(1);
    expect(of(/^default podinfo-\S+ 1\/1 Running$/)).toBe(2);
    expect(of(/^istio-system istiod-\S+ 1\/1 Running$/)).toBe(1);
    expect(of(/^istio-system istio-ingressgateway-\S+ 1\/1 Running$/)).toBe(1);
    expect(of(/^istio-system prometheus-\S+ 2\/2 Running$/)).toBe(1);
  },
);

test.skipIf(program === undefined)(
  'the gateway answers under a VirtualService, and Prometheus counts',
  async () => {
    await route(member);
    const edge = sandbox.edges.get(member);
    let status = 404;
    let text = '';
    for (let i = 0; i < 50 && status !== 200; i++) {
      await clock.sleep(20);
      const response = await member.gateway(get('/version'));
      status = response.status;
      text = await response.text();
    }
    expect(JSON.parse(text)).toMatchObject({ version: '6.5.4' });
    expect(edge?.gateway).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const outside = await sockets.fetch(`${edge?.gateway}/status/418`, {
      headers: { host: 'backend.webapp' },
    });
    expect(outside.status).toBe(418);
    outside.cancel();
    const foreign = await sockets.fetch(`${edge?.prometheus}/api/v1/labels`, {
      headers: { host: 'example.com' },
    });
    expect(foreign.status).toBe(403);
    foreign.cancel();
    await clock.sleep(2_500);
    const answer = await sockets.fetch(`${edge?.prometheus}/api/v1/query?query=sum(istio_requests_total)`);
    expect(await answer.text()).toMatch(/"status":"success".*"value":\[[\d.]+,"\d+"\]/);
  },
);

test.skipIf(program === undefined)('kubectl describes, follows logs and runs commands', async () => {
  const described = await kubectl('-n', 'webapp', 'describe', 'pod', '-l', 'app=backend');
  expect(described).toContain('ghcr.io/stefanprodan/podinfo:6.5.4');
  expect(described).toContain('istio-proxy:');
  expect(described).toContain('Successfully assigned webapp/backend-');
  expect(await kubectl('-n', 'webapp', 'logs', 'deploy/backend', '-c', 'backend')).toContain(
    'Starting podinfo',
  );
  const inside = await kubectl(
    '-n',
    'webapp',
    'exec',
    'deploy/frontend',
    '-c',
    'frontend',
    '--',
    'curl',
    '-s',
    'backend:9898/version',
  );
  expect(JSON.parse(inside)).toMatchObject({ version: '6.5.4' });
  const script = 'echo from $HOSTNAME';
  expect(
    await kubectl('-n', 'webapp', 'exec', 'deploy/backend', '-c', 'backend', '--', 'sh', '-c', script),
  ).toMatch(/^from /);
  const following = spawn(program ?? '', [
    '--kubeconfig',
    config,
    '-n',
    'default',
    'logs',
    '-f',
    'deploy/podinfo',
  ]);
  const [first] = (await Promise.race([
    new Promise<[Buffer]>((resolve) => following.stdout.once('data', (data: Buffer) => resolve([data]))),
    clock.sleep(10_000).then(() => [Buffer.from('nothing')]),
  ])) as [Buffer];
  following.kill();
  expect(first.toString()).toContain('Starting podinfo');
});

test.skipIf(program === undefined)(
  "Istio's Prometheus addon runs unchanged over the one that is there",
  async () => {
    await kubectl('apply', '-f', new URL('../testdata/istio/prometheus.yaml', import.meta.url).pathname);
    const rolled = await kubectl(
      '-n',
      'istio-system',
      'rollout',
      'status',
      'deployment/prometheus',
      '--timeout=60s',
    );
    expect(rolled).toContain('successfully rolled out');
    const inside = 'http://localhost:9090/api/v1/query?query=up';
    const exec = ['-n', 'istio-system', 'exec', 'deploy/prometheus', '-c', 'prometheus-server', '--'];
    let answer = '';
    while (!answer.includes('"istio-ingressgateway')) {
      answer = await kubectl(...exec, 'wget', '-qO-', inside);
      await clock.sleep(100);
    }
    expect(answer).toContain('"status":"success"');
  },
);

import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { Canary } from '../../src/api/canary.ts';
import type { Fleet } from '../../src/api/fleet.ts';
import { realClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { images } from '../../src/cli/images.ts';
import { exitCode, startCommand } from '../../src/cli/running-command.test-double.ts';
import { shell } from '../../src/cli/shell.ts';
import { fleetKind, secretKind, serviceAccountKind } from '../../src/fleet/kinds.ts';
import { discover } from '../../src/kube/discovery.ts';
import { gvkOf } from '../../src/machinery/group-version-kind.ts';
import type { Unstructured } from '../../src/machinery/object.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import type { SandboxCluster } from '../../src/sandbox/sandbox-cluster.ts';
import { kinds, specOf } from '../rollout/rollout-world.ts';

const timeoutMs = 60_000;
const patience = { timeout: 30_000, interval: 20 };
let folder: string;
let sandbox: Sandbox;
const children: ChildProcess[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'viridian-killed-'));
  const seams = { clock: realClock(), random: systemRandom() };
  sandbox = await startSandbox({ ...seams, images: images('test'), shell, listen: {} });
}, timeoutMs);

afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await sandbox.close();
  rmSync(folder, { recursive: true });
});

async function apply({ client }: SandboxCluster, file: string): Promise<void> {
  const text = readFileSync(new URL(`../../examples/${file}`, import.meta.url), 'utf8');
  const { mapping } = await discover(client);
  for (const document of parseAllDocuments(text)) {
    const object = document.toJS() as Unstructured;
    await client.resource(mapping.byKind(gvkOf(object))!).apply(object, { fieldManager: 'person' });
  }
}

/** Resolves when a cluster serves these kinds. */
async function served({ client }: SandboxCluster, ...wanted: readonly string[]): Promise<void> {
  const missing = async (): Promise<readonly string[]> => {
    const { mapping } = await discover(client);
    return wanted.filter((name) => !mapping.resources.some(({ kind }) => kind === name));
  };
  await expect.poll(missing, patience).toEqual([]);
}

function kubeconfigOf(cluster: SandboxCluster): string {
  const file = join(folder, `${cluster.name}.config`);
  writeFileSync(file, cluster.kubeconfig(), { mode: 0o600 });
  return file;
}

/** A role without a Lease, which another process would have to wait for. */
function start(role: 'manager' | 'agent', cluster: SandboxCluster) {
  const election = role === 'agent' ? '-enable-leader-election=false' : '-leader-elect=false';
  const flags = ['-kubeconfig', kubeconfigOf(cluster), '-port=0', '-min-interval=1s', election];
  const running = startCommand(role, ...flags);
  children.push(running.child);
  return running;
}

/** Kills the first process of a role as soon as it has done something; the second one is to finish it. */
async function survive(
  role: 'manager' | 'agent',
  cluster: SandboxCluster,
  hasBegun: () => Promise<boolean>,
  isDone: () => Promise<unknown>,
  done: unknown,
): Promise<void> {
  const killed = start(role, cluster);
  await expect.poll(hasBegun, patience).toBe(true);
  killed.child.kill('SIGKILL');
  expect(await exitCode(killed.child)).toBeNull();
  expect(await isDone()).not.toEqual(done);
  const second = start(role, cluster);
  try {
    await expect.poll(isDone, patience).toEqual(done);
  } finally {
    second.child.kill('SIGTERM');
    expect(await exitCode(second.child)).toBe(0);
  }
}

test(
  'the process of a manager may be killed while it installs a plugin',
  async () => {
    const { host, members } = sandbox;
    const ended = start('manager', host);
    await served(host, 'Fleet', 'AttachedCluster');
    ended.child.kill('SIGKILL');
    for (const member of members) {
      const { name } = member;
      const data = { [`${name}.config`]: Buffer.from(member.kubeconfig()).toString('base64') };
      const metadata = { name, namespace: 'default' };
      await host.client.resource(secretKind).create({ apiVersion: 'v1', kind: 'Secret', metadata, data });
    }
    await apply(host, 'fleet/attachedclusters.yaml');
    await apply(host, 'fleet/fleet.yaml');
    const [first] = members;
    const fleet = () =>
      host.client.resource<Fleet>(fleetKind).get({ namespace: 'default', name: 'quickstart' });
    await survive(
      'manager',
      host,
      async () => {
        const { items } = await first!.client
          .resource(serviceAccountKind)
          .listAll({ labelSelector: 'fleet.kurator.dev/plugin=flagger' });
        return items.length > 0;
      },
      async () => (await fleet()).status?.phase,
      'Ready',
    );
    expect((await fleet()).status?.plugins?.map(({ reason }) => reason)).toEqual(['Running', 'Running']);
  },
  timeoutMs,
);

test(
  'the process of an agent may be killed in the middle of a rollout',
  async () => {
    // One that no fleet has: its agents are in pods.
    const { host: cluster } = sandbox;
    const canaries = cluster.client.resource<Canary>(kinds.canaries);
    const key = { namespace: 'test', name: 'podinfo' };
    const status = async () => (await canaries.get(key)).status ?? {};
    await apply(cluster, 'canary/podinfo.yaml');
    const initial = start('agent', cluster);
    await served(cluster, 'Canary', 'MetricTemplate', 'AlertProvider');
    const spec = specOf({ interval: '1s', iterations: 5, metrics: [] }, { provider: 'kubernetes' });
    await canaries.create({
      apiVersion: 'flagger.app/v1beta1',
      kind: 'Canary',
      metadata: key,
      spec: { ...spec, service: { port: 9898 } },
    });
    await expect.poll(async () => (await status()).phase, patience).toBe('Initialized');
    initial.child.kill('SIGTERM');
    expect(await exitCode(initial.child)).toBe(0);

    const containers = [{ name: 'podinfod', image: 'ghcr.io/stefanprodan/podinfo:6.5.4' }];
    const change = { spec: { template: { spec: { containers } } } };
    await cluster.client.resource(kinds.deployments).patch(key, 'strategic', change);
    await survive(
      'agent',
      cluster,
      async () => ((await status()).iterations ?? 0) >= 2,
      async () => (await status()).phase,
      'Succeeded',
    );
  },
  timeoutMs,
);

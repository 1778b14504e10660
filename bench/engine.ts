import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Canary, CanarySpec } from '../src/api/canary.ts';
import { realClock } from '../src/base/clock.ts';
import { silentLog } from '../src/base/log.ts';
import { seededRandom } from '../src/base/random.ts';
import { shell } from '../src/cli/shell.ts';
import type { ResourceKind } from '../src/kube/resource-client.ts';
import { Store } from '../src/kube/store.ts';
import type { KubeObject, Unstructured } from '../src/machinery/object.ts';
import { podinfoImages } from '../src/sandbox/podinfo/podinfo-images.ts';
import { startSandbox } from '../src/sandbox/sandbox.ts';
import type { SandboxCluster } from '../src/sandbox/sandbox-cluster.ts';
import { create } from '../test/sandbox/backend.ts';
import { type Measurement } from './report.ts';
import { RoleProcess } from './role-process.ts';

const clock = realClock();
const namespace = 'bench';
const canaries = 300;
/** In rounds, one after the other; on few Canaries, or the sandbox's own work in this process would be measured. */
const rounds = 10;
const perRound = 10;
const idleMs = 60_000;

const kind = (group: string, version: string, resource: string, name: string): ResourceKind => ({
  group,
  version,
  resource,
  kind: name,
  namespaced: true,
});
const deploymentKind = kind('apps', 'v1', 'deployments', 'Deployment');
const canaryKind = kind('flagger.app', 'v1beta1', 'canaries', 'Canary');
const virtualServiceKind = kind('networking.istio.io', 'v1beta1', 'virtualservices', 'VirtualService');

/** A webhook that agrees until told otherwise. */
class HookServer {
  readonly #server = createServer((request, response) => this.#answer(request, response));
  readonly #refusing = new Set<string>();
  readonly #refusedAt = new Map<string, number>();

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  refuse(canary: string): void {
    this.#refusing.add(canary);
  }

  agree(canary: string): void {
    this.#refusing.delete(canary);
    this.#refusedAt.delete(canary);
  }

  /** When a call was refused first (performance.now). */
  refusedAt(canary: string): number | undefined {
    return this.#refusedAt.get(canary);
  }

  close(): void {
    this.#server.close();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const { name } = JSON.parse(body) as { name: string };
      const isRefused = this.#refusing.has(name);
      if (isRefused && !this.#refusedAt.has(name)) this.#refusedAt.set(name, performance.now());
      response.writeHead(isRefused ? 400 : 200).end();
    });
  }
}

/** What a watch of one kind has seen, and when (performance.now). */
class Seen<T extends KubeObject> {
  readonly #store: Store<T>;

  constructor(cluster: SandboxCluster, of: ResourceKind, signal: AbortSignal) {
    this.#store = new Store<T>({
      client: cluster.client.resource<T>(of),
      clock,
      random: seededRandom(of.resource),
      log: silentLog,
      namespace,
    });
    void this.#store.run(signal);
  }

  async when(name: string, holds: (object: T) => boolean): Promise<number> {
    await this.#store.waitFor(`${namespace}/${name}`, (object) => object !== undefined && holds(object), {
      timeoutMs: 120_000,
    });
    return performance.now();
  }
}

function deployment(name: string, version: string): Unstructured {
  const labels = { app: name };
  const container = {
    name: 'app',
    image: 'registry.k8s.io/pause:3.9',
    env: [{ name: 'VERSION', value: version }],
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [container] } },
    },
  };
}

function canarySpec(target: string, analysis: CanarySpec['analysis']): CanarySpec {
  return {
    targetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: target },
    service: { port: 80 },
    analysis,
  };
}

function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN;
}

const isPhase = (phase: string) => (canary: Canary) => canary.status?.phase === phase;

function canaryWeight(service: KubeObject): number {
  const { spec } = service as unknown as { spec: { http: { route: { weight: number }[] }[] } };
  return spec.http[0]?.route[1]?.weight ?? 0;
}

interface Bench {
  readonly cluster: SandboxCluster;
  readonly seen: {
    readonly canaries: Seen<Canary>;
    readonly routes: Seen<KubeObject>;
    readonly deployments: Seen<KubeObject>;
  };
}

async function deploy({ cluster }: Bench, name: string, version: string): Promise<void> {
  await cluster.client
    .resource(deploymentKind)
    .apply(deployment(name, version), { fieldManager: 'bench', force: true });
}

async function start(bench: Bench, name: string, analysis: CanarySpec['analysis']): Promise<void> {
  await deploy(bench, name, 'v1');
  await bench.cluster.client.resource(canaryKind).create({
    apiVersion: 'flagger.app/v1beta1',
    kind: 'Canary',
    metadata: { name, namespace },
    spec: canarySpec(name, analysis),
  });
}

/** One after the other: a new version, until `Progressing` is on the server; a refused check, until traffic is back. */
async function latencies(bench: Bench, hook: HookServer): Promise<Measurement[]> {
  const names = Array.from({ length: perRound }, (_, i) => `one-${i}`);
  for (const name of names) await start(bench, name, checked(hook));
  for (const name of names) await bench.seen.canaries.when(name, isPhase('Initialized'));
  const detected: number[] = [];
  const back: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    for (const name of names) {
      await deploy(bench, name, `v${round + 1}`);
      const changedAt = performance.now();
      detected.push((await bench.seen.canaries.when(name, isPhase('Progressing'))) - changedAt);
      await bench.seen.routes.when(name, (service) => canaryWeight(service) > 0);
      hook.refuse(name);
      const backAt = await bench.seen.routes.when(name, (service) => canaryWeight(service) === 0);
      back.push(backAt - (hook.refusedAt(name) ?? Number.NaN));
      await bench.seen.canaries.when(name, isPhase('Failed'));
      hook.agree(name);
      // Or the next one would wait for what the sandbox, in this process, does with the pods of this one.
      await clock.sleep(200);
    }
  }
  const of = (name: string, values: readonly number[]): Measurement[] => [
    { name: `${name}, median of ${values.length}`, value: percentile(values, 0.5), unit: 'ms', atMost: 50 },
    { name: `${name}, p99`, value: percentile(values, 0.99), unit: 'ms', atMost: 50 },
  ];
  return [
    ...of('new version → Progressing written', detected),
    ...of('failed check at the threshold → traffic back', back),
  ];
}

/** A blue/green of three iterations, against its analysis windows and the starts of pods. */
async function healthy(bench: Bench): Promise<Measurement[]> {
  const intervalMs = 2000;
  const alone = performance.now();
  await deploy(bench, 'alone', 'v1');
  await bench.seen.deployments.when('alone', (object) => {
    const { status } = object as unknown as { status?: { availableReplicas?: number } };
    return (status?.availableReplicas ?? 0) > 0;
  });
  const podStart = performance.now() - alone;
  await start(bench, 'healthy', { interval: '2s', threshold: 1, iterations: 3 });
  await bench.seen.canaries.when('healthy', isPhase('Initialized'));
  const before = performance.now();
  await deploy(bench, 'healthy', 'v2');
  const total = (await bench.seen.canaries.when('healthy', isPhase('Succeeded'))) - before;
  // Three iterations and the window in which the canary has all the traffic; the canary's pod, then the primary's.
  const needed = 4 * intervalMs + 2 * podStart;
  return [
    {
      name: 'healthy blue/green beyond its windows and pod starts',
      value: total - needed,
      unit: 'ms',
      atMost: 1000,
    },
  ];
}

async function idle(agent: RoleProcess, empty: number): Promise<Measurement[]> {
  const before = await agent.ask();
  await clock.sleep(idleMs);
  const after = await agent.ask();
  const minutes = idleMs / 60_000;
  return [
    {
      name: `requests of ${canaries} idle canaries, watches and Lease apart`,
      value: (after.requests - before.requests) / minutes,
      unit: '/min',
      atMost: 0,
    },
    {
      name: `writes of ${canaries} idle canaries`,
      value: (after.writes - before.writes) / minutes,
      unit: '/min',
      atMost: 0,
    },
    {
      name: `heap of the agent per canary, of ${canaries}`,
      value: (after.heap - empty) / canaries / 1024,
      unit: 'KiB',
      atMost: 40,
    },
  ];
}

/** The rollout engine, as an agent of its own process, against a member of the sandbox. */
export default async function engine(): Promise<readonly Measurement[]> {
  const dir = mkdtempSync(join(tmpdir(), 'viridian-bench-'));
  const stop = new AbortController();
  const hook = await new HookServer().listen();
  const sandbox = await startSandbox({
    clock,
    random: seededRandom('bench'),
    members: 1,
    nodes: 7,
    images: podinfoImages(),
    shell,
    listen: {},
  });
  try {
    const [cluster] = sandbox.members;
    if (cluster === undefined) throw new Error('a member was asked for');
    const kubeconfig = join(dir, 'member.config');
    writeFileSync(kubeconfig, cluster.kubeconfig(), { mode: 0o600 });
    const flags = ['-min-interval=1s', '-enable-leader-election=false', '-port=0', '-log-level=error'];
    const agent = new RoleProcess(new URL('engine-agent.ts', import.meta.url), kubeconfig, flags);
    try {
      return await measure(cluster, agent, hook, stop.signal);
    } finally {
      await agent.end();
    }
  } finally {
    stop.abort();
    hook.close();
    await sandbox.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

async function measure(
  cluster: SandboxCluster,
  agent: RoleProcess,
  hook: HookServer,
  signal: AbortSignal,
): Promise<readonly Measurement[]> {
  await create(cluster, '/api/v1/namespaces', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: namespace },
  });
  while (
    (await cluster.client.raw('GET', '/apis/flagger.app/v1beta1').catch(() => undefined)) === undefined
  ) {
    await clock.sleep(50);
  }
  const bench: Bench = {
    cluster,
    seen: {
      canaries: new Seen(cluster, canaryKind, signal),
      routes: new Seen(cluster, virtualServiceKind, signal),
      deployments: new Seen(cluster, deploymentKind, signal),
    },
  };
  const single = [...(await latencies(bench, hook)), ...(await healthy(bench))];
  // What the code itself takes is there by now.
  const { heap: warm } = await agent.ask();
  for (let i = 0; i < canaries; i += 1) await start(bench, `app-${i}`, checked(hook));
  for (let i = 0; i < canaries; i += 1) await bench.seen.canaries.when(`app-${i}`, isPhase('Initialized'));
  await clock.sleep(5000);
  return [...single, ...(await idle(agent, warm))];
}

/** Half of the traffic, if the hook agrees. */
function checked(hook: HookServer): CanarySpec['analysis'] {
  const webhooks = [{ name: 'check', type: 'rollout' as const, url: hook.url }];
  return { interval: '1s', threshold: 1, stepWeight: 50, webhooks };
}

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { Application } from '../src/api/application.ts';
import type { Canary } from '../src/api/canary.ts';
import { realClock } from '../src/base/clock.ts';
import { silentLog } from '../src/base/log.ts';
import { seededRandom } from '../src/base/random.ts';
import { gitServer } from '../src/cli/git-server.ts';
import { images } from '../src/cli/images.ts';
import { shell } from '../src/cli/shell.ts';
import {
  applicationKind,
  attachedClusterKind,
  canaryKind,
  deploymentKind,
  fleetKind,
  secretKind,
} from '../src/fleet/kinds.ts';
import type { ResourceKind } from '../src/kube/resource-client.ts';
import { Store } from '../src/kube/store.ts';
import type { KubeObject, Unstructured } from '../src/machinery/object.ts';
import { listenEdge } from '../src/sandbox/edge.ts';
import type { SandboxCall } from '../src/sandbox/faults.ts';
import { type Sandbox, startSandbox } from '../src/sandbox/sandbox.ts';
import type { SandboxCluster } from '../src/sandbox/sandbox-cluster.ts';
import { applicationOf, manifestsOf } from '../test/fleet/applications.ts';
import type { Measurement } from './report.ts';
import { RoleProcess } from './role-process.ts';

const clock = realClock();
/** Whether git wins over the cluster again and again, or only with a commit. */
const intervals = ['0s', '10s', '0s', '10s'];
const applications = intervals.map((interval, i) => ({ name: `team-${i}`, interval }));
const replicas = 2;
const changes = 120;
const idleMs = 60_000;
const patienceMs = 120_000;

/** What a person's watch of one kind has seen. */
class Seen<T extends KubeObject> {
  readonly store: Store<T>;

  constructor({ client, name }: SandboxCluster, of: ResourceKind, signal: AbortSignal) {
    const seams = { clock, random: seededRandom(`${name} ${of.resource}`), log: silentLog };
    this.store = new Store<T>({ ...seams, client: client.resource<T>(of) });
    void this.store.run(signal);
  }

  async when(key: string, holds: (object: T) => boolean): Promise<number> {
    const isSo = (object: T | undefined): boolean => object !== undefined && holds(object);
    await this.store.waitFor(key, isSo, { timeoutMs: patienceMs });
    return performance.now();
  }

  /** Resource versions by key: another one is another write. */
  versions(): ReadonlyMap<string, string> {
    const metadata = this.store.list().map((object) => object.metadata);
    const key = ({ namespace, name }: KubeObject['metadata']): string => `${namespace}/${name}`;
    return new Map(metadata.map((one) => [key(one), one.resourceVersion ?? '']));
  }
}

interface Bench {
  readonly sandbox: Sandbox;
  readonly manager: RoleProcess;
  /** Requests of agents, watches and Leases apart. */
  readonly ofAgents: readonly string[];
  readonly seen: Seen<Application>;
  readonly members: readonly {
    readonly cluster: SandboxCluster;
    readonly canaries: Seen<Canary>;
    readonly deployments: Seen<KubeObject>;
  }[];
}

function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN;
}

/** The entry of a member in the status of an Application. */
function reported({ status }: Application, member: string): Canary['status'] {
  const rollouts = status?.syncStatus?.map(({ rolloutStatus }) => rolloutStatus) ?? [];
  return rollouts.find((rollout) => rollout?.clusterName === member)?.rolloutStatusInCluster;
}

/** One change of a Canary after the other, each until the Application on the host tells it. */
async function latencies({ seen, members }: Bench): Promise<Measurement[]> {
  const taken: number[] = [];
  for (let i = 0; i < changes; i += 1) {
    const { cluster, canaries } = members[i % members.length]!;
    const { name } = applications[i % applications.length]!;
    const key = { namespace: name, name };
    const lastTransitionTime = new Date(Date.UTC(2026, 0, 1, 0, 0, i)).toISOString().replace('.000', '');
    const changed = cluster.client
      .resource<Canary>(canaryKind)
      .patch(key, 'merge', { status: { lastTransitionTime } }, { subresource: 'status' });
    const isSo = (status: Canary['status']): boolean => status?.lastTransitionTime === lastTransitionTime;
    const at = await canaries.when(`${name}/${name}`, ({ status }) => isSo(status));
    const told = await seen.when(`default/${name}`, (object) => isSo(reported(object, cluster.name)));
    taken.push(told - at);
    await changed;
  }
  const what = 'Canary changed on a member → in Application.status';
  return [
    { name: `${what}, median of ${changes}`, value: percentile(taken, 0.5), unit: 'ms', atMost: 100 },
    { name: `${what}, p99`, value: percentile(taken, 0.99), unit: 'ms', atMost: 100 },
  ];
}

/** Versions of all that a rollout and a sync could fight about. */
function stateOf({ members }: Bench): ReadonlyMap<string, string> {
  const entries = members.flatMap(({ cluster, canaries, deployments }) =>
    [...canaries.versions(), ...deployments.versions()].map(
      ([key, version], i) => [`${cluster.name} ${i} ${key}`, version] as const,
    ),
  );
  return new Map(entries);
}

/** A minute in which nobody wants anything. */
async function idle(bench: Bench): Promise<Measurement[]> {
  const before = { manager: await bench.manager.ask(), agents: bench.ofAgents.length, state: stateOf(bench) };
  await clock.sleep(idleMs);
  const manager = await bench.manager.ask();
  const agents = bench.ofAgents.slice(before.agents);
  if (before.agents === 0) throw new Error('no request of an agent was ever counted');
  const state = stateOf(bench);
  const moved = [...state].filter(([key, version]) => before.state.get(key) !== version);
  // Or nobody would ever find out where they come from.
  for (const line of [...manager.last, ...agents, ...moved.map(([key]) => key)]) console.error(`  ${line}`);
  const minutes = idleMs / 60_000;
  const fleet = `${applications.length} idle Applications, intervals of 0s and 10s`;
  const of = (name: string, count: number): Measurement => ({
    name: `${fleet}: ${name}`,
    value: count / minutes,
    unit: '/min',
    atMost: 0,
  });
  return [
    of('requests of the manager', manager.requests - before.manager.requests),
    of('requests of agents', agents.length),
    of('Deployments and Canaries written', moved.length),
  ];
}

/** Longer than what is repaired waits for the next repair: a fight never lets this end. */
const restMs = 15_000;

/** Resolves when nobody has asked for anything for a while. */
async function quiet({ manager, ofAgents }: Bench): Promise<void> {
  let before = -1;
  for (let waited = 0; waited <= patienceMs; waited += restMs) {
    const requests = (await manager.ask()).requests + ofAgents.length;
    if (requests === before) return;
    before = requests;
    await clock.sleep(restMs);
  }
  throw new Error(`no ${restMs} ms without a request within ${patienceMs} ms`);
}

/** All Canaries at rest, and all Deployments with what git says. */
async function settled(bench: Bench, wanted: number): Promise<void> {
  const { members, seen } = bench;
  for (const { name } of applications) {
    for (const { canaries, deployments } of members) {
      await canaries.when(`${name}/${name}`, ({ status }) => status?.phase === 'Initialized');
      await deployments.when(`${name}/${name}-primary`, (object) => {
        const { spec, status } = object as unknown as {
          spec: { replicas?: number };
          status?: { readyReplicas?: number };
        };
        return spec.replicas === wanted && status?.readyReplicas === wanted;
      });
    }
    await seen.when(`default/${name}`, ({ status }) => status?.phase === 'Ready');
  }
  await quiet(bench);
}

/** A repository with what the teams have in git. */
class Repository {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder);
    this.#git('init', '-q', '-b', 'master');
  }

  commit(count: number): void {
    for (const { name } of applications) {
      for (const [path, text] of Object.entries(manifestsOf(name, count))) {
        mkdirSync(dirname(join(this.#folder, path)), { recursive: true });
        writeFileSync(join(this.#folder, path), text);
      }
    }
    this.#git('add', '-A');
    this.#git('commit', '-q', '-m', `${count} replicas`);
  }

  #git(...args: readonly string[]): void {
    const author = ['-c', 'user.name=Bench', '-c', 'user.email=bench@example.com'];
    execFileSync('git', ['-C', this.#folder, ...author, ...args]);
  }
}

function example(file: string): readonly Unstructured[] {
  const text = readFileSync(new URL(`../examples/fleet/${file}`, import.meta.url), 'utf8');
  return parseAllDocuments(text).map((document) => document.toJS() as Unstructured);
}

async function served({ client }: SandboxCluster, { group, version, resource }: ResourceKind): Promise<void> {
  const path = `/apis/${group}/${version}/${resource}`;
  while ((await client.raw('GET', path).catch(() => undefined)) === undefined) await clock.sleep(50);
}

/** The walkthrough up to Applications that rest. */
async function deliver(bench: Pick<Bench, 'sandbox'>, url: string): Promise<void> {
  const { host, members } = bench.sandbox;
  for (const kind of [attachedClusterKind, fleetKind, applicationKind]) await served(host, kind);
  const person = { fieldManager: 'person' };
  for (const member of members) {
    const { name } = member;
    const data = { [`${name}.config`]: Buffer.from(member.kubeconfig()).toString('base64') };
    const metadata = { name, namespace: 'default' };
    await host.client.resource(secretKind).create({ apiVersion: 'v1', kind: 'Secret', metadata, data });
  }
  for (const object of example('attachedclusters.yaml')) {
    await host.client.resource(attachedClusterKind).apply(object, person);
  }
  for (const object of example('fleet.yaml')) await host.client.resource(fleetKind).apply(object, person);
  for (const { name, interval } of applications) {
    await host.client.resource<Application>(applicationKind).create(applicationOf(name, url, interval));
  }
  for (const member of members) await served(member, canaryKind);
}

/** The manager as a process of its own, agents in pods of the sandbox, git over HTTP. */
export default async function fleet(): Promise<readonly Measurement[]> {
  const dir = mkdtempSync(join(tmpdir(), 'viridian-bench-'));
  const stop = new AbortController();
  await using cleanUp = new AsyncDisposableStack();
  cleanUp.defer(() => rmSync(dir, { recursive: true, force: true }));
  const repository = new Repository(join(dir, 'teams'));
  repository.commit(replicas);
  const git = await listenEdge(0, gitServer(new Map([['teams', join(dir, 'teams/.git')]])), true);
  cleanUp.defer(() => git.close(AbortSignal.abort()));
  const ofAgents: string[] = [];
  const faults = ({ from, to, method, url }: SandboxCall): void => {
    // An API server sees pods by their node. On members, only agents ask it.
    if (!from.startsWith('pods of ') && !from.startsWith('istio-system/istio-system-flagger-')) return;
    if (!url.includes('watch=true') && !url.includes('/leases')) ofAgents.push(`${method} ${to} ${url}`);
  };
  const sandbox = await startSandbox({
    clock,
    random: seededRandom('bench'),
    images: images('bench'),
    shell,
    listen: {},
    nodes: 4,
    faults,
  });
  cleanUp.defer(() => sandbox.close());
  const kubeconfig = join(dir, 'host.config');
  writeFileSync(kubeconfig, sandbox.host.kubeconfig(), { mode: 0o600 });
  const flags = ['-min-interval=1s', '-leader-elect=false', '-port=0', '-log-level=error'];
  const manager = new RoleProcess(new URL('fleet-manager.ts', import.meta.url), kubeconfig, flags);
  cleanUp.defer(() => manager.end());
  cleanUp.defer(() => stop.abort());
  await deliver({ sandbox }, `http://${git.address}:${git.port}/teams`);
  const members = sandbox.members.map((cluster) => ({
    cluster,
    canaries: new Seen<Canary>(cluster, canaryKind, stop.signal),
    deployments: new Seen<KubeObject>(cluster, deploymentKind, stop.signal),
  }));
  const seen = new Seen<Application>(sandbox.host, applicationKind, stop.signal);
  const bench: Bench = { sandbox, manager, ofAgents, seen, members };
  await settled(bench, replicas);
  const atRest = await idle(bench);
  const taken = await latencies(bench);
  repository.commit(replicas + 1);
  await settled(bench, replicas + 1);
  // Another count is not another version: it reaches the primaries, and nothing is tested.
  const tested = members
    .flatMap(({ canaries }) => canaries.store.list())
    .filter(({ status }) => status?.phase !== 'Initialized');
  const name = 'rollouts begun by a change of replicas in git';
  return [...taken, ...atRest, { name, value: tested.length, unit: '', atMost: 0 }];
}

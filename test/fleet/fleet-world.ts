import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import type { AttachedCluster } from '../../src/api/attached-cluster.ts';
import type { Fleet } from '../../src/api/fleet.ts';
import { VirtualClock } from '../../src/base/clock.ts';
import type { Program } from '../../src/base/program.ts';
import { seededRandom } from '../../src/base/random.ts';
import { images } from '../../src/cli/images.ts';
import { shell } from '../../src/cli/shell.ts';
import { attachedClusterKind, fleetKind, secretKind, serviceAccountKind } from '../../src/fleet/kinds.ts';
import { manager } from '../../src/fleet/manager/manager.ts';
import type { ConnectMember } from '../../src/fleet/members.ts';
import type { GitTransport } from '../../src/gitops/source/git-transport.ts';
import { discover } from '../../src/kube/discovery.ts';
import type { KubeEvent } from '../../src/kube/event-correlator.ts';
import { eventKind } from '../../src/kube/event-recorder.ts';
import type { ResourceKind } from '../../src/kube/resource-client.ts';
import { createClient, type RestClient } from '../../src/kube/rest-client.ts';
import { getCondition } from '../../src/machinery/conditions.ts';
import { gvkOf } from '../../src/machinery/group-version-kind.ts';
import type { JsonObject } from '../../src/machinery/json.ts';
import type { KubeObject, Unstructured } from '../../src/machinery/object.ts';
import { inProcessServer } from '../../src/sandbox/apiserver/cluster.ts';
import { ApiDoor, type SandboxCall } from '../../src/sandbox/faults.ts';
import { findImage, type ImageCatalogue } from '../../src/sandbox/node/images.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import type { SandboxCluster } from '../../src/sandbox/sandbox-cluster.ts';

const podKind: ResourceKind = {
  group: '',
  version: 'v1',
  resource: 'pods',
  kind: 'Pod',
  namespaced: true,
};

interface Pod extends KubeObject {
  readonly status?: {
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

/** What a pod of the manager needs that the sandbox's network does not give: a way to the members. */
interface Ways {
  readonly member: ConnectMember;
  /** Hears of each request of the manager to a member, `POST kurator-member1 /api/…`; watches left out. */
  readonly requests: string[];
}

export interface FleetWorldOptions {
  readonly seed: string;
  /** Further arguments of the manager. */
  readonly args?: readonly string[];
  /** Hears of all requests of pods. */
  readonly onRequest?: (call: SandboxCall) => void;
  /** Where repositories are; default: the manager has no git. */
  readonly git?: GitTransport;
}

/** A host with our manager in a pod, as deploy/manager has it, and two members that no agent runs on yet. */
export class FleetWorld {
  readonly clock: VirtualClock;
  readonly sandbox: Sandbox;
  /** The manager's way to each member. */
  readonly doors: ReadonlyMap<string, ApiDoor>;
  readonly requests: string[];
  #tokens = 0;

  constructor(sandbox: Sandbox, clock: VirtualClock, doors: Map<string, ApiDoor>, requests: string[]) {
    this.sandbox = sandbox;
    this.clock = clock;
    this.doors = doors;
    this.requests = requests;
  }

  /** Builds the world, lets `story` happen in it, and takes it down. */
  static run(options: FleetWorldOptions, story: (world: FleetWorld) => Promise<void>): Promise<void> {
    const clock = new VirtualClock();
    const doors = new Map<string, ApiDoor>();
    const ways: Ways = { member: (config) => connectMember(config, clock, doors, ways), requests: [] };
    const work = async (): Promise<void> => {
      const lines: string[] = [];
      const sandbox = await startSandbox({
        clock,
        random: seededRandom(options.seed),
        images: withManager(ways, options),
        shell,
        faults: (call) => options.onRequest?.(call),
      });
      try {
        for (const { name, cluster } of sandbox.members)
          doors.set(name, new ApiDoor(name, cluster, undefined));
        const world = new FleetWorld(sandbox, clock, doors, ways.requests);
        await world.apply(sandbox.host, 'deploy/manager/manager.yaml');
        await world.until('the kinds of the manager', async () => {
          const { mapping } = await discover(sandbox.host.client);
          return mapping.byKind({ group: fleetKind.group, kind: 'Fleet' }) !== undefined;
        });
        await story(world);
      } catch (error) {
        lines.push(...(await logsOf(sandbox.host)));
        throw new Error(`${String(error)}\nthe manager says:\n${lines.slice(-15).join('\n')}`, {
          cause: error,
        });
      } finally {
        await sandbox.close();
      }
    };
    return clock.run(work());
  }

  get host(): RestClient {
    return this.sandbox.host.client;
  }

  member(name: string): SandboxCluster {
    return this.sandbox.members.find((member) => member.name === name)!;
  }

  // What a person does.

  /** `kubectl apply` of a manifest of this repository. */
  async apply({ client }: SandboxCluster, file: string): Promise<void> {
    const text = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
    for (const document of parseAllDocuments(text)) {
      const { mapping } = await discover(client);
      const object = document.toJS() as Unstructured;
      const resource = mapping.byKind(gvkOf(object));
      if (resource === undefined) throw new Error(`${object.apiVersion} ${object.kind} is not served`);
      await client.resource(resource).apply(object, { fieldManager: 'person' });
    }
  }

  /** Makes an administrator's token on a member. @returns the name of its account */
  async account(member: string): Promise<{ readonly name: string; readonly token: string }> {
    const { client } = this.member(member);
    const name = `manager-${++this.#tokens}`;
    const metadata = { name, namespace: 'kube-system' };
    await client.resource(serviceAccountKind).create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata });
    await client.raw('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      contentType: 'application/json',
      json: {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRoleBinding',
        metadata: { name },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
        subjects: [{ kind: 'ServiceAccount', ...metadata }],
      },
    });
    const { text } = await client.raw(
      'POST',
      `/api/v1/namespaces/kube-system/serviceaccounts/${name}/token`,
      {
        contentType: 'application/json',
        json: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} },
      },
    );
    const { token } = (JSON.parse(text) as { status: { token: string } }).status;
    return { name, token };
  }

  async removeAccount(member: string, name: string): Promise<void> {
    const accounts = this.member(member).client.resource(serviceAccountKind);
    await accounts.delete({ namespace: 'kube-system', name });
  }

  /** Puts a kubeconfig of a member into its Secret. @param user as in a kubeconfig */
  async secret(name: string, user: object): Promise<void> {
    const kubeconfig = JSON.stringify({
      'current-context': name,
      clusters: [{ name, cluster: { server: `https://${name}:6443` } }],
      users: [{ name, user }],
      contexts: [{ name, context: { cluster: name, user: name } }],
    });
    const data = { [`${name}.config`]: Buffer.from(kubeconfig).toString('base64') };
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'default' }, data };
    await this.host.resource(secretKind).apply(secret, { fieldManager: 'person', force: true });
  }

  /** Ends the manager's pod as a crash does. Another takes its place. */
  async killManager(): Promise<void> {
    const pods = this.host.resource<Pod>(podKind);
    const { items } = await pods.list({ namespace: 'kurator-system' });
    for (const { metadata } of items) {
      const key = { namespace: 'kurator-system', name: metadata.name ?? '' };
      await pods.delete(key, { gracePeriodSeconds: 0 });
    }
  }

  /** The walkthrough: two Secrets, two AttachedClusters, a Fleet. */
  async applyWalkthrough(): Promise<void> {
    for (const { name } of this.sandbox.members) {
      const { token } = await this.account(name);
      await this.secret(name, { token });
    }
    await this.apply(this.sandbox.host, 'examples/fleet/attachedclusters.yaml');
    await this.apply(this.sandbox.host, 'examples/fleet/fleet.yaml');
  }

  async patchFleet(patch: JsonObject): Promise<void> {
    const key = { namespace: 'default', name: 'quickstart' };
    await this.host.resource<Fleet>(fleetKind).patch(key, 'merge', patch);
  }

  // What a person sees.

  fleet(): Promise<Fleet> {
    return this.host.resource<Fleet>(fleetKind).get({ namespace: 'default', name: 'quickstart' });
  }

  /** `True Ready: …` */
  async attached(name: string): Promise<string> {
    const clusters = this.host.resource<AttachedCluster>(attachedClusterKind);
    const { status } = await clusters.get({ namespace: 'default', name });
    const ready = getCondition(status?.conditions, 'Ready');
    return ready === undefined ? '' : `${String(status?.ready)} ${ready.reason}: ${ready.message}`;
  }

  /** Pods of the plugin on a member that are ready. */
  async pluginPods(name: string): Promise<readonly Pod[]> {
    const pods = this.member(name).client.resource<Pod>(podKind);
    const { items } = await pods.list({ namespace: 'istio-system' });
    return items.filter(
      ({ metadata, status }) =>
        metadata.name?.startsWith('istio-system-') === true &&
        status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') ===
          true,
    );
  }

  async events(name: string): Promise<readonly string[]> {
    const { items } = await this.host.resource<KubeEvent>(eventKind).listAll();
    return items
      .filter(({ involvedObject }) => involvedObject.name === name)
      .map(({ type, reason }) => `${type} ${reason}`);
  }

  async until(what: string, holds: () => Promise<boolean>, minutes = 3): Promise<void> {
    for (let i = 0; i < minutes * 600; i += 1) {
      if (await holds()) return;
      await this.clock.sleep(100);
    }
    const { status } = await this.fleet().catch(() => ({ status: undefined }));
    throw new Error(`waited ${minutes} minutes for ${what}; the fleet: ${JSON.stringify(status)}`);
  }

  phase(phase: string): Promise<void> {
    return this.until(`phase ${phase}`, async () => (await this.fleet()).status?.phase === phase);
  }
}

/** Lines of the logs of all pods. */
export async function logsOf({ client }: SandboxCluster): Promise<readonly string[]> {
  const { items } = await client.resource<Pod>(podKind).listAll();
  const lines: string[] = [];
  for (const { metadata } of items) {
    const { namespace, name = '' } = metadata;
    lines.push(...(await Array.fromAsync(client.logs({ namespace, name })).catch(() => [])));
  }
  return lines;
}

/** All roles of the image; the manager reaches members by the name that their kubeconfigs have for the server. */
function withManager(ways: Ways, { args = [], git }: FleetWorldOptions): ImageCatalogue {
  const program = manager({ version: 'test', connectMember: ways.member, git });
  const catalogue = images('test');
  return (_, full) => {
    const entry = findImage(catalogue, full);
    if (entry?.entrypoint[0] !== 'viridian') return entry;
    const roles: Program = (context) => {
      const [role, ...argv] = context.argv;
      return role === 'manager' ? program({ ...context, argv: [...argv, ...args] }) : entry.program(context);
    };
    return { ...entry, program: roles };
  };
}

function connectMember(
  config: Parameters<ConnectMember>[0],
  clock: VirtualClock,
  doors: ReadonlyMap<string, ApiDoor>,
  { requests }: Ways,
): ReturnType<ConnectMember> {
  const { hostname } = new URL(config.server);
  const way = doors.get(hostname)!.for('manager');
  const client = createClient({
    ...way,
    fetch: (url, init) => {
      if (!url.includes('watch=')) requests.push(`${init?.method ?? 'GET'} ${hostname} ${url}`);
      return way.fetch(url, init);
    },
    server: inProcessServer,
    clock,
    userAgent: 'viridian-manager',
    credentials: config,
  });
  return { client, close: async () => {} };
}

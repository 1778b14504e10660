import { VirtualClock } from '../../src/base/clock.ts';
import { jsonResponse } from '../../src/base/fetch.ts';
import { silentLog } from '../../src/base/log.ts';
import { seededRandom } from '../../src/base/random.ts';
import { shell } from '../../src/cli/shell.ts';
import type { Canary, CanarySpec } from '../../src/api/canary.ts';
import type { CanaryStatus } from '../../src/api/canary-status.ts';
import type { ResourceKind } from '../../src/kube/resource-client.ts';
import { Store } from '../../src/kube/store.ts';
import type { KubeObject, Unstructured } from '../../src/machinery/object.ts';
import { agentRules } from '../../src/fleet/plugin/agent-rules.ts';
import { agent } from '../../src/rollout/agent/agent.ts';
import type { SandboxCall } from '../../src/sandbox/faults.ts';
import { findImage } from '../../src/sandbox/node/images.ts';
import { podinfoImages } from '../../src/sandbox/podinfo/podinfo-images.ts';
import { startSandbox } from '../../src/sandbox/sandbox.ts';
import type { SandboxCluster } from '../../src/sandbox/sandbox-cluster.ts';
import { create, get } from '../sandbox/backend.ts';

const kind = (group: string, version: string, resource: string, name: string): ResourceKind => ({
  group,
  version,
  resource,
  kind: name,
  namespaced: true,
});
export const kinds = {
  canaries: kind('flagger.app', 'v1beta1', 'canaries', 'Canary'),
  deployments: kind('apps', 'v1', 'deployments', 'Deployment'),
  pods: kind('', 'v1', 'pods', 'Pod'),
  events: kind('', 'v1', 'events', 'Event'),
  services: kind('', 'v1', 'services', 'Service'),
  virtualServices: kind('networking.istio.io', 'v1', 'virtualservices', 'VirtualService'),
} as const;

const agentImage = 'viridian/agent:test';
export const namespace = 'test';
/** Outside the cluster, but not far: where load and webhooks are. */
const machine = '172.18.0.1';
const webhookPort = 8099;

export interface WorldOptions {
  readonly seed: string;
  /** Further arguments of the agent. */
  readonly args?: readonly string[];
  /** A cluster without Istio and Prometheus. */
  readonly bare?: boolean;
  /** Hears of all requests of the agent to the API server, before they are carried out: see `FaultHook`. */
  readonly onRequest?: (call: SandboxCall, world: RolloutWorld) => void | Promise<void>;
}

/** One member with an agent, podinfo in namespace `test`, and ten requests a second through the gateway. */
export class RolloutWorld {
  readonly clock = new VirtualClock();
  /** Answers to users: version or status, with how often. */
  readonly answers = new Map<string, number>();
  /** `phase weight/iterations/failedChecks`, each as it was written. */
  readonly rows: string[] = [];
  /** `N …` or `W …`, in order. */
  readonly events: string[] = [];
  /** Weights of the VirtualService as they were written: `primary/canary`. */
  readonly routes: string[] = [];
  readonly #stop = new AbortController();
  #cluster: SandboxCluster | undefined;

  get cluster(): SandboxCluster {
    if (this.#cluster === undefined) throw new Error('the world is not running');
    return this.#cluster;
  }

  /** Builds the world, lets `story` happen in it, and takes it down. */
  static run(options: WorldOptions, story: (world: RolloutWorld) => Promise<void>): Promise<void> {
    const world = new RolloutWorld();
    const work = async (): Promise<void> => {
      const images = podinfoImages();
      const entry = { program: agent({ version: 'test' }), entrypoint: ['viridian-agent'] };
      const sandbox = await startSandbox({
        clock: world.clock,
        random: seededRandom(options.seed),
        log: silentLog,
        members: 1,
        bare: options.bare,
        images: (reference, full) => (reference === agentImage ? entry : findImage(images, full)),
        shell,
        faults: (call) => {
          if (!call.from.startsWith('pods of ') || call.to !== 'kurator-member1') return undefined;
          return options.onRequest?.(call, world);
        },
      });
      try {
        world.#cluster = sandbox.members[0];
        await world.#install(options);
        await story(world);
      } finally {
        world.#stop.abort();
        await sandbox.close();
      }
    };
    return world.clock.run(work());
  }

  /** Hears of all events, in order. Those of Kubernetes are combined when there are many. */
  async #listen(): Promise<void> {
    await this.cluster.network.host(machine).listen(webhookPort, {
      http: async (request) => {
        const text = Buffer.concat(await Array.fromAsync(request.body())).toString();
        const sent: unknown = request.json ?? JSON.parse(text);
        const { metadata } = sent as { metadata: { eventMessage: string; eventType: string } };
        this.events.push(`${metadata.eventType.charAt(0)} ${metadata.eventMessage}`);
        return jsonResponse(200, {});
      },
    });
  }

  async #install({ args = [], bare = false }: WorldOptions): Promise<void> {
    const { cluster } = this;
    if (bare) {
      const metadata = { name: 'istio-system' };
      await create(cluster, '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata });
    }
    await this.#listen();
    await installAgent(cluster, [`-event-webhook=http://${machine}:${webhookPort}/`, ...args]);
    await create(cluster, '/api/v1/namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: namespace, labels: { 'istio-injection': 'enabled' } },
    });
    if (!bare) await this.#installGateway();
    await create(cluster, `/apis/apps/v1/namespaces/${namespace}/deployments`, podinfo());
    await this.until('the kinds of the agent', async () => {
      const { status } = await cluster.client
        .raw('GET', '/apis/flagger.app/v1beta1')
        .catch(() => ({ status: 404 }));
      return status === 200;
    });
    this.#follow(kinds.canaries, (object) => this.#sawCanary(object));
    if (!bare) this.#follow(kinds.virtualServices, (object) => this.#sawRoutes(object));
  }

  async #installGateway(): Promise<void> {
    await create(this.cluster, '/apis/networking.istio.io/v1/namespaces/istio-system/gateways', {
      apiVersion: 'networking.istio.io/v1',
      kind: 'Gateway',
      metadata: { name: 'public-gateway' },
      spec: {
        selector: { istio: 'ingressgateway' },
        servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }],
      },
    });
  }

  /** Ten requests a second until the end. @param host of the VirtualService */
  load(host = 'podinfo.test', headers: Readonly<Record<string, string>> = {}): void {
    const { cluster, clock, answers } = this;
    const call = async (): Promise<void> => {
      const request = get('/version', host);
      const response = await cluster.gateway({ ...request, headers: { ...request.headers, ...headers } });
      const text = await response.text();
      const answer =
        response.status === 200 ? (JSON.parse(text) as { version: string }).version : `${response.status}`;
      answers.set(answer, (answers.get(answer) ?? 0) + 1);
    };
    void clock.every(100, () => void call(), this.#stop.signal);
  }

  /** Ten requests a second to the canary alone, as a load tester makes them, until the end. */
  loadCanary(): void {
    const network = this.cluster.network.host(machine);
    const call = async (): Promise<void> => {
      try {
        await (await network.fetch('http://podinfo-canary.test:9898/version')).text();
      } catch {
        // There is no canary now.
      }
    };
    void this.clock.every(100, () => void call(), this.#stop.signal);
  }

  /** What users get in the next second, sorted. */
  async serves(): Promise<readonly string[]> {
    this.answers.clear();
    await this.clock.sleep(1000);
    return [...this.answers.keys()].sort();
  }

  async createCanary(spec: CanarySpec, name = 'podinfo'): Promise<void> {
    await this.cluster.client.resource(kinds.canaries).create({
      apiVersion: 'flagger.app/v1beta1',
      kind: 'Canary',
      metadata: { name, namespace },
      spec,
    });
  }

  canary(name = 'podinfo'): Promise<Canary> {
    return this.cluster.client.resource<Canary>(kinds.canaries).get({ namespace, name });
  }

  /** Waits for a phase of a Canary. @returns its status */
  async phase(phase: string, minutes = 5, name = 'podinfo'): Promise<CanaryStatus> {
    let status: CanaryStatus = {};
    await this.until(
      `phase ${phase}`,
      async () => {
        status = (await this.canary(name)).status ?? {};
        return status.phase === phase;
      },
      minutes,
    );
    return status;
  }

  async until(what: string, holds: () => Promise<boolean>, minutes = 5): Promise<void> {
    for (let i = 0; i < minutes * 600; i += 1) {
      if (await holds()) return;
      await this.clock.sleep(100);
    }
    const log = (await this.agentLog()).slice(-10).join('\n');
    const events = this.events.slice(-5).join(' | ');
    throw new Error(`waited ${minutes} minutes for ${what}; events: ${events}; the agent says:\n${log}`);
  }

  /** Lines of the agent's log. */
  async agentLog(): Promise<readonly string[]> {
    const { client } = this.cluster;
    const labelSelector = 'app.kubernetes.io/name=viridian-agent';
    const { items } = await client.resource(kinds.pods).list({ namespace: 'istio-system', labelSelector });
    const lines: string[] = [];
    for (const { metadata } of items) {
      const pod = { namespace: metadata.namespace, name: metadata.name ?? '' };
      lines.push(...(await Array.fromAsync(client.logs(pod))));
    }
    return lines;
  }

  /** Gives the target another image tag, and flags. */
  async deploy(tag: string, flags: readonly string[] = []): Promise<void> {
    const { template } = podinfo(tag, flags).spec;
    const key = { namespace, name: 'podinfo' };
    await this.cluster.client.resource(kinds.deployments).patch(key, 'strategic', { spec: { template } });
  }

  /** What was told, without the waits for pods. */
  get story(): readonly string[] {
    return this.events.filter((event) => !event.includes(' not ready: '));
  }

  /** Ends the agent's pod as a crash does: nothing is given back. Another takes its place. */
  async killAgent(): Promise<void> {
    const pods = this.cluster.client.resource(kinds.pods);
    const labelSelector = 'app.kubernetes.io/name=viridian-agent';
    const { items } = await pods.list({ namespace: 'istio-system', labelSelector });
    for (const { metadata } of items) {
      const pod = { namespace: 'istio-system', name: metadata.name ?? '' };
      await pods.delete(pod, { gracePeriodSeconds: 0 });
    }
  }

  /** Replicas of a Deployment, as its spec has it. */
  async replicas(name: string): Promise<unknown> {
    const deployment = await this.cluster.client.resource(kinds.deployments).get({ namespace, name });
    return (deployment['spec'] as { replicas?: number }).replicas;
  }

  clear(): void {
    for (const list of [this.rows, this.events, this.routes]) list.length = 0;
  }

  #sawCanary(object: Unstructured): void {
    const {
      phase = '',
      canaryWeight = 0,
      iterations = 0,
      failedChecks = 0,
    } = (object['status'] ?? {}) as CanaryStatus;
    if (phase === '') return;
    this.#add(this.rows, `${phase} ${canaryWeight}/${iterations}/${failedChecks}`);
  }

  #sawRoutes(object: Unstructured): void {
    const { http = [] } = object['spec'] as { http?: { route?: { weight?: number }[] }[] };
    const [primary, canary] = http[0]?.route ?? [];
    this.#add(this.routes, `${primary?.weight ?? 0}/${canary?.weight ?? 0}`);
  }

  #add(list: string[], entry: string): void {
    if (list.at(-1) !== entry) list.push(entry);
  }

  #follow(of: ResourceKind, saw: (object: Unstructured) => void): void {
    const store = new Store({
      client: this.cluster.client.resource(of),
      clock: this.clock,
      random: seededRandom(of.resource),
      log: silentLog,
      namespace,
    });
    store.subscribe((event) => {
      if (event.type !== 'deleted') saw(event.object);
    });
    void store.run(this.#stop.signal);
  }
}

async function installAgent(cluster: SandboxCluster, args: readonly string[]): Promise<void> {
  const labels = { 'app.kubernetes.io/name': 'viridian-agent' };
  const metadata = { name: 'viridian-agent', namespace: 'istio-system' };
  await create(cluster, '/api/v1/namespaces/istio-system/serviceaccounts', {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata,
  });
  // What agents do beyond it is refused.
  await create(cluster, '/apis/rbac.authorization.k8s.io/v1/clusterroles', {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'viridian-agent' },
    rules: agentRules,
  });
  await create(cluster, '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'viridian-agent' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'viridian-agent' },
    subjects: [{ kind: 'ServiceAccount', name: 'viridian-agent', namespace: 'istio-system' }],
  });
  await create(cluster, '/apis/apps/v1/namespaces/istio-system/deployments', {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata,
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          serviceAccountName: 'viridian-agent',
          containers: [
            {
              name: 'agent',
              image: agentImage,
              args: [
                '-metrics-server=http://prometheus.istio-system:9090',
                '--min-interval=1s',
                '-log-level=debug',
                ...args,
              ],
              ports: [{ containerPort: 8080 }],
              readinessProbe: { httpGet: { path: '/readyz', port: 8080 } },
            },
          ],
        },
      },
    },
  });
}

/** The Deployment under test. */
function podinfo(
  tag = '6.5.3',
  flags: readonly string[] = [],
): KubeObject & { readonly spec: { readonly template: object } } {
  const labels = { app: 'podinfo' };
  const container = {
    name: 'podinfod',
    image: `ghcr.io/stefanprodan/podinfo:${tag}`,
    command: ['./podinfo', '--port=9898', ...flags],
    ports: [{ name: 'http', containerPort: 9898 }],
    readinessProbe: { httpGet: { path: '/readyz', port: 9898 } },
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'podinfo', namespace },
    spec: {
      replicas: 2,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [container] } },
    },
  } as KubeObject & { spec: { template: object } };
}

/** A Canary of podinfo that the gateway leads to. */
export function specOf(
  analysis: Partial<CanarySpec['analysis']>,
  rest: Partial<CanarySpec> = {},
): CanarySpec {
  return {
    targetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'podinfo' },
    progressDeadlineSeconds: 60,
    service: {
      port: 9898,
      gateways: ['istio-system/public-gateway', 'mesh'],
      hosts: ['podinfo.test'],
    },
    ...rest,
    analysis: {
      interval: '10s',
      threshold: 2,
      metrics: [{ name: 'request-success-rate', thresholdRange: { min: 99 }, interval: '20s' }],
      ...analysis,
    },
  };
}

import { VirtualClock } from '../../src/base/clock.ts';
import type { FetchInit } from '../../src/base/fetch.ts';
import { silentLog } from '../../src/base/log.ts';
import { seededRandom } from '../../src/base/random.ts';
import type { Canary, CanarySpec } from '../../src/api/canary.ts';
import { createClient, type RestClient } from '../../src/kube/rest-client.ts';
import { noMetrics } from '../../src/kube/metrics.ts';
import type { JsonObject } from '../../src/machinery/json.ts';
import type { Unstructured } from '../../src/machinery/object.ts';
import { inProcessServer, startCluster } from '../../src/sandbox/apiserver/cluster.ts';
import { rolloutDefinitions } from '../../src/api/custom-resource-definitions.ts';
import { ensureCustomResourceDefinitions } from '../../src/kube/custom-resource-definitions.ts';
import { type RolloutCluster, rolloutCluster } from '../../src/rollout/cluster.ts';
import type { HookCall } from '../../src/rollout/decision.ts';
import type { Checks, Hooks, Router, Services, Target } from '../../src/rollout/effects.ts';
import type { HookResult, MetricsResult, Routes } from '../../src/rollout/observation.ts';
import { allToPrimary } from '../../src/rollout/routes.ts';
import { RolloutEngine } from '../../src/rollout/engine/rollout-engine.ts';
import { RolloutMetrics } from '../../src/rollout/engine/rollout-metrics.ts';

export const revisions = { a: 'a'.repeat(16), b: 'b'.repeat(16), c: 'c'.repeat(16) } as const;
const namespace = 'test';

/** How a question is answered; may take its time. */
interface Answering {
  hook(canary: Canary, call: HookCall, signal: AbortSignal): Promise<readonly HookResult[]>;
  metrics(canary: Canary, signal: AbortSignal): Promise<MetricsResult>;
}

/**
 * The engine on an API server where nothing runs: a target is a Deployment whose revision is an annotation, and its
 * pods are ready as soon as it has replicas.
 */
export class EngineWorld {
  readonly clock = new VirtualClock();
  /** Requests that write, as `METHOD path`; all requests that begin while somebody counts. */
  readonly requests: string[] = [];
  /** What was told: `podinfo: New revision detected! …` */
  readonly told: string[] = [];
  readonly routes = new Map<string, Routes>();
  /** Routes that were written: `podinfo 80/20`. */
  readonly written: string[] = [];
  /** What writes of Services end with. */
  refusal: Error | undefined;
  readonly endpoints: { primary?: number; canary?: number } = {};
  readonly answering: Answering = {
    hook: async () => [],
    metrics: async () => ({ verdict: 'passed', message: '' }),
  };
  readonly #stop = new AbortController();
  #client: RestClient | undefined;

  get client(): RestClient {
    if (this.#client === undefined) throw new Error('the world is not running');
    return this.#client;
  }

  static run(story: (world: EngineWorld) => Promise<void>): Promise<void> {
    const world = new EngineWorld();
    return world.clock.run(world.#run(story));
  }

  async #run(story: (world: EngineWorld) => Promise<void>): Promise<void> {
    const { clock } = this;
    const random = seededRandom('engine');
    const server = await startCluster({ clock, random, log: silentLog });
    const fetch = (url: string, init: FetchInit = {}): ReturnType<typeof server.fetch> => {
      this.requests.push(`${init.method ?? 'GET'} ${new URL(url).pathname}`);
      return server.fetch(url, init);
    };
    const client = createClient({ fetch, server: inProcessServer, clock, userAgent: 'test' });
    this.#client = createClient({ ...server, server: inProcessServer, clock, userAgent: 'test' });
    await ensureCustomResourceDefinitions({
      client: this.#client,
      clock,
      random,
      log: silentLog,
      definitions: Object.values(rolloutDefinitions),
      signal: this.#stop.signal,
    });
    await this.#client.raw('POST', '/api/v1/namespaces', {
      json: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
      contentType: 'application/json',
    });
    const running = this.#engine(client).run(this.#stop.signal);
    try {
      await story(this);
    } finally {
      this.#stop.abort();
      await running;
      await server.close();
    }
  }

  #engine(client: RestClient): RolloutEngine {
    const { clock, told } = this;
    const random = seededRandom('engine');
    const seams = { clock, random, log: silentLog };
    const cluster = rolloutCluster({ ...seams, client, hasIstio: false });
    const checks: Checks = {
      metrics: (canary, signal) => this.answering.metrics(canary, signal),
      probe: async () => ({ error: undefined }),
    };
    const hooks: Hooks = {
      call: (canary, call, signal) => this.answering.hook(canary, call, signal),
      event: ({ metadata }, { message }) => void told.push(`${metadata.name ?? ''}: ${message}`),
      alert() {},
    };
    return new RolloutEngine({
      ...seams,
      client,
      cluster,
      checks,
      hooks,
      targets: ({ spec }) => (spec.targetRef.kind === 'Deployment' ? targetOf(cluster) : undefined),
      services: this.#services(cluster),
      routers: (provider) => (provider === 'istio' ? this.#router() : undefined),
      events: { record() {} },
      rolloutMetrics: new RolloutMetrics(noMetrics, 'test', 'istio'),
      provider: 'istio',
      minIntervalMs: 1000,
    });
  }

  #services(cluster: RolloutCluster): Services {
    return {
      endpoints: ({ spec }) => {
        const { name } = spec.targetRef;
        return {
          primary: this.endpoints.primary ?? replicasOf(cluster, `${name}-primary`),
          canary: this.endpoints.canary ?? replicasOf(cluster, name),
        };
      },
      reconcile: async () => {
        if (this.refusal !== undefined) throw this.refusal;
      },
      revert: async () => {},
    };
  }

  #router(): Router {
    const name = ({ metadata }: Canary): string => metadata.name ?? '';
    return {
      observe: (canary) => this.routes.get(name(canary)),
      reconcile: async (canary, routes) => {
        if (routes !== undefined) this.written.push(`${name(canary)} ${routes.primary}/${routes.canary}`);
        const live = routes ?? this.routes.get(name(canary)) ?? allToPrimary;
        this.routes.set(name(canary), live);
        return undefined;
      },
      revert: async (canary) => void this.routes.delete(name(canary)),
    };
  }

  async deploy(name: string, revision: string): Promise<void> {
    const deployment = { ...workload(name), spec: { ...workloadSpec, replicas: 1 } };
    deployment.metadata.annotations = { revision };
    await this.client.resource(deploymentKind).apply(deployment, { fieldManager: 'user', force: true });
  }

  async createCanary(name: string, spec: CanarySpec): Promise<void> {
    await this.client
      .resource(canaryKind)
      .create({ apiVersion: 'flagger.app/v1beta1', kind: 'Canary', metadata: { name, namespace }, spec });
  }

  canary(name = 'podinfo'): Promise<Canary> {
    return this.client.resource<Canary>(canaryKind).get({ namespace, name });
  }

  async phase(name = 'podinfo'): Promise<string> {
    const { phase = '', canaryWeight = 0 } = (await this.canary(name)).status ?? {};
    return `${phase} ${canaryWeight}`;
  }

  async replicas(name: string): Promise<unknown> {
    const deployment = await this.client.resource(deploymentKind).get({ namespace, name });
    return (deployment['spec'] as JsonObject)['replicas'];
  }
}

export const canaryKind = {
  group: 'flagger.app',
  version: 'v1beta1',
  resource: 'canaries',
  kind: 'Canary',
  namespaced: true,
} as const;
export const deploymentKind = {
  group: 'apps',
  version: 'v1',
  resource: 'deployments',
  kind: 'Deployment',
  namespaced: true,
} as const;

const workloadSpec = {
  selector: { matchLabels: { app: 'x' } },
  template: {
    metadata: { labels: { app: 'x' } },
    spec: { containers: [{ name: 'x', image: 'x' }] },
  },
};

function workload(name: string): Unstructured {
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace } };
}

function replicasOf(cluster: RolloutCluster, name: string): number {
  const deployment = cluster.deployments.get({ namespace, name });
  if (deployment === undefined) return 0;
  const { replicas } = deployment['spec'] as { replicas?: number };
  return replicas ?? 1;
}

function targetOf(cluster: RolloutCluster): Target {
  const { deployments } = cluster;
  const revisionOf = (name: string): string | undefined =>
    deployments.get({ namespace, name })?.metadata.annotations?.['revision'];
  const patch = async (name: string, change: JsonObject, signal: AbortSignal): Promise<void> => {
    await deployments.patch({ namespace, name }, 'merge', change, { signal });
  };
  const readiness = { state: 'ready', message: '' } as const;
  return {
    observe({ spec }) {
      const { name } = spec.targetRef;
      const revision = revisionOf(name);
      const isScaledToZero = replicasOf(cluster, name) === 0;
      const target =
        revision === undefined ? undefined : { revision, configs: {}, isScaledToZero, readiness };
      const primary = revisionOf(`${name}-primary`);
      return { target, primary: primary === undefined ? undefined : { revision: primary, readiness } };
    },
    async createPrimary({ spec }, signal) {
      const { name } = spec.targetRef;
      const made = { ...workload(`${name}-primary`), spec: { ...workloadSpec, replicas: 1 } };
      made.metadata.annotations = { revision: revisionOf(name) ?? '' };
      await deployments.create(made, { signal });
    },
    async scalePrimary() {},
    scale: ({ spec }, how, signal) =>
      patch(spec.targetRef.name, { spec: { replicas: how === 'to-zero' ? 0 : 1 } }, signal),
    promote: ({ spec }, revision, signal) =>
      patch(`${spec.targetRef.name}-primary`, { metadata: { annotations: { revision } } }, signal),
    async release() {},
  };
}

/** A Canary of a target. */
export function specOf(
  analysis: Partial<CanarySpec['analysis']>,
  target = 'podinfo',
  rest: Partial<CanarySpec> = {},
): CanarySpec {
  return {
    targetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: target },
    service: { port: 9898 },
    ...rest,
    analysis: { interval: '10s', threshold: 2, ...analysis },
  };
}

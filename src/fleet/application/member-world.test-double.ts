import { rolloutDefinitions } from '../../api/custom-resource-definitions.ts';
import type { Rollout } from '../../api/application.ts';
import { type Canary, canaryFinalizer } from '../../api/canary.ts';
import { linkAbort } from '../../base/abort.ts';
import { VirtualClock } from '../../base/clock.ts';
import { type Fetch, FetchError } from '../../base/fetch.ts';
import { silentLog } from '../../base/log.ts';
import { seededRandom } from '../../base/random.ts';
import { applicationLabel, namespaceLabel, policyLabel } from '../../gitops/sync/ownership.ts';
import { isNotFound } from '../../kube/api-error.ts';
import { ensureCustomResourceDefinitions } from '../../kube/custom-resource-definitions.ts';
import type { ResourceKind } from '../../kube/resource-client.ts';
import { createClient, type RestClient } from '../../kube/rest-client.ts';
import { Store } from '../../kube/store.ts';
import type { Unstructured } from '../../machinery/object.ts';
import { type Cluster, inProcessServer, startCluster } from '../../sandbox/apiserver/cluster.ts';
import { canaryKind, deploymentKind, metricTemplateKind, namespaceKind, serviceKind } from '../kinds.ts';
import { MemberRollouts } from './member-rollout.ts';
import type { RolloutPlace } from './render-rollout.ts';

/** Kills a process when it makes its `at`-th request: before the server has seen it, or before its answer is heard. */
export interface Death {
  readonly at: number;
  readonly when: 'before' | 'after';
}

/** One life of the process that has the rollouts. */
export interface Life {
  readonly rollouts: MemberRollouts;
  /** `METHOD PATH` of what it asked, without the watches. */
  readonly requests: string[];
  readonly events: string[];
  readonly isDead: () => boolean;
  readonly end: () => Promise<void>;
}

/** A member's API server, on virtual time, with what the walkthrough has in `webapp` before its rollout. */
export class MemberWorld {
  readonly clock = new VirtualClock();
  readonly signal = new AbortController().signal;
  /** Canaries that were begun and vanished before their agent had given the workload back. */
  readonly lost: string[] = [];
  readonly #stop = new AbortController();
  #cluster: Cluster | undefined;

  static async open({ bare = false } = {}): Promise<MemberWorld> {
    const world = new MemberWorld();
    const seams = { clock: world.clock, random: seededRandom('member'), log: silentLog };
    world.#cluster = await world.run(startCluster(seams));
    if (!bare) await world.installDefinitions();
    await world.create(namespaceKind, { metadata: { name: 'webapp' } });
    await world.workload('backend');
    return world;
  }

  get client(): RestClient {
    if (this.#cluster === undefined) throw new Error('the world is not open');
    return this.#cluster.client();
  }

  async installDefinitions(): Promise<void> {
    const definitions = Object.values(rolloutDefinitions);
    const seams = { clock: this.clock, random: seededRandom('crds'), log: silentLog };
    const { client, signal } = this;
    await this.run(ensureCustomResourceDefinitions({ ...seams, client, definitions, signal }));
  }

  /** A Deployment and its Service. */
  async workload(name: string): Promise<void> {
    const labels = { app: name };
    const metadata = { name, namespace: 'webapp' };
    await this.create(deploymentKind, {
      metadata,
      spec: {
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name, image: 'podinfo' }] } },
      },
    });
    const ports = [
      { name: 'http', port: 9898, targetPort: 'http' },
      { name: 'grpc', port: 9999, targetPort: 'grpc' },
    ];
    await this.create(serviceKind, { metadata, spec: { selector: labels, ports } });
  }

  create(kind: ResourceKind, object: object): Promise<Unstructured> {
    const apiVersion = kind.group === '' ? kind.version : `${kind.group}/${kind.version}`;
    const whole = { apiVersion, kind: kind.kind, ...object } as Unstructured;
    return this.run(this.client.resource(kind).create(whole, { fieldManager: 'person' }));
  }

  async get(kind: ResourceKind, name: string, namespace = 'webapp'): Promise<Unstructured | undefined> {
    try {
      return await this.run(this.client.resource(kind).get(kind.namespaced ? { namespace, name } : { name }));
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  delete(kind: ResourceKind, name: string): Promise<unknown> {
    return this.run(this.client.resource(kind).delete({ namespace: 'webapp', name }));
  }

  patch(kind: ResourceKind, name: string, patch: object): Promise<Unstructured> {
    const key = kind.namespaced ? { namespace: 'webapp', name } : { name };
    return this.run(this.client.resource(kind).patch(key, 'merge', patch, { fieldManager: 'person' }));
  }

  /** What rollouts have put there: `KIND NAME`, sorted. */
  async traces(): Promise<readonly string[]> {
    const found: string[] = [];
    for (const kind of [canaryKind, metricTemplateKind, deploymentKind, serviceKind]) {
      try {
        const { items } = await this.run(this.client.resource(kind).listAll());
        const ours = items.filter(
          ({ metadata }) => metadata.annotations?.['kurator.dev/rollout'] !== undefined,
        );
        found.push(...ours.map(({ metadata }) => `${kind.kind} ${metadata.name}`));
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
    const namespace = await this.get(namespaceKind, 'webapp');
    const injection = namespace?.metadata.labels?.['istio-injection'];
    if (injection !== undefined) found.push(`istio-injection ${injection}`);
    return found.toSorted();
  }

  /** Does an agent's part, without the work: the finalizer, a status, and the release. */
  runAgent(): () => void {
    const end = new AbortController();
    const client = this.client.resource<Canary>(canaryKind);
    const store = new Store<Canary>({
      client,
      clock: this.clock,
      random: seededRandom('agent'),
      log: silentLog,
    });
    const released = new Set<string | undefined>();
    const act = async ({ metadata, spec, status }: Canary): Promise<void> => {
      const key = { namespace: metadata.namespace, name: metadata.name ?? '' };
      const isHeld = metadata.finalizers?.includes(canaryFinalizer) === true;
      const wantsHold = metadata.deletionTimestamp === undefined && spec.revertOnDeletion === true;
      if (isHeld !== wantsHold) {
        const finalizers = wantsHold ? [canaryFinalizer] : [];
        if (metadata.deletionTimestamp !== undefined) released.add(metadata.uid);
        await client.patch(key, 'merge', { metadata: { finalizers } }, { fieldManager: 'viridian-agent' });
      } else if (status?.phase === undefined && !isHeld) {
        const begun = { phase: 'Initialized', conditions: [], lastTransitionTime: '2026-01-01T00:00:00Z' };
        await client.patch(key, 'merge', { status: begun }, { subresource: 'status' });
      }
    };
    store.subscribe((event) => {
      const { metadata, status } = event.object;
      const isLost = status?.phase !== undefined && !released.has(metadata.uid);
      if (event.type === 'deleted' && isLost) this.lost.push(metadata.name ?? '');
      if (event.type !== 'deleted') void this.clock.sleep(500).then(() => act(event.object).catch(() => {}));
    });
    const stopped = linkAbort(end.signal, this.#stop.signal);
    void store.run(stopped.signal);
    return () => end.abort();
  }

  start(death?: Death): Life {
    const end = new AbortController();
    const requests: string[] = [];
    const events: string[] = [];
    let isOver = false;
    const check = (at: number, when: Death['when']): void => {
      if (death !== undefined && death.when === when && at === death.at) isOver = true;
      if (isOver) throw new FetchError('Unreachable', 'the process was killed');
    };
    const fetch: Fetch = async (url, init) => {
      const { pathname, searchParams } = new URL(url);
      const inner = this.#cluster?.fetch;
      if (inner === undefined) throw new Error('the world is not open');
      if (searchParams.has('watch')) {
        if (isOver) throw new FetchError('Unreachable', 'the process was killed');
        return inner(url, init);
      }
      requests.push(`${init?.method ?? 'GET'} ${pathname}`);
      const at = requests.length;
      check(at, 'before');
      const response = await inner(url, init);
      check(at, 'after');
      return response;
    };
    const { clock } = this;
    const client = createClient({ fetch, server: inProcessServer, clock, userAgent: 'manager' });
    const rollouts = new MemberRollouts({ client, clock, random: seededRandom('rollouts'), log: silentLog });
    rollouts.subscribe(({ namespace, name }) => events.push(`${namespace}/${name}`));
    const running = rollouts.run(end.signal);
    return {
      rollouts,
      requests,
      events,
      isDead: () => isOver,
      end: () => {
        isOver = true;
        end.abort();
        return this.run(running);
      },
    };
  }

  run<T>(work: Promise<T>): Promise<T> {
    return this.clock.run(work);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    if (this.#cluster !== undefined) await this.run(this.#cluster.close());
  }
}

export function placeOf(policy: string): RolloutPlace {
  return {
    policyName: policy,
    labels: { [applicationLabel]: 'blue-green-demo', [namespaceLabel]: 'default', [policyLabel]: policy },
    cluster: 'kurator-member1',
    image: 'ghcr.io/viridian-rollout/viridian:test',
  };
}

export const place = placeOf('blue-green-demo-0');

/** That of the walkthrough. */
export const blueGreen: Rollout = {
  testLoader: true,
  trafficRoutingProvider: 'istio',
  workload: { apiVersion: 'apps/v1', name: 'backend', kind: 'Deployment', namespace: 'webapp' },
  serviceName: 'backend',
  port: 9898,
  rolloutPolicy: {
    trafficRouting: {
      analysisTimes: 3,
      timeoutSeconds: 60,
      gateways: ['istio-system/public-gateway'],
      hosts: ['backend.webapp'],
    },
    trafficAnalysis: {
      checkIntervalSeconds: 90,
      checkFailedTimes: 2,
      metrics: [
        { name: 'request-success-rate', intervalSeconds: 90, thresholdRange: { min: 99 } },
        { name: 'request-duration', intervalSeconds: 90, thresholdRange: { max: 500 } },
      ],
      webhooks: {
        timeoutSeconds: 60,
        command: ['hey -z 1m -q 10 -c 2 http://backend-canary.webapp:9898/'],
      },
    },
    rolloutTimeoutSeconds: 600,
  },
};

/** With a metric of its own. */
export const custom: Rollout = {
  ...blueGreen,
  rolloutPolicy: {
    ...blueGreen.rolloutPolicy,
    trafficAnalysis: {
      ...blueGreen.rolloutPolicy.trafficAnalysis,
      metrics: [
        {
          name: 'errors',
          thresholdRange: { max: 1 },
          customMetric: { provider: { type: 'prometheus', address: 'http://prometheus:9090' }, query: 'up' },
        },
      ],
    },
  },
};

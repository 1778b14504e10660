import { silentLog } from '../../base/log.ts';
import { seededRandom } from '../../base/random.ts';
import type { Canary } from '../../api/canary.ts';
import { createClient } from '../../kube/rest-client.ts';
import type { ResourceKind } from '../../kube/resource-client.ts';
import type { ObjectMeta, Unstructured } from '../../machinery/object.ts';
import { inProcessServer } from '../../sandbox/apiserver/cluster.ts';
import { startTestCluster, type TestCluster } from '../../sandbox/controllers/cluster.test-double.ts';
import { countingFetch } from '../../sandbox/controllers/request-log.test-double.ts';
import { rolloutCluster, type RolloutCluster } from '../cluster.ts';

export const kinds = {
  configMap: kind('', 'v1', 'configmaps', 'ConfigMap'),
  secret: kind('', 'v1', 'secrets', 'Secret'),
  service: kind('', 'v1', 'services', 'Service'),
  deployment: kind('apps', 'v1', 'deployments', 'Deployment'),
  daemonSet: kind('apps', 'v1', 'daemonsets', 'DaemonSet'),
  autoscaler: kind('autoscaling', 'v2', 'horizontalpodautoscalers', 'HorizontalPodAutoscaler'),
} as const;

function kind(group: string, version: string, resource: string, name: string): ResourceKind {
  return { group, version, resource, kind: name, namespaced: true };
}

/** What tests look at in an object of any of these kinds. */
export interface Live {
  readonly metadata: ObjectMeta;
  readonly spec: {
    readonly replicas: number;
    readonly selector: object;
    readonly clusterIP: string;
    readonly ports: readonly { readonly name: string; readonly port: number }[];
    readonly template: {
      readonly metadata: ObjectMeta;
      readonly spec: {
        readonly containers: readonly { readonly image: string }[];
        readonly volumes: unknown;
        readonly nodeSelector: unknown;
      };
    };
  };
}

/** A cluster with controllers, and the engine's caches of it. */
export interface TestRollout {
  readonly test: TestCluster;
  readonly cluster: RolloutCluster;
  /** Writes of the engine since the last call. */
  writes(): string[];
  create(of: ResourceKind, object: object): Promise<Unstructured>;
  get(of: ResourceKind, name: string): Promise<Live>;
  run<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export async function startTestRollout(): Promise<TestRollout> {
  const test = await startTestCluster();
  const requests = countingFetch(test.cluster.fetch);
  const { clock } = test;
  const client = createClient({ fetch: requests.fetch, server: inProcessServer, clock, userAgent: 'agent' });
  const cluster = rolloutCluster({
    client,
    clock,
    random: seededRandom('rollout'),
    log: silentLog,
    hasIstio: false,
  });
  const stop = new AbortController();
  const stores = [
    cluster.deployments,
    cluster.daemonSets,
    cluster.services,
    cluster.endpointSlices,
    cluster.horizontalPodAutoscalers,
    cluster.configMaps,
    cluster.secrets,
  ].map(({ store }) => store);
  const running = stores.map((store) => store.run(stop.signal));
  await clock.run(Promise.all(stores.map((store) => store.synced())));
  return {
    test,
    cluster,
    writes: () => requests.take().filter((request) => !request.startsWith('GET')),
    async create(of, object) {
      const full = { apiVersion: of.group === '' ? of.version : `${of.group}/${of.version}`, kind: of.kind };
      const created = await test.create(of, { ...full, ...object } as Unstructured);
      await clock.settle();
      return created;
    },
    get: async (of, name) => (await test.get<Unstructured>(of, name)) as unknown as Live,
    async run(work) {
      await clock.settle();
      const result = await clock.run(work(stop.signal));
      await clock.settle();
      return result;
    },
    async close() {
      stop.abort();
      await clock.run(Promise.allSettled(running));
      await test.close();
    },
  };
}

export function canaryOf(spec: object = {}, name = 'web'): Canary {
  return {
    apiVersion: 'flagger.app/v1beta1',
    kind: 'Canary',
    metadata: { name, namespace: 'default', uid: `uid-of-${name}` },
    spec: {
      targetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
      service: { port: 80, targetPort: 8080 },
      analysis: { interval: '10s', threshold: 1 },
      ...spec,
    },
  };
}

export const at = (name: string, more: object = {}): object => ({
  metadata: { name, namespace: 'default', ...more },
});

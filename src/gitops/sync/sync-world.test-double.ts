import { VirtualClock } from '../../base/clock.ts';
import { type Fetch, FetchError, jsonResponse } from '../../base/fetch.ts';
import { silentLog } from '../../base/log.ts';
import { seededRandom } from '../../base/random.ts';
import { createClient, type RestClient } from '../../kube/rest-client.ts';
import type { ResourceKind } from '../../kube/resource-client.ts';
import type { Unstructured } from '../../machinery/object.ts';
import { type Cluster, inProcessServer, startCluster } from '../../sandbox/apiserver/cluster.ts';
import type { InventoryEntry } from './inventory.ts';
import type { SyncOwner } from './ownership.ts';
import { SyncCluster } from './sync-cluster.ts';
import type { SyncOutcome, SyncRequest } from './sync.ts';

export const owner: SyncOwner = {
  name: 'demo-0-attachedcluster-m1',
  namespace: 'default',
  application: 'demo',
  policy: 'demo-0',
};
const kind = (group: string, resource: string, name: string, namespaced = true): ResourceKind => ({
  group,
  version: 'v1',
  resource,
  kind: name,
  namespaced,
});
export const deployments = kind('apps', 'deployments', 'Deployment');
export const configMaps = kind('', 'configmaps', 'ConfigMap');
export const services = kind('', 'services', 'Service');
export const namespaces = kind('', 'namespaces', 'Namespace', false);

export const object = (apiVersion: string, of: string, name: string, rest: object = {}): Unstructured => ({
  apiVersion,
  kind: of,
  metadata: { name, namespace: 'web' },
  ...rest,
});
export const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'web' } } as Unstructured;
export const config = (name: string, value = '1'): Unstructured =>
  object('v1', 'ConfigMap', name, { data: { value } });
export const workload = (replicas: number, image = 'app:1'): Unstructured =>
  object('apps/v1', 'Deployment', 'app', {
    spec: {
      replicas,
      selector: { matchLabels: { app: 'app' } },
      template: {
        metadata: { labels: { app: 'app' } },
        spec: { containers: [{ name: 'app', image }] },
      },
    },
  });
export const service = object('v1', 'Service', 'app', {
  spec: { selector: { app: 'app' }, ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 8080 }] },
});
export const all = [service, workload(2), namespace, config('a')];

export const definitions = kind(
  'apiextensions.k8s.io',
  'customresourcedefinitions',
  'CustomResourceDefinition',
  false,
);
/** Of Toys, which have no namespaces. */
export const definition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'toys.example.com' },
  spec: {
    group: 'example.com',
    names: { plural: 'toys', singular: 'toy', kind: 'Toy', listKind: 'ToyList' },
    scope: 'Cluster',
    versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
  },
} as Unstructured;

const refusal = (): ReturnType<typeof jsonResponse> =>
  jsonResponse(403, {
    apiVersion: 'v1',
    kind: 'Status',
    status: 'Failure',
    reason: 'Forbidden',
    code: 403,
    message: 'cannot list here',
  });

function unanswered(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener('abort', () => reject(new FetchError('Unreachable', 'given up')), {
      once: true,
    });
  });
}

export class World {
  readonly clock = new VirtualClock();
  readonly requests: string[] = [];
  readonly user: RestClient;
  inventory: readonly InventoryEntry[] = [];
  /** Writes after which the process of the sync dies. */
  budget = Infinity;
  /** Requests that were under way at the same time, without watches. */
  mostAtOnce = 0;
  #atOnce = 0;
  /** Paths whose requests are refused. */
  forbidden: RegExp | undefined;
  /** Until when the server tells only of the kinds that it had at first, in monotonic milliseconds. */
  blindUntil = 0;
  #discovered: unknown;
  /** Paths whose requests are never answered. */
  stalled: RegExp | undefined;
  readonly #server: Cluster;
  #stop = new AbortController();
  #sync: SyncCluster | undefined;
  #running: Promise<void>[] = [];

  private constructor(clock: VirtualClock, server: Cluster) {
    this.clock = clock;
    this.#server = server;
    this.user = createClient({ fetch: server.fetch, server: inProcessServer, clock, userAgent: 'kubectl' });
  }

  static run(story: (world: World) => Promise<void>): Promise<void> {
    const clock = new VirtualClock();
    const work = async (): Promise<void> => {
      const server = await startCluster({ clock, random: seededRandom('sync'), log: silentLog });
      const world = new World(clock, server);
      try {
        world.restart();
        await story(world);
      } finally {
        world.#stop.abort();
        await Promise.all(world.#running);
        await server.close();
      }
    };
    return clock.run(work());
  }

  get sync(): SyncCluster {
    if (this.#sync === undefined) throw new Error('not running');
    return this.#sync;
  }

  /** A new process: it knows the inventory, and nothing else. */
  restart(): void {
    this.#stop.abort();
    this.#stop = new AbortController();
    const { clock } = this;
    const { signal } = this.#stop;
    const fetch: Fetch = (url, init = {}) => {
      const { method = 'GET' } = init;
      const dead = new FetchError('Unreachable', 'killed');
      if (signal.aborted || this.budget <= 0) return Promise.reject(dead);
      if (!url.includes('watch=')) this.requests.push(`${method} ${new URL(url).pathname}`);
      if (method !== 'GET') this.budget -= 1;
      if (this.forbidden?.test(new URL(url).pathname)) return Promise.resolve(refusal());
      if (this.stalled?.test(new URL(url).pathname)) return unanswered(init.signal);
      if (url.endsWith('/apis')) return this.#discovery(url, init);
      const answer = this.#server.fetch(url, init);
      return url.includes('watch=') ? answer : this.#counted(answer);
    };
    const client = createClient({ fetch, server: inProcessServer, clock, userAgent: 'sync' });
    this.#sync = new SyncCluster({ client, clock, random: seededRandom('sync'), log: silentLog });
    this.#running.push(this.#sync.run(signal));
  }

  async #discovery(...request: Parameters<Fetch>): ReturnType<Fetch> {
    const answer = await this.#server.fetch(...request);
    const now: unknown = await answer.json();
    this.#discovered ??= now;
    const isBlind = this.clock.monotonic() < this.blindUntil;
    return jsonResponse(200, isBlind ? this.#discovered : now);
  }

  async #counted<T>(answer: Promise<T>): Promise<T> {
    this.#atOnce += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#atOnce);
    try {
      return await answer;
    } finally {
      this.#atOnce -= 1;
    }
  }

  apply(objects: readonly Unstructured[], more: Partial<SyncRequest> = {}): Promise<SyncOutcome> {
    return this.sync.apply(
      {
        owner,
        revision: 'main@sha1:1',
        objects,
        prune: true,
        force: false,
        timeoutMs: 60_000,
        inventory: this.inventory,
        remember: async (inventory) => void (this.inventory = inventory),
        ...more,
      },
      this.#stop.signal,
    );
  }

  remove(): Promise<SyncOutcome> {
    const options = { prune: true, timeoutMs: 60_000 };
    return this.sync.remove(owner, this.inventory, options, this.#stop.signal);
  }

  async names(of: ResourceKind): Promise<readonly string[]> {
    const { items } = await this.user.resource(of).listAll({ labelSelector: 'viridian.dev/application' });
    return items.map(({ metadata }) => metadata.name ?? '');
  }

  get(of: ResourceKind, name: string): Promise<Unstructured> {
    return this.user.resource(of).get({ namespace: 'web', name });
  }
}

export const told = ({ changes }: SyncOutcome): readonly string[] =>
  changes.map(({ ref, action }) => `${ref.kind}/${ref.name} ${action}`);

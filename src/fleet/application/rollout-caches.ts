import type { Canary } from '../../api/canary.ts';
import type { Clock } from '../../base/clock.ts';
import { CancelledError, DeadlineError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import { isNotFound } from '../../kube/api-error.ts';
import { CachedResource } from '../../kube/cached-resource.ts';
import type { Client, ResourceKind } from '../../kube/resource-client.ts';
import { Store, type StoreEvent, type StoreOptions } from '../../kube/store.ts';
import type { KubeObject, Unstructured } from '../../machinery/object.ts';
import {
  canaryKind,
  daemonSetKind,
  deploymentKind,
  metricTemplateKind,
  namespaceKind,
  serviceKind,
} from '../kinds.ts';
import { memberRolloutManager } from './rollout-ownership.ts';

export interface RolloutCachesOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** The objects of the rollout engine, in all namespaces. */
export interface EngineObjects {
  readonly canaries: CachedResource<Canary>;
  readonly metricTemplates: CachedResource;
}

/** A namespace with rollouts. */
export interface Surroundings {
  /** The Namespace alone. */
  readonly namespaces: CachedResource;
  readonly deployments: CachedResource;
  readonly daemonSets: CachedResource;
  readonly services: CachedResource;
}

/** Caches that are watched together. */
interface Watched<T> {
  readonly objects: T;
  readonly stores: readonly Pick<Store, 'kind' | 'status' | 'synced'>[];
  readonly end: AbortController;
}

/** How long a first list may take, in milliseconds. */
const syncMs = 30_000;

/**
 * What rollouts need to see of a member. It is watched from the first time that it is asked for: most members have few
 * namespaces with rollouts, and some have no engine.
 */
export class RolloutCaches {
  readonly #options: RolloutCachesOptions;
  readonly #onEvent: (event: StoreEvent<KubeObject>) => void;
  readonly #running = new Set<Promise<void>>();
  readonly #namespaces = new Map<string, Watched<Surroundings>>();
  #engine: Watched<EngineObjects> | undefined;
  #isClosed = false;

  /** @param onEvent called for every change of an object that is watched */
  constructor(options: RolloutCachesOptions, onEvent: (event: StoreEvent<KubeObject>) => void) {
    this.#options = options;
    this.#onEvent = onEvent;
  }

  /** From the cache. */
  canary(namespace: string, name: string): Canary | undefined {
    return this.#engine?.objects.canaries.get({ namespace, name });
  }

  /** @returns undefined where the server does not serve Canaries */
  async engine(signal: AbortSignal): Promise<EngineObjects | undefined> {
    const { client } = this.#options;
    const { connected, lastError } = this.#engine?.objects.canaries.store.status ?? {};
    if (connected === false && isNotFound(lastError)) {
      // Its definitions went; when they have come again, what the cache has is out of date.
      this.#engine?.end.abort();
      this.#engine = undefined;
    }
    if (this.#engine === undefined) {
      try {
        await client.resource(canaryKind).list({ limit: 1, signal });
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw error;
      }
    }
    this.#engine ??= this.#watchEngine();
    return this.#synced(this.#engine, signal);
  }

  /** All of a namespace that concerns rollouts, until {@link leave}. */
  async surroundings(namespace: string, signal: AbortSignal): Promise<Surroundings> {
    let watched = this.#namespaces.get(namespace);
    if (watched === undefined) {
      watched = this.#watchNamespace(namespace);
      this.#namespaces.set(namespace, watched);
    }
    return this.#synced(watched, signal);
  }

  leave(namespace: string): void {
    this.#namespaces.get(namespace)?.end.abort();
    this.#namespaces.delete(namespace);
  }

  /** Resolves when nothing is watched any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#engine?.end.abort();
    for (const { end } of this.#namespaces.values()) end.abort();
    await Promise.all(this.#running);
  }

  #end(): AbortController {
    if (this.#isClosed) throw new CancelledError('the connection to the cluster was closed');
    return new AbortController();
  }

  #watchEngine(): Watched<EngineObjects> {
    const end = this.#end();
    const canaries = this.#cached<Canary>(canaryKind, end.signal);
    const metricTemplates = this.#cached(metricTemplateKind, end.signal);
    return { objects: { canaries, metricTemplates }, stores: [canaries.store, metricTemplates.store], end };
  }

  #watchNamespace(namespace: string): Watched<Surroundings> {
    const end = this.#end();
    const selection = { fieldSelector: `metadata.name=${namespace}` };
    const objects = {
      namespaces: this.#cached(namespaceKind, end.signal, { selection }),
      deployments: this.#cached(deploymentKind, end.signal, { namespace }),
      daemonSets: this.#cached(daemonSetKind, end.signal, { namespace }),
      services: this.#cached(serviceKind, end.signal, { namespace }),
    };
    return { objects, stores: Object.values(objects).map(({ store }) => store), end };
  }

  #cached<T extends KubeObject = Unstructured>(
    kind: ResourceKind,
    end: AbortSignal,
    where: Pick<StoreOptions<T>, 'namespace' | 'selection'> = {},
  ): CachedResource<T> {
    const { client: cluster, clock, random, log } = this.#options;
    const client = cluster.resource<T>(kind);
    const stream = random.stream(`${kind.resource} ${where.namespace ?? ''}`);
    const store = new Store<T>({ ...where, client, clock, random: stream, log });
    store.subscribe((event) => this.#onEvent(event));
    const running = store.run(end).finally(() => this.#running.delete(running));
    this.#running.add(running);
    return new CachedResource({ store, client, fieldManager: memberRolloutManager });
  }

  async #synced<T>({ objects, stores }: Watched<T>, signal: AbortSignal): Promise<T> {
    using deadline = this.#options.clock.timeout(syncMs, signal);
    for (const store of stores) {
      try {
        await store.synced(deadline.signal);
      } catch (error) {
        if (signal.aborted || !deadline.signal.aborted) throw error;
        throw store.status.lastError ?? new DeadlineError(`${store.kind.kind}s could not be listed in time`);
      }
    }
    return objects;
  }
}

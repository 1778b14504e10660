import { isConflict, isNotFound } from '../../kube/api-error.ts';
import type { Result } from '../../kube/controller.ts';
import type { Client, ResourceClient } from '../../kube/resource-client.ts';
import { compareVersions } from '../../kube/resource-version.ts';
import { rejection } from './admission.ts';
import type { ClusterCache } from './cluster-cache.ts';
import type { ContainerRecord } from './container-record.ts';
import { type Pod, podKind } from './kinds.ts';
import type { NodeContext } from './node-context.ts';
import type { PodTokens } from './pod-tokens.ts';
import { PodWorker } from './pod-worker.ts';
import { statusPatch } from './status.ts';

export interface PodManagerOptions {
  readonly client: Client;
  readonly cache: ClusterCache;
  readonly context: NodeContext;
  readonly tokens: PodTokens;
  /** Makes work for a pod. */
  readonly changed: (key: string) => void;
}

interface Managed {
  readonly worker: PodWorker;
  /** The pod as our last write left it: the cache may not have seen that yet. */
  written: Pod | undefined;
}

/** The pods of a node: a worker each, and their status in the API. */
export class PodManager {
  readonly #options: PodManagerOptions;
  readonly #client: ResourceClient<Pod>;
  readonly #managed = new Map<string, Managed>();
  /** Of pods that are gone from the API, but not yet from here. */
  readonly #orphans = new Set<PodWorker>();
  #killed = false;

  constructor(options: PodManagerOptions) {
    this.#options = options;
    this.#client = options.client.resource<Pod>(podKind);
  }

  /** What is known of a container. */
  find(namespace: string, name: string, uid: string, container: string): ContainerRecord | undefined {
    const worker = this.#managed.get(`${namespace}/${name}`)?.worker;
    return worker?.uid === uid ? worker.records.get(container) : undefined;
  }

  /** Cuts off all that runs; nothing is written any more. */
  kill(): void {
    this.#killed = true;
    for (const { worker } of this.#managed.values()) worker.kill();
    for (const worker of this.#orphans) worker.kill();
  }

  async reconcile(key: string): Promise<Result> {
    if (this.#killed) return undefined;
    const pod = this.#options.cache.pods.get(key);
    this.#dropOthers(key, pod);
    if (pod === undefined) return undefined;
    const managed = this.#manage(key, pod);
    const { worker } = managed;
    const wakeAt = worker.sync(this.#newest(managed, pod));
    const live = this.#newest(managed, pod);
    const isDeleted = live.metadata.deletionTimestamp !== undefined;
    if (worker.hasStatus) await this.#writeStatus(managed, live);
    if (isDeleted && worker.ended) await this.#remove(live);
    return wakeAt === undefined ? undefined : { requeueAfterMs: wakeAt - this.#options.context.clock.now() };
  }

  #newest({ written }: Managed, pod: Pod): Pod {
    const order = compareVersions(written?.metadata.resourceVersion, pod.metadata.resourceVersion) ?? -1;
    return written !== undefined && order > 0 ? written : pod;
  }

  #manage(key: string, pod: Pod): Managed {
    const known = this.#managed.get(key);
    if (known !== undefined) return known;
    const { context, changed } = this.#options;
    const worker = new PodWorker(pod, context, () => changed(key));
    const others = [...this.#managed.values()]
      .filter((other) => !other.worker.ended)
      .map((other) => other.worker.pod);
    const isNew = pod.status?.startTime === undefined && pod.metadata.deletionTimestamp === undefined;
    const refusal = isNew ? rejection(pod, others, context.allocatable) : undefined;
    if (refusal !== undefined) worker.reject(refusal);
    const managed: Managed = { worker, written: undefined };
    this.#managed.set(key, managed);
    return managed;
  }

  /** A pod that is gone from the API, or has a successor, ends on its own. */
  #dropOthers(key: string, pod: Pod | undefined): void {
    for (const worker of this.#orphans) if (worker.ended) this.#orphans.delete(worker);
    const worker = this.#managed.get(key)?.worker;
    if (worker === undefined || worker.uid === pod?.metadata.uid) return;
    this.#managed.delete(key);
    this.#options.tokens.forget(worker.uid);
    if (worker.ended) return;
    this.#orphans.add(worker);
    worker.terminate(0);
  }

  async #writeStatus(managed: Managed, live: Pod): Promise<void> {
    const patch = statusPatch(live, managed.worker.status(live));
    if (patch === undefined) return;
    const { namespace, name = '' } = live.metadata;
    try {
      managed.written = await this.#client.patch({ namespace, name }, 'strategic', patch, {
        subresource: 'status',
      });
    } catch (error) {
      // Gone, or another pod has its name: the cache will tell.
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }

  async #remove({ metadata }: Pod): Promise<void> {
    const { namespace, name = '', uid, finalizers = [], deletionGracePeriodSeconds } = metadata;
    // Held by somebody else: it has been asked for already.
    if (finalizers.length > 0 && deletionGracePeriodSeconds === 0) return;
    try {
      await this.#client.delete({ namespace, name }, { gracePeriodSeconds: 0, preconditions: { uid } });
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }
}

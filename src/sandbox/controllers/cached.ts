import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import { ApiError, isNotFound } from '../../kube/api-error.ts';
import { formatKey } from '../../kube/object-key.ts';
import { withoutManagedFields } from '../../kube/projections.ts';
import type { Client, DeleteOptions, ResourceClient, ResourceKind } from '../../kube/resource-client.ts';
import { compareVersions } from '../../kube/resource-version.ts';
import { Store } from '../../kube/store.ts';
import type { KubeObject } from '../../machinery/object.ts';

export interface CachedOptions<T extends KubeObject> {
  readonly client: Client;
  readonly kind: ResourceKind;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly indexes?: { readonly [name: string]: (object: T) => readonly string[] } | undefined;
}

/** Who owns what the controllers write, as in a cluster with kube-controller-manager. */
export const fieldManager = 'kube-controller-manager';
/** How long a reconcile waits for the cache to show an earlier write. */
const lagMs = 10_000;

/**
 * The objects of one kind: read from a cache, written to the server.
 *
 * A cache lags behind its server, and a controller that counts pods in it right after creating some would create them
 * again. So what was written through this class is remembered until the cache shows it, and {@link caughtUp} waits for
 * that: called first in a reconcile, it makes the cache as new as the controller's own last write.
 */
export class Cached<T extends KubeObject> {
  readonly store: Store<T>;
  readonly client: ResourceClient<T>;
  /** By key: whether the cache shows what was written. */
  readonly #unseen = new Map<string, (object: T | undefined) => boolean>();
  /** Namespaces in which something was created, or not: the answer was lost. The server has to be asked. */
  readonly #uncertain = new Set<string | undefined>();

  constructor({ client, kind, clock, random, log, indexes }: CachedOptions<T>) {
    this.client = client.resource<T>(kind);
    const stream = random.stream(kind.resource);
    this.store = new Store<T>({
      client: this.client,
      clock,
      random: stream,
      log,
      indexes,
      project: withoutManagedFields,
    });
  }

  get(namespace: string | undefined, name: string): T | undefined {
    return this.store.get(formatKey({ namespace, name }));
  }

  /**
   * Waits until the cache shows everything that was written through this object.
   * @throws DeadlineError, to be retried: nothing may be decided before
   */
  async caughtUp(signal: AbortSignal): Promise<void> {
    for (const namespace of this.#uncertain) {
      const { items } = await this.client.listAll({ namespace, signal });
      for (const item of items) this.wrote(item);
      this.#uncertain.delete(namespace);
    }
    for (const [key, isSeen] of this.#unseen) {
      await this.store.waitFor(key, isSeen, { signal, timeoutMs: lagMs });
      if (this.#unseen.get(key) === isSeen) this.#unseen.delete(key);
    }
  }

  async create(object: T, signal: AbortSignal): Promise<T> {
    try {
      return this.wrote(await this.client.create(object, { fieldManager, signal }));
    } catch (error) {
      const isRefusal = error instanceof ApiError && error.status < 500;
      if (!isRefusal) this.#uncertain.add(object.metadata.namespace);
      throw error;
    }
  }

  /** Replaces an object; only if `object` carries the newest version. */
  async update(object: T, signal: AbortSignal): Promise<T> {
    return this.wrote(await this.client.update(object, { fieldManager, signal }));
  }

  /**
   * Changes parts of an object, only if `object` is still the newest state.
   *
   * @param change a merge patch
   */
  async patch(object: T, change: object, signal: AbortSignal, subresource?: string): Promise<T> {
    const { namespace, name = '', resourceVersion, uid } = object.metadata;
    const metadata = { ...('metadata' in change ? (change.metadata as object) : {}), resourceVersion, uid };
    const options = { fieldManager, signal, subresource };
    return this.wrote(
      await this.client.patch({ namespace, name }, 'merge', { ...change, metadata }, options),
    );
  }

  /** Deletes this very object; one that is gone already is fine. */
  async delete(object: T, signal: AbortSignal, options: DeleteOptions = {}): Promise<void> {
    const { namespace, name = '', uid } = object.metadata;
    try {
      await this.client.delete({ namespace, name }, { ...options, preconditions: { uid }, signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    this.#unseen.set(formatKey({ namespace, name }), (seen) => {
      const metadata = seen?.metadata;
      return metadata?.uid !== uid || metadata?.deletionTimestamp !== undefined;
    });
  }

  /** Remembers a write that was made with the client alone. */
  wrote(written: T): T {
    const { namespace, name = '', resourceVersion } = written.metadata;
    const isSeen = (version: string | undefined): boolean =>
      version === resourceVersion || (compareVersions(version, resourceVersion) ?? -1) >= 0;
    this.#unseen.set(
      formatKey({ namespace, name }),
      (seen) => isSeen(seen?.metadata.resourceVersion) || isSeen(this.store.status.resourceVersion),
    );
    return written;
  }
}

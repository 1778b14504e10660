import type { JsonObject } from '../machinery/json.ts';
import type { KubeObject, Unstructured } from '../machinery/object.ts';
import { isNotFound } from './api-error.ts';
import { applyIfChanged, patchStatusIfChanged, type Written } from './apply-if-changed.ts';
import { formatKey } from './object-key.ts';
import type {
  DeleteOptions,
  ObjectKey,
  PatchType,
  RequestOptions,
  ResourceClient,
  ResourceKind,
  WriteOptions,
} from './resource-client.ts';
import { compareVersions } from './resource-version.ts';
import type { Store } from './store.ts';

export interface CachedResourceOptions<T extends KubeObject> {
  readonly store: Store<T>;
  readonly client: ResourceClient<T>;
  /** Who owns the fields that {@link CachedResource.apply} sets. */
  readonly fieldManager: string;
  /** How long a write waits for the cache to catch up, in milliseconds; default 10 s. */
  readonly catchUpMs?: number | undefined;
}

/**
 * The objects of one kind, read from a cache and written through to the server. A write resolves when the cache has
 * it, so what is read after a write is never older than it: a reconcile may observe, act and observe again.
 *
 * Writes reject as those of {@link ResourceClient}, and with a DeadlineError (to be retried) when the cache does not
 * catch up.
 */
export class CachedResource<T extends KubeObject = Unstructured> {
  readonly store: Store<T>;
  readonly #client: ResourceClient<T>;
  readonly #fieldManager: string;
  readonly #catchUpMs: number;

  constructor({ store, client, fieldManager, catchUpMs = 10_000 }: CachedResourceOptions<T>) {
    this.store = store;
    this.#client = client;
    this.#fieldManager = fieldManager;
    this.#catchUpMs = catchUpMs;
  }

  get kind(): ResourceKind {
    return this.#client.kind;
  }

  /** From the cache. Read-only. */
  get(key: ObjectKey): T | undefined {
    return this.store.get(formatKey(key));
  }

  /** From the server, with all that a cache may leave out. @throws ApiError */
  read(key: ObjectKey, options?: RequestOptions): Promise<T> {
    return this.#client.get(key, options);
  }

  /**
   * Server-side apply, with force, of all that this field manager wants to own; no request where it is so already
   * (which needs a cache that keeps managedFields).
   */
  async apply(desired: T, options: RequestOptions = {}): Promise<Written<T>> {
    const written = await applyIfChanged(this.#client, this.get(keyOf(desired)), desired, {
      ...options,
      force: true,
      fieldManager: this.#fieldManager,
    });
    if (written.changed) await this.#caughtUp(written.object, options.signal);
    return written;
  }

  async create(object: T, options: WriteOptions = {}): Promise<T> {
    const created = await this.#client.create(object, { fieldManager: this.#fieldManager, ...options });
    return this.#caughtUp(created, options.signal);
  }

  async patch(key: ObjectKey, type: PatchType, patch: JsonObject, options: WriteOptions = {}): Promise<T> {
    const patched = await this.#client.patch(key, type, patch, {
      fieldManager: this.#fieldManager,
      ...options,
    });
    return this.#caughtUp(patched, options.signal);
  }

  /** See {@link patchStatusIfChanged}: a conflict says that `live` is outdated. */
  async patchStatus(
    live: T & { readonly status?: unknown },
    status: object,
    options: WriteOptions = {},
  ): Promise<Written<T>> {
    const written = await patchStatusIfChanged(this.#client, live, status, {
      fieldManager: this.#fieldManager,
      ...options,
    });
    if (written.changed) await this.#caughtUp(written.object, options.signal);
    return written;
  }

  /** Deletes the object if it is there; resolves when the cache shows it gone or going. */
  async delete(key: ObjectKey, options: DeleteOptions = {}): Promise<void> {
    try {
      await this.#client.delete(key, options);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    const uid = options.preconditions?.uid ?? this.get(key)?.metadata.uid;
    await this.store.waitFor(
      formatKey(key),
      (object) =>
        object === undefined ||
        object.metadata.uid !== uid ||
        object.metadata.deletionTimestamp !== undefined,
      { signal: options.signal, timeoutMs: this.#catchUpMs },
    );
  }

  async #caughtUp(written: T, signal: AbortSignal | undefined): Promise<T> {
    const { uid, resourceVersion } = written.metadata;
    await this.store.waitFor(
      formatKey(keyOf(written)),
      (object) => {
        if (object === undefined) return false;
        const order = compareVersions(object.metadata.resourceVersion, resourceVersion);
        // Where versions have no order, another object than before is all that can be told.
        if (order === undefined) return object.metadata.resourceVersion === resourceVersion;
        return object.metadata.uid !== uid || order >= 0;
      },
      { signal, timeoutMs: this.#catchUpMs },
    );
    return written;
  }
}

function keyOf({ metadata }: KubeObject): ObjectKey {
  return { namespace: metadata.namespace, name: metadata.name ?? '' };
}

import type { JsonObject } from '../../machinery/json.ts';
import { nameOf, namespaceOf, withResourceVersion } from './object-metadata.ts';
import type { Change, ChangeType } from './storage-change.ts';
import { Collection } from './storage-collection.ts';
import type { Watcher, WatcherOptions } from './storage-watcher.ts';

export interface StorageOptions {
  /** Changes that the log of one kind remembers. */
  readonly logCount?: number | undefined;
  /** How long the log remembers a change, in milliseconds. */
  readonly logAgeMs?: number | undefined;
  /** Monotonic time in milliseconds. */
  readonly now: () => number;
}

/**
 * Revisions start above this one, as if there had been a past: version 1 is too old to be watched from on any real
 * server.
 */
const firstRevision = 100;

/**
 * All objects of all kinds, in memory. Every write gets the next revision, which becomes the object's
 * `resourceVersion`. Stored objects are immutable and handed out as they are.
 *
 * Everything is synchronous: a caller that reads and then writes without awaiting in between cannot conflict.
 */
export class Storage {
  readonly #collections = new Map<string, Collection>();
  readonly #listeners = new Set<(change: Change) => void>();
  readonly #limits: { readonly count: number; readonly ageMs: number; readonly now: () => number };
  #revision = firstRevision;
  /** The log of some collection is gone up to here. */
  #forgotten = firstRevision;

  constructor(options: StorageOptions) {
    const { logCount = 5_000, logAgeMs = 10 * 60_000, now } = options;
    this.#limits = { count: logCount, ageMs: logAgeMs, now };
  }

  /** Of the last write. */
  get revision(): number {
    return this.#revision;
  }

  get storageKeys(): Iterable<string> {
    return this.#collections.keys();
  }

  get(storageKey: string, namespace: string | undefined, name: string): JsonObject | undefined {
    return this.#collections.get(storageKey)?.get(namespace, name);
  }

  /** Stores a new object. The caller has made sure that there is none of that name. */
  create(storageKey: string, object: JsonObject): JsonObject {
    return this.#commit('ADDED', storageKey, object, undefined);
  }

  /** Replaces `previous`, which the caller has just read. */
  update(storageKey: string, object: JsonObject, previous: JsonObject): JsonObject {
    return this.#commit('MODIFIED', storageKey, object, previous);
  }

  /** Removes `previous`, which the caller has just read. Returns its last state, with the revision of the deletion. */
  delete(storageKey: string, previous: JsonObject): JsonObject {
    return this.#commit('DELETED', storageKey, previous, previous);
  }

  /** Removes all objects of a kind and ends its watches. */
  deleteCollection(storageKey: string): void {
    const collection = this.#collections.get(storageKey);
    if (collection === undefined) return;
    for (const object of collection.list(undefined)) this.delete(storageKey, object);
    collection.end();
    this.#collections.delete(storageKey);
    this.#forgotten = this.#revision;
  }

  /** How many objects of a kind there are. */
  count(storageKey: string): number {
    return this.#collections.get(storageKey)?.size ?? 0;
  }

  /**
   * Objects in the order of namespace and name.
   *
   * @param namespace undefined for all namespaces, and for kinds without
   * @param revision the state at that time; default now
   * @throws CompactedError when that state cannot be known any more
   */
  list(storageKey: string, namespace: string | undefined, revision = this.#revision): JsonObject[] {
    const collection = this.#collection(storageKey);
    return revision >= this.#revision ? collection.list(namespace) : collection.listAt(namespace, revision);
  }

  /**
   * Changes after `after`, from the log first and then as they happen.
   * @throws CompactedError when some of them have left the log
   */
  watch(storageKey: string, options: WatcherOptions): Watcher {
    return this.#collection(storageKey).watch(options);
  }

  /** Calls `listener` after every write, before the writer goes on. It must not write itself. */
  onChange(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Ends all watches. */
  close(): void {
    for (const collection of this.#collections.values()) collection.end();
  }

  #collection(storageKey: string): Collection {
    let collection = this.#collections.get(storageKey);
    if (collection === undefined) {
      collection = new Collection(this.#forgotten, this.#limits);
      this.#collections.set(storageKey, collection);
    }
    return collection;
  }

  #commit(
    type: ChangeType,
    storageKey: string,
    object: JsonObject,
    previous: JsonObject | undefined,
  ): JsonObject {
    const collection = this.#collection(storageKey);
    const current = collection.get(namespaceOf(object), nameOf(object));
    if (current !== previous) throw new Error(`lost update of ${storageKey} ${nameOf(object)}`);
    this.#revision += 1;
    const stored = withResourceVersion(object, String(this.#revision));
    const change: Change = { revision: this.#revision, type, storageKey, object: stored, previous };
    collection.commit(change);
    for (const listener of this.#listeners) listener(change);
    return stored;
  }
}

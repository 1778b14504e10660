import type { Clock } from '../base/clock.ts';
import { CancelledError, DeadlineError, errorMessage, nextStep, TypedError } from '../base/errors.ts';
import { FetchError } from '../base/fetch.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { isObject } from '../machinery/json.ts';
import type { KubeObject, Unstructured, WatchEvent } from '../machinery/object.ts';
import { aborted } from './aborted.ts';
import { ApiError, errorOfStatus, isExpired } from './api-error.ts';
import { Backoff } from './backoff.ts';
import { Handlers } from './handlers.ts';
import { formatKey } from './object-key.ts';
import { ObjectIndex } from './object-index.ts';
import type { ResourceClient, ResourceKind, Selection } from './resource-client.ts';
import { compareVersions } from './resource-version.ts';

export interface StoreOptions<T extends KubeObject> {
  readonly client: ResourceClient<T>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Absent = all namespaces. */
  readonly namespace?: string | undefined;
  readonly selection?: Selection | undefined;
  /** For {@link Store.byIndex}: the values under which an object is found. Pure functions of the object. */
  readonly indexes?: { readonly [name: string]: (object: T) => readonly string[] } | undefined;
  /**
   * What is kept of each object; default: all of it. A pure function that leaves `metadata.name`, `namespace`,
   * `uid` and `resourceVersion` alone and does not change what it is given.
   */
  readonly project?: ((object: T) => T) | undefined;
  /** Keep `metadata` alone (PartialObjectMetadata). */
  readonly metadataOnly?: boolean | undefined;
  /** Objects per page of a list; default: the client's. */
  readonly pageSize?: number | undefined;
  /** Shortest time after which the server is asked to end a watch; each takes this to twice this. Default 300. */
  readonly watchTimeoutSeconds?: number | undefined;
}

/** A change of the store's content. Objects are read-only. */
export type StoreEvent<T> =
  /** `initial`: it was there before the subscriber (or the store) began. */
  | { readonly type: 'added'; readonly object: T; readonly initial: boolean }
  | { readonly type: 'modified'; readonly object: T; readonly old: T }
  /** `object` is the last state that the store held. */
  | { readonly type: 'deleted'; readonly object: T };

/** How the store stands with its server. Times are wall time, milliseconds since the Unix epoch. */
export interface StoreStatus {
  /** Whether the latest request was accepted. False until the first answer. */
  readonly connected: boolean;
  /** When `connected` last changed. */
  readonly since: number;
  /** The latest trouble, also after it has passed. */
  readonly lastError: Error | undefined;
  /** When the server was last heard of: an answer, an event, a refusal. */
  readonly lastContact: number | undefined;
  /** What the content corresponds to; undefined before the first list and while the next one is due. */
  readonly resourceVersion: string | undefined;
}

export interface WaitOptions {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

// The delays of client-go's reflector, and its limit for a watch so short that it looks like a broken server.
const firstDelayMs = 800;
const longestDelayMs = 30_000;
const shortWatchMs = 1_000;
/** A connection that held for longer than the longest delay may begin at the shortest again. */
const healthyMs = longestDelayMs;

/**
 * A cache of the objects of one kind, kept up to date by list and watch: client-go's reflector, informer and indexer
 * in one.
 *
 * - After a list it watches from that list's version, and resumes from the last version seen (events and bookmarks
 *   move it on). Only when the server no longer has that version (410), or the watch brings an error that repeating
 *   it cannot mend, it lists again; what changed meanwhile is delivered as events: deletions first, then additions and
 *   modifications in the list's order. An object whose version is unchanged gives no event.
 * - Handlers are called synchronously, in order, after the content and the indexes have changed: there is no buffer
 *   that could grow. They must be quick.
 * - A new object under an old name (another uid) is delivered as `deleted` and then `added`.
 * - Replays after a reconnect are not delivered. Versions are taken to be in order where both are whole numbers (see
 *   {@link compareVersions}): an event that is not newer than the last one seen has been seen. Where versions have no
 *   order, only an event that repeats the version of the object at hand is dropped.
 * - A list is always a consistent read, so its content is true even where versions seem to have gone back (a server
 *   restored from a backup).
 */
export class Store<T extends KubeObject = Unstructured> {
  readonly #options: StoreOptions<T>;
  readonly #log: Log;
  readonly #backoff: Backoff;

  readonly #objects = new Map<string, T>();
  readonly #indexes = new Map<string, ObjectIndex<T>>();
  readonly #handlers: Handlers<StoreEvent<T>>;
  readonly #statusHandlers: Handlers<StoreStatus>;
  /** Checks to make when an object changes, by its key. */
  readonly #waiting = new Map<string, Set<() => void>>();

  /** The version to watch from; undefined when a list is due. */
  #version: string | undefined;
  #hasSynced = false;
  #connected = false;
  #since: number;
  #lastError: Error | undefined;
  #lastContact: number | undefined;
  /** When the latest list ended (monotonic). */
  #listedAt = Number.NEGATIVE_INFINITY;
  /** When the server accepted the request under way (monotonic). */
  #openedAt: number | undefined;

  #users = 0;
  #loop: { readonly ended: Promise<void>; readonly stop: AbortController } | undefined;

  constructor(options: StoreOptions<T>) {
    this.#options = options;
    this.#log = options.log.child({ store: options.client.kind.resource });
    this.#backoff = new Backoff({
      random: options.random,
      initialMs: firstDelayMs,
      maxMs: longestDelayMs,
    });
    this.#since = options.clock.now();
    const onError = (error: unknown): void => this.#log.error('a handler of the store failed', { error });
    this.#handlers = new Handlers(onError);
    this.#statusHandlers = new Handlers(onError);
    for (const [name, valuesOf] of Object.entries(options.indexes ?? {})) {
      this.#indexes.set(name, new ObjectIndex((object) => this.#valuesOf(name, valuesOf, object)));
    }
  }

  get kind(): ResourceKind {
    return this.#options.client.kind;
  }

  /** Whether the content has once been complete. */
  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  /** Number of objects. */
  get size(): number {
    return this.#objects.size;
  }

  get status(): StoreStatus {
    return {
      connected: this.#connected,
      since: this.#since,
      lastError: this.#lastError,
      lastContact: this.#lastContact,
      resourceVersion: this.#version,
    };
  }

  /** @param key as {@link formatKey} writes it: `namespace/name`, or `name` */
  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  list(): T[] {
    return [...this.#objects.values()];
  }

  /** @throws RangeError for an index that the store was not made with */
  byIndex(name: string, value: string): T[] {
    const index = this.#indexes.get(name);
    if (index === undefined) throw new RangeError(`the store of ${this.kind.resource} has no index ${name}`);
    const found: T[] = [];
    for (const key of index.keys(value)) {
      const object = this.#objects.get(key);
      if (object !== undefined) found.push(object);
    }
    return found;
  }

  /**
   * Calls `handler` for every change from now on, after an `added` event for each object that is there already.
   * @returns how to unsubscribe
   */
  subscribe(handler: (event: StoreEvent<T>) => void): () => void {
    const present = this.#objects.values().map((object): StoreEvent<T> => addedEvent(object, true));
    return this.#handlers.add(handler, present);
  }

  /**
   * Calls `handler` whenever `connected` changes.
   * @returns how to unsubscribe
   */
  subscribeStatus(handler: (status: StoreStatus) => void): () => void {
    return this.#statusHandlers.add(handler);
  }

  /**
   * Resolves when the content has once been complete.
   * @throws CancelledError
   */
  async synced(signal?: AbortSignal): Promise<void> {
    await this.#until('', () => (this.#hasSynced ? { value: undefined } : undefined), signal);
  }

  /**
   * Resolves with the object as it is when `predicate` first holds. The predicate sees every state that the store
   * sees, and undefined while the object does not exist (which is only known once the store has synced).
   *
   * @throws DeadlineError after `timeoutMs`
   * @throws CancelledError when `signal` aborts
   */
  async waitFor(
    key: string,
    predicate: (object: T | undefined) => boolean,
    { signal, timeoutMs }: WaitOptions = {},
  ): Promise<T | undefined> {
    using deadline = timeoutMs === undefined ? undefined : this.#options.clock.timeout(timeoutMs, signal);
    const check = (): { value: T | undefined } | undefined => {
      const object = this.#objects.get(key);
      if (object === undefined && !this.#hasSynced) return undefined;
      return predicate(object) ? { value: object } : undefined;
    };
    try {
      return await this.#until(key, check, deadline?.signal ?? signal);
    } catch (error) {
      if (!deadline?.signal.aborted || signal?.aborted) throw error;
      const why = this.#connected ? '' : `; no connection: ${this.#lastError?.message ?? 'not yet made'}`;
      throw new DeadlineError(`waited ${timeoutMs} ms in vain for ${this.kind.kind} ${key}${why}`);
    }
  }

  /**
   * Keeps the content up to date until `signal` aborts; never rejects for trouble with the server. Several users may
   * run one store: the first one starts it, the last one stops it.
   */
  async run(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    this.#users += 1;
    if (this.#users === 1) {
      const stop = new AbortController();
      const before = this.#loop?.ended ?? Promise.resolve();
      this.#loop = { stop, ended: before.then(() => this.#listAndWatch(stop.signal)) };
    }
    await aborted(signal);
    this.#users -= 1;
    if (this.#users > 0) return;
    this.#loop?.stop.abort();
    await this.#loop?.ended;
  }

  async #listAndWatch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const pauseMs = await this.#listOrWatch(signal);
        if (pauseMs > 0) await this.#options.clock.sleep(pauseMs, signal);
      } catch (error) {
        // Only the sleep rejects, when the signal aborts; anything else is our own mistake, and must be seen.
        if (!signal.aborted) throw error;
      }
    }
  }

  /** @returns how long to wait before the next request, in milliseconds */
  async #listOrWatch(signal: AbortSignal): Promise<number> {
    this.#openedAt = undefined;
    try {
      if (this.#version !== undefined) return await this.#watch(this.#version, signal);
      await this.#list(signal);
      return 0;
    } catch (error) {
      return signal.aborted ? 0 : this.#failed(error);
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { client, clock, pageSize } = this.#options;
    try {
      const list = await client.listAll({ ...this.#scope(), limit: pageSize, signal });
      if (signal.aborted) return;
      const version = list.metadata.resourceVersion;
      if (version === undefined || version === '') {
        throw new TypedError(`the list of ${this.kind.resource} has no version: it cannot be watched`, {
          code: 'NoResourceVersion',
          next: 'stalled',
        });
      }
      this.#contact();
      this.#replaceAll(list.items);
      this.#version = version;
    } finally {
      this.#listedAt = clock.monotonic();
    }
    if (this.#hasSynced) return;
    this.#hasSynced = true;
    for (const key of this.#waiting.keys()) this.#wake(key);
  }

  #replaceAll(items: readonly T[]): void {
    const valid = items.filter((item) => this.#isWellFormed(item));
    const keys = new Set(valid.map((item) => formatKey(named(item))));
    for (const key of this.#objects.keys()) if (!keys.has(key)) this.#change(key, undefined);
    for (const item of valid) {
      const key = formatKey(named(item));
      const { uid, resourceVersion } = this.#objects.get(key)?.metadata ?? {};
      if (uid === item.metadata.uid && resourceVersion === item.metadata.resourceVersion) continue;
      this.#put(key, item);
    }
  }

  async #watch(version: string, signal: AbortSignal): Promise<number> {
    const { client, clock, random, watchTimeoutSeconds = 300 } = this.#options;
    const startedAt = clock.monotonic();
    const events = client.watch({
      ...this.#scope(),
      resourceVersion: version,
      timeoutSeconds: Math.ceil(watchTimeoutSeconds * (1 + random.next())),
      signal,
      onOpen: () => this.#contact(),
    });
    for await (const event of events) {
      if (signal.aborted) return 0;
      this.#contact();
      this.#receive(event);
    }
    if (signal.aborted) return 0;
    this.#contact();
    if (clock.monotonic() - startedAt < shortWatchMs && this.#version === version) {
      this.#log.warn('a watch ended at once without an event');
      return this.#backoff.next();
    }
    this.#resetIfHealthy();
    return 0;
  }

  #scope(): Selection & { namespace: string | undefined; metadataOnly: boolean | undefined } {
    const { selection, namespace, metadataOnly } = this.#options;
    return { ...selection, namespace, metadataOnly };
  }

  #receive(event: WatchEvent<T>): void {
    switch (event.type) {
      case 'ADDED':
      case 'MODIFIED':
      case 'DELETED':
        if (!this.#isWellFormed(event.object) || this.#isReplay(event.object)) return;
        if (event.type === 'DELETED') this.#delete(event.object);
        else this.#put(formatKey(named(event.object)), event.object);
        this.#version = event.object.metadata.resourceVersion;
        return;
      case 'BOOKMARK': {
        const version = event.object.metadata.resourceVersion;
        if (version === undefined || version === '') return;
        if ((compareVersions(version, this.#version) ?? 1) > 0) this.#version = version;
        return;
      }
      case 'ERROR':
        // Clients throw these themselves.
        throw errorOfStatus(event.object) ?? new Error('the watch brought an unreadable error');
      default:
        this.#log.warn('unknown watch event skipped');
    }
  }

  #isReplay(object: T): boolean {
    const { resourceVersion } = object.metadata;
    const order = compareVersions(resourceVersion, this.#version);
    if (order !== undefined) return order <= 0;
    return this.#objects.get(formatKey(named(object)))?.metadata.resourceVersion === resourceVersion;
  }

  #delete(object: T): void {
    const key = formatKey(named(object));
    // The deletion of a namesake that was there before is no news.
    if (this.#objects.get(key)?.metadata.uid === object.metadata.uid) this.#change(key, undefined);
  }

  #put(key: string, object: T): void {
    let kept: T;
    try {
      kept = this.#options.project?.(object) ?? object;
    } catch (error) {
      this.#log.error('an object that cannot be projected was skipped', { object: key, error });
      return;
    }
    if ((this.#objects.get(key)?.metadata.uid ?? kept.metadata.uid) !== kept.metadata.uid) {
      this.#change(key, undefined);
    }
    this.#change(key, kept);
  }

  /** The one place where the content changes. */
  #change(key: string, next: T | undefined): void {
    const old = this.#objects.get(key);
    if (next !== undefined) this.#objects.set(key, next);
    else this.#objects.delete(key);
    for (const index of this.#indexes.values()) index.replace(key, old, next);
    if (next === undefined) {
      if (old !== undefined) this.#handlers.emit({ type: 'deleted', object: old });
    } else if (old === undefined) {
      this.#handlers.emit(addedEvent(next, !this.#hasSynced));
    } else {
      this.#handlers.emit({ type: 'modified', object: next, old });
    }
    this.#wake(key);
  }

  #isWellFormed(object: unknown): boolean {
    const metadata = isObject(object) ? object['metadata'] : undefined;
    if (isObject(metadata) && isText(metadata['name']) && isText(metadata['resourceVersion'])) return true;
    this.#log.warn('an object without name or version was skipped');
    return false;
  }

  #valuesOf(name: string, valuesOf: (object: T) => readonly string[], object: T): readonly string[] {
    try {
      return valuesOf(object);
    } catch (error) {
      this.#log.error('an index function failed', { index: name, object: formatKey(named(object)), error });
      return [];
    }
  }

  /** The server has accepted a request or sent something. */
  #contact(): void {
    const { clock } = this.#options;
    this.#lastContact = clock.now();
    this.#openedAt ??= clock.monotonic();
    this.#setConnected(true);
  }

  /** @returns how long to wait before the next request, in milliseconds */
  #failed(error: unknown): number {
    const { clock } = this.#options;
    this.#resetIfHealthy();
    if (error instanceof ApiError) this.#lastContact = clock.now();
    if (isExpired(error)) {
      // Usual after a pause; at once, unless a list that is out of date the moment it arrives made us spin.
      this.#version = undefined;
      this.#log.debug('listing again', { reason: error.message });
      return clock.monotonic() - this.#listedAt < shortWatchMs ? this.#backoff.next() : 0;
    }
    // The same watch would end the same way, whereas a list may work, or tell better what is wrong.
    if (nextStep(error) === 'stalled' || this.#endedByServer(error)) this.#version = undefined;
    const retryAfterMs = error instanceof TypedError ? (error.retryAfterMs ?? 0) : 0;
    const pauseMs = Math.max(this.#backoff.next(), retryAfterMs);
    this.#lastError = error instanceof Error ? error : new Error(errorMessage(error));
    this.#log.warn('list or watch failed', { error: this.#lastError, pauseMs });
    this.#setConnected(false);
    return pauseMs;
  }

  /** Whether a watch that had begun brought an error of the server or something unreadable. */
  #endedByServer(error: unknown): boolean {
    if (error instanceof FetchError) return error.code === 'MalformedBody';
    return error instanceof ApiError && this.#openedAt !== undefined;
  }

  #resetIfHealthy(): void {
    if (this.#openedAt === undefined) return;
    if (this.#options.clock.monotonic() - this.#openedAt >= healthyMs) this.#backoff.reset();
  }

  #setConnected(connected: boolean): void {
    if (this.#connected === connected) return;
    this.#connected = connected;
    this.#since = this.#options.clock.now();
    this.#statusHandlers.emit(this.status);
  }

  /** Resolves with what `check` finds, now or at a later change of `key`. */
  #until<R>(key: string, check: () => { readonly value: R } | undefined, signal?: AbortSignal): Promise<R> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        signal?.removeEventListener('abort', onAbort);
        const checks = this.#waiting.get(key);
        checks?.delete(attempt);
        if (checks?.size === 0) this.#waiting.delete(key);
      };
      const onAbort = (): void => {
        leave();
        reject(new CancelledError('the wait was cancelled', signal?.reason));
      };
      const attempt = (): void => {
        try {
          const found = check();
          if (found === undefined) return;
          leave();
          resolve(found.value);
        } catch (error) {
          leave();
          reject(error);
        }
      };
      if (signal?.aborted) {
        onAbort();
        return;
      }
      this.#waiting.set(key, (this.#waiting.get(key) ?? new Set()).add(attempt));
      signal?.addEventListener('abort', onAbort, { once: true });
      attempt();
    });
  }

  #wake(key: string): void {
    for (const attempt of this.#waiting.get(key) ?? []) attempt();
  }
}

function addedEvent<T>(object: T, initial: boolean): StoreEvent<T> {
  return { type: 'added', object, initial };
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

/** The name of an object that is well-formed. */
function named(object: KubeObject): { namespace: string | undefined; name: string } {
  return { namespace: object.metadata.namespace, name: object.metadata.name ?? '' };
}

import type { Clock } from '../base/clock.ts';
import { CancelledError, DeadlineError } from '../base/errors.ts';
import { FetchError } from '../base/fetch.ts';
import type { Random } from '../base/random.ts';
import type { KubeList, KubeObject, WatchEvent } from '../machinery/object.ts';
import { ApiError } from './api-error.ts';
import { formatKey } from './object-key.ts';
import type { ListOptions, ResourceClient, WatchOptions } from './resource-client.ts';

export interface Model extends KubeObject {
  spec: { value: number };
}

type Change = Exclude<WatchEvent<Model>, { type: 'BOOKMARK' | 'ERROR' }>;

function refuse(): never {
  throw new Error('the model only lists and watches');
}

/**
 * A server of one kind that holds the true history, and, unless it is calm, everything that can go wrong between it
 * and a client: refused and hanging requests, cut streams, repeated and replayed events, compaction, rubbish.
 */
export class ModelServer implements ResourceClient<Model> {
  readonly kind = { group: 'test', version: 'v1', resource: 'models', kind: 'Model', namespaced: true };
  readonly objects = new Map<string, Model>();
  calm = true;
  requests = { list: 0, watch: 0 };
  openWatches = 0;
  readonly #clock: Clock;
  readonly #random: Random;
  #history: Change[] = [];
  #version = 100;
  #compacted = 100;
  /** The last change that is no longer in the history. */
  #lost = 0;
  #uids = 0;
  readonly #wakers = new Set<() => void>();

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  get version(): string {
    return String(this.#version);
  }

  /** Creates or changes the object. */
  put(name: string, value: number, namespace = 'ns'): Model {
    const key = formatKey({ namespace, name });
    const old = this.objects.get(key);
    const object: Model = {
      apiVersion: 'test/v1',
      kind: 'Model',
      metadata: {
        name,
        namespace,
        uid: old?.metadata.uid ?? `uid-${(this.#uids += 1)}`,
        resourceVersion: this.#next(),
      },
      spec: { value },
    };
    this.objects.set(key, object);
    this.#record({ type: old === undefined ? 'ADDED' : 'MODIFIED', object });
    return object;
  }

  remove(name: string, namespace = 'ns'): void {
    const key = formatKey({ namespace, name });
    const old = this.objects.get(key);
    if (old === undefined) return;
    this.objects.delete(key);
    const object = { ...old, metadata: { ...old.metadata, resourceVersion: this.#next() } };
    this.#record({ type: 'DELETED', object });
  }

  /** Something else of the cluster changes. */
  elsewhere(): void {
    this.#next();
    this.#wake();
  }

  /** Forgets the history: watches from older versions expire. */
  compact(): void {
    this.#compacted = this.#version;
    const last = this.#history.at(-1);
    if (last !== undefined) this.#lost = versionOf(last.object);
    this.#history = [];
    this.#wake();
  }

  async listAll({ signal, timeoutMs = 20_000 }: ListOptions = {}): Promise<KubeList<Model>> {
    this.requests.list += 1;
    await this.#clock.sleep(this.#delay(), signal);
    await this.#trouble(signal, timeoutMs);
    const list = {
      apiVersion: 'test/v1',
      kind: 'ModelList',
      metadata: { resourceVersion: this.version },
      items: [...this.objects.values()],
    };
    await this.#clock.sleep(this.#delay(), signal);
    if (this.#happens(0.1)) throw expired();
    if (this.#happens(0.05)) list.items.push({ metadata: null } as unknown as Model);
    return list;
  }

  async *watch(options: WatchOptions = {}): AsyncGenerator<WatchEvent<Model>> {
    this.requests.watch += 1;
    const { signal, timeoutSeconds = 600, resourceVersion, onOpen } = options;
    await this.#clock.sleep(this.#delay(), signal);
    await this.#trouble(signal, timeoutSeconds * 1000);
    if (this.#happens(0.1)) return;
    onOpen?.();
    this.openWatches += 1;
    try {
      yield* this.#events(Number(resourceVersion), this.#clock.monotonic() + timeoutSeconds * 1000, signal);
    } finally {
      this.openWatches -= 1;
    }
  }

  async *#events(from: number, end: number, signal?: AbortSignal): AsyncGenerator<WatchEvent<Model>> {
    let sent = from;
    if (from < this.#compacted) throw expired();
    for (;;) {
      if (sent < this.#lost) throw expired();
      const change = this.#history.find(({ object }) => versionOf(object) > sent);
      if (change !== undefined) {
        yield* this.#distorted(change);
        sent = versionOf(change.object);
      } else if (this.#clock.monotonic() >= end) {
        return;
      } else {
        await this.#changed(Math.min(60_000, end - this.#clock.monotonic()), signal);
        if (this.#random.next() < 0.3 && this.#isUpToDate(sent)) yield this.#bookmark((sent = this.#version));
      }
      if (signal?.aborted) throw new CancelledError('watch cancelled');
      if (this.#happens(0.08)) throw new FetchError('Unreachable', 'the connection broke');
      if (this.#happens(0.05)) return;
      if (this.#happens(0.03)) await this.#silence(end, signal);
      if (this.#happens(0.2)) await this.#clock.sleep(this.#delay(), signal);
    }
  }

  #isUpToDate(sent: number): boolean {
    const last = this.#history.at(-1);
    return sent >= this.#lost && (last === undefined || versionOf(last.object) <= sent);
  }

  /** The event, with what a bad connection or a bad proxy may add around it. */
  *#distorted(change: Change): Generator<WatchEvent<Model>> {
    if (this.#happens(0.1)) yield { type: 'MODIFIED', object: { kind: 'Model' } as unknown as Model };
    if (this.#happens(0.15)) yield* this.#replay(versionOf(change.object));
    yield change;
    if (this.#happens(0.15)) yield change;
    if (this.#happens(0.1)) yield this.#bookmark(versionOf(change.object));
    if (this.#happens(0.1)) yield this.#bookmark(this.#compacted);
  }

  /** A stretch of history up to `before` once more. */
  #replay(before: number): Change[] {
    const past = this.#history.filter(({ object }) => versionOf(object) < before);
    return past.slice(this.#random.int(past.length + 1));
  }

  #bookmark(version: number): WatchEvent<Model> {
    return {
      type: 'BOOKMARK',
      object: { apiVersion: 'test/v1', kind: 'Model', metadata: { resourceVersion: String(version) } },
    };
  }

  async #trouble(signal: AbortSignal | undefined, timeoutMs: number): Promise<void> {
    if (this.#happens(0.1)) throw new FetchError('Unreachable', 'connection refused');
    if (this.#happens(0.1)) throw new ApiError('down', { status: 503 });
    if (this.#happens(0.05)) throw new ApiError('busy', { status: 429, retryAfterMs: 3_000 });
    if (this.#happens(0.05)) throw new ApiError('who are you', { status: 403 });
    if (this.#happens(0.05)) throw expired();
    if (this.#happens(0.05)) {
      await this.#clock.sleep(timeoutMs, signal);
      throw new DeadlineError('no answer');
    }
  }

  /** Nothing comes through any more, until the client gives up. */
  async #silence(end: number, signal?: AbortSignal): Promise<never> {
    await this.#clock.sleep(end - this.#clock.monotonic(), signal);
    throw new DeadlineError('the watch went silent');
  }

  async #changed(ms: number, signal?: AbortSignal): Promise<void> {
    using limit = this.#clock.timeout(ms, signal);
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#wakers.delete(done);
        limit.signal.removeEventListener('abort', done);
        resolve();
      };
      if (limit.signal.aborted) {
        resolve();
        return;
      }
      this.#wakers.add(done);
      limit.signal.addEventListener('abort', done, { once: true });
    });
  }

  #next(): string {
    return String((this.#version += 1));
  }

  #record(change: Change): void {
    this.#history.push(change);
    this.#wake();
  }

  #wake(): void {
    for (const waker of this.#wakers) waker();
  }

  #happens(probability: number): boolean {
    return !this.calm && this.#random.next() < probability;
  }

  #delay(): number {
    return this.calm ? 1 : this.#random.int(500);
  }

  get = refuse;
  list = refuse;
  create = refuse;
  update = refuse;
  patch = refuse;
  apply = refuse;
  delete = refuse;
  deleteCollection = refuse;
}

function versionOf(object: KubeObject): number {
  return Number(object.metadata.resourceVersion);
}

function expired(): ApiError {
  return new ApiError('too old resource version', { status: 410, reason: 'Expired' });
}

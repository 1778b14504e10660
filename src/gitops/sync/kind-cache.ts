import { linkAbort, type LinkedAbort } from '../../base/abort.ts';
import type { Clock } from '../../base/clock.ts';
import { nextStep, TypedError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import { isNotFound } from '../../kube/api-error.ts';
import { formatKey } from '../../kube/object-key.ts';
import type { Client, ResourceClient, ResourceKind } from '../../kube/resource-client.ts';
import { Store } from '../../kube/store.ts';
import { computeStatus } from '../../machinery/conditions.ts';
import { asJson, type Unstructured } from '../../machinery/object.ts';
import { keyOf, type ObjectRef } from './inventory.ts';
import { applicationLabel } from './ownership.ts';

export interface KindCachesOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Called with every object of ours that has changed or is gone. @param last what is gone, as it was */
  readonly onChange: (ref: ObjectRef, last: Unstructured | undefined) => void;
}

interface KindCache {
  readonly client: ResourceClient;
  readonly store: Store;
  readonly stop: LinkedAbort;
}

/** How long the first list of a kind may take, in milliseconds. */
const listMs = 10_000;

/** Watches of what carries our labels, one for each kind that has been applied. */
export class KindCaches {
  readonly #options: KindCachesOptions;
  readonly #caches = new Map<string, KindCache>();
  readonly #running = new Set<Promise<void>>();
  readonly #stop = new AbortController();

  constructor(options: KindCachesOptions) {
    this.#options = options;
  }

  /** Ends the watches of all other kinds: one that is served no more would be asked for for ever. */
  keep(kinds: readonly ResourceKind[]): void {
    const kept = new Set(kinds.map(nameOf));
    for (const [name, { stop }] of this.#caches) {
      if (kept.has(name)) continue;
      stop.abort();
      this.#caches.delete(name);
    }
  }

  /** Ends all watches. */
  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running);
  }

  client(kind: ResourceKind): ResourceClient {
    return this.#of(kind).client;
  }

  /**
   * Resolves when all of a kind is known.
   * @throws TypedError `ListFailed` when the server does not tell, or no longer
   */
  async synced(kind: ResourceKind, signal: AbortSignal): Promise<void> {
    const { store } = this.#of(kind);
    using deadline = this.#options.clock.timeout(listMs, signal);
    try {
      await store.synced(deadline.signal);
    } catch (error) {
      if (signal.aborted || !deadline.signal.aborted) throw error;
      throw notListed(kind, store.status.lastError);
    }
    const { connected, lastError } = store.status;
    // What is known may be old: nothing is built on it. What passes by itself is waited for by the store.
    if (!connected && nextStep(lastError) === 'stalled') throw notListed(kind, lastError);
  }

  /** An object of ours as it was last seen; undefined also for one without our labels. */
  get(kind: ResourceKind, ref: ObjectRef): Unstructured | undefined {
    return this.#of(kind).store.get(formatKey(keyOf(ref)));
  }

  /** An object as the server has it now, ours or not. */
  async read(kind: ResourceKind, ref: ObjectRef, signal: AbortSignal): Promise<Unstructured | undefined> {
    try {
      return await this.client(kind).get(keyOf(ref), { signal });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** Resolves when there is no object of ours of that name any more. @throws DeadlineError, CancelledError */
  async gone(kind: ResourceKind, ref: ObjectRef, timeoutMs: number, signal: AbortSignal): Promise<void> {
    await this.#of(kind).store.waitFor(formatKey(keyOf(ref)), (object) => object === undefined, {
      signal,
      timeoutMs,
    });
  }

  /** Resolves when a CustomResourceDefinition of ours is served. @throws DeadlineError, CancelledError */
  async established(
    kind: ResourceKind,
    ref: ObjectRef,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    const now = (): number => this.#options.clock.now();
    const isServed = (object: Unstructured | undefined): boolean =>
      object !== undefined && computeStatus(asJson(object), now()).status === 'Current';
    await this.#of(kind).store.waitFor(formatKey(keyOf(ref)), isServed, { signal, timeoutMs });
  }

  #of(kind: ResourceKind): KindCache {
    const { group, version } = kind;
    const name = nameOf(kind);
    const known = this.#caches.get(name);
    if (known !== undefined) return known;
    const { client, clock, random, log, onChange } = this.#options;
    const requests = client.resource(kind);
    const store = new Store({
      client: requests,
      clock,
      random: random.stream(name),
      log,
      selection: { labelSelector: applicationLabel },
    });
    store.subscribe(({ type, object }) => {
      const { namespace = '', name: of = '' } = object.metadata;
      const ref = { group, version, kind: kind.kind, namespace, name: of };
      onChange(ref, type === 'deleted' ? object : undefined);
    });
    const stop = linkAbort(this.#stop.signal);
    const running: Promise<void> = store.run(stop.signal).finally(() => {
      stop[Symbol.dispose]();
      this.#running.delete(running);
    });
    this.#running.add(running);
    const cache = { client: requests, store, stop };
    this.#caches.set(name, cache);
    return cache;
  }
}

function nameOf({ group, version, resource }: ResourceKind): string {
  return `${group}/${version}/${resource}`;
}

function notListed({ kind, resource, group }: ResourceKind, why: Error | undefined): TypedError {
  const name = group === '' ? resource : `${resource}.${group}`;
  const reason = why?.message ?? `no answer for ${listMs / 1000} s`;
  const message = `cannot list ${kind} (${name}): ${reason}. Next: kubectl auth can-i list ${name} --all-namespaces`;
  return new TypedError(message, { code: 'ListFailed', next: 'retry', cause: why });
}

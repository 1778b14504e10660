import type { JsonObject } from '../../machinery/json.ts';
import { nameOf, namespaceOf } from './object-metadata.ts';
import type { Change } from './storage-change.ts';
import { CompactedError } from './storage-change.ts';
import { Watcher } from './storage-watcher.ts';
import type { WatcherOptions } from './storage-watcher.ts';

export interface LogLimits {
  readonly count: number;
  readonly ageMs: number;
  /** Monotonic, milliseconds. */
  readonly now: () => number;
}

/** Keys sort as they do in etcd: by namespace, then by name. */
function keyOf(namespace: string | undefined, name: string): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/** The objects of one kind, what happened to them lately, and who watches. */
export class Collection {
  readonly #objects = new Map<string, JsonObject>();
  /** Sorted. */
  readonly #keys: string[] = [];
  readonly #limits: LogLimits;
  /** Oldest first. Compaction only moves the start; the array is cut now and then. */
  #log: { readonly change: Change; readonly at: number }[] = [];
  #logStart = 0;
  /** The state at this revision, and at all later ones, can be known. */
  #oldest: number;
  /** Watchers by what they can see: `*`, a namespace with a slash behind, or the key of one object. */
  readonly #watchers = new Map<string, Set<Watcher>>();

  /** @param revision since which it is known to have been empty */
  constructor(revision: number, limits: LogLimits) {
    this.#oldest = revision;
    this.#limits = limits;
  }

  get size(): number {
    return this.#objects.size;
  }

  get(namespace: string | undefined, name: string): JsonObject | undefined {
    return this.#objects.get(keyOf(namespace, name));
  }

  commit(change: Change): void {
    const namespace = namespaceOf(change.object);
    const key = keyOf(namespace, nameOf(change.object));
    if (change.type === 'DELETED') {
      this.#objects.delete(key);
      this.#keys.splice(this.#position(key), 1);
    } else {
      if (change.type === 'ADDED') this.#keys.splice(this.#position(key), 0, key);
      this.#objects.set(key, change.object);
    }
    this.#log.push({ change, at: this.#limits.now() });
    this.#compact();
    this.#notify('*', change);
    if (namespace !== undefined) this.#notify(`${namespace}/`, change);
    this.#notify(key, change);
  }

  list(namespace: string | undefined): JsonObject[] {
    const objects: JsonObject[] = [];
    const prefix = namespace === undefined ? '' : `${namespace}/`;
    for (let i = this.#position(prefix); i < this.#keys.length; i += 1) {
      const key = this.#keys[i] ?? '';
      if (!key.startsWith(prefix)) break;
      const object = this.#objects.get(key);
      if (object !== undefined) objects.push(object);
    }
    return objects;
  }

  /** The state at an earlier revision: today's, with what came since taken back. */
  listAt(namespace: string | undefined, revision: number): JsonObject[] {
    this.#compact();
    if (revision < this.#oldest) throw new CompactedError(this.#oldest);
    const objects = new Map(this.#objects);
    for (let i = this.#log.length - 1; i >= this.#logStart; i -= 1) {
      const change = this.#log[i]?.change;
      if (change === undefined || change.revision <= revision) break;
      const key = keyOf(namespaceOf(change.object), nameOf(change.object));
      if (change.previous === undefined) objects.delete(key);
      else objects.set(key, change.previous);
    }
    const prefix = namespace === undefined ? '' : `${namespace}/`;
    return [...objects]
      .filter(([key]) => key.startsWith(prefix))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, object]) => object);
  }

  watch(options: WatcherOptions): Watcher {
    this.#compact();
    if (options.after < this.#oldest) throw new CompactedError(this.#oldest);
    const key =
      options.name === undefined
        ? options.namespace === undefined
          ? '*'
          : `${options.namespace}/`
        : keyOf(options.namespace, options.name);
    let watchers = this.#watchers.get(key);
    if (watchers === undefined) {
      watchers = new Set();
      this.#watchers.set(key, watchers);
    }
    const among = watchers;
    const watcher = new Watcher(options, this.#since(options), () => {
      among.delete(watcher);
      if (among.size === 0 && this.#watchers.get(key) === among) this.#watchers.delete(key);
    });
    watchers.add(watcher);
    return watcher;
  }

  /** Ends all watches, once their readers have what has happened. */
  end(): void {
    for (const watchers of this.#watchers.values()) for (const watcher of watchers) watcher.finish();
  }

  #since({ after, namespace, name }: WatcherOptions): Change[] {
    const changes: Change[] = [];
    for (let i = this.#log.length - 1; i >= this.#logStart; i -= 1) {
      const change = this.#log[i]?.change;
      if (change === undefined || change.revision <= after) break;
      if (namespace !== undefined && namespaceOf(change.object) !== namespace) continue;
      if (name !== undefined && nameOf(change.object) !== name) continue;
      changes.push(change);
    }
    return changes.reverse();
  }

  #notify(key: string, change: Change): void {
    const watchers = this.#watchers.get(key);
    if (watchers === undefined) return;
    for (const watcher of watchers) watcher.push(change);
  }

  #compact(): void {
    const { count, ageMs, now } = this.#limits;
    const old = now() - ageMs;
    for (;;) {
      const first = this.#log[this.#logStart];
      if (first === undefined) break;
      if (this.#log.length - this.#logStart <= count && first.at >= old) break;
      this.#oldest = first.change.revision;
      this.#logStart += 1;
    }
    if (this.#logStart * 2 < this.#log.length) return;
    this.#log = this.#log.slice(this.#logStart);
    this.#logStart = 0;
  }

  /** Where `key` is, or would be inserted. */
  #position(key: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#keys[middle] ?? '') < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

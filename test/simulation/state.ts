import { isObject, type Json, type JsonObject, own } from '../../src/machinery/json.ts';
import { kinds, namespace } from './kinds.ts';

/** Who writes: the engine or the manager under test, a person, or the rest of the cluster. */
export type Actor = 'engine' | 'manager' | 'user' | 'cluster';

/** A write that the server has carried out. */
export interface Write {
  readonly actor: Actor;
  readonly kind: string;
  readonly name: string;
  readonly before: JsonObject | undefined;
  readonly after: JsonObject | undefined;
}

/**
 * The objects of one namespace as the server has them, followed from its answers: without delay, and in the order in
 * which it carried the writes out.
 */
export class State {
  readonly #objects = new Map<string, JsonObject>();
  /** The last version of what is gone: news of it may come late. */
  readonly #gone = new Map<string, number>();
  readonly #listeners: ((write: Write) => void)[] = [];

  get(kind: string, name: string): JsonObject | undefined {
    return this.#objects.get(`${kind}/${name}`);
  }

  listen(listener: (write: Write) => void): void {
    this.#listeners.push(listener);
  }

  /** @param after undefined: gone */
  write(actor: Actor, kind: string, name: string, after: JsonObject | undefined): void {
    const key = `${kind}/${name}`;
    const before = this.#objects.get(key);
    if (after === undefined && before === undefined) return;
    const known = before === undefined ? (this.#gone.get(key) ?? 0) : versionOf(before);
    if (after !== undefined && versionOf(after) <= known) return;
    if (after === undefined) {
      this.#gone.set(key, known);
      this.#objects.delete(key);
    } else this.#objects.set(key, after);
    for (const listener of this.#listeners) listener({ actor, kind, name, before, after });
  }

  /** Notes what a request to a namespaced object has changed. */
  noted(actor: Actor, method: string, url: string, answer: unknown): void {
    const [, where, resource = '', name = ''] =
      /\/namespaces\/([^/]+)\/([^/?]+)(?:\/([^/?]+))?/.exec(url) ?? [];
    const kind = where === namespace ? kindOf(resource) : undefined;
    if (kind === undefined || !isObject(answer)) return;
    const metadata = at(answer, 'metadata');
    const isObjectItself = own(answer, 'kind') === kind;
    const isHeld = listOf(own(metadata, 'finalizers')).length > 0;
    const isGone = isObjectItself
      ? Object.hasOwn(metadata, 'deletionTimestamp') && !isHeld
      : method === 'DELETE' && own(answer, 'status') === 'Success';
    if (isGone) this.write(actor, kind, name, undefined);
    else if (isObjectItself) this.write(actor, kind, textAt(metadata, 'name'), answer);
  }
}

function kindOf(resource: string): string | undefined {
  return Object.values(kinds).find((kind) => kind.resource === resource)?.kind;
}

function listOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}

function versionOf(object: JsonObject): number {
  return Number(own(at(object, 'metadata'), 'resourceVersion') ?? 0);
}

/** The object at a path; empty where there is none. */
export function at(object: JsonObject | undefined, ...path: readonly string[]): JsonObject {
  let here: Json | undefined = object;
  for (const key of path) here = isObject(here) ? own(here, key) : undefined;
  return isObject(here) ? here : {};
}

/** The objects of a list. */
export function listAt(object: JsonObject, key: string): readonly JsonObject[] {
  const list = own(object, key);
  return Array.isArray(list) ? list.filter(isObject) : [];
}

export function numberAt(object: JsonObject, key: string, otherwise = 0): number {
  const value = own(object, key);
  return typeof value === 'number' ? value : otherwise;
}

export function textAt(object: JsonObject, key: string): string {
  const value = own(object, key);
  return typeof value === 'string' ? value : '';
}

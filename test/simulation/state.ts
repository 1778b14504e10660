import { type FetchResponse, jsonResponse } from '../../src/base/fetch.ts';
import { isObject, type Json, type JsonObject, own } from '../../src/machinery/json.ts';

/** Who writes: the engine under test, a person, or the rest of the cluster. */
export type Actor = 'engine' | 'user' | 'cluster';

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
    if (after !== undefined && before !== undefined && versionOf(after) <= versionOf(before)) return;
    if (after === undefined) this.#objects.delete(key);
    else this.#objects.set(key, after);
    for (const listener of this.#listeners) listener({ actor, kind, name, before, after });
  }

  /** The same answer, once its object has been noted. */
  async answered(actor: Actor, response: FetchResponse): Promise<FetchResponse> {
    if (response.status >= 300) return response;
    const object = await response.json();
    const type = response.headers.get('content-type') ?? 'application/json';
    if (isObject(object)) {
      const kind = own(object, 'kind');
      const name = own(at(object, 'metadata'), 'name');
      if (typeof kind === 'string' && typeof name === 'string') this.write(actor, kind, name, object);
    }
    return jsonResponse(response.status, object, { 'content-type': type });
  }
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

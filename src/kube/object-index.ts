/**
 * Keys by a value computed from each object. It holds nothing per object but the entry itself: what an object was
 * filed under is computed again when it leaves, so `valuesOf` must be a pure function of the object.
 */
export class ObjectIndex<T> {
  readonly #valuesOf: (object: T) => readonly string[];
  readonly #keys = new Map<string, Set<string>>();

  /** @param valuesOf must not throw */
  constructor(valuesOf: (object: T) => readonly string[]) {
    this.#valuesOf = valuesOf;
  }

  /** Files `next` in place of `old`; either may be absent. */
  replace(key: string, old: T | undefined, next: T | undefined): void {
    if (old !== undefined) for (const value of this.#valuesOf(old)) this.#remove(value, key);
    if (next !== undefined) for (const value of this.#valuesOf(next)) this.#add(value, key);
  }

  keys(value: string): Iterable<string> {
    return this.#keys.get(value) ?? [];
  }

  #add(value: string, key: string): void {
    const keys = this.#keys.get(value);
    if (keys === undefined) this.#keys.set(value, new Set([key]));
    else keys.add(key);
  }

  #remove(value: string, key: string): void {
    const keys = this.#keys.get(value);
    keys?.delete(key);
    if (keys?.size === 0) this.#keys.delete(value);
  }
}

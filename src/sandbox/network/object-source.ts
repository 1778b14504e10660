import type { KubeObject } from '../../machinery/object.ts';

export interface Changing {
  /** Calls `changed` after every change. @returns how to unsubscribe */
  subscribe(changed: () => void): () => void;
}

/** Where the objects of one kind come from. A Store is one; objects never change, but are replaced. */
export interface ObjectSource extends Changing {
  list(): readonly KubeObject[];
}

/** A value made of objects, made anew when it is asked for after they have changed. */
export class Derived<T> implements Changing {
  readonly #build: () => T;
  readonly #unsubscribe: readonly (() => void)[];
  readonly #listeners = new Set<() => void>();
  #value: { readonly made: T } | undefined;

  constructor(sources: readonly Changing[], build: () => T) {
    this.#build = build;
    this.#unsubscribe = sources.map((source) => source.subscribe(() => this.#changed()));
  }

  get(): T {
    this.#value ??= { made: this.#build() };
    return this.#value.made;
  }

  subscribe(changed: () => void): () => void {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
  }

  close(): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#listeners.clear();
  }

  #changed(): void {
    this.#value = undefined;
    for (const listener of this.#listeners) listener();
  }
}

/** A function whose results are kept with the objects that they were made of, which never change. */
export function remembered<T extends object, R>(make: (object: T) => R): (object: T) => R {
  const made = new WeakMap<T, { readonly result: R }>();
  return (object) => {
    let known = made.get(object);
    if (known === undefined) {
      known = { result: make(object) };
      made.set(object, known);
    }
    return known.result;
  };
}

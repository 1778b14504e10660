import type { Placement } from './placement.ts';
import { clusterKey } from './member-engines.ts';

/** All placements of this process. */
export class Placements {
  readonly #byKey = new Map<string, Placement>();
  readonly #byCluster = new Map<string, Set<Placement>>();
  /** Two Applications of a namespace may have made the same name. */
  readonly #byName = new Map<string, Set<Placement>>();

  get(key: string): Placement | undefined {
    return this.#byKey.get(key);
  }

  add(placement: Placement): void {
    this.#byKey.set(placement.key, placement);
    addTo(this.#byCluster, clusterOf(placement), placement);
    addTo(this.#byName, nameOf(placement), placement);
  }

  delete(placement: Placement): void {
    if (this.#byKey.get(placement.key) === placement) this.#byKey.delete(placement.key);
    removeFrom(this.#byCluster, clusterOf(placement), placement);
    removeFrom(this.#byName, nameOf(placement), placement);
  }

  /** @param cluster see {@link clusterKey} */
  onCluster(cluster: string): readonly Placement[] {
    return [...(this.#byCluster.get(cluster) ?? [])];
  }

  named(namespace: string | undefined, name: string): readonly Placement[] {
    return [...(this.#byName.get(`${namespace}/${name}`) ?? [])];
  }
}

export function clusterOf({ application, cluster }: Placement): string {
  return clusterKey(application.namespace, cluster);
}

function nameOf({ application, name }: Placement): string {
  return `${application.namespace}/${name}`;
}

function addTo<T>(sets: Map<string, Set<T>>, key: string, value: T): void {
  const set = sets.get(key) ?? new Set();
  sets.set(key, set.add(value));
}

function removeFrom<T>(sets: Map<string, Set<T>>, key: string, value: T): void {
  const set = sets.get(key);
  set?.delete(value);
  if (set?.size === 0) sets.delete(key);
}

import { apiVersionOf } from '../../machinery/group-version-kind.ts';
import type { ResourceDefinition } from './resource-definition.ts';

export type RegistryChange = 'added' | 'replaced' | 'removed';

/** Which kinds the server serves, at this moment: custom resources come and go. */
export class Registry implements Iterable<ResourceDefinition> {
  readonly #byResource = new Map<string, ResourceDefinition>();
  readonly #byStorageKey = new Map<string, Set<ResourceDefinition>>();
  readonly #listeners = new Set<(definition: ResourceDefinition, change: RegistryChange) => void>();

  constructor(definitions: Iterable<ResourceDefinition> = []) {
    for (const definition of definitions) this.add(definition);
  }

  /** Adds a kind at one version, or replaces the one that was there. */
  add(definition: ResourceDefinition): void {
    const key = resourceKey(definition.kind);
    const before = this.#byResource.get(key);
    if (before !== undefined) this.#forget(before);
    this.#byResource.set(key, definition);
    const siblings = this.#byStorageKey.get(definition.storageKey) ?? new Set();
    this.#byStorageKey.set(definition.storageKey, siblings.add(definition));
    this.#tell(definition, before === undefined ? 'added' : 'replaced');
  }

  /** Takes one version of a kind out. Its objects stay: see Storage.deleteCollection. */
  remove(definition: ResourceDefinition): void {
    const key = resourceKey(definition.kind);
    if (this.#byResource.get(key) !== definition) return;
    this.#byResource.delete(key);
    this.#forget(definition);
    this.#tell(definition, 'removed');
  }

  get(group: string, version: string, resource: string): ResourceDefinition | undefined {
    return this.#byResource.get(resourceKey({ group, version, resource }));
  }

  /** A definition through which the stored objects of a kind can be handled: that of the stored version if served. */
  ofStorageKey(storageKey: string): ResourceDefinition | undefined {
    const siblings = [...(this.#byStorageKey.get(storageKey) ?? [])];
    return siblings.find(({ kind, storageVersion }) => kind.version === storageVersion) ?? siblings[0];
  }

  /** The kind that an owner reference or a manifest names. */
  ofKind(apiVersion: string, kind: string): ResourceDefinition | undefined {
    for (const definition of this) {
      if (definition.kind.kind === kind && apiVersionOf(definition.kind) === apiVersion) return definition;
    }
    return undefined;
  }

  [Symbol.iterator](): Iterator<ResourceDefinition> {
    return this.#byResource.values();
  }

  /** Calls `listener` after every change. Returns how to stop it. */
  onChange(listener: (definition: ResourceDefinition, change: RegistryChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #forget(definition: ResourceDefinition): void {
    const siblings = this.#byStorageKey.get(definition.storageKey);
    siblings?.delete(definition);
    if (siblings?.size === 0) this.#byStorageKey.delete(definition.storageKey);
  }

  #tell(definition: ResourceDefinition, change: RegistryChange): void {
    for (const listener of this.#listeners) listener(definition, change);
  }
}

function resourceKey(kind: { group: string; version: string; resource: string }): string {
  return `${kind.group}/${kind.version}/${kind.resource}`;
}

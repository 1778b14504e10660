import type { JsonObject } from '../../machinery/json.ts';
import { jsonEqual, own } from '../../machinery/json.ts';
import type { ApiServer } from './api-server.ts';
import { BackgroundQueue } from './background-queue.ts';
import {
  finalizersOf,
  isTerminating,
  metadataOf,
  nameOf,
  namespaceOf,
  ownerReferencesOf,
  textOf,
  uidOf,
} from './object-metadata.ts';
import type { ResourceDefinition } from './resource-definition.ts';
import type { Change } from './storage-change.ts';
import { removeStored } from './verbs/delete.ts';
import type { PropagationPolicy } from './verbs/delete.ts';
import { replaceStored } from './verbs/write.ts';

const orphanFinalizer = 'orphan';
const foregroundFinalizer = 'foregroundDeletion';
/** Owners that went lately; enough for dependents that are still on their way. */
const rememberedOwners = 10_000;

/** Where an object is. */
interface Location {
  readonly storageKey: string;
  readonly namespace: string | undefined;
  readonly name: string;
}

interface Found {
  readonly definition: ResourceDefinition;
  readonly stored: JsonObject;
}

/**
 * Deletes what has lost its owners, and does for deleted owners what their propagation policy asks for: `Background`
 * collects the dependents afterwards, `Foreground` before, `Orphan` lets them go. Driven by the changes in the storage.
 *
 * Source: https://kubernetes.io/docs/concepts/architecture/garbage-collection/ and pkg/controller/garbagecollector.
 */
export class GarbageCollector {
  readonly #server: ApiServer;
  readonly #queue: BackgroundQueue;
  /** By uid; only objects that own or are owned, and what they name. */
  readonly #locations = new Map<string, Location>();
  /** Uid of an owner → uids of its dependents. */
  readonly #dependents = new Map<string, Set<string>>();
  readonly #gone = new Set<string>();
  readonly #stop: () => void;

  constructor(server: ApiServer) {
    this.#server = server;
    this.#queue = new BackgroundQueue(server.clock, server.log, (uid) => this.#process(uid));
    this.#stop = server.storage.onChange((change) => this.#observe(change));
  }

  close(): void {
    this.#stop();
    this.#queue.close();
  }

  #observe({ type, object, previous, storageKey }: Change): void {
    const uid = uidOf(object);
    const owners = new Set(ownerUids(object));
    if (type === 'DELETED') {
      this.#forget(uid, owners);
      return;
    }
    const ownersBefore = previous === undefined ? [] : ownerUids(previous);
    for (const owner of ownersBefore) if (!owners.has(owner)) this.#unlink(owner, uid);
    for (const owner of owners) this.#link(owner, uid);
    const isOwner = this.#dependents.has(uid);
    const waits = isTerminating(object) && (hasFinalizer(object, orphanFinalizer) || isForeground(object));
    if (owners.size > 0 || isOwner || waits) {
      this.#locations.set(uid, { storageKey, namespace: namespaceOf(object), name: nameOf(object) });
    } else if (ownersBefore.length > 0) {
      this.#locations.delete(uid);
    }
    if (waits) this.#queue.add(uid);
    if (previous !== undefined && jsonEqual(ownerReferencesOf(object), ownerReferencesOf(previous))) return;
    if (owners.size > 0) this.#queue.add(uid);
    // An owner in foreground deletion may have waited for this one.
    for (const owner of ownersBefore) this.#queue.add(owner);
  }

  #forget(uid: string, owners: ReadonlySet<string>): void {
    this.#locations.delete(uid);
    for (const dependent of this.#dependents.get(uid) ?? []) this.#queue.add(dependent);
    for (const owner of owners) {
      this.#unlink(owner, uid);
      this.#queue.add(owner);
    }
    if (!this.#dependents.has(uid)) return;
    this.#gone.add(uid);
    if (this.#gone.size <= rememberedOwners) return;
    for (const oldest of this.#gone) {
      this.#gone.delete(oldest);
      break;
    }
  }

  #link(owner: string, dependent: string): void {
    const dependents = this.#dependents.get(owner);
    if (dependents === undefined) this.#dependents.set(owner, new Set([dependent]));
    else dependents.add(dependent);
  }

  #unlink(owner: string, dependent: string): void {
    const dependents = this.#dependents.get(owner);
    dependents?.delete(dependent);
    if (dependents?.size === 0) this.#dependents.delete(owner);
  }

  #process(uid: string): void {
    const found = this.#find(uid);
    if (found === undefined) return;
    const { stored } = found;
    if (isTerminating(stored)) {
      if (hasFinalizer(stored, orphanFinalizer)) this.#orphan(found, uid);
      else if (isForeground(stored)) this.#deleteDependents(found, uid);
      return;
    }
    this.#collect(found, uid);
  }

  #find(uid: string): Found | undefined {
    const location = this.#locations.get(uid);
    if (location === undefined) return undefined;
    const stored = this.#server.storage.get(location.storageKey, location.namespace, location.name);
    const definition = this.#server.registry.ofStorageKey(location.storageKey);
    if (stored === undefined || definition === undefined || uidOf(stored) !== uid) return undefined;
    return { definition, stored };
  }

  #orphan(owner: Found, uid: string): void {
    for (const dependent of this.#dependents.get(uid) ?? []) {
      const found = this.#find(dependent);
      if (found !== undefined) this.#removeOwners(found, [uid]);
    }
    this.#removeFinalizer(owner, orphanFinalizer);
  }

  #deleteDependents(owner: Found, uid: string): void {
    const dependents = [...(this.#dependents.get(uid) ?? [])];
    const isBlocked = dependents.some((dependent) => {
      const found = this.#find(dependent);
      return found !== undefined && blocks(found.stored, uid);
    });
    if (!isBlocked) this.#removeFinalizer(owner, foregroundFinalizer);
    for (const dependent of dependents) this.#queue.add(dependent);
  }

  /** Deletes an object whose owners are all gone or going; otherwise takes those out of its references. */
  #collect(item: Found, uid: string): void {
    const { solid, dangling, waiting } = this.#classify(item.stored);
    if (solid.length + dangling.length + waiting.length === 0) return;
    if (solid.length > 0) {
      if (dangling.length + waiting.length > 0) this.#removeOwners(item, [...dangling, ...waiting]);
      return;
    }
    const dependents = this.#dependents.get(uid);
    if (waiting.length > 0 && dependents !== undefined) {
      // Two that wait for each other would wait for ever.
      const inCycle = [...dependents].some((dependent) => {
        const found = this.#find(dependent);
        return found !== undefined && isTerminating(found.stored) && isForeground(found.stored);
      });
      if (inCycle) this.#unblock(item);
      this.#delete(uid, 'Foreground');
      return;
    }
    const policy = hasFinalizer(item.stored, orphanFinalizer)
      ? 'Orphan'
      : isForeground(item.stored)
        ? 'Foreground'
        : 'Background';
    this.#delete(uid, policy);
  }

  /** Uids of owners that are there, that are not, and that wait for their dependents to go. */
  #classify(item: JsonObject): { solid: string[]; dangling: string[]; waiting: string[] } {
    const result = { solid: [] as string[], dangling: [] as string[], waiting: [] as string[] };
    for (const reference of ownerReferencesOf(item)) {
      const uid = textOf(reference, 'uid');
      const owner = this.#ownerOf(item, reference);
      if (owner === undefined) result.dangling.push(uid);
      else if (owner !== 'unknown' && isTerminating(owner) && isForeground(owner)) result.waiting.push(uid);
      else result.solid.push(uid);
    }
    return result;
  }

  /** `unknown`: it cannot be told whether the owner exists, so it is taken as if it did. */
  #ownerOf(item: JsonObject, reference: JsonObject): JsonObject | 'unknown' | undefined {
    const uid = textOf(reference, 'uid');
    if (this.#gone.has(uid)) return undefined;
    const definition = this.#server.registry.ofKind(
      textOf(reference, 'apiVersion'),
      textOf(reference, 'kind'),
    );
    if (definition === undefined) return 'unknown';
    const namespace = namespaceOf(item);
    if (definition.kind.namespaced && namespace === undefined) return 'unknown';
    const owner = this.#server.storage.get(
      definition.storageKey,
      definition.kind.namespaced ? namespace : undefined,
      textOf(reference, 'name'),
    );
    return owner !== undefined && uidOf(owner) === uid ? owner : undefined;
  }

  #delete(uid: string, propagationPolicy: PropagationPolicy): void {
    const found = this.#find(uid);
    if (found === undefined) return;
    removeStored(this.#server, found.definition, found.stored, { dryRun: false, propagationPolicy, uid });
  }

  #removeOwners(found: Found, uids: readonly string[]): void {
    const removed = new Set(uids);
    const left = ownerReferencesOf(found.stored).filter(
      (reference) => !removed.has(textOf(reference, 'uid')),
    );
    this.#write(found, 'ownerReferences', left);
  }

  #unblock(found: Found): void {
    const references = ownerReferencesOf(found.stored);
    this.#write(
      found,
      'ownerReferences',
      references.map((reference) => ({ ...reference, blockOwnerDeletion: false })),
    );
  }

  #removeFinalizer(found: Found, finalizer: string): void {
    this.#write(
      found,
      'finalizers',
      finalizersOf(found.stored).filter((name) => name !== finalizer),
    );
  }

  #write({ definition, stored }: Found, field: string, list: JsonObject[] | string[]): void {
    const { [field]: _replaced, ...rest } = metadataOf(stored);
    const metadata: JsonObject = list.length === 0 ? rest : { ...rest, [field]: list };
    replaceStored(this.#server, definition, stored, { ...stored, metadata });
  }
}

function ownerUids(object: JsonObject): string[] {
  return ownerReferencesOf(object).map((reference) => textOf(reference, 'uid'));
}

function hasFinalizer(object: JsonObject, finalizer: string): boolean {
  return finalizersOf(object).includes(finalizer);
}

function isForeground(object: JsonObject): boolean {
  return hasFinalizer(object, foregroundFinalizer);
}

function blocks(dependent: JsonObject, owner: string): boolean {
  return ownerReferencesOf(dependent).some(
    (reference) => textOf(reference, 'uid') === owner && own(reference, 'blockOwnerDeletion') === true,
  );
}

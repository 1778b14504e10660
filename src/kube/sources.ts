import { groupOf } from '../machinery/group-version-kind.ts';
import type { KubeObject, OwnerReference } from '../machinery/object.ts';
import { formatKey } from './object-key.ts';
import type { Store, StoreEvent, StoreStatus } from './store.ts';

/** Where the keys of a controller come from. */
export interface Source {
  /** For the log. */
  readonly name: string;
  readonly hasSynced: boolean;
  readonly status: StoreStatus;
  run(signal: AbortSignal): Promise<void>;
  /** @throws CancelledError */
  synced(signal: AbortSignal): Promise<void>;
  /**
   * Calls `enqueue` for what is there and for each later change, `onError` for a mapper that throws.
   * @returns how to stop
   */
  subscribe(enqueue: (key: string) => void, onError: (error: unknown) => void): () => void;
}

/** A change of an object makes work for the key of the object itself. */
export function forObject<T extends KubeObject>(store: Store<T>): Source {
  return mapped(store, (object) => [keyOf(object)]);
}

/**
 * A change of an object makes work for the owner that controls it, if that is of this kind. An owner lives in the
 * namespace of what it owns.
 *
 * @param owner the version does not matter; `namespaced` is that of the owner's kind
 */
export function forOwner<T extends KubeObject>(
  store: Store<T>,
  owner: { readonly group: string; readonly kind: string; readonly namespaced: boolean },
): Source {
  const isOwner = (reference: OwnerReference): boolean =>
    reference.controller === true &&
    reference.kind === owner.kind &&
    groupOf(reference.apiVersion) === owner.group;
  return mapped(store, ({ metadata }) =>
    (metadata.ownerReferences ?? [])
      .filter(isOwner)
      .map(({ name }) => formatKey(owner.namespaced ? { namespace: metadata.namespace, name } : { name })),
  );
}

/**
 * A change of an object makes work for the keys that `map` names; after a modification, for those of the old state
 * too, which may have been left behind.
 */
export function mapped<T extends KubeObject>(
  store: Store<T>,
  map: (object: T, event: StoreEvent<T>) => Iterable<string>,
): Source {
  return {
    name: store.kind.resource,
    get hasSynced() {
      return store.hasSynced;
    },
    get status() {
      return store.status;
    },
    run: (signal) => store.run(signal),
    synced: (signal) => store.synced(signal),
    subscribe: (enqueue, onError) =>
      store.subscribe((event) => {
        const keys = new Set<string>();
        for (const object of event.type === 'modified' ? [event.old, event.object] : [event.object]) {
          try {
            for (const key of map(object, event)) keys.add(key);
          } catch (error) {
            onError(error);
          }
        }
        for (const key of keys) enqueue(key);
      }),
  };
}

function keyOf({ metadata }: KubeObject): string {
  return formatKey({ namespace: metadata.namespace, name: metadata.name ?? '' });
}

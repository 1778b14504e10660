import type { Unstructured } from '../../machinery/object.ts';
import type { InventoryEntry, ObjectRef } from './inventory.ts';
import type { SyncOwner } from './ownership.ts';

/**
 * Who else has an object in git, by its id in an inventory. Such an object is not deleted: it becomes the other's.
 */
export type HeirOf = (id: string) => SyncOwner | undefined;

/** What one policy wants on one cluster. */
export interface SyncRequest {
  readonly owner: SyncOwner;
  /** What Flux calls the revision: `master@sha1:…`. */
  readonly revision: string;
  /** Built, with the target namespace and all else of the policy's overlay. Shared between clusters: never changed. */
  readonly objects: readonly Unstructured[];
  /** On every object, over what it has itself: `commonMetadata`. */
  readonly commonMetadata?: {
    readonly labels?: Readonly<Record<string, string>> | undefined;
    readonly annotations?: Readonly<Record<string, string>> | undefined;
  };
  readonly prune: boolean;
  readonly force: boolean;
  /** For all of it, in milliseconds. */
  readonly timeoutMs: number;
  readonly heirOf?: HeirOf | undefined;
  /** What the syncs before this one left on the cluster. */
  readonly inventory: readonly InventoryEntry[];
  /**
   * Makes an inventory outlive this process. Called before anything is written that it does not have yet, and awaited;
   * called again when it has become smaller.
   */
  readonly remember: (inventory: readonly InventoryEntry[]) => Promise<void>;
}

export interface RemoveOptions {
  /** false: everything stays. */
  readonly prune: boolean;
  /** Until all is gone, in milliseconds. */
  readonly timeoutMs: number;
  readonly heirOf?: HeirOf | undefined;
}

export type SyncAction = 'created' | 'configured' | 'unchanged' | 'skipped' | 'deleted';

export interface SyncChange {
  readonly ref: ObjectRef;
  readonly action: SyncAction;
  /** `NAMESPACE/NAME` of the sync whose object it was before. */
  readonly from?: string | undefined;
}

export interface SyncFailure {
  /** Of the Ready condition, as Flux has it. */
  readonly reason: 'ReconciliationFailed' | 'PruneFailed' | 'HealthCheckFailed';
  readonly message: string;
  /** Trying again changes nothing until a person changes something. */
  readonly isStalled: boolean;
}

export interface SyncOutcome {
  /** In the order of the apply; with a failure, what may be there all the same. */
  readonly inventory: readonly InventoryEntry[];
  readonly changes: readonly SyncChange[];
  readonly failure?: SyncFailure | undefined;
}

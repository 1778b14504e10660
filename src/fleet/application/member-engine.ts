import type { Rollout } from '../../api/application.ts';
import type { ApplicationInventoryItem } from '../../api/application-status.ts';
import type { CanaryStatus } from '../../api/canary-status.ts';
import type { InventoryEntry, ObjectRef } from '../../gitops/sync/inventory.ts';
import type { SyncOwner } from '../../gitops/sync/ownership.ts';
import type { RemoveOptions, SyncOutcome, SyncRequest } from '../../gitops/sync/sync.ts';
import type { RolloutPlace } from './render-rollout.ts';

/** What is remembered of a rollout, so that it can be taken away. */
export type InstalledRollout = NonNullable<ApplicationInventoryItem['rollout']>;

export interface ObjectHealth {
  readonly ref: ObjectRef;
  readonly status: string;
  readonly message: string;
}

/** What one Application has applied to one cluster. */
export interface ClusterSync {
  run(signal: AbortSignal): Promise<void>;
  apply(request: SyncRequest, signal: AbortSignal): Promise<SyncOutcome>;
  /** Makes {@link health} tell of what is there already, without a change to it. */
  follow(owner: SyncOwner, inventory: readonly InventoryEntry[], signal: AbortSignal): Promise<void>;
  remove(
    owner: SyncOwner,
    inventory: readonly InventoryEntry[],
    options: RemoveOptions,
    signal: AbortSignal,
  ): Promise<SyncOutcome>;
  /** @param listener is told which entry of the inventory has drifted */
  onDrift(owner: SyncOwner, listener: (id: string) => void): () => void;
  health(owner: SyncOwner): readonly ObjectHealth[];
  onHealth(owner: SyncOwner, listener: () => void): () => void;
  release(owner: SyncOwner): void;
}

/** The rollouts of all Applications on one cluster. */
export interface ClusterRollouts {
  run(signal: AbortSignal): Promise<void>;
  /** Makes {@link canaryStatus} tell of what is there already. */
  follow(signal: AbortSignal): Promise<void>;
  /** What must be there before pods are: the namespace with its label. */
  prepare(rollout: Rollout, place: RolloutPlace, signal: AbortSignal): Promise<void>;
  install(rollout: Rollout, place: RolloutPlace, signal: AbortSignal): Promise<InstalledRollout>;
  /** @returns false where another policy has taken it over */
  remove(installed: InstalledRollout, place: RolloutPlace, signal: AbortSignal): Promise<boolean>;
  canaryStatus(namespace: string, name: string): CanaryStatus | undefined;
  subscribe(listener: (canary: { readonly namespace: string; readonly name: string }) => void): () => void;
}

import type { Clock } from '../../base/clock.ts';
import { errorMessage, InvalidInputError, nextStep, type TypedError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import { aborted } from '../../kube/aborted.ts';
import { needsApply } from '../../kube/apply-if-changed.ts';
import { createDiscovery, type Discovery } from '../../kube/discovery.ts';
import type { RestClient } from '../../kube/rest-client.ts';
import { computeStatus } from '../../machinery/conditions.ts';
import { asJson } from '../../machinery/object.ts';
import { stageOf, stages } from './apply-order.ts';
import { ApplyRun, type Applied, isSame } from './apply-run.ts';
import { fieldManager, leaveToRollout } from './co-ownership.ts';
import { entryOf, type InventoryEntry, type ObjectRef, refOf, unionOf, without } from './inventory.ts';
import { KindCaches } from './kind-cache.ts';
import { keyOfOwner, type SyncOwner } from './ownership.ts';
import { pruneObjects, servedKind } from './prune.ts';
import type { SyncChange, SyncFailure, SyncOutcome, SyncRequest } from './sync.ts';
import { syncObjects } from './sync-objects.ts';
import { takeoverPatch } from './takeover.ts';

export interface SyncClusterOptions {
  readonly client: RestClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** How an object of a sync stands. */
export interface ObjectHealth {
  readonly ref: ObjectRef;
  readonly status: string;
  readonly message: string;
}

interface OwnerState {
  /** What the last apply has declared, by id. */
  applied: ReadonlyMap<string, Applied>;
  readonly onDrift: Set<() => void>;
  readonly onHealth: Set<() => void>;
}

/** How long first lists may take, in milliseconds. */
const followMs = 30_000;

/** Applies what git says to one cluster, and watches what it has applied. */
export class SyncCluster {
  readonly #options: SyncClusterOptions;
  readonly #discovery: Discovery;
  readonly #caches: KindCaches;
  readonly #owners = new Map<string, OwnerState>();

  constructor(options: SyncClusterOptions) {
    this.#options = options;
    this.#discovery = createDiscovery({ ...options, unknownKindMs: 1000 });
    this.#caches = new KindCaches({ ...options, onChange: (ref) => this.#changed(ref) });
  }

  /** Keeps the watches until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await aborted(signal);
    await this.#caches.close();
  }

  /**
   * One whole attempt: apply in stages, then prune. What fails is in the outcome.
   * @throws CancelledError when `signal` aborts
   */
  async apply(request: SyncRequest, signal: AbortSignal): Promise<SyncOutcome> {
    using deadline = this.#options.clock.timeout(request.timeoutMs, signal);
    const outcome = { inventory: request.inventory, changes: [] as SyncChange[] };
    try {
      return await this.#apply(request, outcome, deadline.signal);
    } catch (error) {
      if (signal.aborted) throw error;
      // What was missing may be served by the next try.
      this.#discovery.invalidate();
      return { ...outcome, failure: failureOf('ReconciliationFailed', error) };
    }
  }

  /**
   * Watches what somebody else, or an earlier connection, has applied: {@link health} tells of it from then on. Nothing
   * is changed.
   */
  async follow(owner: SyncOwner, inventory: readonly InventoryEntry[], signal: AbortSignal): Promise<void> {
    const mapping = await this.#discovery.mapping();
    const applied = inventory.flatMap((entry): readonly [string, Applied][] => {
      const ref = refOf(entry);
      if (ref === undefined) return [];
      const kind = servedKind(mapping, ref);
      return kind === undefined ? [] : [[entry.id, { ref, kind, desired: undefined }]];
    });
    using deadline = this.#options.clock.timeout(followMs, signal);
    await Promise.all(applied.map(([, { kind }]) => this.#caches.synced(kind, deadline.signal)));
    this.#stateOf(owner).applied = new Map(applied);
  }

  /**
   * Deletes what an inventory names and the owner still has, in the reverse order of an apply, and waits until it is
   * gone.
   *
   * @param options.prune false: everything stays, nothing is remembered any more
   * @returns with the inventory of what is still there
   */
  async remove(
    owner: SyncOwner,
    inventory: readonly InventoryEntry[],
    options: { readonly prune: boolean; readonly timeoutMs: number },
    signal: AbortSignal,
  ): Promise<SyncOutcome> {
    this.release(owner);
    if (!options.prune) return { inventory: [], changes: [] };
    try {
      return await this.#prune(owner, inventory, signal, options.timeoutMs);
    } catch (error) {
      if (signal.aborted) throw error;
      return { inventory, changes: [], failure: failureOf('PruneFailed', error) };
    }
  }

  /**
   * Calls `listener` when somebody has changed or removed what the last apply of an owner declared.
   * @returns how to unsubscribe
   */
  onDrift(owner: SyncOwner, listener: () => void): () => void {
    const { onDrift } = this.#stateOf(owner);
    onDrift.add(listener);
    return () => void onDrift.delete(listener);
  }

  /** Calls `listener` when something of {@link health} may have changed. @returns how to unsubscribe */
  onHealth(owner: SyncOwner, listener: () => void): () => void {
    const { onHealth } = this.#stateOf(owner);
    onHealth.add(listener);
    return () => void onHealth.delete(listener);
  }

  /** Of what the last apply of an owner declared, in its order. */
  health(owner: SyncOwner): readonly ObjectHealth[] {
    const applied = this.#owners.get(keyOfOwner(owner))?.applied ?? new Map<string, Applied>();
    return [...applied.values()].map(({ ref, kind }) => {
      const live = this.#caches.get(kind, ref);
      const { status, message } = computeStatus(live && asJson(live), this.#options.clock.now());
      return { ref, status, message };
    });
  }

  /** Forgets an owner, and tells it no more. */
  release(owner: SyncOwner): void {
    this.#owners.delete(keyOfOwner(owner));
  }

  async #apply(
    request: SyncRequest,
    outcome: { inventory: readonly InventoryEntry[]; readonly changes: SyncChange[] },
    signal: AbortSignal,
  ): Promise<SyncOutcome> {
    const { owner, inventory, remember } = request;
    const objects = syncObjects(request, await this.#discovery.mapping());
    const entries = objects.map(({ ref }) => entryOf(ref));
    if (request.prune && entries.length === 0 && inventory.length > 0) throw emptied(inventory.length);
    const all = unionOf(entries, inventory);
    if (without(entries, inventory).length > 0) await remember(all);
    outcome.inventory = all;
    const run = new ApplyRun({ ...this.#options, caches: this.#caches, request });
    for (const stage of stages) {
      const members = objects.filter(({ ref }) => stageOf(ref) === stage);
      if (members.length === 0) continue;
      // Each stage may define what the next one is of.
      if (stage === 'others' && run.hasDefined) this.#discovery.invalidate();
      await run.apply(members, await this.#discovery.mapping(), signal);
      outcome.changes.splice(0, Infinity, ...run.changes);
    }
    this.#stateOf(owner).applied = run.applied;
    const obsolete = request.prune ? without(inventory, entries) : [];
    const pruned = await this.#prune(owner, obsolete, signal);
    const left = unionOf(entries, pruned.inventory);
    if (left.length < all.length) await remember(left);
    return { ...pruned, inventory: left, changes: [...outcome.changes, ...pruned.changes] };
  }

  async #prune(
    owner: SyncOwner,
    obsolete: readonly InventoryEntry[],
    signal: AbortSignal,
    waitMs?: number,
  ): Promise<SyncOutcome> {
    if (obsolete.length === 0) return { inventory: [], changes: [] };
    const mapping = await this.#discovery.mapping();
    return pruneObjects({ caches: this.#caches, mapping, owner, obsolete, waitMs }, signal);
  }

  #stateOf(owner: SyncOwner): OwnerState {
    const key = keyOfOwner(owner);
    const state = this.#owners.get(key) ?? {
      applied: new Map<string, Applied>(),
      onDrift: new Set<() => void>(),
      onHealth: new Set<() => void>(),
    };
    this.#owners.set(key, state);
    return state;
  }

  #changed(ref: ObjectRef): void {
    const { id } = entryOf(ref);
    for (const { applied, onDrift, onHealth } of this.#owners.values()) {
      const object = applied.get(id);
      if (object === undefined) continue;
      for (const listener of onHealth) listener();
      if (this.#hasDrifted(object)) for (const listener of onDrift) listener();
    }
  }

  #hasDrifted({ ref, kind, desired, settled }: Applied): boolean {
    const live = this.#caches.get(kind, ref);
    if (live === undefined) return true;
    if (desired === undefined) return false;
    if (takeoverPatch(live, desired) !== undefined) return true;
    if (settled !== undefined && isSame(settled, live)) return false;
    return needsApply(live, leaveToRollout(desired, live), fieldManager);
  }
}

function emptied(count: number): TypedError {
  return new InvalidInputError(
    `the build has no objects, and ${count} of the last one are on the cluster: nothing is removed. ` +
      'If that is meant, remove the policy or the Application; otherwise look at path and source',
    'NothingToApply',
  );
}

function failureOf(reason: SyncFailure['reason'], error: unknown): SyncFailure {
  return { reason, message: errorMessage(error), isStalled: nextStep(error) === 'stalled' };
}

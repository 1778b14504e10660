import type { Clock } from '../../base/clock.ts';
import { formatDuration } from '../../base/duration.ts';
import {
  DeadlineError,
  errorMessage,
  InvalidInputError,
  nextStep,
  type TypedError,
} from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import { aborted } from '../../kube/aborted.ts';
import { needsApply } from '../../kube/apply-if-changed.ts';
import { createDiscovery, type Discovery } from '../../kube/discovery.ts';
import type { ResourceKind } from '../../kube/resource-client.ts';
import type { RestClient } from '../../kube/rest-client.ts';
import { computeStatus } from '../../machinery/conditions.ts';
import { asJson, type Unstructured } from '../../machinery/object.ts';
import { stageOf, stages } from './apply-order.ts';
import { ApplyRun, type Applied, isSame } from './apply-run.ts';
import { fieldManager, isTakenOver, leaveToRollout } from './co-ownership.ts';
import { isCreatedOnly, isLeftAlone } from './directives.ts';
import { entryOf, type InventoryEntry, type ObjectRef, refOf, unionOf, without } from './inventory.ts';
import { KindCaches } from './kind-cache.ts';
import { keyOfOwner, type SyncOwner } from './ownership.ts';
import { type PruneOptions, pruneObjects, servedKind } from './prune.ts';
import type { RemoveOptions, SyncChange, SyncFailure, SyncOutcome, SyncRequest } from './sync.ts';
import { hasFinished, isShortLived } from './short-lived.ts';
import { definedScopes, type SyncObject, syncObjects } from './sync-objects.ts';
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
  readonly owner: SyncOwner;
  /** What the last apply has declared, by id. */
  applied: Map<string, Applied>;
  /** The kinds that the last try has looked at, whatever has become of it. */
  tried: ReadonlySet<ResourceKind>;
  readonly onDrift: Set<(id: string) => void>;
  readonly onHealth: Set<() => void>;
}

/** How long first lists may take, in milliseconds. */
const followMs = 30_000;
/** How long to ask for kinds that were just defined, and how often, in milliseconds. */
const discoverMs = 15_000;
const discoverEveryMs = 500;

/** Applies what git says to one cluster, and watches what it has applied. */
export class SyncCluster {
  readonly #options: SyncClusterOptions;
  readonly #discovery: Discovery;
  readonly #caches: KindCaches;
  readonly #owners = new Map<string, OwnerState>();
  /** Calls that are under way, and may need caches of kinds that nothing was applied of yet. */
  #calls = 0;

  constructor(options: SyncClusterOptions) {
    this.#options = options;
    this.#discovery = createDiscovery({ ...options, unknownKindMs: 1000 });
    this.#caches = new KindCaches({ ...options, onChange: (ref, last) => this.#changed(ref, last) });
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
    using _call = this.#call();
    const outcome = { inventory: request.inventory, changes: [] as SyncChange[] };
    try {
      return await this.#apply(request, outcome, deadline.signal);
    } catch (error) {
      if (signal.aborted) throw error;
      // What was missing may be served by the next try.
      this.#discovery.invalidate();
      const reason = deadline.signal.aborted ? timedOut(request.timeoutMs) : error;
      return { ...outcome, failure: failureOf('ReconciliationFailed', reason) };
    }
  }

  /**
   * Watches what somebody else, or an earlier connection, has applied: {@link health} tells of it from then on. Nothing
   * is changed.
   */
  async follow(owner: SyncOwner, inventory: readonly InventoryEntry[], signal: AbortSignal): Promise<void> {
    using _call = this.#call();
    using deadline = this.#options.clock.timeout(followMs, signal);
    const mapping = await this.#discovery.mapping();
    const applied = inventory.map(async (entry): Promise<readonly [string, Applied][]> => {
      const ref = refOf(entry);
      const kind = ref && servedKind(mapping, ref);
      if (ref === undefined || kind === undefined) return [];
      await this.#caches.synced(kind, deadline.signal);
      // What is there and not ours was left to others.
      const isSkipped =
        this.#caches.get(kind, ref) === undefined &&
        (await this.#caches.read(kind, ref, deadline.signal)) !== undefined;
      return [[entry.id, { ref, kind, desired: undefined, isSkipped }]];
    });
    this.#stateOf(owner).applied = new Map((await Promise.all(applied)).flat());
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
    options: RemoveOptions,
    signal: AbortSignal,
  ): Promise<SyncOutcome> {
    using _call = this.#call();
    this.release(owner);
    if (!options.prune) return { inventory: [], changes: [] };
    try {
      const { timeoutMs: waitMs, heirOf } = options;
      return await this.#prune({ owner, obsolete: inventory, heirOf, waitMs }, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      return { inventory, changes: [], failure: failureOf('PruneFailed', error) };
    }
  }

  /**
   * Calls `listener`, with the id of the inventory, when somebody has changed or removed what the last apply of an owner
   * declared. Another sync is not somebody: what it has taken over is its.
   *
   * @returns how to unsubscribe
   */
  onDrift(owner: SyncOwner, listener: (id: string) => void): () => void {
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

  /** Of what the last apply of an owner declared, in its order; what is left alone is not looked at. */
  health(owner: SyncOwner): readonly ObjectHealth[] {
    const applied = this.#owners.get(keyOfOwner(owner))?.applied ?? new Map<string, Applied>();
    return [...applied.values()].flatMap(({ ref, kind, desired, isSkipped }) => {
      const live = this.#caches.get(kind, ref);
      if (isSkipped || (live !== undefined && isLeftAlone(live))) return [];
      // What an earlier process has applied may have been short-lived.
      const mayBeGone = desired === undefined ? ref.kind === 'Job' : isShortLived(desired);
      const isGoing = live === undefined || live.metadata.deletionTimestamp !== undefined;
      if (isGoing && mayBeGone) return [];
      const { status, message } = computeStatus(live && asJson(live), this.#options.clock.now());
      return [{ ref, status, message }];
    });
  }

  /** Forgets an owner, and tells it no more. */
  release(owner: SyncOwner): void {
    this.#owners.delete(keyOfOwner(owner));
    this.#keepUsed();
  }

  #call(): Disposable {
    this.#calls += 1;
    return {
      [Symbol.dispose]: () => {
        this.#calls -= 1;
        this.#keepUsed();
      },
    };
  }

  /** Ends the watches of kinds that nothing is left of. */
  #keepUsed(): void {
    if (this.#calls > 0) return;
    const used = [...this.#owners.values()].flatMap(({ applied, tried }) => [
      ...[...applied.values()].map(({ kind }) => kind),
      ...tried,
    ]);
    this.#caches.keep(used);
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
    const state = this.#stateOf(owner);
    const onWrite = (written: Applied): void => void state.applied.set(entryOf(written.ref).id, written);
    const run = new ApplyRun({ ...this.#options, caches: this.#caches, request, onWrite });
    state.tried = run.kinds;
    for (const stage of stages) {
      const members = objects.filter(({ ref }) => stageOf(ref) === stage);
      if (members.length === 0) continue;
      if (stage === 'others' && run.hasDefined) await this.#discoverDefined(request, members, signal);
      await run.apply(members, await this.#discovery.mapping(), signal);
      outcome.changes.splice(0, Infinity, ...run.changes);
    }
    state.applied = run.applied;
    const obsolete = request.prune ? without(inventory, entries) : [];
    const pruned = await this.#prune({ owner, obsolete, heirOf: request.heirOf }, signal);
    const left = unionOf(entries, pruned.inventory);
    if (left.length < all.length) await remember(left);
    return { ...pruned, inventory: left, changes: [...outcome.changes, ...pruned.changes] };
  }

  /** A server tells of a kind a moment after it was defined. */
  async #discoverDefined(
    { objects }: SyncRequest,
    members: readonly SyncObject[],
    signal: AbortSignal,
  ): Promise<void> {
    const { clock } = this.#options;
    const scopes = definedScopes(objects);
    const awaited = members.map(({ ref }) => ref).filter(({ group, kind }) => scopes.has(`${group}/${kind}`));
    const giveUpAt = clock.monotonic() + discoverMs;
    for (;;) {
      this.#discovery.invalidate();
      const mapping = await this.#discovery.mapping();
      const isKnown = awaited.every(({ group, version, kind }) => mapping.byKind({ group, version, kind }));
      if (isKnown || clock.monotonic() >= giveUpAt) return;
      await clock.sleep(discoverEveryMs, signal);
    }
  }

  async #prune(what: Omit<PruneOptions, 'caches' | 'mapping'>, signal: AbortSignal): Promise<SyncOutcome> {
    if (what.obsolete.length === 0) return { inventory: [], changes: [] };
    const mapping = await this.#discovery.mapping();
    return pruneObjects({ ...what, caches: this.#caches, mapping }, signal);
  }

  #stateOf(owner: SyncOwner): OwnerState {
    const key = keyOfOwner(owner);
    const state = this.#owners.get(key) ?? {
      owner,
      applied: new Map<string, Applied>(),
      tried: new Set<ResourceKind>(),
      onDrift: new Set<(id: string) => void>(),
      onHealth: new Set<() => void>(),
    };
    this.#owners.set(key, state);
    return state;
  }

  #changed(ref: ObjectRef, last: Unstructured | undefined): void {
    // Its work is done.
    const isOver = last !== undefined && hasFinished(last);
    const { id } = entryOf(ref);
    for (const { owner, applied, onDrift, onHealth } of this.#owners.values()) {
      const object = applied.get(id);
      if (object === undefined) continue;
      for (const listener of onHealth) listener();
      if (!isOver && this.#hasDrifted(object, owner)) for (const listener of onDrift) listener(id);
    }
  }

  #hasDrifted({ ref, kind, desired, settled }: Applied, owner: SyncOwner): boolean {
    const live = this.#caches.get(kind, ref);
    if (desired !== undefined && isLeftAlone(desired)) return false;
    if (live === undefined) return true;
    if (desired === undefined || isLeftAlone(live) || isCreatedOnly(desired)) return false;
    if (isTakenOver(live, owner)) return false;
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

function timedOut(timeoutMs: number): TypedError {
  const message = `timed out after ${formatDuration(timeoutMs)}: what is done stays, and the next try goes on from there`;
  return new DeadlineError(message);
}

function failureOf(reason: SyncFailure['reason'], error: unknown): SyncFailure {
  return { reason, message: errorMessage(error), isStalled: nextStep(error) === 'stalled' };
}

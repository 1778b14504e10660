import { linkAbort } from '../../base/abort.ts';
import type { Clock } from '../../base/clock.ts';
import { parseDuration } from '../../base/duration.ts';
import type { EventType } from '../../kube/event-correlator.ts';
import type { ClusterRollouts, ClusterSync } from './member-engine.ts';
import type { Reachable } from './member-engines.ts';
import type { Placement, SyncTask } from './placement.ts';
import { reportPhase } from './placement-events.ts';

export interface PlacementWatchesOptions {
  readonly clock: Clock;
  /** There is something to do at a placement. */
  readonly onDue: (placement: Placement) => void;
  readonly report: (placement: Placement, type: EventType, reason: string, message: string) => void;
}

interface Watch {
  readonly sync: ClusterSync;
  readonly stop: () => void;
}

/** Between two runs that repair what somebody changes again and again. */
const driftGapMs = 10_000;

/** Follows what is at places between two runs: drift, health, and Canaries. */
export class PlacementWatches {
  readonly #options: PlacementWatchesOptions;
  readonly #watches = new Map<Placement, Watch>();
  /** When drift was last repaired, or is to be, in monotonic milliseconds. */
  readonly #repairedAt = new WeakMap<Placement, number>();
  /** What was asked for the Canary of a placement. */
  readonly #followed = new WeakMap<Placement, ClusterRollouts>();
  /** Whose rollouts have changed on the cluster, or what they need. */
  readonly #touched = new Set<Placement>();

  constructor(options: PlacementWatchesOptions) {
    this.#options = options;
  }

  /** Follows what was applied: repairs it when somebody changes it, and tells how it is. */
  begin(placement: Placement, task: SyncTask, { sync }: Reachable): void {
    this.#stop(placement);
    const { owner } = placement;
    const look = (): void => {
      const unhealthy = sync.health(owner).filter(({ status }) => status !== 'Current');
      placement.learn({ unhealthy });
    };
    const stops = [sync.onHealth(owner, look)];
    if (repairsDrift(task)) stops.push(sync.onDrift(owner, () => this.#repair(placement)));
    this.#watches.set(placement, { sync, stop: () => stops.forEach((stop) => stop()) });
    look();
  }

  /** Follows what an earlier process, or connection, has applied, and is not to be applied again. */
  async resume(placement: Placement, reachable: Reachable, stop: AbortSignal): Promise<void> {
    if (this.#watches.has(placement)) return;
    using link = linkAbort(stop, reachable.signal);
    try {
      await reachable.sync.follow(placement.owner, placement.known.entries, link.signal);
    } catch (error) {
      // Another look when the cluster is back.
      if (link.signal.aborted) return;
      throw error;
    }
    const { task } = placement;
    if (task.kind === 'sync') this.begin(placement, task, reachable);
  }

  /** A new connection starts from nothing, and what has happened since the last one ended is not known. */
  renew(placement: Placement, { sync }: Reachable): void {
    const watch = this.#watches.get(placement);
    if (watch === undefined || watch.sync === sync) return;
    this.#stop(placement);
    placement.learn({ unhealthy: [] });
    if (placement.task.kind === 'sync' && repairsDrift(placement.task)) placement.ask();
  }

  /** Ends what goes on at a place, for good. */
  end(placement: Placement): void {
    const sync = this.#watches.get(placement)?.sync;
    this.#stop(placement);
    this.#touched.delete(placement);
    sync?.release(placement.owner);
  }

  /** Something of a rollout, or something that it needs, has changed. */
  touch(placement: Placement): void {
    this.#touched.add(placement);
  }

  isTouched(placement: Placement): boolean {
    return this.#touched.has(placement);
  }

  /** Its rollout is about to be looked at. */
  untouch(placement: Placement): void {
    this.#touched.delete(placement);
  }

  /** @returns false when this connection was not asked for Canaries on behalf of the placement before */
  lookAtCanary(placement: Placement, reachable: Reachable): boolean {
    const { rollout, canary: before } = placement.known;
    if (rollout === undefined) return true;
    const rollouts = reachable.rollouts();
    const isFollowed = this.#followed.get(placement) === rollouts;
    this.#followed.set(placement, rollouts);
    // Somebody may have changed what belongs to the rollout while nobody looked.
    if (!isFollowed) this.touch(placement);
    const canary = rollouts.canaryStatus(rollout.namespace, rollout.name);
    // Not listed yet, perhaps: what was known stays.
    if (canary === undefined) return isFollowed;
    placement.learn({ canary });
    reportPhase(placement, before, (...event) => this.#options.report(placement, ...event));
    return isFollowed;
  }

  /** What is not to be touched is reported all the same. */
  async follow(placement: Placement, reachable: Reachable, stop: AbortSignal): Promise<void> {
    using link = linkAbort(stop, reachable.signal);
    try {
      await reachable.rollouts().follow(link.signal);
      this.lookAtCanary(placement, reachable);
    } catch (error) {
      // Another look, in a while or when the cluster is back.
      this.#followed.delete(placement);
      if (!link.signal.aborted) throw error;
    }
  }

  #stop(placement: Placement): void {
    this.#watches.get(placement)?.stop();
    this.#watches.delete(placement);
  }

  #repair(placement: Placement): void {
    const now = this.#options.clock.monotonic();
    const last = this.#repairedAt.get(placement) ?? -Infinity;
    // Of changes that come while a repair is awaited, none puts it off.
    const due = last > now ? last : Math.max(now, last + driftGapMs);
    placement.notBefore = Math.max(placement.notBefore, due);
    this.#repairedAt.set(placement, due);
    placement.ask();
    this.#options.onDue(placement);
  }
}

function repairsDrift({ spec }: SyncTask): boolean {
  return parseDuration(spec.kustomization?.interval ?? '0s') > 0;
}

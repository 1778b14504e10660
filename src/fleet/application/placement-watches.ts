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

/** Between two runs that repair drift. */
const driftGapMs = 10_000;
/** An object that has not drifted for so long drifts for the first time. */
const calmMs = 300_000;
/** So often an object is repaired without a longer wait. */
const patience = 6;

/** The repairs of one object. */
interface Repairs {
  /** When the last one was due, or the next one is, in monotonic milliseconds. */
  readonly dueAt: number;
  /** Without a calm before it. */
  readonly count: number;
}

/** Follows what is at places between two runs: drift, health, and Canaries. */
export class PlacementWatches {
  readonly #options: PlacementWatchesOptions;
  readonly #watches = new Map<Placement, Watch>();
  /** By the id of the object. */
  readonly #repairs = new WeakMap<Placement, Map<string, Repairs>>();
  /** When any was last due, in monotonic milliseconds. */
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
    const intervalMs = intervalOf(task);
    if (intervalMs > 0) stops.push(sync.onDrift(owner, (id) => this.#repair(placement, id, intervalMs)));
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
    if (placement.task.kind === 'sync' && intervalOf(placement.task) > 0) placement.ask();
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

  #repair(placement: Placement, id: string, intervalMs: number): void {
    const now = this.#options.clock.monotonic();
    const due = this.#dueAt(placement, id, intervalMs, now);
    this.#repairedAt.set(placement, due);
    // One that is due earlier, for another object, repairs this one too.
    const isAwaited = placement.failures === 0 && placement.notBefore > now;
    placement.notBefore = isAwaited ? Math.min(placement.notBefore, due) : Math.max(placement.notBefore, due);
    placement.ask();
    this.#options.onDue(placement);
  }

  /**
   * When to repair an object: at once, unless somebody changes it again and again. That is a fight which nobody wins:
   * it goes on ever more slowly, down to once in the interval.
   */
  #dueAt(placement: Placement, id: string, intervalMs: number, now: number): number {
    const all = this.#repairs.get(placement) ?? new Map<string, Repairs>();
    this.#repairs.set(placement, all);
    const before = all.get(id) ?? { dueAt: -Infinity, count: 0 };
    // Of changes that come while a repair is awaited, none puts it off.
    if (before.dueAt > now) return before.dueAt;
    const isCalm = now - before.dueAt >= calmMs;
    const count = isCalm ? 1 : before.count + (placement.isDue ? 0 : 1);
    const gapMs = count <= patience ? 0 : Math.min(driftGapMs * 2 ** (count - patience), intervalMs);
    const last = this.#repairedAt.get(placement) ?? -Infinity;
    const dueAt = Math.max(now, before.dueAt + gapMs, Math.min(last, now) + driftGapMs);
    all.set(id, { dueAt, count });
    return dueAt;
  }
}

/** The interval of a sync, in milliseconds; 0: drift is not repaired. */
function intervalOf({ spec }: SyncTask): number {
  return parseDuration(spec.kustomization?.interval ?? '0s');
}

import { linkAbort } from '../../base/abort.ts';
import { parseDuration } from '../../base/duration.ts';
import { errorMessage, nextStep } from '../../base/errors.ts';
import { Controller, type ControllerOptions, type Reconcile, type Result } from '../../kube/controller.ts';
import type { EventType } from '../../kube/event-correlator.ts';
import { formatKey } from '../../kube/object-key.ts';
import { type Dependency, unmetDependency, unmetHeirs } from './dependencies.ts';
import { Lanes } from './lanes.ts';
import type { MemberEngines, Obstacle, Reachable } from './member-engines.ts';
import type { Placement, Readiness, RemoveTask, SyncTask } from './placement.ts';
import { clusterOf, type Placements } from './placements.ts';
import type { PolicyBuilds } from './policy-builds.ts';
import {
  failed,
  installRollout,
  rolloutFailed,
  type PlacementRun,
  removePlacement,
  removing,
  type RunOutcome,
  syncPlacement,
} from './sync-placement.ts';
import { changesMessage, rolloutEvent } from './placement-events.ts';

export interface PlacementControllerOptions extends Pick<
  ControllerOptions,
  'clock' | 'random' | 'log' | 'metrics'
> {
  readonly placements: Placements;
  readonly engines: MemberEngines;
  /** Of test loaders. */
  readonly image: string;
  readonly buildsOf: (placement: Placement) => PolicyBuilds;
  /** All placements of its Application. */
  readonly siblingsOf: (placement: Placement) => readonly Placement[];
  /** Writes what is known of the Application's placements. */
  readonly persist: (placement: Placement) => Promise<void>;
  /** Nothing is left of a placement that was to be removed. */
  readonly onGone: (placement: Placement) => void;
  readonly report: (placement: Placement, type: EventType, reason: string, message: string) => void;
}

/** Runs at once on one cluster. */
const laneWidth = 4;
/** Runs at once. They mostly wait for clusters, and more than this are an overload of the manager itself. */
const concurrency = 256;
/** Runs have deadlines of their own; this one is for what nobody has thought of. */
const timeoutMs = 3_600_000;

const firstRetryMs = 1000;
const longestRetryMs = 15 * 60_000;
/** Between two runs that repair what somebody changes again and again. */
const driftGapMs = 10_000;

/**
 * Works on placements, each by itself: an own turn, own retries. What one cluster does, or does not do, no other one
 * waits for.
 */
export class PlacementController {
  readonly #options: PlacementControllerOptions;
  readonly #controller: Controller;
  readonly #lanes = new Lanes(laneWidth);
  /** Who waits, by the `NAMESPACE/NAME` of what is waited for. */
  readonly #waiting = new Map<string, Set<string>>();
  /** Whose rollouts have changed on the cluster, or what they need. */
  readonly #touched = new Set<Placement>();
  readonly #watches = new Map<Placement, () => void>();
  /** When drift was last repaired, in monotonic milliseconds. */
  readonly #repairedAt = new WeakMap<Placement, number>();

  constructor(options: PlacementControllerOptions) {
    this.#options = options;
    this.#controller = new Controller({
      ...options,
      name: 'placement',
      sources: [],
      reconcile: this.#reconcile,
      concurrency,
      timeoutMs,
    });
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#controller.run(signal);
  }

  enqueue(placement: Placement): void {
    this.#controller.enqueue(placement.key);
  }

  /** Something about a cluster has changed. @param cluster see `clusterKey` */
  onCluster(cluster: string): void {
    for (const placement of this.#options.placements.onCluster(cluster)) this.enqueue(placement);
  }

  /** A Canary on a cluster has changed. */
  onCanary(
    cluster: string,
    { namespace, name }: { readonly namespace: string; readonly name: string },
  ): void {
    for (const placement of this.#options.placements.onCluster(cluster)) {
      const { rollout } = placement.known;
      if (rollout?.namespace !== namespace || rollout.name !== name) continue;
      // What its installation waits for may have come.
      if (placement.known.ready?.reason === rolloutFailed) placement.notBefore = 0;
      this.#touched.add(placement);
      this.enqueue(placement);
    }
  }

  /** Ends what goes on by itself at a place. */
  forget(placement: Placement): void {
    this.#watches.get(placement)?.();
    this.#watches.delete(placement);
    this.#touched.delete(placement);
  }

  readonly #reconcile: Reconcile = async (key, { signal }) => {
    const placement = this.#options.placements.get(key);
    if (placement === undefined) return undefined;
    const { task } = placement;
    if (task.kind === 'remove' && isEmpty(placement, task)) return this.#gone(placement);
    const reachable = this.#reach(placement);
    if (reachable === undefined) return undefined;
    this.#watchCanary(placement, reachable);
    if (task.kind === 'leave') return undefined;
    const isOnlyRollout =
      !placement.isDue && task.kind === 'sync' && placement.known.ready?.outlook === 'done';
    const touched = this.#touched.delete(placement);
    if (!placement.isDue && !(touched && isOnlyRollout)) return undefined;
    const reason = this.#wait(placement, task);
    if (reason !== undefined) {
      placement.learn({ ready: reason });
      return undefined;
    }
    const waitMs = placement.notBefore - this.#options.clock.monotonic();
    if (waitMs > 0) return { requeueAfterMs: waitMs };
    const cluster = clusterOf(placement);
    if (!this.#lanes.enter(cluster, key)) return undefined;
    try {
      if (placement.isDue || task.kind !== 'sync') return await this.#run(placement, task, reachable, signal);
      await this.#keepRollout(placement, task, reachable, signal);
      return undefined;
    } finally {
      const next = this.#lanes.leave(cluster);
      if (next !== undefined) this.#controller.enqueue(next);
    }
  };

  #reach(placement: Placement): Reachable | undefined {
    const { application, cluster, known } = placement;
    const reach = this.#options.engines.reach(formatKey(application), application.namespace, cluster);
    if (!('reason' in reach)) {
      if (known.obstacle !== undefined) {
        this.#options.report(placement, 'Normal', 'ClusterReady', `cluster ${cluster.name} answers again`);
        placement.notBefore = 0;
        placement.learn({ obstacle: undefined });
      }
      return reach;
    }
    this.#hinder(placement, reach);
    return undefined;
  }

  #hinder(placement: Placement, { reason, message }: Obstacle): void {
    // What was known holds until more is.
    if (reason === 'Connecting') return;
    if (placement.known.obstacle?.reason !== reason) {
      this.#options.report(placement, 'Warning', reason, `${placement.name}: ${message}`);
    }
    placement.learn({ obstacle: { status: 'Unknown', reason, message, outlook: 'retrying' } });
  }

  /** Why a run must not begin yet. What it waits for will wake it. */
  #wait(placement: Placement, task: SyncTask | RemoveTask): Readiness | undefined {
    const waitFor = ({ key }: Pick<Dependency, 'key'>): void => {
      const waiting = this.#waiting.get(key) ?? new Set();
      this.#waiting.set(key, waiting.add(placement.key));
    };
    if (task.kind === 'sync') {
      const unmet = unmetDependency(placement, task, this.#options.placements);
      if (unmet === undefined) return undefined;
      waitFor(unmet);
      return failed('DependencyNotReady', unmet.message).ready;
    }
    const heirs = unmetHeirs(placement, task.after);
    for (const { owner } of heirs) waitFor({ key: `${owner.namespace}/${owner.name}` });
    if (heirs.length === 0) return undefined;
    const names = heirs.map(({ name }) => name).join(', ');
    return removing('Removing', `waits until ${names} has been applied, which may take objects over`);
  }

  /** Somebody may have waited for this placement to become ready. */
  #wake({ owner }: Placement): void {
    const key = `${owner.namespace}/${owner.name}`;
    const waiting = this.#waiting.get(key);
    this.#waiting.delete(key);
    for (const other of waiting ?? []) this.#controller.enqueue(other);
  }

  async #run(
    placement: Placement,
    task: SyncTask | RemoveTask,
    reachable: Reachable,
    stop: AbortSignal,
  ): Promise<Result> {
    const turn = placement.begin();
    using link = linkAbort(stop, reachable.signal, turn.signal);
    const run = this.#runOf(placement, reachable, link.signal);
    let outcome: RunOutcome | 'gone';
    try {
      outcome = task.kind === 'sync' ? await syncPlacement(run, task) : await removePlacement(run, task);
    } catch (error) {
      if (!link.signal.aborted) outcome = failureOf(task, error);
      else if (stop.aborted || turn.signal.aborted) return undefined;
      else return this.#lost(placement);
    }
    // Another task has taken its place.
    if (turn.signal.aborted) return undefined;
    if (outcome === 'gone') return this.#gone(placement);
    this.#settle(placement, outcome);
    if (outcome.ready.outlook === 'retrying') return this.#again(placement, task);
    placement.failures = 0;
    turn.done();
    if (outcome.ready.outlook === 'done' && task.kind === 'sync') this.#watch(placement, task, reachable);
    this.#wake(placement);
    return undefined;
  }

  /** Something that a rollout needs, or is made of, has changed. */
  async #keepRollout(
    placement: Placement,
    { spec }: SyncTask,
    reachable: Reachable,
    stop: AbortSignal,
  ): Promise<void> {
    const { rollout } = spec;
    if (rollout === undefined) return;
    const turn = placement.begin();
    using link = linkAbort(stop, reachable.signal, turn.signal);
    try {
      const trouble = await installRollout(this.#runOf(placement, reachable, link.signal), rollout);
      if (trouble === undefined) return;
      this.#settle(placement, { ready: trouble, changes: [] });
      placement.ask();
      this.enqueue(placement);
    } catch (error) {
      if (!link.signal.aborted) throw error;
    }
  }

  #runOf(placement: Placement, reachable: Reachable, signal: AbortSignal): PlacementRun {
    const { buildsOf, persist, siblingsOf, image } = this.#options;
    return {
      placement,
      reachable,
      builds: buildsOf(placement),
      siblings: siblingsOf(placement),
      image,
      persist: () => persist(placement),
      signal,
    };
  }

  #again(placement: Placement, task: SyncTask | RemoveTask): Result {
    placement.failures += 1;
    const waitMs = this.#backoff(placement, task);
    placement.notBefore = this.#options.clock.monotonic() + waitMs;
    return { requeueAfterMs: waitMs };
  }

  #settle(placement: Placement, { ready, changes }: RunOutcome): void {
    const { report } = this.#options;
    const before = placement.known.ready;
    placement.learn({ ready });
    const done = changesMessage(changes);
    if (ready.outlook === 'done') {
      const isNew = before?.message !== ready.message || before.status !== 'True';
      if (done === '' && !isNew) return;
      report(placement, 'Normal', ready.reason, `${placement.name}: ${ready.message}${done}`);
    } else if (before?.reason !== ready.reason || before.message !== ready.message) {
      report(placement, 'Warning', ready.reason, `${placement.name}: ${ready.message}${done}`);
    }
  }

  /** The connection was lost in the middle of a run. It may be back by now. */
  #lost(placement: Placement): Result {
    const { application, cluster } = placement;
    const obstacle = this.#options.engines.obstacle(application.namespace, cluster);
    if (obstacle === undefined) return { requeueAfterMs: firstRetryMs };
    this.#hinder(placement, obstacle);
    return undefined;
  }

  #gone(placement: Placement): undefined {
    this.forget(placement);
    this.#wake(placement);
    this.#options.onGone(placement);
  }

  #backoff({ failures, spec }: Placement, task: SyncTask | RemoveTask): number {
    const { retryInterval, interval } = task.kind === 'sync' ? (spec?.kustomization ?? {}) : {};
    const retryMs = parseDuration(retryInterval ?? '0s');
    const intervalMs = parseDuration(interval ?? '0s');
    const mostMs = retryMs || Math.min(intervalMs || longestRetryMs, longestRetryMs);
    const ms = Math.min(firstRetryMs * 2 ** (failures - 1), Math.max(mostMs, firstRetryMs));
    return ms * (1 - this.#options.random.next() / 4);
  }

  /** Follows what was applied: repairs it when somebody changes it, and tells how it is. */
  #watch(placement: Placement, task: SyncTask, reachable: Reachable): void {
    this.forget(placement);
    const { sync } = reachable;
    const { owner } = placement;
    const look = (): void => {
      const unhealthy = sync.health(owner).filter(({ status }) => status !== 'Current');
      placement.learn({ unhealthy });
    };
    const stops = [sync.onHealth(owner, look)];
    if (parseDuration(task.spec.kustomization?.interval ?? '0s') > 0) {
      stops.push(sync.onDrift(owner, () => this.#repair(placement)));
    }
    this.#watches.set(placement, () => stops.forEach((stop) => stop()));
    look();
  }

  #repair(placement: Placement): void {
    const now = this.#options.clock.monotonic();
    const last = this.#repairedAt.get(placement) ?? -Infinity;
    placement.notBefore = Math.max(placement.notBefore, last + driftGapMs);
    this.#repairedAt.set(placement, Math.max(now, placement.notBefore));
    placement.ask();
    this.enqueue(placement);
  }

  #watchCanary(placement: Placement, reachable: Reachable): void {
    const { rollout, canary: before } = placement.known;
    if (rollout === undefined) return;
    const canary = reachable.rollouts().canaryStatus(rollout.namespace, rollout.name);
    // Not listed yet, perhaps: what was known stays.
    if (canary === undefined) return;
    placement.learn({ canary });
    const event = rolloutEvent(placement, before, canary);
    if (event !== undefined) this.#options.report(placement, event.type, event.reason, event.message);
  }
}

function isEmpty({ known }: Placement, { prune }: RemoveTask): boolean {
  return known.rollout === undefined && (!prune || known.entries.length === 0);
}

function failureOf(task: SyncTask | RemoveTask, error: unknown): RunOutcome {
  const message = errorMessage(error);
  if (task.kind === 'remove') return { ready: removing('RemovalFailed', message), changes: [] };
  return failed('ReconciliationFailed', message, nextStep(error) === 'stalled');
}

import { linkAbort } from '../../base/abort.ts';
import { errorMessage, nextStep } from '../../base/errors.ts';
import { Controller, type ControllerOptions, type Reconcile, type Result } from '../../kube/controller.ts';
import type { EventType } from '../../kube/event-correlator.ts';
import { formatKey } from '../../kube/object-key.ts';
import { type Dependency, unmetDependency, unmetHeirs } from './dependencies.ts';
import { Lanes } from './lanes.ts';
import type { MemberEngines, Obstacle, Reachable } from './member-engines.ts';
import type { Known, Placement, Readiness, RemoveTask, SyncTask } from './placement.ts';
import { clusterOf, type Placements } from './placements.ts';
import type { PolicyBuilds } from './policy-builds.ts';
import { retryDelayMs } from './retry-delay.ts';
import {
  engineMissing,
  failed,
  installRollout,
  rolloutFailed,
  type PlacementRun,
  removePlacement,
  removing,
  type RunOutcome,
  syncPlacement,
} from './sync-placement.ts';
import { nextForPlacement } from './next-step.ts';
import { changesMessage } from './placement-events.ts';
import { PlacementWatches } from './placement-watches.ts';
import { SharedObjects } from './shared-objects.ts';

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
  /** See {@link SharedObjects}. */
  readonly recall: () => void;
}

/** Runs at once on one cluster, and as many removals. */
const laneWidth = 4;
/** Runs at once. They mostly wait for clusters, and more than this are an overload of the manager itself. */
const concurrency = 256;
/** Runs have deadlines of their own; this one is for what nobody has thought of. */
const timeoutMs = 3_600_000;

/** The longest wait until another look whether a cluster has a rollout agent by now, in milliseconds. */
const engineMs = 30_000;

/** Until a connection that was lost, and is back, is used again. */
const lostMs = 1000;

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
  readonly #watches: PlacementWatches;
  readonly #shared: SharedObjects;

  constructor(options: PlacementControllerOptions) {
    this.#options = options;
    const onDue = (placement: Placement): void => this.enqueue(placement);
    this.#watches = new PlacementWatches({ ...options, onDue });
    this.#shared = new SharedObjects({ ...options, onDue });
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
      if (placement.known.ready?.reason === rolloutFailed) {
        placement.notBefore = 0;
        if (!placement.isDue) placement.ask();
      }
      this.#watches.touch(placement);
      this.enqueue(placement);
    }
  }

  /** It has just come to be: others may wait for it, and its rollout is to be followed. */
  onPlaced(placement: Placement): void {
    this.enqueue(placement);
    this.#wake(placement);
  }

  /** Ends what goes on by itself at a place. */
  forget(placement: Placement): void {
    this.#watches.end(placement);
    for (const [key, waiting] of this.#waiting) {
      waiting.delete(placement.key);
      if (waiting.size === 0) this.#waiting.delete(key);
    }
  }

  readonly #reconcile: Reconcile = async (key, { signal }) => {
    const placement = this.#options.placements.get(key);
    try {
      return placement && (await this.#look(placement, signal));
    } finally {
      // Whether or not it was taken: somebody else may wait for it.
      const next = this.#lanes.leave(key);
      if (next !== undefined) this.#controller.enqueue(next);
    }
  };

  async #look(placement: Placement, signal: AbortSignal): Promise<Result> {
    const { task } = placement;
    if (task.kind === 'remove' && isEmpty(placement, task)) return this.#gone(placement);
    const reachable = this.#reach(placement);
    if (reachable === undefined) return undefined;
    this.#watches.renew(placement, reachable);
    const isFollowed = this.#watches.lookAtCanary(placement, reachable);
    if (task.kind === 'leave') {
      if (!isFollowed) await this.#watches.follow(placement, reachable, signal);
      return undefined;
    }
    if (!placement.isDue) {
      if (task.kind === 'sync' && placement.known.ready?.outlook === 'done') {
        await this.#keepRollout(placement, task, reachable, signal);
        await this.#watches.resume(placement, reachable, signal);
      }
      return undefined;
    }
    const reason = this.#wait(placement, task);
    if (reason !== undefined) return this.#postpone(placement, reason);
    const waitMs = placement.notBefore - this.#options.clock.monotonic();
    if (waitMs > 0) return { requeueAfterMs: waitMs };
    if (!this.#lanes.enter(laneOf(placement, task), placement.key)) return undefined;
    return this.#run(placement, task, reachable, signal);
  }

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
      const next = nextForPlacement(reason, placement);
      this.#options.report(placement, 'Warning', reason, `${placement.name}: ${message}${next}`);
    }
    placement.learn({ obstacle: { status: 'Unknown', reason, message, outlook: 'retrying' } });
  }

  #postpone(placement: Placement, ready: Readiness): undefined {
    const { message } = placement.known.ready ?? {};
    placement.learn({ ready });
    if (message === ready.message) return;
    this.#options.report(placement, 'Normal', ready.reason, `${placement.name}: ${ready.message}`);
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
    this.#shared.tell(placement, outcome.changes);
    if (task.kind === 'sync') placement.learn(bookkeeping(task, outcome.ready));
    if (outcome.ready.outlook === 'retrying') return this.#again(placement, task, outcome.ready);
    placement.failures = 0;
    turn.done();
    placement.expect();
    if (outcome.ready.outlook === 'done' && task.kind === 'sync')
      this.#watches.begin(placement, task, reachable);
    this.#wake(placement);
    return undefined;
  }

  /** Nothing is due, but something that a rollout needs, or is made of, may have changed. */
  async #keepRollout(
    placement: Placement,
    { spec: { rollout } }: SyncTask,
    reachable: Reachable,
    stop: AbortSignal,
  ): Promise<void> {
    if (rollout === undefined || !this.#watches.isTouched(placement)) return;
    if (!this.#lanes.enter(clusterOf(placement), placement.key)) return;
    this.#watches.untouch(placement);
    const turn = placement.begin();
    using link = linkAbort(stop, reachable.signal, turn.signal);
    try {
      const run = this.#runOf(placement, reachable, link.signal);
      const trouble = await installRollout(run, rollout);
      if (trouble === undefined) return;
      this.#settle(placement, { ready: trouble, changes: [] });
      placement.ask();
      this.enqueue(placement);
    } catch (error) {
      if (!link.signal.aborted) throw error;
      // Once the cluster is back.
      this.#watches.touch(placement);
    }
  }

  #runOf(placement: Placement, reachable: Reachable, signal: AbortSignal): PlacementRun {
    const { buildsOf, persist, siblingsOf, image, report } = this.#options;
    return {
      placement,
      reachable,
      builds: buildsOf(placement),
      siblings: siblingsOf(placement),
      image,
      heirOf: (id) => this.#shared.heirOf(placement, id),
      persist: () => persist(placement),
      report: (...event) => report(placement, ...event),
      signal,
    };
  }

  #again(placement: Placement, task: SyncTask | RemoveTask, { reason }: Readiness): Result {
    placement.failures += 1;
    const policy = task.kind === 'sync' ? (task.spec.kustomization ?? {}) : {};
    const delayMs = retryDelayMs(placement.failures, policy, this.#options.random);
    const waitMs = reason === engineMissing ? Math.min(delayMs, engineMs) : delayMs;
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
      const next = nextForPlacement(ready.reason, placement);
      report(placement, 'Warning', ready.reason, `${placement.name}: ${ready.message}${done}${next}`);
    }
  }

  /** The connection was lost in the middle of a run. It may be back by now. */
  #lost(placement: Placement): Result {
    const { application, cluster } = placement;
    const obstacle = this.#options.engines.obstacle(application.namespace, cluster);
    if (obstacle === undefined) return { requeueAfterMs: lostMs };
    this.#hinder(placement, obstacle);
    return undefined;
  }

  #gone(placement: Placement): undefined {
    this.forget(placement);
    this.#wake(placement);
    this.#options.onGone(placement);
  }
}

/** A removal waits for pods and finalizers, long perhaps: what is to be delivered must not wait for it. */
function laneOf(placement: Placement, task: SyncTask | RemoveTask): string {
  const hasRollout = placement.known.rollout !== undefined;
  const removes = task.kind === 'remove' || (hasRollout && task.spec.rollout === undefined);
  return removes ? `${clusterOf(placement)} removals` : clusterOf(placement);
}

function isEmpty({ known }: Placement, { prune }: RemoveTask): boolean {
  return known.rollout === undefined && (!prune || known.entries.length === 0);
}

/** As Flux keeps it: a generation is observed when it is done, or cannot be. */
function bookkeeping({ generation, requestedAt }: SyncTask, { outlook }: Readiness): Partial<Known> {
  const observed = outlook === 'retrying' ? {} : { observedGeneration: generation };
  return { ...observed, handledAt: requestedAt };
}

function failureOf(task: SyncTask | RemoveTask, error: unknown): RunOutcome {
  const message = errorMessage(error);
  if (task.kind === 'remove') return { ready: removing('RemovalFailed', message), changes: [] };
  return failed('ReconciliationFailed', message, nextStep(error) === 'stalled');
}

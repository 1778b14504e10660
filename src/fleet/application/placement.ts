import type { SyncPolicy } from '../../api/application.ts';
import type { ApplicationInventoryItem, SyncStatus } from '../../api/application-status.ts';
import type { CanaryStatus } from '../../api/canary-status.ts';
import { parseDuration } from '../../base/duration.ts';
import type { SourceArtifact } from '../../gitops/source/git-source.ts';
import type { InventoryEntry } from '../../gitops/sync/inventory.ts';
import type { SyncOwner } from '../../gitops/sync/ownership.ts';
import type { ObjectKey } from '../../kube/resource-client.ts';
import { type Condition, type ConditionStatus, getCondition } from '../../machinery/conditions.ts';
import { jsonEqual } from '../../machinery/json.ts';
import type { InstalledRollout, ObjectHealth } from './member-engine.ts';
import type { ClusterRef, WantedPlacement } from './wanted-placements.ts';

/** What is to be done at a place. */
export type Task =
  | {
      readonly kind: 'sync';
      readonly spec: SyncPolicy;
      readonly artifact: SourceArtifact;
      readonly generation: number;
      /** The annotation that asks for another run. */
      readonly requestedAt: string | undefined;
    }
  /** Suspended, or not to be touched for another reason. */
  | { readonly kind: 'leave' }
  | {
      readonly kind: 'remove';
      /** Whether objects go too, and not only the rollout. */
      readonly prune: boolean;
      /** Placements that must have been applied first: they may take objects over. */
      readonly after: readonly Placement[];
    };

export type SyncTask = Extract<Task, { kind: 'sync' }>;
export type RemoveTask = Extract<Task, { kind: 'remove' }>;

/** How a placement stands: its Ready condition, and what follows from it. */
export interface Readiness {
  readonly status: ConditionStatus;
  readonly reason: string;
  readonly message: string;
  /** `retrying`: it will be tried again by itself, or when what it waits for happens. */
  readonly outlook: 'done' | 'progressing' | 'retrying' | 'stalled';
}

/** What is known of a placement. Replaced as a whole, never changed. */
export interface Known {
  /** How the last try ended. */
  readonly ready?: Readiness | undefined;
  /** Why nothing can be done there now; it hides `ready`. */
  readonly obstacle?: Readiness | undefined;
  /** What may be on the cluster. */
  readonly entries: readonly InventoryEntry[];
  readonly rollout?: InstalledRollout | undefined;
  readonly canary?: CanaryStatus | undefined;
  /** Objects that are not, or not yet, what they should be. */
  readonly unhealthy: readonly ObjectHealth[];
  /** Of the last try. */
  readonly generation?: number | undefined;
  /** Of the last try that was carried to its end. */
  readonly observedGeneration?: number | undefined;
  readonly appliedRevision?: string | undefined;
  readonly attemptedRevision?: string | undefined;
  readonly handledAt?: string | undefined;
}

export const progressing: Readiness = {
  status: 'Unknown',
  reason: 'Progressing',
  message: 'Reconciliation in progress',
  outlook: 'progressing',
};

/** One policy of one Application on one cluster, as it is in this process. */
export class Placement {
  /** Of the work queue: `NAMESPACE/APPLICATION/NAME`. */
  readonly key: string;
  readonly application: ObjectKey;
  readonly owner: SyncOwner;
  readonly cluster: ClusterRef;
  /** The last spec that is known, for what must be done when it is gone. */
  spec: SyncPolicy | undefined;
  /** While there is no spec: whether an earlier process has remembered objects, to prune them. */
  hasInventory = false;
  task: Task = { kind: 'leave' };
  #known: Known;
  readonly #onChange: () => void;
  /** What the task was made from. */
  #trigger = '';
  #asked = 0;
  #done = 0;
  /** Tries that have failed since one succeeded or the task changed. */
  failures = 0;
  /** In monotonic milliseconds; a new task does not wait. */
  notBefore = 0;
  /** Aborts the run that is under way when it is no longer wanted. */
  #run: AbortController | undefined;

  /** @param onChange called after `known` has changed */
  constructor(
    application: ObjectKey,
    { name, policy, cluster }: Pick<WantedPlacement, 'name' | 'policy' | 'cluster'>,
    known: Known,
    onChange: () => void,
  ) {
    const { namespace = '' } = application;
    this.key = `${namespace}/${application.name}/${name}`;
    this.application = application;
    this.owner = { name, namespace, application: application.name, policy };
    this.cluster = cluster;
    this.#known = known;
    this.#onChange = onChange;
  }

  get known(): Known {
    return this.#known;
  }

  get name(): string {
    return this.owner.name;
  }

  /** Whether its objects go with it: not those of a policy that is suspended, or does not prune. */
  get prunes(): boolean {
    if (this.spec === undefined) return this.hasInventory;
    const { prune, suspend } = this.spec.kustomization ?? {};
    return prune !== false && suspend !== true;
  }

  /** Whether there is work that has not been done since it was asked for. */
  get isDue(): boolean {
    return this.#asked > this.#done;
  }

  learn(news: Partial<Known>): void {
    const next = { ...this.#known, ...news };
    if (jsonEqual(next, this.#known)) return;
    this.#known = next;
    this.#onChange();
  }

  /**
   * @param trigger the same text for the same task
   * @returns whether there is something to do
   */
  assign(task: Task, trigger: string): boolean {
    const isNew = trigger !== this.#trigger || this.#isAnotherTry(task);
    if (task.kind !== this.task.kind) this.#run?.abort();
    this.task = task;
    if (task.kind === 'sync') this.spec = task.spec;
    if (!isNew) {
      if (task.kind === 'sync' && !this.isDue) this.#observe(task);
      return false;
    }
    this.#trigger = trigger;
    this.failures = 0;
    this.notBefore = 0;
    if (task.kind === 'leave') this.#done = this.#asked;
    else if (this.#asked > 0 || !this.#isDoneAlready(task)) this.#asked += 1;
    this.expect();
    return this.isDue;
  }

  /** What has failed may do better after any change of the Application. */
  #isAnotherTry(task: Task): boolean {
    return (
      task.kind === 'sync' &&
      this.task.kind === 'sync' &&
      task.generation !== this.task.generation &&
      this.#known.ready?.outlook !== 'done'
    );
  }

  /** Of a change that is none for this placement. */
  #observe({ generation }: SyncTask): void {
    if (this.#known.ready?.outlook === 'done') this.learn({ generation, observedGeneration: generation });
  }

  /** What has been found out no longer holds when something new is to be done. */
  expect(): void {
    if (this.isDue && this.task.kind === 'sync' && this.#isNews(this.task))
      this.learn({ ready: progressing });
  }

  #isNews({ artifact, generation }: SyncTask): boolean {
    const { observedGeneration, appliedRevision } = this.#known;
    return observedGeneration !== generation || appliedRevision !== artifact.revision;
  }

  /**
   * Whether an earlier process has done all of it. With an interval, it is done again: the cluster may have drifted.
   * Without one, what people have changed there is theirs.
   */
  #isDoneAlready(task: Task): boolean {
    if (task.kind !== 'sync' || this.#isNews(task)) return false;
    const { ready, handledAt } = this.#known;
    const hasInterval = parseDuration(task.spec.kustomization?.interval ?? '0s') > 0;
    return !hasInterval && ready?.outlook === 'done' && handledAt === task.requestedAt;
  }

  /** Nothing more is to be done. */
  abandon(): void {
    this.task = { kind: 'leave' };
    this.#done = this.#asked;
    this.#run?.abort();
  }

  /** Asks for another run of the same task. */
  ask(): void {
    if (this.task.kind !== 'leave') this.#asked += 1;
  }

  /** @returns the signal of a run, and how to tell that all that was asked for before it began is done */
  begin(): { readonly signal: AbortSignal; readonly done: () => void } {
    const run = new AbortController();
    const asked = this.#asked;
    this.#run = run;
    return {
      signal: run.signal,
      done: () => {
        this.#done = Math.max(this.#done, asked);
      },
    };
  }
}

const nothing: Known = { entries: [], unhealthy: [] };

/** What a status that was written earlier, by another process perhaps, tells. */
export function knownFrom(item: ApplicationInventoryItem | undefined, entry: SyncStatus | undefined): Known {
  const status = entry?.kustomizationStatus;
  if (item === undefined && status === undefined) return nothing;
  const ready = getCondition(status?.conditions, 'Ready');
  return {
    ...nothing,
    entries: item?.entries ?? status?.inventory?.entries ?? [],
    rollout: item?.rollout,
    canary: entry?.rolloutStatus?.rolloutStatusInCluster,
    ready: ready && { ...readinessOf(ready), outlook: outlookOf(status?.conditions ?? []) },
    generation: ready?.observedGeneration,
    observedGeneration: status?.observedGeneration === -1 ? undefined : status?.observedGeneration,
    appliedRevision: status?.lastAppliedRevision,
    attemptedRevision: status?.lastAttemptedRevision,
    handledAt: status?.lastHandledReconcileAt,
  };
}

function readinessOf({ status, reason, message }: Condition): Omit<Readiness, 'outlook'> {
  return { status, reason, message };
}

function outlookOf(conditions: readonly Condition[]): Readiness['outlook'] {
  if (getCondition(conditions, 'Stalled') !== undefined) return 'stalled';
  const ready = getCondition(conditions, 'Ready')?.status;
  if (ready === 'True') return 'done';
  return ready === 'False' ? 'retrying' : 'progressing';
}

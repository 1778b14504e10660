import { type Application, applicationFinalizer } from '../../api/application.ts';
import { fleetOf, validateApplication } from '../../api/application-validation.ts';
import { CancelledError } from '../../base/errors.ts';
import { parseTime } from '../../base/time.ts';
import type { SourcePool } from '../../gitops/source/source-pool.ts';
import { Controller, type ControllerOptions, type Reconcile, type Result } from '../../kube/controller.ts';
import type { EventType } from '../../kube/event-correlator.ts';
import type { EventRecorder } from '../../kube/event-recorder.ts';
import { ensureFinalizer, ObjectReplacedError, removeFinalizer } from '../../kube/finalizers.ts';
import { formatKey, parseKey } from '../../kube/object-key.ts';
import type { Client } from '../../kube/resource-client.ts';
import { retryOnConflict } from '../../kube/retry-on-conflict.ts';
import { forObject, mapped } from '../../kube/sources.ts';
import { getCondition } from '../../machinery/conditions.ts';
import { errorBody } from '../../machinery/field-errors.ts';
import type { KubeObject } from '../../machinery/object.ts';
import type { HostCaches } from '../host-caches.ts';
import { applicationKind } from '../kinds.ts';
import { abandonment, abandonApplicationAnnotation } from './abandonment.ts';
import { ApplicationState, requestedAtAnnotation } from './application-state.ts';
import { applicationStatus, invalidSpec, type Trouble } from './application-verdict.ts';
import { type Destination, destinationOf } from './destination.ts';
import type { MemberEngines } from './member-engines.ts';
import { nextForSource, nextForTrouble } from './next-step.ts';
import type { Placement } from './placement.ts';
import type { PlacementController } from './placement-controller.ts';
import type { Placements } from './placements.ts';
import { SourceFollower } from './source-follower.ts';
import { statusNotWritten } from './status-error.ts';
import { wantedPlacements, type WantedPlacement } from './wanted-placements.ts';

export interface ApplicationControllerOptions extends Pick<
  ControllerOptions,
  'clock' | 'random' | 'log' | 'metrics'
> {
  readonly client: Client;
  readonly caches: HostCaches;
  readonly sources: SourcePool;
  readonly events: EventRecorder;
  readonly placements: Placements;
  readonly engines: MemberEngines;
  /** Who works on the placements. */
  readonly worker: () => PlacementController;
  /**
   * How long an Application that is being deleted waits for clusters that do not answer, in milliseconds; default
   * 10 minutes.
   */
  readonly abandonAfterMs?: number | undefined;
}

const defaultAbandonMs = 600_000;
/** When to look again whether a name has become free, in milliseconds. */
const conflictMs = 60_000;

/**
 * Decides what each Application wants where, and writes its status: the only one who does. The work itself, cluster by
 * cluster, is that of the {@link PlacementController}; this controller waits for no cluster.
 */
export class ApplicationController {
  readonly #options: ApplicationControllerOptions;
  readonly #controller: Controller;
  readonly #states = new Map<string, ApplicationState>();
  #signal: AbortSignal = AbortSignal.abort();

  constructor(options: ApplicationControllerOptions) {
    this.#options = options;
    const { applications, attachedClusters, fleets, secrets } = options.caches;
    this.#controller = new Controller({
      ...options,
      name: 'application',
      sources: [
        forObject(applications.store),
        mapped(fleets.store, ({ metadata }) =>
          this.#inNamespace(metadata, ({ spec }) => fleetOf(spec) === metadata.name),
        ),
        mapped(attachedClusters.store, ({ metadata }) =>
          this.#inNamespace(metadata, ({ spec }) => fleetOf(spec) !== undefined),
        ),
        mapped(secrets, ({ metadata }) =>
          this.#inNamespace(
            metadata,
            ({ spec }) => spec.source.gitRepository?.secretRef?.name === metadata.name,
          ),
        ),
      ],
      reconcile: this.#reconcile,
      concurrency: 8,
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    try {
      await this.#controller.run(signal);
    } finally {
      for (const state of this.#states.values()) state.close();
      this.#states.clear();
    }
  }

  stateOf({ application }: Placement): ApplicationState | undefined {
    return this.#states.get(formatKey(application));
  }

  /** Resolves when the status tells what is known of the placement now. */
  async persist(placement: Placement): Promise<void> {
    const state = this.stateOf(placement);
    if (state === undefined) throw new CancelledError('the Application is gone');
    await state.writes.run();
  }

  /** Nothing is left of a placement. */
  onGone(placement: Placement): void {
    const state = this.stateOf(placement);
    if (state === undefined) return;
    this.#drop(state, placement);
    this.#controller.enqueue(formatKey(placement.application));
  }

  #drop(state: ApplicationState, placement: Placement): void {
    const { application, cluster } = placement;
    state.drop(placement);
    const isLast = !state.placements.some(
      (other) => other.cluster.kind === cluster.kind && other.cluster.name === cluster.name,
    );
    if (isLast) this.#options.engines.release(formatKey(application), application.namespace, cluster);
  }

  report(
    { application }: Pick<Placement, 'application'>,
    type: EventType,
    reason: string,
    message: string,
  ): void {
    const object = this.#options.caches.applications.get(application);
    if (object !== undefined) this.#options.events.record(object, type, reason, message);
  }

  #inNamespace(
    { namespace }: KubeObject['metadata'],
    isConcerned: (application: Application) => boolean,
  ): readonly string[] {
    return this.#options.caches.applications.store
      .list()
      .filter((application) => application.metadata.namespace === namespace && isConcerned(application))
      .map(({ metadata }) => formatKey({ namespace, name: metadata.name ?? '' }));
  }

  readonly #reconcile: Reconcile = async (key, { signal }) => {
    const { caches, client, clock, random } = this.#options;
    const application = caches.applications.get(parseKey(key));
    const known = this.#states.get(key);
    if (known !== undefined && known.uid !== application?.metadata.uid) this.#forget(key, known);
    if (application === undefined) return undefined;
    const { deletionTimestamp, finalizers = [] } = application.metadata;
    if (deletionTimestamp !== undefined) return this.#delete(key, application, signal);
    if (!finalizers.includes(applicationFinalizer)) {
      const applications = client.resource<Application>(applicationKind);
      await ensureFinalizer(applications, application, applicationFinalizer, { clock, random, signal });
      // The change comes as an event of its own.
      return undefined;
    }
    const state = this.#state(key, application);
    const again = await this.#plan(application, state, signal);
    await state.writes.run();
    return again;
  };

  #state(key: string, application: Application): ApplicationState {
    const known = this.#states.get(key);
    if (known !== undefined) return known;
    const { caches, client, sources, placements, worker } = this.#options;
    const onChange = (): void => this.#controller.enqueue(key);
    const source = new SourceFollower({ client, secrets: caches.secrets, sources }, onChange);
    const state = new ApplicationState(key, application, {
      placements,
      source,
      write: (one) => this.#write(one),
      onChange,
      onPlaced: (placement) => worker().onPlaced(placement),
      onDue: (placement) => worker().enqueue(placement),
    });
    state.announced = announcedBefore(application);
    this.#states.set(key, state);
    return state;
  }

  /** Makes placements of what earlier processes have delivered, for Applications that were not looked at yet. */
  recall(): void {
    for (const application of this.#options.caches.applications.store.list()) {
      const { namespace, name = '', deletionTimestamp } = application.metadata;
      const isThere = deletionTimestamp === undefined && application.status?.inventory !== undefined;
      if (isThere) this.#state(formatKey({ namespace, name }), application);
    }
  }

  #forget(key: string, state: ApplicationState): void {
    const { engines, worker } = this.#options;
    for (const placement of state.placements) {
      placement.abandon();
      worker().forget(placement);
      engines.release(key, state.key.namespace, placement.cluster);
    }
    state.close();
    this.#states.delete(key);
  }

  async #plan(application: Application, state: ApplicationState, signal: AbortSignal): Promise<Result> {
    const errors = validateApplication(application);
    if (errors.length > 0) {
      const message = errors.map((error) => `${error.field}: ${errorBody(error)}`).join('; ');
      // Nothing is touched: what is there stays as it was last wanted.
      this.#trouble(state, { reason: invalidSpec, message, isStalled: true });
      return undefined;
    }
    const { gitRepository } = application.spec.source;
    await state.source.follow(application, signal);
    if (gitRepository === undefined) {
      const message = 'helmRepository and ociRepository are not supported yet: use gitRepository';
      this.#trouble(state, { reason: 'Unsupported', message, isStalled: true });
      return undefined;
    }
    const requestedAt = application.metadata.annotations?.[requestedAtAnnotation];
    const handledAt = application.status?.sourceStatus?.gitRepoStatus?.lastHandledReconcileAt;
    if (requestedAt !== undefined && requestedAt !== handledAt) state.source.poll(requestedAt);
    const destination = destinationOf(application, this.#options.caches, (name) =>
      this.#isOccupied(state, name),
    );
    if ('reason' in destination) {
      this.#trouble(state, { ...destination, isStalled: false });
      return undefined;
    }
    return this.#assign(application, state, destination);
  }

  #assign(application: Application, state: ApplicationState, { clusters, isSelected }: Destination): Result {
    const all = wantedPlacements(application, clusters, isSelected);
    const taken = all.filter(({ name }) => this.#isTaken(state, name));
    const wanted = all.filter((place) => !taken.includes(place));
    state.plan(application, wanted);
    this.#abandon(application, state);
    this.#trouble(state, troubleOf(all, taken));
    this.#announce(application, state);
    return taken.length === 0 ? undefined : { requeueAfterMs: conflictMs };
  }

  #isOccupied(state: ApplicationState, cluster: string): boolean {
    return state.placements.some(
      (placement) => placement.cluster.kind === 'AttachedCluster' && placement.cluster.name === cluster,
    );
  }

  /** Two Applications of one namespace may have policies of one name: the first keeps what it has. */
  #isTaken(state: ApplicationState, name: string): boolean {
    if (state.has(name)) return false;
    const { caches, placements } = this.#options;
    const { namespace, name: application } = state.key;
    const isOther = (other: string | undefined): boolean => other !== application;
    return (
      placements.named(namespace, name).some((other) => isOther(other.application.name)) ||
      // It may not have been looked at yet.
      caches.applications.store
        .list()
        .some(
          ({ metadata, status }) =>
            metadata.namespace === namespace &&
            isOther(metadata.name) &&
            status?.inventory?.some((item) => item.name === name) === true,
        )
    );
  }

  #trouble(state: ApplicationState, found: Trouble | undefined): void {
    const before = state.trouble;
    const trouble = found && { ...found, message: found.message + nextForTrouble(found.reason) };
    state.trouble = trouble;
    if (trouble === undefined) {
      state.announced = undefined;
      return;
    }
    const text = `${trouble.reason}: ${trouble.message}`;
    if (before?.reason === trouble.reason && before.message === trouble.message) return;
    if (state.announced === text) return;
    state.announced = text;
    this.report({ application: state.key }, 'Warning', trouble.reason, trouble.message);
  }

  /** Tells what has become of the source. */
  #announce(object: Application, state: ApplicationState): void {
    const { error, artifact } = state.source.state;
    const before = object.status?.sourceStatus?.gitRepoStatus;
    const failure = getCondition(before?.conditions, 'FetchFailed');
    const application = { application: state.key };
    if (error !== undefined) {
      if (failure?.reason === error.reason && failure.message === error.message) return;
      const next = nextForSource(error, object, artifact?.revision);
      this.report(application, 'Warning', error.reason, error.message + next);
    } else if (artifact !== undefined && artifact.revision !== before?.artifact?.revision) {
      this.report(
        application,
        'Normal',
        'NewArtifact',
        `stored artifact for revision '${artifact.revision}'`,
      );
    }
  }

  async #delete(key: string, application: Application, signal: AbortSignal): Promise<Result> {
    const { client, clock, random } = this.#options;
    if (application.metadata.finalizers?.includes(applicationFinalizer) !== true) {
      const state = this.#states.get(key);
      if (state !== undefined) this.#forget(key, state);
      return undefined;
    }
    const isNew = !this.#states.has(key);
    const state = this.#state(key, application);
    for (const placement of state.placements) placement.spec ??= specOf(application, placement);
    state.source[Symbol.dispose]();
    state.planRemoval();
    this.#abandon(application, state);
    if (isNew || application.status?.phase !== 'Terminating') {
      const count = state.placements.length;
      this.report({ application: state.key }, 'Normal', 'Terminating', `removing ${count} placements`);
    }
    await state.writes.run();
    if (state.placements.length > 0) return { requeueAfterMs: this.#patienceMs(application) };
    const applications = client.resource<Application>(applicationKind);
    await removeFinalizer(applications, application, applicationFinalizer, { clock, random, signal });
    return undefined;
  }

  /** Gives up what cannot be removed, where that is allowed. */
  #abandon(application: Application, state: ApplicationState): void {
    const { engines, abandonAfterMs = defaultAbandonMs, worker } = this.#options;
    const mayAbandon =
      application.metadata.annotations?.[abandonApplicationAnnotation] === 'true' ||
      (application.metadata.deletionTimestamp !== undefined && this.#waitedMs(application) >= abandonAfterMs);
    for (const placement of state.placements) {
      const message = abandonment(placement, engines, mayAbandon);
      if (message === undefined) continue;
      this.report(placement, 'Warning', 'Abandoned', message);
      placement.abandon();
      worker().forget(placement);
      this.#drop(state, placement);
    }
  }

  #waitedMs({ metadata }: Application): number {
    return this.#options.clock.now() - parseTime(metadata.deletionTimestamp ?? '');
  }

  /** When to look at a deletion again, although nothing has happened. */
  #patienceMs(application: Application): number {
    const { abandonAfterMs = defaultAbandonMs } = this.#options;
    return Math.max(10_000, abandonAfterMs - this.#waitedMs(application));
  }

  async #write(state: ApplicationState): Promise<void> {
    try {
      await this.#writeStatus(state);
    } catch (error) {
      const refusal = statusNotWritten(error);
      if (refusal === undefined) throw error;
      this.report({ application: state.key }, 'Warning', refusal.code, refusal.message);
      throw refusal;
    }
  }

  async #writeStatus(state: ApplicationState): Promise<void> {
    const { caches, client, clock, random } = this.#options;
    const signal = this.#signal;
    let cached = caches.applications.get(state.key);
    await retryOnConflict(
      async () => {
        const application =
          cached ?? (await client.resource<Application>(applicationKind).get(state.key, { signal }));
        cached = undefined;
        return application;
      },
      async (application) => {
        if (application.metadata.uid !== state.uid) throw new ObjectReplacedError(application);
        const status = applicationStatus({
          application,
          source: state.source.state,
          placements: state.placements,
          trouble: state.trouble,
          handledAt: application.metadata.annotations?.[requestedAtAnnotation],
          now: clock.now(),
        });
        await caches.applications.patchStatus(application, status, { signal });
      },
      { clock, random, signal },
    );
  }
}

/** Events are not told again by the next process. */
function announcedBefore({ status }: Application): string | undefined {
  const ready = getCondition(status?.conditions, 'Ready');
  return ready && `${ready.reason}: ${ready.message}`;
}

/** The spec of the policy of a placement that an earlier process has made. */
function specOf(application: Application, placement: Placement): Placement['spec'] {
  if (!Array.isArray(application.spec.syncPolicies)) return undefined;
  return wantedPlacements(application, [placement.cluster], () => true).find(
    ({ policy }) => policy === placement.owner.policy,
  )?.spec;
}

function troubleOf(all: readonly WantedPlacement[], taken: readonly WantedPlacement[]): Trouble | undefined {
  const [first] = taken;
  if (first !== undefined) {
    const message = `another Application has a policy that makes ${first.name} already: give this policy another name`;
    return { reason: 'NameTaken', message, isStalled: false };
  }
  if (all.length > 0) return undefined;
  return { reason: 'NoClusters', message: 'no cluster of the fleet is selected', isStalled: false };
}

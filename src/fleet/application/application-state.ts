import type { Application, SyncPolicy } from '../../api/application.ts';
import type { ApplicationStatus } from '../../api/application-status.ts';
import { canonicalJson } from '../../base/hash.ts';
import { parseKey } from '../../kube/object-key.ts';
import type { ObjectKey } from '../../kube/resource-client.ts';
import { Coalesced } from './coalesced.ts';
import type { Trouble } from './application-verdict.ts';
import { noArtifact } from './next-step.ts';
import { knownFrom, Placement, progressing, type Task } from './placement.ts';
import type { Placements } from './placements.ts';
import { PolicyBuilds } from './policy-builds.ts';
import type { SourceFollower } from './source-follower.ts';
import type { WantedPlacement } from './wanted-placements.ts';

/** The annotation, of Flux, that asks for everything to be done once more. */
export const requestedAtAnnotation = 'reconcile.fluxcd.io/requestedAt';

export interface ApplicationStateOptions {
  readonly placements: Placements;
  readonly source: SourceFollower;
  /** Writes the status of the Application. */
  readonly write: (state: ApplicationState) => Promise<void>;
  readonly onChange: () => void;
  /** A placement is there, or there again. */
  readonly onPlaced: (placement: Placement) => void;
  /** There is something to do at a placement. */
  readonly onDue: (placement: Placement) => void;
}

/**
 * What one Application is about in this process: what was written to its status by an earlier one, and what has been
 * found out since.
 */
export class ApplicationState {
  readonly key: ObjectKey;
  readonly uid: string | undefined;
  readonly source: SourceFollower;
  readonly builds = new PolicyBuilds();
  /** The one writer of the status: whoever needs something written shares the next write. */
  readonly writes: Coalesced;
  trouble: Trouble | undefined;
  /** What was last said about the source, the spec and the fleet. */
  announced: string | undefined;
  readonly #options: ApplicationStateOptions;
  /** What the status told at the beginning; until the first plan is made. */
  #before: ApplicationStatus;
  readonly #placements = new Map<string, Placement>();
  /** Names, as the status has them. */
  #order: readonly string[] = [];

  constructor(key: string, { metadata, status = {} }: Application, options: ApplicationStateOptions) {
    this.key = parseKey(key);
    this.uid = metadata.uid;
    this.source = options.source;
    this.#options = options;
    this.#before = status;
    this.writes = new Coalesced(() => options.write(this));
    for (const { name, policy, clusterKind, clusterName, entries } of status.inventory ?? []) {
      const kind = clusterKind === 'currentCluster' ? clusterKind : 'AttachedCluster';
      const placement = this.#place({ name, policy, cluster: { kind, name: clusterName } });
      placement.hasInventory = entries !== undefined;
    }
    const entries = (status.syncStatus ?? []).map(({ name }) => name ?? '');
    this.#order = entries.filter((name) => this.#placements.has(name));
  }

  /** In the order of the status. */
  get placements(): readonly Placement[] {
    const ordered = this.#order.flatMap((name) => this.#placements.get(name) ?? []);
    const known = new Set(ordered);
    return [...ordered, ...[...this.#placements.values()].filter((placement) => !known.has(placement))];
  }

  has(name: string): boolean {
    return this.#placements.has(name);
  }

  /** Gives all placements their tasks; those that are not wanted are to be removed. */
  plan({ metadata }: Application, wanted: readonly WantedPlacement[]): void {
    const { generation = 0, annotations } = metadata;
    const requestedAt = annotations?.[requestedAtAnnotation];
    const triggers = new Map<SyncPolicy, string>();
    for (const place of wanted) {
      const placement = this.#placements.get(place.name) ?? this.#place(place);
      const trigger = triggers.get(place.spec) ?? this.#trigger(place.spec, requestedAt);
      triggers.set(place.spec, trigger);
      this.#sync(placement, place.spec, { generation, requestedAt, trigger });
    }
    const names = wanted.map(({ name }) => name);
    const heirs = names.flatMap((name) => this.#placements.get(name) ?? []);
    const kept = new Set(names);
    for (const placement of this.#placements.values()) {
      if (!kept.has(placement.name)) this.#remove(placement, heirs);
    }
    this.#order = names;
    this.#before = {};
    this.builds.keep(new Set(wanted.map(({ policy }) => policy)));
  }

  /** Everything goes. */
  planRemoval(): void {
    for (const placement of this.#placements.values()) this.#remove(placement, []);
  }

  /** Nothing is left of it. */
  drop(placement: Placement): void {
    if (this.#placements.get(placement.name) === placement) this.#placements.delete(placement.name);
    this.#options.placements.delete(placement);
  }

  close(): void {
    this.source[Symbol.dispose]();
    for (const placement of this.#placements.values()) this.#options.placements.delete(placement);
  }

  #place(place: Pick<WantedPlacement, 'name' | 'policy' | 'cluster'>): Placement {
    const { name } = place;
    const item = this.#before.inventory?.find((one) => one.name === name);
    const entry = this.#before.syncStatus?.find((one) => one.name === name);
    const placement = new Placement(this.key, place, knownFrom(item, entry), this.#options.onChange);
    this.#placements.set(name, placement);
    this.#options.placements.add(placement);
    this.#options.onPlaced(placement);
    return placement;
  }

  /** Not the generation: what others have changed at a place with `interval: 0s` stays when another policy is edited. */
  #trigger(spec: SyncPolicy, requestedAt: string | undefined): string {
    return canonicalJson({ spec, requestedAt, digest: this.source.state.artifact?.digest });
  }

  #sync(
    placement: Placement,
    spec: SyncPolicy,
    {
      generation,
      requestedAt,
      trigger,
    }: {
      readonly generation: number;
      readonly requestedAt: string | undefined;
      readonly trigger: string;
    },
  ): void {
    placement.spec = spec;
    if ((spec.kustomization ?? spec.helm)?.suspend === true)
      return this.#assign(placement, { kind: 'leave' }, '');
    const { artifact, error } = this.source.state;
    if (artifact === undefined) {
      if (placement.task.kind === 'remove') this.#assign(placement, { kind: 'leave' }, '');
      // What an earlier process has applied is there all the same.
      if (placement.known.appliedRevision !== undefined) return;
      const message = noArtifact;
      placement.learn({
        generation,
        ready:
          error === undefined
            ? progressing
            : { status: 'False', reason: 'ArtifactFailed', message, outlook: 'retrying' },
      });
      return;
    }
    const revision = artifact.revision;
    const task: Task = { kind: 'sync', spec, artifact, generation, requestedAt };
    this.#assign(placement, task, `${revision} ${trigger}`);
  }

  #remove(placement: Placement, after: readonly Placement[]): void {
    const prune = placement.prunes;
    placement.assign({ kind: 'remove', prune, after }, `remove ${prune} ${after.length === 0}`);
    // What it waited for may be no longer wanted.
    if (placement.isDue) this.#options.onDue(placement);
  }

  #assign(placement: Placement, task: Task, trigger: string): void {
    if (placement.assign(task, trigger)) this.#options.onDue(placement);
  }
}

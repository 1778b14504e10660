import { entryOf, formatRef, refOfObject } from '../../gitops/sync/inventory.ts';
import type { SyncOwner } from '../../gitops/sync/ownership.ts';
import type { SyncChange } from '../../gitops/sync/sync.ts';
import type { EventType } from '../../kube/event-correlator.ts';
import type { Unstructured } from '../../machinery/object.ts';
import { few } from '../few.ts';
import type { Placement } from './placement.ts';
import { clusterOf, type Placements } from './placements.ts';
import { type PolicyBuilds, PolicyBuildError } from './policy-builds.ts';

export interface SharedObjectsOptions {
  readonly placements: Placements;
  readonly buildsOf: (placement: Placement) => PolicyBuilds;
  /** Makes placements of what earlier processes have delivered, where that was not done yet. */
  readonly recall: () => void;
  /** There is something to do at a placement. */
  readonly onDue: (placement: Placement) => void;
  readonly report: (placement: Placement, type: EventType, reason: string, message: string) => void;
}

/**
 * Objects that several policies have in git for one cluster, of one Application or of many. Whoever applies one last has
 * it; when that one goes, the object becomes another's.
 */
export class SharedObjects {
  readonly #options: SharedObjectsOptions;
  /** What was last said of a placement. */
  readonly #told = new WeakMap<Placement, string>();

  constructor(options: SharedObjectsOptions) {
    this.#options = options;
  }

  /** Who is to have an object that a placement has no more. It will be applied as that one has it. */
  heirOf(placement: Placement, id: string): SyncOwner | undefined {
    const heir = this.#others(placement).find((other) => this.#declares(other, id));
    if (heir === undefined) return undefined;
    heir.ask();
    this.#options.onDue(heir);
    return heir.owner;
  }

  /** Tells of what a placement has taken from another one that has it in git too. Namespaces are there to be shared. */
  tell(placement: Placement, changes: readonly SyncChange[]): void {
    const shared = new Map<Placement, string[]>();
    for (const { ref, from } of changes) {
      if (from === undefined || ref.kind === 'Namespace') continue;
      const other = this.#others(placement).find(({ owner, name }) => `${owner.namespace}/${name}` === from);
      if (other === undefined || !this.#declares(other, entryOf(ref).id)) continue;
      shared.set(other, [...(shared.get(other) ?? []), formatRef(ref)]);
    }
    for (const [other, refs] of shared) {
      this.#say(placement, other, few(refs, ', '));
      this.#say(other, placement, few(refs, ', '));
    }
  }

  #say(placement: Placement, { name, application }: Placement, what: string): void {
    const message =
      `${placement.name}: ${what}: ${name} of Application ${application.namespace}/${application.name} ` +
      'has it in git too. Whoever applies it last wins. Next: take it out of one of the two';
    if (this.#told.get(placement) === message) return;
    this.#told.set(placement, message);
    this.#options.report(placement, 'Warning', 'SharedObjects', message);
  }

  #others(placement: Placement): readonly Placement[] {
    this.#options.recall();
    const { placements } = this.#options;
    return placements.onCluster(clusterOf(placement)).filter((other) => other !== placement);
  }

  /** By what it is about to apply; where that is nothing new, or cannot be told, by what it has applied. */
  #declares(placement: Placement, id: string): boolean {
    const { task, known, isDue, owner } = placement;
    if (task.kind === 'remove') return false;
    if (task.kind === 'sync' && task.spec.kustomization !== undefined && isDue) {
      try {
        const objects = this.#options
          .buildsOf(placement)
          .build(owner.policy, task.spec.kustomization, task.artifact);
        return objects.some((object) => idsOf(object).includes(id));
      } catch (error) {
        if (!(error instanceof PolicyBuildError)) throw error;
      }
    }
    return known.entries.some((entry) => entry.id === id);
  }
}

/** Whether its kind has namespaces is not looked up: no two kinds of one name differ in that. */
function idsOf(object: Unstructured): readonly string[] {
  const namespace = object.metadata.namespace || 'default';
  return ['', namespace].map((at) => entryOf(refOfObject(object, at)).id);
}

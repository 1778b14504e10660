import type { Placement, SyncTask } from './placement.ts';
import type { Placements } from './placements.ts';

/** What a placement waits for: in Flux's words, and by name. */
export interface Dependency {
  /** `NAMESPACE/NAME` of the placement that is waited for. */
  readonly key: string;
  readonly message: string;
}

/** The first of `dependsOn` that is not met. */
export function unmetDependency(
  placement: Placement,
  { spec, artifact }: SyncTask,
  placements: Placements,
): Dependency | undefined {
  for (const { name, namespace = placement.application.namespace } of spec.kustomization?.dependsOn ?? []) {
    const key = `${namespace}/${name}`;
    const unmet = (message: string): Dependency => ({ key, message: `dependency '${key}' ${message}` });
    const [other] = placements.named(namespace, name);
    if (other === undefined) return unmet('not found');
    if (other === placement) return unmet('is itself');
    const { ready, generation, observedGeneration, appliedRevision } = other.known;
    if (ready?.status !== 'True' || generation !== observedGeneration) {
      return unmet(waitsFor(other, placement, placements) ? 'waits for this one: a circle' : 'is not ready');
    }
    const isSibling =
      other.application.name === placement.application.name &&
      other.application.namespace === placement.application.namespace;
    if (isSibling && appliedRevision !== artifact.revision) return unmet('revision is not up to date');
  }
  return undefined;
}

/** Whether `one` waits for `wanted`, through others perhaps. */
function waitsFor(one: Placement, wanted: Placement, placements: Placements): boolean {
  const seen = new Set([one]);
  for (const { spec, application } of seen) {
    for (const { name, namespace = application.namespace } of spec?.kustomization?.dependsOn ?? []) {
      const [next] = placements.named(namespace, name);
      if (next === wanted) return true;
      if (next !== undefined) seen.add(next);
    }
  }
  return false;
}

/** Placements that must have been applied before another one is removed, and have not: they may take objects over. */
export function unmetHeirs(placement: Placement, after: readonly Placement[]): readonly Placement[] {
  return after.filter(
    ({ cluster, task, spec, known }) =>
      task.kind !== 'remove' &&
      // Whether or not its source can be had now.
      spec?.kustomization !== undefined &&
      spec.kustomization.suspend !== true &&
      cluster.kind === placement.cluster.kind &&
      cluster.name === placement.cluster.name &&
      known.appliedRevision === undefined,
  );
}

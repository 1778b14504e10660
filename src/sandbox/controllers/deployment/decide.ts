import type { Deployment, ReplicaSet } from '../kinds.ts';
import { annotations, countIn } from './replica-sets.ts';
import { type Limits, proportionalSizes, type Resize } from './sizes.ts';

/**
 * What a new size of the Deployment means for its ReplicaSets: for the only one with pods, or the newest where none
 * has any, all of it; during a rollout, a share for each.
 *
 * Source: `scale` of pkg/controller/deployment/sync.go.
 *
 * @param old from the oldest to the youngest
 */
export function scalingStep(
  limits: Limits,
  { spec, status }: Deployment,
  { newest, old }: { readonly newest: ReplicaSet | undefined; readonly old: readonly ReplicaSet[] },
): Resize[] {
  const all = newest === undefined ? old : [...old, newest];
  const active = all.filter((set) => set.spec.replicas > 0);
  const [only] = active;
  if (active.length <= 1) {
    const target = only ?? newest ?? old.at(-1);
    return target === undefined || target.spec.replicas === spec.replicas
      ? []
      : [resize(target, spec.replicas)];
  }
  if (isSaturated(spec.replicas, newest)) {
    return old.filter((set) => set.spec.replicas > 0).map((set) => resize(set, 0));
  }
  if (spec.strategy.type !== 'RollingUpdate') return [];
  const sizes = active.map((set) => ({
    name: set.metadata.name ?? '',
    replicas: set.spec.replicas,
    available: set.status?.availableReplicas ?? 0,
    maxReplicasBefore: countIn(set, annotations.max),
  }));
  return proportionalSizes(limits, sizes, status?.replicas ?? 0);
}

/** Old pods have to go before the first new one may come. */
export function recreateStep(old: readonly ReplicaSet[]): Resize[] {
  return old.filter((set) => set.spec.replicas > 0).map((set) => resize(set, 0));
}

function isSaturated(replicas: number, newest: ReplicaSet | undefined): boolean {
  return (
    newest !== undefined &&
    newest.spec.replicas === replicas &&
    countIn(newest, annotations.desired) === replicas &&
    newest.status?.availableReplicas === replicas
  );
}

function resize(set: ReplicaSet, to: number): Resize {
  return { name: set.metadata.name ?? '', from: set.spec.replicas, to };
}

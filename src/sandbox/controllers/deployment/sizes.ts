import { scaledValue } from '../int-or-percent.ts';
import type { Deployment } from '../kinds.ts';

// How many pods each ReplicaSet of a Deployment should have: pure arithmetic.
// Source: pkg/controller/deployment/{rolling,sync}.go and util/deployment_util.go of Kubernetes 1.36.

/** How many pods a rolling update may have at once, and may lack. */
export interface Limits {
  readonly replicas: number;
  readonly maxSurge: number;
  readonly maxUnavailable: number;
}

/** What counts of a ReplicaSet here. */
export interface SetSize {
  readonly name: string;
  /** As asked for. */
  readonly replicas: number;
  readonly available: number;
}

/** What a ReplicaSet's size should become. */
export interface Resize {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

/** Surge is rounded up, unavailability down; both zero would never get anywhere. */
export function limitsOf({ replicas, strategy }: Deployment['spec']): Limits {
  if (strategy.type !== 'RollingUpdate') return { replicas, maxSurge: 0, maxUnavailable: 0 };
  const maxSurge = scaledValue(strategy.rollingUpdate?.maxSurge, replicas, 'up');
  const rounded = scaledValue(strategy.rollingUpdate?.maxUnavailable, replicas, 'down');
  const maxUnavailable = maxSurge === 0 && rounded === 0 ? 1 : rounded;
  return { replicas, maxSurge, maxUnavailable: Math.min(maxUnavailable, replicas) };
}

/** The size of the newest ReplicaSet, grown as far as all others leave room. */
export function newestSize(limits: Limits, newest: number, others: number): number {
  const room = limits.replicas + limits.maxSurge - newest - others;
  return room <= 0 ? newest : newest + Math.min(room, limits.replicas - newest);
}

/**
 * The next step of a rolling update: the newest ReplicaSet changes, or else the old ones shrink, first where pods are
 * not available anyway. No steps when there is nothing to do, or something to wait for.
 *
 * @param old from the oldest to the youngest
 */
export function rollingStep(limits: Limits, newest: SetSize, old: readonly SetSize[]): Resize[] {
  const others = total(old);
  const to =
    newest.replicas > limits.replicas ? limits.replicas : newestSize(limits, newest.replicas, others);
  if (to !== newest.replicas) return [{ name: newest.name, from: newest.replicas, to }];
  const minAvailable = limits.replicas - limits.maxUnavailable;
  const removable = newest.replicas + others - minAvailable - (newest.replicas - newest.available);
  if (others === 0 || removable <= 0) return [];
  return shrinkOld(old, removable, minAvailable, newest.available);
}

function shrinkOld(
  old: readonly SetSize[],
  removable: number,
  minAvailable: number,
  newestAvailable: number,
): Resize[] {
  let unhealthyLeft = removable;
  let spare = newestAvailable + old.reduce((sum, set) => sum + set.available, 0) - minAvailable;
  const cleaned = old.map((set) => {
    const unhealthy = Math.min(unhealthyLeft, Math.max(0, set.replicas - set.available));
    unhealthyLeft -= unhealthy;
    return set.replicas - unhealthy;
  });
  return old.flatMap((set, i) => {
    const healthy = cleaned[i] ?? set.replicas;
    const surplus = Math.min(healthy, Math.max(0, spare));
    spare -= surplus;
    const to = healthy - surplus;
    return to === set.replicas ? [] : [{ name: set.name, from: set.replicas, to }];
  });
}

/** What {@link proportionalSizes} needs beside the sizes. */
export interface ScaledSet extends SetSize {
  /** The most pods that the Deployment could have when this set was last scaled, if known. */
  readonly maxReplicasBefore: number | undefined;
}

/**
 * Spreads a new size of the Deployment over the ReplicaSets of a rollout under way, each in proportion to its size.
 *
 * @param active those with pods, from the oldest to the youngest
 * @param actual pods that there are, for sets of which nothing else is known
 */
export function proportionalSizes(limits: Limits, active: readonly ScaledSet[], actual: number): Resize[] {
  const allowed = limits.replicas > 0 ? limits.replicas + limits.maxSurge : 0;
  const toAdd = allowed - total(active);
  // The largest first; of equals the youngest when growing, the oldest when shrinking.
  const ordered = (toAdd > 0 ? active.toReversed() : [...active]).sort((a, b) => b.replicas - a.replicas);
  let added = 0;
  const sizes = ordered.map((set) => {
    if (toAdd === 0 || added === toAdd) return set.replicas;
    const fraction = fractionOf(limits, set, actual);
    const share = toAdd > 0 ? Math.min(fraction, toAdd - added) : Math.max(fraction, toAdd - added);
    added += share;
    return set.replicas + share;
  });
  // What rounding left over goes to the largest, or as much of it as that can give up.
  let leftover = toAdd - added;
  for (const [i, size] of sizes.entries()) {
    const next = Math.max(0, size + leftover);
    leftover -= next - size;
    sizes[i] = next;
  }
  return ordered.map((set, i) => ({ name: set.name, from: set.replicas, to: sizes[i] ?? set.replicas }));
}

function fractionOf({ replicas, maxSurge }: Limits, set: ScaledSet, actual: number): number {
  if (replicas === 0) return -set.replicas;
  const before =
    set.maxReplicasBefore === undefined || set.maxReplicasBefore === 0 ? actual : set.maxReplicasBefore;
  if (before === 0) return 0;
  return Math.round((set.replicas * (replicas + maxSurge)) / before) - set.replicas;
}

function total(sets: readonly SetSize[]): number {
  return sets.reduce((sum, { replicas }) => sum + replicas, 0);
}

import type { AttachedCluster } from '../api/attached-cluster.ts';
import { type Fleet, fleetNameLabel } from '../api/fleet.ts';

/** Names of the AttachedClusters of a fleet, in its order, each once. */
export function memberNames(fleet: Fleet): readonly string[] {
  const names = (fleet.spec.clusters ?? []).filter(isAttachedCluster).map(({ name }) => name);
  return [...new Set(names)];
}

/** References that this program does nothing with: clusters of another kind. */
export function unsupportedMembers(fleet: Fleet): readonly string[] {
  return (fleet.spec.clusters ?? [])
    .filter((reference) => !isAttachedCluster(reference))
    .map(({ kind = '', name }) => `${kind} ${name}`);
}

/** A reference without a kind means the one kind that there is. */
function isAttachedCluster({ kind = '' }: { readonly kind?: string | undefined }): boolean {
  return kind === '' || kind === 'AttachedCluster';
}

/** The fleet that a cluster belongs to: the first that claimed it. */
export function fleetOfCluster({ metadata }: AttachedCluster): string | undefined {
  return metadata.labels?.[fleetNameLabel];
}

export function isDeleting({ metadata }: Fleet): boolean {
  return metadata.deletionTimestamp !== undefined;
}

/**
 * What is to be done with the rollout plugin of a fleet on a cluster. A cluster without an owner is about to be claimed
 * again (somebody has taken its label away): nothing is done until then.
 */
export function pluginTask(fleet: Fleet, cluster: AttachedCluster): 'install' | 'remove' | 'leave' {
  const isWanted =
    !isDeleting(fleet) &&
    fleet.spec.plugin?.flagger !== undefined &&
    memberNames(fleet).includes(cluster.metadata.name ?? '');
  if (!isWanted) return 'remove';
  const owner = fleetOfCluster(cluster);
  if (owner === undefined) return 'leave';
  return owner === fleet.metadata.name ? 'install' : 'remove';
}

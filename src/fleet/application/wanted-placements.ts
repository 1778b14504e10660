import type { Application, ApplicationDestination, SyncPolicy } from '../../api/application.ts';
import { policyName } from '../../api/application-validation.ts';
import { sha256 } from '../../base/hash.ts';

/** The object that stands for a cluster: an AttachedCluster, or the host itself. */
export interface ClusterRef {
  readonly kind: 'AttachedCluster' | 'currentCluster';
  readonly name: string;
}

/** Where Applications go that name no fleet. */
export const hostCluster: ClusterRef = { kind: 'currentCluster', name: 'host' };

/** One policy of an Application on one cluster. */
export interface WantedPlacement {
  /** `POLICY-KIND-CLUSTER`: what a Kustomization of Kurator's would be called. */
  readonly name: string;
  readonly policy: string;
  readonly cluster: ClusterRef;
  readonly spec: SyncPolicy;
}

/** Whether a policy goes to a cluster. */
export type IsSelected = (destination: ApplicationDestination | undefined, cluster: ClusterRef) => boolean;

const maxName = 63;

/** Policy by policy, each in the order of the clusters. */
export function wantedPlacements(
  { metadata, spec }: Application,
  clusters: readonly ClusterRef[],
  isSelected: IsSelected,
): readonly WantedPlacement[] {
  return spec.syncPolicies.flatMap((policy, i) => {
    const name = policyName(metadata.name ?? '', spec, i);
    // The destination of a policy replaces that of the Application as a whole.
    const destination = policy.destination ?? spec.destination;
    return clusters
      .filter((cluster) => isSelected(destination, cluster))
      .map((cluster) => ({ name: placementName(name, cluster), policy: name, cluster, spec: policy }));
  });
}

/**
 * Kurator cuts a name that is too long, and no more: two children may become one. Whether they do depends on which
 * clusters there are, so a long name has a hash wherever it goes.
 */
function placementName(policy: string, { kind, name }: ClusterRef): string {
  const full = `${policy}-${kind}-${name}`.toLowerCase();
  if (full.length <= maxName) return full;
  return `${full.slice(0, maxName - 9)}-${sha256(full).slice(0, 8)}`;
}

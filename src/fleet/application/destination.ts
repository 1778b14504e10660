import type { Application } from '../../api/application.ts';
import { fleetOf } from '../../api/application-validation.ts';
import { memberNames } from '../fleet-members.ts';
import type { HostCaches } from '../host-caches.ts';
import { type ClusterRef, hostCluster, type IsSelected } from './wanted-placements.ts';

/** Where an Application may go. */
export interface Destination {
  readonly clusters: readonly ClusterRef[];
  readonly isSelected: IsSelected;
}

/** Why that cannot be told now. What was delivered stays. */
export interface NoDestination {
  readonly reason: 'FleetMissing' | 'FleetDeleting';
  readonly message: string;
}

/** @param isOccupied whether the Application has something on the AttachedCluster of this name */
export function destinationOf(
  { metadata: { namespace }, spec }: Application,
  { fleets, attachedClusters }: HostCaches,
  isOccupied: (cluster: string) => boolean,
): Destination | NoDestination {
  const name = fleetOf(spec);
  if (name === undefined) return { clusters: [hostCluster], isSelected: () => true };
  const fleet = fleets.get({ namespace, name });
  if (fleet === undefined) {
    const message = `there is no Fleet ${name} in namespace ${namespace}. What was delivered stays as it is`;
    return { reason: 'FleetMissing', message };
  }
  if (fleet.metadata.deletionTimestamp !== undefined) {
    const message =
      `Fleet ${name} is being deleted, and this Application goes there. What was delivered stays as it is: ` +
      'delete the Application, or give it another fleet';
    return { reason: 'FleetDeleting', message };
  }
  return {
    clusters: memberNames(fleet).map((cluster) => ({ kind: 'AttachedCluster', name: cluster })),
    isSelected: (destination, cluster) => {
      const wanted = Object.entries(destination?.clusterSelector?.matchLabels ?? {});
      if (wanted.length === 0) return true;
      const object = attachedClusters.get({ namespace, name: cluster.name });
      // Its labels cannot be told: nothing changes there.
      if (object === undefined) return isOccupied(cluster.name);
      const { labels = {} } = object.metadata;
      return wanted.every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value);
    },
  };
}

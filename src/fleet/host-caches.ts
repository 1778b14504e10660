import type { Application } from '../api/application.ts';
import type { AttachedCluster } from '../api/attached-cluster.ts';
import type { Fleet } from '../api/fleet.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { CachedResource } from '../kube/cached-resource.ts';
import { withoutManagedFields, withSpec } from '../kube/projections.ts';
import type { Client, ResourceKind } from '../kube/resource-client.ts';
import { Store } from '../kube/store.ts';
import type { KubeObject } from '../machinery/object.ts';
import { applicationKind, attachedClusterKind, fleetKind, secretKind } from './kinds.ts';

/** Owns what the manager writes on the host. */
export const managerFieldManager = 'viridian-manager';

export interface HostCachesOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Absent = all namespaces. */
  readonly namespace?: string | undefined;
}

/** What the controllers of the host read; each cache runs as long as somebody runs its store. */
export interface HostCaches {
  readonly applications: CachedResource<Application>;
  readonly attachedClusters: CachedResource<AttachedCluster>;
  readonly fleets: CachedResource<Fleet>;
  /** Without their data, which stays on the server until it is needed. */
  readonly secrets: Store<KubeObject>;
}

export function hostCaches({ client, ...options }: HostCachesOptions): HostCaches {
  const cached = <T extends KubeObject & { readonly spec: object }>(
    kind: ResourceKind,
    parts: Partial<T['spec']>,
  ): CachedResource<T> => {
    const requests = client.resource<T>(kind);
    const random = options.random.stream(kind.resource);
    const project = (object: T): T => withSpec(withoutManagedFields(object), parts);
    const store = new Store<T>({ ...options, client: requests, random, project });
    return new CachedResource({ store, client: requests, fieldManager: managerFieldManager });
  };
  return {
    applications: cached<Application>(applicationKind, { source: {}, syncPolicies: [] }),
    attachedClusters: cached<AttachedCluster>(attachedClusterKind, { kubeconfig: { name: '', key: '' } }),
    fleets: cached<Fleet>(fleetKind, {}),
    secrets: new Store<KubeObject>({
      ...options,
      client: client.resource<KubeObject>(secretKind),
      random: options.random.stream('secrets'),
      metadataOnly: true,
      project: withoutManagedFields,
    }),
  };
}

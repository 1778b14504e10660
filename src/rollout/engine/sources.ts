import { mapped, type Source } from '../../kube/sources.ts';
import type { CachedResource } from '../../kube/cached-resource.ts';
import type { KubeObject } from '../../machinery/object.ts';
import type { RolloutCluster } from '../cluster.ts';
import { type CanaryIndex, keyOf } from './canary-index.ts';

/** Whether the target of a Canary uses a ConfigMap or Secret of its namespace. */
export type UsesConfig = (canaryKey: string, kind: 'ConfigMap' | 'Secret', name: string) => boolean;

/** What wakes a Canary: itself, and each object that it has to do with. */
export function rolloutSources(
  cluster: RolloutCluster,
  index: CanaryIndex,
  usesConfig: UsesConfig,
): readonly Source[] {
  const users = <T extends KubeObject>(resource: CachedResource<T>): Source =>
    mapped(resource.store, ({ metadata: { namespace, name = '' } }) =>
      index.usersOf(resource.kind.kind, namespace, name),
    );
  const configs = <T extends KubeObject>(resource: CachedResource<T>, kind: 'ConfigMap' | 'Secret'): Source =>
    mapped(resource.store, ({ metadata: { namespace, name = '' } }) =>
      index.in(namespace).filter((key) => usesConfig(key, kind, name)),
    );
  const quiet = <T extends KubeObject>(resource: CachedResource<T>): Source =>
    mapped(resource.store, () => []);
  const { canaries, virtualServices, destinationRules } = cluster;
  return [
    mapped(canaries.store, (canary) => [keyOf(canary), ...index.sharing(canary)]),
    users(cluster.deployments),
    users(cluster.daemonSets),
    users(cluster.services),
    users(cluster.horizontalPodAutoscalers),
    mapped(cluster.endpointSlices.store, ({ metadata: { namespace, labels = {} } }) =>
      index.usersOf('Service', namespace, labels['kubernetes.io/service-name'] ?? ''),
    ),
    configs(cluster.configMaps, 'ConfigMap'),
    configs(cluster.secrets, 'Secret'),
    ...(virtualServices === undefined ? [] : [users(virtualServices)]),
    ...(destinationRules === undefined ? [] : [users(destinationRules)]),
    // Read when they are needed: what they say matters at the next tick.
    quiet(cluster.metricTemplates),
    quiet(cluster.alertProviders),
  ];
}

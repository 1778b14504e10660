import { mapped, type Source } from '../../kube/sources.ts';
import type { CachedResource } from '../../kube/cached-resource.ts';
import { parseKey } from '../../kube/object-key.ts';
import { asJson, type KubeObject } from '../../machinery/object.ts';
import type { RolloutCluster } from '../cluster.ts';
import { configReferences } from '../targets/config-references.ts';
import { objectAt } from '../targets/fields.ts';
import { type CanaryIndex, keyOf } from './canary-index.ts';

/** What wakes a Canary: itself, and each object that it has to do with. */
export function rolloutSources(cluster: RolloutCluster, index: CanaryIndex): readonly Source[] {
  const configsOf = targetConfigs(cluster);
  const users = <T extends KubeObject>(resource: CachedResource<T>): Source =>
    mapped(resource.store, ({ metadata: { namespace, name = '' } }) =>
      index.usersOf(resource.kind.kind, namespace, name),
    );
  const configs = <T extends KubeObject>(resource: CachedResource<T>): Source =>
    mapped(resource.store, ({ metadata: { namespace, name = '' } }) => {
      const id = `${resource.kind.kind.toLowerCase()}/${name}`;
      return index.in(namespace).filter((key) => configsOf(key).has(id));
    });
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
    configs(cluster.configMaps),
    configs(cluster.secrets),
    ...(virtualServices === undefined ? [] : [users(virtualServices)]),
    ...(destinationRules === undefined ? [] : [users(destinationRules)]),
    // Read when they are needed: what they say matters at the next tick.
    quiet(cluster.metricTemplates),
    quiet(cluster.alertProviders),
  ];
}

const none: ReadonlySet<string> = new Set();

/** The configs that the target of a Canary uses, as `configmap/NAME` and `secret/NAME`. */
function targetConfigs({
  canaries,
  deployments,
  daemonSets,
}: RolloutCluster): (canaryKey: string) => ReadonlySet<string> {
  // Computed once for each state of a target: there may be many Canaries, and many events of configs.
  const known = new WeakMap<KubeObject, ReadonlySet<string>>();
  return (canaryKey) => {
    const canary = canaries.store.get(canaryKey);
    if (canary === undefined) return none;
    const { kind, name } = canary.spec.targetRef;
    const { namespace } = parseKey(canaryKey);
    const target = (kind === 'DaemonSet' ? daemonSets : deployments).get({ namespace, name });
    if (target === undefined) return none;
    const configs =
      known.get(target) ??
      new Set(configReferences(objectAt(asJson(target), 'spec', 'template', 'spec')).keys());
    known.set(target, configs);
    return configs;
  };
}

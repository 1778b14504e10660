import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { AlertProvider } from '../api/alert-provider.ts';
import type { Canary, CanarySpec } from '../api/canary.ts';
import type { MetricTemplate } from '../api/metric-template.ts';
import { CachedResource } from '../kube/cached-resource.ts';
import { withoutManagedFields, withSpec } from '../kube/projections.ts';
import type { Client, ResourceKind } from '../kube/resource-client.ts';
import { Store, type StoreOptions } from '../kube/store.ts';
import type { KubeObject, Unstructured } from '../machinery/object.ts';
import { type Config, configOf } from './targets/config.ts';

/** Owns the fields that the engine sets: on targets and apex Services, what gitops then leaves alone. */
export const agentFieldManager = 'viridian-agent';

export interface RolloutClusterOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Absent = all namespaces. */
  readonly namespace?: string | undefined;
  /** Whether the cluster serves `networking.istio.io`. */
  readonly hasIstio: boolean;
}

/** One cluster as the engine sees it: what it watches, and what it writes through. */
export interface RolloutCluster {
  readonly canaries: CachedResource<Canary>;
  readonly deployments: CachedResource;
  readonly daemonSets: CachedResource;
  readonly services: CachedResource;
  readonly endpointSlices: CachedResource;
  readonly horizontalPodAutoscalers: CachedResource;
  /** Without their data: see {@link configOf}. `read` has it. */
  readonly configMaps: CachedResource<Config>;
  readonly secrets: CachedResource<Config>;
  readonly metricTemplates: CachedResource<MetricTemplate>;
  readonly alertProviders: CachedResource<AlertProvider>;
  readonly virtualServices: CachedResource | undefined;
  readonly destinationRules: CachedResource | undefined;
}

/** Finds EndpointSlices by `NAMESPACE/NAME` of their Service. */
export const byService = 'service';

function serviceOfSlice({ metadata: { namespace, labels } }: Unstructured): readonly string[] {
  const name = labels?.['kubernetes.io/service-name'];
  return name === undefined ? [] : [`${namespace ?? ''}/${name}`];
}

function kind(group: string, version: string, resource: string, name: string): ResourceKind {
  return { group, version, resource, kind: name, namespaced: true };
}

const noTarget = { apiVersion: '', kind: '', name: '' } as unknown as CanarySpec['targetRef'];

/** Flagger's definition lets a Canary pass that has no spec: it is told so as others are whose spec is invalid. */
function wholeCanary(object: Canary): Canary {
  return withSpec(withoutManagedFields(object), { targetRef: noTarget, analysis: {} });
}

/** Prepares the caches of a cluster; each runs as long as somebody runs its store. */
export function rolloutCluster(options: RolloutClusterOptions): RolloutCluster {
  const { client, clock, random, log, namespace, hasIstio } = options;
  const cached = <T extends KubeObject = Unstructured>(
    of: ResourceKind,
    { project, indexes }: Pick<StoreOptions<T>, 'project' | 'indexes'> = {},
  ): CachedResource<T> => {
    const requests = client.resource<T>(of);
    const store = new Store<T>({
      client: requests,
      clock,
      random: random.stream(of.resource),
      log,
      namespace,
      project,
      indexes,
    });
    return new CachedResource({ store, client: requests, fieldManager: agentFieldManager });
  };
  const config = { project: configOf };
  const istio = (resource: string, name: string): CachedResource | undefined =>
    hasIstio ? cached(kind('networking.istio.io', 'v1beta1', resource, name)) : undefined;
  return {
    canaries: cached(kind('flagger.app', 'v1beta1', 'canaries', 'Canary'), { project: wholeCanary }),
    deployments: cached(kind('apps', 'v1', 'deployments', 'Deployment')),
    daemonSets: cached(kind('apps', 'v1', 'daemonsets', 'DaemonSet')),
    services: cached(kind('', 'v1', 'services', 'Service')),
    endpointSlices: cached(kind('discovery.k8s.io', 'v1', 'endpointslices', 'EndpointSlice'), {
      project: withoutManagedFields,
      indexes: { [byService]: serviceOfSlice },
    }),
    horizontalPodAutoscalers: cached(
      kind('autoscaling', 'v2', 'horizontalpodautoscalers', 'HorizontalPodAutoscaler'),
    ),
    configMaps: cached<Config>(kind('', 'v1', 'configmaps', 'ConfigMap'), config),
    secrets: cached<Config>(kind('', 'v1', 'secrets', 'Secret'), config),
    metricTemplates: cached(kind('flagger.app', 'v1beta1', 'metrictemplates', 'MetricTemplate'), {
      project: withoutManagedFields,
    }),
    alertProviders: cached(kind('flagger.app', 'v1beta1', 'alertproviders', 'AlertProvider'), {
      project: withoutManagedFields,
    }),
    virtualServices: istio('virtualservices', 'VirtualService'),
    destinationRules: istio('destinationrules', 'DestinationRule'),
  };
}

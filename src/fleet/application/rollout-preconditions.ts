import type { Rollout } from '../../api/application.ts';
import type { Canary } from '../../api/canary.ts';
import type { CachedResource } from '../../kube/cached-resource.ts';
import type { KubeObject } from '../../machinery/object.ts';
import type { InstalledRollout } from './member-engine.ts';
import { renderMetricTemplates, renderTestLoader, type RolloutPlace } from './render-rollout.ts';
import type { EngineObjects, Surroundings } from './rollout-caches.ts';
import { missingPort, missingService, missingWorkload, notOurs } from './rollout-errors.ts';
import { checkNamespace } from './rollout-namespace.ts';
import { placeOfOwner } from './rollout-ownership.ts';
import { lacksPort, portNumbers } from './target-port.ts';

interface RolloutRoom {
  readonly rollout: Rollout;
  readonly installed: InstalledRollout;
  readonly place: RolloutPlace;
  readonly engine: EngineObjects;
  readonly around: Surroundings;
}

/**
 * Whether a rollout can be installed: what it needs is there, and nothing that it would write is somebody else's.
 *
 * @throws TypedError `NamespaceMissing`, `WorkloadMissing`, `ServiceMissing`, `ServicePortMissing`, `AlreadyOwned`
 */
export function checkRoom({ rollout, installed, place, engine, around }: RolloutRoom): void {
  const { namespace, kind, name, serviceName } = installed;
  checkNamespace(around.namespaces, namespace, place, false);
  const workloads = kind === 'DaemonSet' ? around.daemonSets : around.deployments;
  if (!isThere(workloads, namespace, name)) throw missingWorkload(installed, place.cluster);
  const service = around.services.get({ namespace, name: serviceName });
  if (service === undefined || isLeaving(service)) throw missingService(installed, place.cluster);
  if (lacksPort(rollout, service))
    throw missingPort(installed, rollout.port, portNumbers(service), place.cluster);
  checkCanaries(installed, place, engine.canaries);
  const templates = renderMetricTemplates(rollout, place);
  checkOwner(engine.metricTemplates, templates, place, 'give the metric another name');
  if (rollout.testLoader !== true) return;
  const loader = renderTestLoader(rollout, place);
  const advice = 'delete or rename it, or use the public test loader (testLoader: false)';
  const isService = (object: KubeObject): boolean => object.kind === 'Service';
  checkOwner(around.services, loader.filter(isService), place, advice);
  checkOwner(
    around.deployments,
    loader.filter((object) => !isService(object)),
    place,
    advice,
  );
}

function isThere(resource: CachedResource, namespace: string, name: string): boolean {
  const live = resource.get({ namespace, name });
  return live !== undefined && !isLeaving(live);
}

function isLeaving({ metadata }: KubeObject): boolean {
  return metadata.deletionTimestamp !== undefined;
}

/** One Canary for a workload, and one for a Service. */
function checkCanaries(
  { namespace, kind, name, serviceName }: InstalledRollout,
  place: RolloutPlace,
  canaries: CachedResource<Canary>,
): void {
  for (const canary of canaries.store.list()) {
    if (canary.metadata.namespace !== namespace || placeOfOwner(canary, place) !== undefined) continue;
    const { targetRef, service } = canary.spec;
    const isTarget = targetRef.kind === kind && targetRef.name === name;
    if (canary.metadata.name === name || isTarget) {
      const advice = `${kind} ${namespace}/${name} can have one rollout: take it out of one of the two`;
      throw notOurs(canary, place.cluster, advice);
    }
    if ((service?.name ?? targetRef.name) === serviceName) {
      const advice = `Service ${namespace}/${serviceName} can have one rollout: take it out of one of the two`;
      throw notOurs(canary, place.cluster, advice);
    }
  }
}

function checkOwner(
  resource: CachedResource,
  wanted: readonly KubeObject[],
  place: RolloutPlace,
  advice: string,
): void {
  for (const { metadata } of wanted) {
    const live = resource.get({ namespace: metadata.namespace, name: metadata.name ?? '' });
    if (live !== undefined && placeOfOwner(live, place) === undefined)
      throw notOurs(live, place.cluster, advice);
  }
}

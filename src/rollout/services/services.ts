import type { Canary } from '../../api/canary.ts';
import { isNotFound } from '../../kube/api-error.ts';
import { own, type JsonObject } from '../../machinery/json.ts';
import { asJson, type KubeObject, type Unstructured } from '../../machinery/object.ts';
import { isControlledBy } from '../../machinery/owner-references.ts';
import { byService, type RolloutCluster } from '../cluster.ts';
import type { Services } from '../effects.ts';
import { objectAt, objectsAt } from '../targets/fields.ts';
import { selectorLabelOf, type SelectorLabel } from '../targets/options.ts';
import { replace } from '../targets/writes.ts';
import { reverted } from './apex.ts';
import { apexFields, newService, type ServiceRole, updated } from './service.ts';
import { servicePorts } from './service-ports.ts';

export interface ServicesOptions {
  /** Labels that tell the pods of a target, by preference. Default: app, name, app.kubernetes.io/name. */
  readonly selectorLabels?: readonly string[] | undefined;
}

export function services(cluster: RolloutCluster, options: ServicesOptions): Services {
  return {
    endpoints: (canary) => ({
      primary: readyEndpoints(cluster, canary, 'primary'),
      canary: readyEndpoints(cluster, canary, 'canary'),
      lacksCanary:
        cluster.services.get({ namespace: canary.metadata.namespace, name: `${apexOf(canary)}-canary` }) ===
        undefined,
    }),
    reconcile: (canary, apex, signal) => reconcile(cluster, options, canary, apex, signal),
    revert: (canary, signal) => revert(cluster, options, canary, signal),
  };
}

/** The name of the Service that users call. */
function apexOf({ spec: { service, targetRef } }: Canary): string {
  const name = service?.name ?? '';
  return name === '' ? targetRef.name : name;
}

function targetOf(cluster: RolloutCluster, { metadata, spec }: Canary): KubeObject | undefined {
  const key = { namespace: metadata.namespace, name: spec.targetRef.name };
  return (spec.targetRef.kind === 'DaemonSet' ? cluster.daemonSets : cluster.deployments).get(key);
}

async function reconcile(
  cluster: RolloutCluster,
  options: ServicesOptions,
  canary: Canary,
  apex: boolean,
  signal: AbortSignal,
): Promise<void> {
  const target = targetOf(cluster, canary);
  if (target === undefined || canary.spec.service === undefined) return;
  const selector = selectorLabelOf(asJson(target), options.selectorLabels);
  const ports = servicePorts(canary.spec.service, objectAt(asJson(target), 'spec', 'template', 'spec'));
  await keep(cluster, canary, role(canary, selector, 'canary'), ports, signal);
  await keep(cluster, canary, role(canary, selector, 'primary'), ports, signal);
  if (!apex) return;
  const serving = role(canary, selector, 'apex');
  const live = await keep(cluster, canary, serving, ports, signal);
  await cluster.services.apply(apexFields(live, serving, ports), { signal });
}

function role(
  canary: Canary,
  { label, value }: SelectorLabel,
  of: 'apex' | 'primary' | 'canary',
): ServiceRole {
  const name = of === 'apex' ? apexOf(canary) : `${apexOf(canary)}-${of}`;
  return {
    name,
    label,
    selector: { [label]: of === 'canary' ? value : `${value}-primary` },
    metadata: canary.spec.service?.[of] ?? {},
  };
}

/** @returns the Service as it is now */
async function keep(
  cluster: RolloutCluster,
  canary: Canary,
  wanted: ServiceRole,
  ports: readonly JsonObject[],
  signal: AbortSignal,
): Promise<Unstructured> {
  const { namespace } = canary.metadata;
  const key = { namespace, name: wanted.name };
  const live = cluster.services.get(key);
  if (live === undefined) {
    return cluster.services.create(newService(canary, wanted, ports), { signal });
  }
  const isOwned = isControlledBy(live, canary);
  const next = updated(live, wanted, ports, isOwned ? canary.spec.service?.unmanagedMetadata : 'all');
  await replace(cluster.services, live, next, { signal, ifUnchanged: true });
  return cluster.services.get(key) ?? live;
}

async function revert(
  cluster: RolloutCluster,
  { selectorLabels }: ServicesOptions,
  canary: Canary,
  signal: AbortSignal,
): Promise<void> {
  const live = cluster.services.get({ namespace: canary.metadata.namespace, name: apexOf(canary) });
  // One that was made for this Canary goes with it.
  if (live === undefined || isControlledBy(live, canary)) return;
  const target = targetOf(cluster, canary);
  const patch = reverted(live, target === undefined ? undefined : selectorOf(target, selectorLabels));
  if (patch === undefined) return;
  const { namespace, name = '' } = live.metadata;
  try {
    await cluster.services.patch({ namespace, name }, 'merge', patch, { signal });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

function selectorOf(target: KubeObject, labels: readonly string[] | undefined): JsonObject | undefined {
  try {
    const { label, value } = selectorLabelOf(asJson(target), labels);
    return { [label]: value };
  } catch {
    return undefined;
  }
}

function readyEndpoints(cluster: RolloutCluster, canary: Canary, of: 'primary' | 'canary'): number {
  const { namespace = '' } = canary.metadata;
  const slices = cluster.endpointSlices.store.byIndex(byService, `${namespace}/${apexOf(canary)}-${of}`);
  // In a cluster of two address families there is a slice of each, with the same pods.
  const pods = new Set<unknown>();
  for (const slice of slices) {
    for (const endpoint of objectsAt(asJson(slice), 'endpoints')) {
      // Unknown counts as ready, as for those who route.
      if (own(objectAt(endpoint, 'conditions'), 'ready') === false) continue;
      const { addresses } = endpoint;
      if (!Array.isArray(addresses) || addresses.length === 0) continue;
      pods.add(own(objectAt(endpoint, 'targetRef'), 'uid') ?? addresses[0]);
    }
  }
  return pods.size;
}

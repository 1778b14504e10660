import type { Controller } from '../../../kube/controller.ts';
import { formatKey, parseKey } from '../../../kube/object-key.ts';
import { forObject, forOwner, mapped } from '../../../kube/sources.ts';
import { jsonEqual } from '../../../machinery/json.ts';
import type { KubeObject } from '../../../machinery/object.ts';
import { byController, byNamespace, type ControllerContext } from '../context.ts';
import { type Endpoints, type Pod, type Service, serviceKind } from '../kinds.ts';
import { isTerminating } from '../pods.ts';
import { type EndpointGroup, groupsOf } from './addresses.ts';
import { endpointsLabels, subsetsOf } from './endpoints.ts';
import { managedBy, managedByLabel, reconcileSlices } from './slices.ts';

/** Lists the pods of each Service with a selector: in EndpointSlices, and in Endpoints for those who still read them. */
export function createEndpointSliceController(context: ControllerContext): Controller {
  const { services, pods, endpoints, endpointSlices, nodes } = context;
  const servicesOfPods = mapped(pods.store, (pod) =>
    services.store
      .byIndex(byNamespace, pod.metadata.namespace ?? '')
      .filter((service) => selects(service, pod))
      .map(keyOf),
  );
  return context.controller(
    'endpointslice',
    [
      forObject(services.store),
      servicesOfPods,
      forOwner(endpointSlices.store, serviceKind),
      mapped(endpoints.store, (object) => [keyOf(object)]),
      // For the zones; nobody waits for their changes.
      mapped(nodes.store, () => []),
    ],
    async (key, { signal }) => {
      await Promise.all([endpointSlices.caughtUp(signal), endpoints.caughtUp(signal)]);
      const { namespace, name } = parseKey(key);
      const service = services.get(namespace, name);
      if (service === undefined || isTerminating(service)) {
        await removeEndpoints(context, namespace, name, signal);
        return;
      }
      if (service.spec.type === 'ExternalName' || service.spec.selector === undefined) return;
      const selected = pods.store
        .byIndex(byNamespace, namespace ?? '')
        .filter((pod) => selects(service, pod));
      const groups = groupsOf(service, selected, (node) => nodes.get(undefined, node));
      await syncSlices(context, service, groups, signal);
      await syncEndpoints(context, service, groups, signal);
    },
  );
}

function keyOf({ metadata: { namespace, name = '' } }: KubeObject): string {
  return formatKey({ namespace, name });
}

function selects({ spec }: Service, pod: Pod): boolean {
  const wanted = Object.entries(spec.selector ?? {});
  return wanted.length > 0 && wanted.every(([key, value]) => pod.metadata.labels?.[key] === value);
}

async function syncSlices(
  { endpointSlices }: ControllerContext,
  service: Service,
  groups: readonly EndpointGroup[],
  signal: AbortSignal,
): Promise<void> {
  const existing = endpointSlices.store
    .byIndex(byController, service.metadata.uid ?? '')
    .filter((slice) => slice.metadata.labels?.[managedByLabel] === managedBy && !isTerminating(slice))
    .sort((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1));
  const { create, update, remove } = reconcileSlices(service, groups, existing);
  // First what is new, so that no endpoint is nowhere in between.
  for (const slice of create) await endpointSlices.create(slice, signal);
  for (const slice of update) await endpointSlices.update(slice, signal);
  for (const slice of remove) await endpointSlices.delete(slice, signal);
}

async function syncEndpoints(
  { endpoints }: ControllerContext,
  service: Service,
  groups: readonly EndpointGroup[],
  signal: AbortSignal,
): Promise<void> {
  const { namespace, name = '' } = service.metadata;
  const current = endpoints.get(namespace, name);
  const labels = endpointsLabels(service);
  const subsets = subsetsOf(service, groups);
  if (current === undefined) {
    const metadata = { name, namespace: namespace ?? '', labels };
    const wanted: Endpoints = { apiVersion: 'v1', kind: 'Endpoints', metadata, subsets };
    await endpoints.create(wanted, signal);
    return;
  }
  const isSame = jsonEqual(current.subsets ?? [], subsets) && jsonEqual(current.metadata.labels, labels);
  if (isSame) return;
  await endpoints.update({ ...current, metadata: { ...current.metadata, labels }, subsets }, signal);
}

/** Endpoints have no owner that would take them along. */
async function removeEndpoints(
  { endpoints }: ControllerContext,
  namespace: string | undefined,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  const current = endpoints.get(namespace, name);
  const isOurs = current?.metadata.labels?.['endpoints.kubernetes.io/managed-by'] === 'endpoint-controller';
  if (current !== undefined && isOurs) await endpoints.delete(current, signal);
}

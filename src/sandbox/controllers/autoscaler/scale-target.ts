import type { ResourceClient } from '../../../kube/resource-client.ts';
import { parseApiVersion } from '../../../machinery/group-version-kind.ts';
import { fromObject } from '../../../machinery/label-selector.ts';
import type { KubeObject } from '../../../machinery/object.ts';
import { fieldManager } from '../cached.ts';
import type { ControllerContext } from '../context.ts';
import type { Deployment, ReplicaSet, Scale, StatefulSet } from '../kinds.ts';
import type { Autoscaler } from './autoscaler.ts';

/** What an autoscaler needs to know of its target. */
export interface ScaleTarget {
  readonly replicas: number;
  /** As text; empty where the target has none. */
  readonly selector: string;
  resize(replicas: number, signal: AbortSignal): Promise<void>;
}

type Workload = Deployment | ReplicaSet | StatefulSet;

/**
 * The target of an autoscaler: read from the cache if it is one of the workloads, so that looking costs no request.
 * @throws ApiError when it cannot be had
 */
export async function scaleTargetOf(
  context: ControllerContext,
  { metadata: { namespace = '' }, spec: { scaleTargetRef } }: Autoscaler,
  signal: AbortSignal,
): Promise<ScaleTarget> {
  const { kind, name, apiVersion = 'v1' } = scaleTargetRef;
  const resource = context.options.client.resource<Scale>({
    ...parseApiVersion(apiVersion),
    kind,
    resource: `${kind.toLowerCase()}s`,
    namespaced: true,
  });
  const known = cachedTarget(context, kind, namespace, name);
  if (known !== undefined) {
    const { selector, replicas } = known.spec;
    return { replicas, selector: fromObject(selector).toString(), resize: resizing(resource, known) };
  }
  const scale = await resource.get({ namespace, name }, { subresource: 'scale', signal });
  return {
    replicas: scale.spec?.replicas ?? 0,
    selector: scale.status?.selector ?? '',
    resize: resizing(resource, scale),
  };
}

function cachedTarget(
  { deployments, replicaSets, statefulSets }: ControllerContext,
  kind: string,
  namespace: string,
  name: string,
): Workload | undefined {
  switch (kind) {
    case 'Deployment':
      return deployments.get(namespace, name);
    case 'ReplicaSet':
      return replicaSets.get(namespace, name);
    case 'StatefulSet':
      return statefulSets.get(namespace, name);
    default:
      return undefined;
  }
}

function resizing(resource: ResourceClient<Scale>, { metadata }: KubeObject): ScaleTarget['resize'] {
  const { namespace = '', name = '' } = metadata;
  return async (replicas, signal) => {
    const options = { subresource: 'scale', fieldManager, signal };
    await resource.patch({ namespace, name }, 'merge', { spec: { replicas } }, options);
  };
}

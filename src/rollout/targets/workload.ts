import { InvalidInputError } from '../../base/errors.ts';
import { own, type JsonObject } from '../../machinery/json.ts';
import type { CachedResource } from '../../kube/cached-resource.ts';
import type { RolloutCluster } from '../cluster.ts';
import { fullName, objectAt, pick, textAt } from './fields.ts';

/** What tells Deployments from DaemonSets. */
export interface Workload {
  readonly kind: 'Deployment' | 'DaemonSet';
  resource(cluster: RolloutCluster): CachedResource;
  /** Fields of `spec` that the primary copies, beside the template. */
  readonly copied: readonly string[];
  readonly hasReplicas: boolean;
}

export const deployment: Workload = {
  kind: 'Deployment',
  resource: ({ deployments }) => deployments,
  copied: ['progressDeadlineSeconds', 'minReadySeconds', 'revisionHistoryLimit', 'strategy'],
  hasReplicas: true,
};

export const daemonSet: Workload = {
  kind: 'DaemonSet',
  resource: ({ daemonSets }) => daemonSets,
  copied: ['minReadySeconds', 'revisionHistoryLimit', 'updateStrategy'],
  hasReplicas: false,
};

/** In the node selector of a DaemonSet: no node has it, so there are no pods. */
export const scaleToZero = 'flagger.app/scale-to-zero';

export function nodeSelectorOf(workload: JsonObject): JsonObject {
  return objectAt(workload, 'spec', 'template', 'spec', 'nodeSelector');
}

/** The pod template as the user wrote it: being scaled to zero is no revision. */
export function templateOf({ hasReplicas }: Workload, workload: JsonObject): JsonObject {
  const template = objectAt(workload, 'spec', 'template');
  if (hasReplicas) return template;
  const podSpec = objectAt(template, 'spec');
  const { nodeSelector: _, ...spec } = podSpec;
  const nodeSelector = pick(nodeSelectorOf(workload), (key) => key !== scaleToZero);
  return { ...template, spec: Object.keys(nodeSelector).length === 0 ? spec : { ...spec, nodeSelector } };
}

export function isScaledToZero({ hasReplicas }: Workload, workload: JsonObject): boolean {
  return hasReplicas
    ? own(objectAt(workload, 'spec'), 'replicas') === 0
    : Object.hasOwn(nodeSelectorOf(workload), scaleToZero);
}

/** @throws InvalidInputError for a DaemonSet that only a person may update */
export function checkStrategy({ hasReplicas }: Workload, workload: JsonObject): void {
  const type = textAt(objectAt(workload, 'spec', 'updateStrategy'), 'type') ?? 'RollingUpdate';
  if (hasReplicas || type === 'RollingUpdate') return;
  throw new InvalidInputError(
    `daemonset ${fullName(workload)} must have RollingUpdate strategy but have ${type}`,
  );
}

/** The replicas of a Deployment; the server's default where there are none. */
export function replicasOf(workload: JsonObject): number {
  const replicas = own(objectAt(workload, 'spec'), 'replicas');
  return typeof replicas === 'number' ? replicas : 1;
}

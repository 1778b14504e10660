import type { Canary } from '../../api/canary.ts';
import type { RolloutCluster } from '../cluster.ts';
import type { Target } from '../effects.ts';
import type { TargetOptions } from './options.ts';
import { daemonSet, deployment } from './workload.ts';
import { WorkloadTarget } from './workload-target.ts';

export type { TargetOptions } from './options.ts';

function deploymentTarget(cluster: RolloutCluster, options: TargetOptions): Target {
  return new WorkloadTarget(deployment, cluster, options);
}

function daemonSetTarget(cluster: RolloutCluster, options: TargetOptions): Target {
  return new WorkloadTarget(daemonSet, cluster, options);
}

/** The target of a Canary by its kind; undefined for a kind that is not supported: see {@link unsupportedTarget}. */
export function targets(
  cluster: RolloutCluster,
  options: TargetOptions,
): (canary: Canary) => Target | undefined {
  const deployments = deploymentTarget(cluster, options);
  const daemonSets = daemonSetTarget(cluster, options);
  return ({ spec: { targetRef } }) => {
    if (unsupportedTarget(targetRef) !== undefined) return undefined;
    return targetRef.kind === 'Deployment' ? deployments : daemonSets;
  };
}

/** Why targets of a kind have no implementation; undefined where they have. */
export function unsupportedTarget({
  apiVersion,
  kind,
  name,
}: Canary['spec']['targetRef']): string | undefined {
  const isWorkload = kind === 'Deployment' || kind === 'DaemonSet';
  if (isWorkload && apiVersion === 'apps/v1') return undefined;
  return `spec.targetRef: ${kind} ${name} of ${apiVersion} is not supported: use a Deployment or DaemonSet of apps/v1`;
}

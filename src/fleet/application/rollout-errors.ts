import type { Canary } from '../../api/canary.ts';
import { TypedError } from '../../base/errors.ts';
import type { KubeObject } from '../../machinery/object.ts';
import { pluginLabel, pluginName } from '../plugin/plugin-objects.ts';
import type { InstalledRollout } from './member-engine.ts';
import { ownerOf } from './rollout-ownership.ts';

/** What a rollout needs is not there; its event wakes us. */
export function missingNamespace(name: string, cluster: string, isLeaving: boolean): TypedError {
  const what = isLeaving ? 'is being deleted' : 'is not there';
  return new TypedError(
    `Namespace ${name} ${what} on cluster ${cluster}: the rollout begins when it is there. ` +
      'Apply it, or fix workload.namespace',
    { code: 'NamespaceMissing', next: 'wait' },
  );
}

export function missingWorkload({ namespace, kind, name }: InstalledRollout, cluster: string): TypedError {
  return new TypedError(
    `${kind} ${namespace}/${name} is not there on cluster ${cluster}: there is nothing to roll out. ` +
      'Apply it, or fix workload; traffic is as before',
    { code: 'WorkloadMissing', next: 'wait' },
  );
}

export function missingService({ namespace, serviceName }: InstalledRollout, cluster: string): TypedError {
  return new TypedError(
    `Service ${namespace}/${serviceName} is not there on cluster ${cluster}: the rollout needs the Service that ` +
      'users call. Apply it, or fix serviceName; traffic is as before',
    { code: 'ServiceMissing', next: 'wait' },
  );
}

/** @param ports that the Service has */
export function missingPort(
  { namespace, serviceName }: InstalledRollout,
  port: number,
  ports: readonly string[],
  cluster: string,
): TypedError {
  return new TypedError(
    `Service ${namespace}/${serviceName} has no port ${port} on cluster ${cluster}, and would lose those that it has ` +
      `(${ports.join(', ')}). Fix port or serviceName; traffic is as before`,
    { code: 'ServicePortMissing', next: 'wait' },
  );
}

/** Nobody tells us when that changes. */
export function missingEngine(cluster: string): TypedError {
  return new TypedError(
    `cluster ${cluster} does not serve Canaries (flagger.app/v1beta1): no rollout agent was installed there. ` +
      'Enable it with spec.plugin.flagger of the Fleet, or run viridian agent for the host cluster; ' +
      'traffic is as before',
    { code: 'RolloutEngineMissing', next: 'retry' },
  );
}

export function injectionDisabled(namespace: string, value: string, cluster: string): TypedError {
  return new TypedError(
    `Namespace ${namespace} on cluster ${cluster} has label istio-injection=${value}, and the rollout needs ` +
      `enabled. Change it where it comes from, or: kubectl label namespace ${namespace} istio-injection=enabled ` +
      '--overwrite; traffic is as before',
    { code: 'InjectionDisabled', next: 'wait' },
  );
}

/** @param advice what a person can do about it */
export function notOurs(object: KubeObject, cluster: string, advice: string): TypedError {
  const { namespace = '', name = '' } = object.metadata;
  return new TypedError(
    `${object.kind} ${namespace}/${name} on cluster ${cluster} belongs to ${ownerOf(object)} and is left alone: ` +
      `${advice}; traffic is as before`,
    { code: 'AlreadyOwned', next: 'wait' },
  );
}

const providerNamespaces = new Map([
  ['kuma', 'kuma-system'],
  ['nginx', 'ingress-nginx'],
]);

/** The agent has not given a workload back. What it has done, it goes on with; the next attempt waits for the rest. */
export function notRestored(
  installed: InstalledRollout,
  canary: Canary | undefined,
  cluster: string,
  afterMs: number,
): TypedError {
  const { namespace, kind, name, serviceName, provider } = installed;
  const isAtWork = canary?.status?.phase === 'Terminating';
  const agents = `-n ${providerNamespaces.get(provider) ?? 'istio-system'} get deploy -l ${pluginLabel}=${pluginName}`;
  const why = isAtWork
    ? `the agent waits until ${kind} ${namespace}/${name} is ready to serve. On the member, ` +
      `kubectl -n ${namespace} describe ${kind.toLowerCase()} ${name} tells more`
    : `no agent has answered. Does it run? On the member: kubectl ${agents}`;
  const message =
    `Canary ${namespace}/${name} on cluster ${cluster} has not given its workload back within ` +
    `${afterMs / 1000} s: ${why}. Until then Service ${namespace}/${serviceName} leads to ` +
    `${name}-primary, which keeps serving; this is tried again`;
  return new TypedError(message, { code: 'RolloutNotRestored', next: 'retry' });
}

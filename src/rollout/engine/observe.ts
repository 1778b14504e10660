import { canaryFinalizer, type Canary } from '../../api/canary.ts';
import type { RolloutCluster } from '../cluster.ts';
import type { Router, Services, Target, TargetView } from '../effects.ts';
import type { Answers, Conflict, Memory, Observation, Routes } from '../observation.ts';
import { unsupportedAutoscaler } from '../targets/autoscaler.ts';
import { unsupportedTarget } from '../targets/targets.ts';
import { type CanaryIndex, keyOf } from './canary-index.ts';

/** The parts of the world that have to do with one Canary. */
export interface Parts {
  readonly provider: string;
  /** Undefined for a kind of target that is not supported. */
  readonly target: Target | undefined;
  /** Undefined for a provider that is not supported, and for plain Kubernetes, which has no routes. */
  readonly router: Router | undefined;
}

/** What is seen without asking anybody. */
export interface Sight {
  readonly view: TargetView;
  readonly routes: Routes | undefined;
  /** An older Canary has the same target. */
  readonly isRival: boolean;
  readonly observation: Omit<Observation, 'answers' | 'memory'>;
}

export interface ObserverOptions {
  readonly cluster: RolloutCluster;
  readonly services: Services;
  readonly index: CanaryIndex;
  readonly noCrossNamespaceRefs: boolean;
  /** Milliseconds. */
  readonly minIntervalMs: number;
}

const unseen: TargetView = { target: undefined, primary: undefined };

/** Looks, in the caches alone. @param now milliseconds since the epoch */
export function observe(
  { services, cluster, index, noCrossNamespaceRefs, minIntervalMs }: ObserverOptions,
  { provider, target, router }: Parts,
  canary: Canary,
  now: number,
): Sight {
  const { metadata } = canary;
  const view = target?.observe(canary, now) ?? unseen;
  const routes = router?.observe(canary);
  const rival = olderRival(canary, cluster, index);
  const conflict = rival ?? unsupported(canary, { provider, target, router });
  return {
    view,
    routes,
    isRival: rival !== undefined,
    observation: {
      name: metadata.name ?? '',
      namespace: metadata.namespace ?? '',
      provider,
      noCrossNamespaceRefs,
      minIntervalMs,
      isDeleting: metadata.deletionTimestamp !== undefined,
      hasFinalizer: metadata.finalizers?.includes(canaryFinalizer) === true,
      conflict,
      target: view.target,
      targetError: view.targetError,
      primary: view.primary,
      wantedReplicas: view.wantedReplicas,
      routes,
      endpoints: services.endpoints(canary),
    },
  };
}

export function observation(sight: Sight, answers: Answers, memory: Memory): Observation {
  return { ...sight.observation, answers, memory };
}

/** The older of two Canaries keeps the target; where both are of one second, the first by name. */
function olderRival(
  canary: Canary,
  { canaries }: Pick<RolloutCluster, 'canaries'>,
  index: CanaryIndex,
): Conflict | undefined {
  const age = ({ metadata }: Canary): string => `${metadata.creationTimestamp ?? ''} ${metadata.name ?? ''}`;
  for (const key of index.sharing(canary)) {
    const other = canaries.store.get(key);
    if (other === undefined || key === keyOf(canary) || age(other) > age(canary)) continue;
    const { kind, name } = canary.spec.targetRef;
    const message = `canary ${other.metadata.name ?? ''} has the target ${kind}/${name} already: delete one of the two`;
    return { reason: 'TargetConflict', message };
  }
  return undefined;
}

function unsupported({ spec }: Canary, { provider, target, router }: Parts): Conflict | undefined {
  const message =
    (target === undefined ? unsupportedTarget(spec.targetRef) : undefined) ??
    unsupportedAutoscaler(spec.autoscalerRef) ??
    (router === undefined && provider !== 'kubernetes' ? unsupportedProvider(provider) : undefined);
  return message === undefined ? undefined : { reason: 'Unsupported', message };
}

function unsupportedProvider(provider: string): string {
  return `spec.provider: ${provider} is not supported here: use istio (its kinds must be installed) or kubernetes`;
}

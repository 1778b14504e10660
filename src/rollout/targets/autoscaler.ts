import { InvalidInputError } from '../../base/errors.ts';
import type { Canary } from '../../api/canary.ts';
import type { JsonObject } from '../../machinery/json.ts';
import { asJson, type Unstructured } from '../../machinery/object.ts';
import type { RolloutCluster } from '../cluster.ts';
import { numberAt, objectAt, pick } from './fields.ts';
import { controllerReference, isToolkit } from './options.ts';
import { replace, withLabels } from './writes.ts';

const copied: readonly string[] = ['minReplicas', 'maxReplicas', 'metrics', 'behavior'];

/** Why an autoscaler cannot be used because of its kind. */
export function unsupportedAutoscaler(reference: Canary['spec']['autoscalerRef']): string | undefined {
  if (reference === undefined || reference.kind === 'HorizontalPodAutoscaler') return undefined;
  const { kind, name } = reference;
  return `spec.autoscalerRef: ${kind} ${name} is not supported: use a HorizontalPodAutoscaler`;
}

/**
 * The autoscaler of the target; undefined where the Canary names none.
 * @throws InvalidInputError when it is missing, or of a kind that is not supported
 */
export function autoscalerOf(cluster: RolloutCluster, canary: Canary): Unstructured | undefined {
  const reference = canary.spec.autoscalerRef;
  if (reference === undefined) return undefined;
  const { name } = reference;
  const { namespace } = canary.metadata;
  const unsupported = unsupportedAutoscaler(reference);
  if (unsupported !== undefined) throw new InvalidInputError(unsupported);
  const found = cluster.horizontalPodAutoscalers.get({ namespace, name });
  if (found !== undefined) return found;
  throw new InvalidInputError(
    `HorizontalPodAutoscaler ${name}.${namespace ?? ''} get query error: horizontalpodautoscalers.autoscaling ${JSON.stringify(name)} not found`,
  );
}

/** Replicas that the autoscaler of a primary allows. */
export function limits(
  cluster: RolloutCluster,
  canary: Canary,
): { readonly min: number; readonly max: number } {
  const reference = canary.spec.autoscalerRef;
  const { namespace } = canary.metadata;
  const live =
    reference === undefined
      ? undefined
      : cluster.horizontalPodAutoscalers.get({ namespace, name: reference.name });
  const spec = live === undefined ? {} : objectAt(asJson(live), 'spec');
  const { minReplicas, maxReplicas } = reference?.primaryScalerReplicas ?? {};
  const min = Math.max(1, minReplicas ?? numberAt(spec, 'minReplicas') ?? 1);
  return { min, max: Math.max(min, maxReplicas ?? numberAt(spec, 'maxReplicas') ?? Infinity) };
}

/** Makes the primary's autoscaler, or brings it up to date. @throws as {@link autoscalerOf}, and ApiError */
export async function copyAutoscaler(
  cluster: RolloutCluster,
  canary: Canary,
  signal: AbortSignal,
): Promise<void> {
  const autoscaler = autoscalerOf(cluster, canary);
  if (autoscaler === undefined) return;
  const { namespace = '', name = '', labels = {} } = autoscaler.metadata;
  const key = { namespace, name: `${name}-primary` };
  const resource = cluster.horizontalPodAutoscalers;
  const live = resource.get(key);
  const spec = objectAt(asJson(autoscaler), 'spec');
  const { apiVersion = 'apps/v1', kind = canary.spec.targetRef.kind } = objectAt(spec, 'scaleTargetRef');
  const copy = {
    ...live,
    apiVersion: autoscaler.apiVersion,
    kind: autoscaler.kind,
    metadata: withLabels(
      { ...live?.metadata, ...key, ownerReferences: [controllerReference(canary)] },
      pick(labels, (label) => !isToolkit(label)),
    ),
    spec: {
      ...pick(spec, (field) => copied.includes(field)),
      ...scalerReplicas(canary),
      scaleTargetRef: { apiVersion, kind, name: `${canary.spec.targetRef.name}-primary` },
    },
  };
  if (live === undefined) await resource.create(copy, { signal });
  else await replace(resource, live, asJson(copy), { signal });
}

function scalerReplicas({ spec }: Canary): JsonObject {
  const { minReplicas, maxReplicas } = spec.autoscalerRef?.primaryScalerReplicas ?? {};
  return {
    ...(minReplicas === undefined ? {} : { minReplicas }),
    ...(maxReplicas === undefined ? {} : { maxReplicas }),
  };
}

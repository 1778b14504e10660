import { formatTime } from '../../base/time.ts';
import type { WorkloadCondition } from './kinds.ts';

export function findCondition(
  conditions: readonly WorkloadCondition[] | undefined,
  type: string,
): WorkloadCondition | undefined {
  return conditions?.find((condition) => condition.type === type);
}

export function withoutCondition(
  conditions: readonly WorkloadCondition[],
  type: string,
): readonly WorkloadCondition[] {
  return conditions.filter((condition) => condition.type !== type);
}

/**
 * The conditions of a workload with one set: at the end, unless one with its status and reason is there already, which
 * then stays as it is, message and all. Only the change of its status moves the time of its transition.
 *
 * Source: SetDeploymentCondition of pkg/controller/deployment/util.
 *
 * @param now milliseconds since the Unix epoch
 */
export function withCondition(
  conditions: readonly WorkloadCondition[],
  condition: WorkloadCondition,
  now: number,
): readonly WorkloadCondition[] {
  const current = findCondition(conditions, condition.type);
  if (current?.status === condition.status && current.reason === condition.reason) return conditions;
  const time = formatTime(now);
  const lastTransitionTime = current?.status === condition.status ? current.lastTransitionTime : time;
  return [
    ...withoutCondition(conditions, condition.type),
    { ...condition, lastTransitionTime: condition.lastTransitionTime ?? lastTransitionTime ?? time },
  ];
}

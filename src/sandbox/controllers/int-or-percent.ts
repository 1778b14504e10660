import type { IntOrPercent } from './kinds.ts';

/**
 * A count, or a percentage of `total`.
 * Source: GetScaledValueFromIntOrPercent of k8s.io/apimachinery/pkg/util/intstr.
 */
export function scaledValue(value: IntOrPercent | undefined, total: number, round: 'up' | 'down'): number {
  if (value === undefined) return 0;
  if (typeof value === 'number') return value;
  const percent = /^(\d+)%$/.exec(value)?.[1];
  if (percent === undefined) return 0;
  const exact = (Number(percent) * total) / 100;
  return round === 'up' ? Math.ceil(exact) : Math.floor(exact);
}

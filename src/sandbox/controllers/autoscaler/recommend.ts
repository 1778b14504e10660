import { InvalidInputError } from '../../../base/errors.ts';
import { parseQuantity } from '../../../machinery/quantity.ts';
import type { Pod } from '../kinds.ts';
import { isReady, isTerminating } from '../pods.ts';
import { requestsOf } from '../scheduler/resources.ts';
import type { MetricTarget } from './autoscaler.ts';

// How many replicas a metric calls for: pure.
// Source: pkg/controller/podautoscaler/replica_calculator.go of Kubernetes 1.36.

/**
 * What the containers of a pod use of a resource: thousandths of a core, bytes. Undefined where nobody has measured it
 * (yet).
 */
export type PodUsage = (pod: Pod, resource: 'cpu' | 'memory') => number | undefined;

export interface Recommendation {
  readonly replicas: number;
  /** As it goes into `status.currentMetrics`. */
  readonly current: { readonly averageValue: string; readonly averageUtilization?: number };
}

/** Deviations up to this share of the target change nothing. */
const tolerance = 0.1;

interface Sample {
  used: number;
  readonly requested: number;
}

/**
 * @param replicas that the target has been asked for
 * @throws InvalidInputError where nothing can be said; the message is upstream's
 */
export function recommend(
  resource: 'cpu' | 'memory',
  target: MetricTarget,
  replicas: number,
  pods: readonly Pod[],
  usage: PodUsage,
): Recommendation {
  if (pods.length === 0) throw unknown('no pods returned by selector while calculating replica count');
  const measured: Sample[] = [];
  const missing: Sample[] = [];
  const unready: Sample[] = [];
  const byUtilization = target.averageUtilization !== undefined;
  for (const pod of pods) {
    if (isTerminating(pod) || pod.status?.phase === 'Failed') continue;
    const used = usage(pod, resource);
    const sample = { used: used ?? 0, requested: byUtilization ? requestOf(pod, resource) : 1 };
    if (pod.status?.phase === 'Pending') unready.push(sample);
    else if (used === undefined) missing.push(sample);
    else if (resource === 'cpu' && !isReady(pod)) unready.push(sample);
    else measured.push(sample);
  }
  if (measured.length === 0) {
    throw unknown('did not receive metrics for targeted pods (pods might be unready)');
  }
  const wanted = byUtilization ? (target.averageUtilization ?? 0) : targetValue(resource, target);
  const ratio = ratioOf(measured, wanted, byUtilization);
  const current = currentOf(resource, measured, byUtilization);
  const settled = { replicas, current };
  const isGrowing = ratio > 1 && unready.length > 0;
  if (!isGrowing && missing.length === 0) {
    return isWithinTolerance(ratio) ? settled : { replicas: Math.ceil(ratio * measured.length), current };
  }
  const samples = [...measured, ...assumed(missing, ratio, wanted, byUtilization)];
  // Pods that are not ready yet will take their share.
  if (isGrowing) samples.push(...unready.map(({ requested }) => ({ used: 0, requested })));
  const corrected = ratioOf(samples, wanted, byUtilization);
  const turns = (ratio < 1 && corrected > 1) || (ratio > 1 && corrected < 1);
  if (isWithinTolerance(corrected) || turns) return settled;
  const next = Math.ceil(corrected * samples.length);
  if ((corrected < 1 && next > replicas) || (corrected > 1 && next < replicas)) return settled;
  return { replicas: next, current };
}

/** What nobody has measured counts against the change: as busy when shrinking, as idle when growing. */
function assumed(
  missing: readonly Sample[],
  ratio: number,
  wanted: number,
  byUtilization: boolean,
): Sample[] {
  if (ratio === 1) return [];
  const share = byUtilization ? Math.max(100, wanted) / 100 : wanted;
  return missing.map(({ requested }) => ({ used: ratio < 1 ? requested * share : 0, requested }));
}

function ratioOf(samples: readonly Sample[], wanted: number, byUtilization: boolean): number {
  return (byUtilization ? utilizationOf(samples) : averageOf(samples)) / wanted;
}

function averageOf(samples: readonly Sample[]): number {
  return Math.trunc(samples.reduce((sum, { used }) => sum + used, 0) / samples.length);
}

function utilizationOf(samples: readonly Sample[]): number {
  const used = samples.reduce((sum, sample) => sum + sample.used, 0);
  const requested = samples.reduce((sum, sample) => sum + sample.requested, 0);
  if (requested === 0) throw unknown('no metrics returned matched known pods');
  return Math.trunc((used * 100) / requested);
}

function currentOf(
  resource: 'cpu' | 'memory',
  samples: readonly Sample[],
  byUtilization: boolean,
): Recommendation['current'] {
  const average = averageOf(samples);
  const averageValue = resource === 'cpu' ? parseQuantity(`${average}m`).toString() : String(average);
  return { averageValue, ...(byUtilization && { averageUtilization: utilizationOf(samples) }) };
}

function isWithinTolerance(ratio: number): boolean {
  return Math.abs(1 - ratio) <= tolerance;
}

function targetValue(resource: 'cpu' | 'memory', { averageValue }: MetricTarget): number {
  if (averageValue === undefined) {
    throw unknown(
      'invalid resource metric source: neither an average utilization target nor an average value (usage) target was set',
    );
  }
  const quantity = parseQuantity(averageValue);
  return Number(resource === 'cpu' ? quantity.milliValue() : quantity.value());
}

function requestOf(pod: Pod, resource: 'cpu' | 'memory'): number {
  const request = requestsOf(pod.spec).get(resource) ?? 0;
  if (request > 0) return request;
  const container = pod.spec.containers[0]?.name ?? '';
  throw unknown(
    `missing request for ${resource} in container ${container} of Pod ${pod.metadata.name ?? ''}`,
  );
}

function unknown(message: string): InvalidInputError {
  return new InvalidInputError(message);
}

// The row of a HorizontalPodAutoscaler. Source: pkg/printers/internalversion of Kubernetes 1.36.
import type { Json, JsonObject } from '../../../../machinery/json.ts';
import { countAt, isSet, nameOf, numberAt, objectAt, objectsAt, textAt } from '../fields.ts';
import { age, none } from '../table.ts';

const unknown = '<unknown>';
const fields: Readonly<Record<string, string>> = {
  ContainerResource: 'containerResource',
  External: 'external',
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
};

/** @param object of autoscaling/v2 */
export function autoscalerCells(object: JsonObject, nowMs: number): Json[] {
  const spec = objectAt(object, 'spec');
  const status = objectAt(object, 'status');
  const target = objectAt(spec, 'scaleTargetRef');
  const min = numberAt(spec, 'minReplicas');
  return [
    nameOf(object),
    `${textAt(target, 'kind')}/${textAt(target, 'name')}`,
    metricsText(objectsAt(spec, 'metrics'), objectsAt(status, 'currentMetrics')),
    min === undefined ? '<unset>' : String(min),
    countAt(spec, 'maxReplicas'),
    countAt(status, 'currentReplicas'),
    age(object, nowMs),
  ];
}

function metricsText(metrics: readonly JsonObject[], current: readonly JsonObject[]): string {
  if (metrics.length === 0) return none;
  const texts = metrics.map((metric, i) => metricText(metric, current[i] ?? {}));
  const shown = texts.slice(0, 2).join(', ');
  return texts.length > 2 ? `${shown} + ${texts.length - 2} more...` : shown;
}

function metricText(metric: JsonObject, current: JsonObject): string {
  const type = textAt(metric, 'type');
  const field = Object.entries(fields).find(([name]) => name === type)?.[1];
  if (field === undefined) return '<unknown type>';
  const target = objectAt(metric, field, 'target');
  const now = objectAt(current, field, 'current');
  const name = textAt(objectAt(metric, field), 'name');
  const hasAverage = isSet(target, 'averageValue');
  if (field === 'resource' || field === 'containerResource') {
    if (hasAverage) return `${name}: ${amount(now, 'averageValue')}/${amount(target, 'averageValue')}`;
    return `${name}: ${percent(now, unknown)}/${percent(target, '<auto>')}`;
  }
  if (field === 'pods') return `${amount(now, 'averageValue')}/${amount(target, 'averageValue')}`;
  if (hasAverage) return `${amount(now, 'averageValue')}/${amount(target, 'averageValue')} (avg)`;
  return `${amount(now, 'value')}/${amount(target, 'value')}`;
}

function amount(of: JsonObject, field: string): string {
  return textAt(of, field) || unknown;
}

function percent(of: JsonObject, absent: string): string {
  const value = numberAt(of, 'averageUtilization');
  return value === undefined ? absent : `${value}%`;
}

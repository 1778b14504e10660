// Stored as autoscaling/v2. autoscaling/v1 only knows one metric, the utilization of the CPU; the others, and the
// behavior, stand in annotations there.
import type { JsonObject } from '../../../machinery/json.ts';
import { isObject, jsonClone, own, setOwn } from '../../../machinery/json.ts';
import { autoscalerCells } from './autoscaler/cells.ts';
import { validateAutoscaler } from './autoscaler/validation.ts';
import type { BuiltIn } from './define.ts';
import { defineBuiltIn } from './define.ts';
import {
  ensureObject,
  labelsAt,
  listAt,
  numberAt,
  objectAt,
  objectsAt,
  optionalObject,
  setDefault,
  textAt,
} from './fields.ts';
import { allNonNegative } from './rules.ts';
import { ageColumn, column } from './table.ts';
import { statusPath } from './workload.ts';

const metricsAnnotation = 'autoscaling.alpha.kubernetes.io/metrics';
const behaviorAnnotation = 'autoscaling.alpha.kubernetes.io/behavior';
const defaultUtilization = 80;
const period = 15;

const shared = {
  shortNames: ['hpa'],
  categories: ['all'],
  storageVersion: 'v2',
  status: true,
  columns: [
    column('Reference', 'What is scaled'),
    column('Targets', 'The metrics with what they are and what they should be'),
    column('MinPods', 'The least number of replicas'),
    column('MaxPods', 'The largest number of replicas'),
    column('Replicas', 'The number of replicas now'),
    ageColumn,
  ],
} satisfies Partial<BuiltIn>;

function kind(version: string) {
  return {
    group: 'autoscaling',
    version,
    resource: 'horizontalpodautoscalers',
    kind: 'HorizontalPodAutoscaler',
    namespaced: true,
  };
}

export const horizontalPodAutoscaler = defineBuiltIn({
  ...shared,
  kind: kind('v2'),
  schema: 'io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler',
  setDefaults: (object) => {
    const spec = ensureObject(object, 'spec');
    setDefault(spec, 'minReplicas', 1);
    if (listAt(spec, 'metrics').length === 0) spec['metrics'] = [cpuMetric(defaultUtilization)];
    const behavior = optionalObject(spec, 'behavior');
    if (behavior !== undefined) setBehaviorDefaults(behavior);
  },
  validate: (object, _old, subresource) => validate(object, subresource),
  cells: autoscalerCells,
});

export const horizontalPodAutoscalerV1 = defineBuiltIn({
  ...shared,
  kind: kind('v1'),
  schema: 'io.k8s.api.autoscaling.v1.HorizontalPodAutoscaler',
  conversion: { fromStored: toV1, toStored: fromV1 },
  setDefaults: (object) => {
    const spec = ensureObject(object, 'spec');
    setDefault(spec, 'minReplicas', 1);
    const annotations = labelsAt(objectAt(object, 'metadata'), 'annotations');
    if (own(annotations, metricsAnnotation) === undefined) {
      setDefault(spec, 'targetCPUUtilizationPercentage', defaultUtilization);
    }
  },
  validate: (object, _old, subresource) => validate(fromV1(object), subresource),
  cells: (object, nowMs) => autoscalerCells(fromV1(object), nowMs),
});

function validate(object: JsonObject, subresource: 'status' | undefined) {
  if (subresource === undefined) return validateAutoscaler(objectAt(object, 'spec'));
  return allNonNegative(objectAt(object, 'status'), ['currentReplicas', 'desiredReplicas'], statusPath);
}

function cpuMetric(averageUtilization: number): JsonObject {
  return { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } } };
}

function setBehaviorDefaults(behavior: JsonObject): void {
  const percent = { type: 'Percent', value: 100, periodSeconds: period };
  const up = ensureObject(behavior, 'scaleUp');
  setDefault(up, 'stabilizationWindowSeconds', 0);
  setDefault(up, 'policies', [{ type: 'Pods', value: 4, periodSeconds: period }, { ...percent }]);
  const down = ensureObject(behavior, 'scaleDown');
  setDefault(down, 'policies', [percent]);
  for (const rules of [up, down]) setDefault(rules, 'selectPolicy', 'Max');
}

function isCpuUtilization(metric: JsonObject): boolean {
  const resource = objectAt(metric, 'resource');
  return (
    textAt(resource, 'name') === 'cpu' &&
    numberAt(objectAt(resource, 'target'), 'averageUtilization') !== undefined
  );
}

/** Of `Resource` metrics the one that v1 knows. */
function utilizationAt(metrics: readonly JsonObject[], values: 'current' | 'target'): number | undefined {
  for (const metric of metrics) {
    const resource = objectAt(metric, 'resource');
    const value = numberAt(objectAt(resource, values), 'averageUtilization');
    if (textAt(resource, 'name') === 'cpu' && value !== undefined) return value;
  }
  return undefined;
}

function toV1(stored: JsonObject): JsonObject {
  const object = jsonClone(stored);
  const spec = ensureObject(object, 'spec');
  const metrics = objectsAt(spec, 'metrics');
  const cpu = metrics.findIndex(isCpuUtilization);
  const others = metrics.filter((_metric, i) => i !== cpu);
  const behavior = own(spec, 'behavior');
  const target = utilizationAt(metrics, 'target');
  if (target !== undefined) spec['targetCPUUtilizationPercentage'] = target;
  if (others.length > 0) annotate(object, metricsAnnotation, JSON.stringify(others));
  if (behavior !== undefined) annotate(object, behaviorAnnotation, JSON.stringify(behavior));
  delete spec['metrics'];
  delete spec['behavior'];
  const status = optionalObject(object, 'status');
  if (status === undefined) return object;
  const current = utilizationAt(objectsAt(status, 'currentMetrics'), 'current');
  if (current !== undefined) status['currentCPUUtilizationPercentage'] = current;
  setDefault(status, 'currentReplicas', 0);
  delete status['currentMetrics'];
  delete status['conditions'];
  return object;
}

function annotate(object: JsonObject, name: string, value: string): void {
  setOwn(ensureObject(object, 'metadata', 'annotations'), name, value);
}

function fromV1(object: JsonObject): JsonObject {
  const stored = jsonClone(object);
  const spec = ensureObject(stored, 'spec');
  const target = numberAt(spec, 'targetCPUUtilizationPercentage');
  const others = takeAnnotation(stored, metricsAnnotation);
  const behavior = takeAnnotation(stored, behaviorAnnotation);
  const metrics = target === undefined ? [] : [cpuMetric(target)];
  if (Array.isArray(others)) metrics.push(...others.filter(isObject));
  delete spec['targetCPUUtilizationPercentage'];
  if (metrics.length > 0) spec['metrics'] = metrics;
  if (isObject(behavior)) spec['behavior'] = behavior;
  const status = optionalObject(stored, 'status');
  if (status === undefined) return stored;
  const current = numberAt(status, 'currentCPUUtilizationPercentage');
  delete status['currentCPUUtilizationPercentage'];
  if (current !== undefined) {
    const resource = { name: 'cpu', current: { averageUtilization: current } };
    status['currentMetrics'] = [{ type: 'Resource', resource }];
  }
  return stored;
}

/** The JSON in an annotation, which is removed; undefined where it is none. */
function takeAnnotation(object: JsonObject, name: string): unknown {
  const metadata = ensureObject(object, 'metadata');
  const annotations = optionalObject(metadata, 'annotations');
  const text = annotations === undefined ? undefined : own(annotations, name);
  if (annotations === undefined || typeof text !== 'string') return undefined;
  try {
    const value: unknown = JSON.parse(text);
    delete annotations[name];
    if (Object.keys(annotations).length === 0) delete metadata['annotations'];
    return value;
  } catch {
    return undefined;
  }
}

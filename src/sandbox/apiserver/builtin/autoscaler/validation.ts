// Source: pkg/apis/autoscaling/validation of Kubernetes 1.36, in terms of autoscaling/v2.
import type { FieldError } from '../../../../machinery/field-errors.ts';
import {
  FieldPath,
  forbidden,
  invalidValue,
  requiredValue,
  unsupportedValue,
} from '../../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../../machinery/json.ts';
import { validatePathSegmentName } from '../../../../machinery/names.ts';
import { countAt, isSet, listAt, numberAt, objectAt, objectsAt, optionalObject, textAt } from '../fields.ts';
import { invalid, oneOf, quantityAt } from '../rules.ts';

const path = new FieldPath('spec');
const mostSeconds = 3600;
/** Type of a metric → the field that describes it. */
const sources: Readonly<Record<string, string>> = {
  ContainerResource: 'containerResource',
  External: 'external',
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
};
/** In the order in which upstream looks. */
const sourceFields = ['object', 'external', 'pods', 'resource', 'containerResource'];

export function validateAutoscaler(spec: JsonObject): FieldError[] {
  const min = numberAt(spec, 'minReplicas');
  const max = countAt(spec, 'maxReplicas');
  const errors: FieldError[] = [];
  if (min !== undefined && min < 1) {
    errors.push(invalidValue(path.child('minReplicas'), min, 'must be greater than or equal to 1'));
  }
  const at = path.child('maxReplicas');
  if (max === 0) errors.push(requiredValue(at, 'must be set and greater than 0'));
  if (max < 0) errors.push(invalidValue(at, max, 'must be greater than or equal to 1'));
  if (min !== undefined && max < min) {
    errors.push(invalidValue(at, max, 'must be greater than or equal to `minReplicas`'));
  }
  const behavior = objectAt(spec, 'behavior');
  return [
    ...errors,
    ...validateReference(objectAt(spec, 'scaleTargetRef'), path.child('scaleTargetRef')),
    ...objectsAt(spec, 'metrics').flatMap((metric, i) =>
      validateMetric(metric, path.child('metrics').index(i)),
    ),
    ...['scaleUp', 'scaleDown'].flatMap((direction) => {
      const rules = optionalObject(behavior, direction);
      return rules === undefined ? [] : validateRules(rules, path.child('behavior', direction));
    }),
  ];
}

function validateReference(reference: JsonObject, at: FieldPath): FieldError[] {
  const errors = ['kind', 'name'].flatMap((field) => {
    const value = textAt(reference, field);
    if (value === '') return [requiredValue(at.child(field))];
    return invalid(at.child(field), value, validatePathSegmentName(value));
  });
  const apiVersion = textAt(reference, 'apiVersion');
  if (apiVersion.split('/').length > 2) {
    const message = `unexpected GroupVersion string: ${apiVersion}`;
    errors.push(invalidValue(at.child('apiVersion'), apiVersion, message));
  }
  return errors;
}

function validateMetric(metric: JsonObject, at: FieldPath): FieldError[] {
  const type = textAt(metric, 'type');
  const types = Object.keys(sources);
  const errors: FieldError[] = [];
  if (type === '') errors.push(requiredValue(at.child('type'), 'must specify a metric source type'));
  if (!types.includes(type)) errors.push(unsupportedValue(at.child('type'), type, types));
  const present = sourceFields.filter((field) => isSet(metric, field));
  const [first] = present;
  if (first !== undefined) errors.push(...validateSource(first, objectAt(metric, first), at.child(first)));
  const expected = Object.entries(sources).find(([name]) => name === type)?.[1];
  if (expected === undefined) return errors;
  if (!isSet(metric, expected)) {
    errors.push(requiredValue(at.child(expected), 'must populate information for the given metric source'));
  }
  if (present.length > 1) {
    const others = present.filter((field) => field !== expected);
    const message = 'must populate the given metric source only';
    errors.push(...others.map((field) => forbidden(at.child(field), message)));
  }
  return errors;
}

function validateSource(field: string, source: JsonObject, at: FieldPath): FieldError[] {
  const target = objectAt(source, 'target');
  const targetAt = at.child('target');
  const errors: FieldError[] = [];
  if (field === 'object')
    errors.push(...validateReference(objectAt(source, 'describedObject'), at.child('describedObject')));
  if (field === 'resource' || field === 'containerResource') {
    if (textAt(source, 'name') === '')
      errors.push(requiredValue(at.child('name'), 'must specify a resource name'));
    if (field === 'containerResource' && textAt(source, 'container') === '') {
      errors.push(requiredValue(at.child('container'), 'must specify a container'));
    }
  } else {
    const name = textAt(objectAt(source, 'metric'), 'name');
    const nameAt = at.child('metric', 'name');
    if (name === '') errors.push(requiredValue(nameAt, 'must specify a metric name'));
    else errors.push(...invalid(nameAt, name, validatePathSegmentName(name)));
  }
  return [...errors, ...validateTarget(target, targetAt), ...validateTargetValues(field, target, targetAt)];
}

function validateTarget(target: JsonObject, at: FieldPath): FieldError[] {
  const type = textAt(target, 'type');
  const errors: FieldError[] = [];
  if (type === '') errors.push(requiredValue(at.child('type'), 'must specify a metric target type'));
  if (!['Utilization', 'Value', 'AverageValue'].includes(type)) {
    errors.push(invalidValue(at.child('type'), type, 'must be either Utilization, Value, or AverageValue'));
  }
  for (const field of ['value', 'averageValue']) {
    const amount = quantityAt(target, field);
    if (amount !== undefined && amount.milliValue() <= 0n) {
      errors.push(invalidValue(at.child(field), amount.toString(), 'must be positive'));
    }
  }
  const utilization = numberAt(target, 'averageUtilization');
  if (utilization !== undefined && utilization < 1) {
    errors.push(invalidValue(at.child('averageUtilization'), utilization, 'must be greater than 0'));
  }
  return errors;
}

function validateTargetValues(field: string, target: JsonObject, at: FieldPath): FieldError[] {
  const [value, average, utilization] = ['value', 'averageValue', 'averageUtilization'].map((name) =>
    isSet(target, name),
  );
  const averageAt = at.child('averageValue');
  switch (field) {
    case 'object':
      return value || average
        ? []
        : [requiredValue(averageAt, 'must set either a target value or averageValue')];
    case 'external':
      if (value && average) {
        const message = 'may not set both a target value for metric and a per-pod target';
        return [forbidden(at.child('value'), message)];
      }
      return value || average
        ? []
        : [requiredValue(averageAt, 'must set either a target value for metric or a per-pod target')];
    case 'pods':
      return average ? [] : [requiredValue(averageAt, 'must specify a positive target averageValue')];
    default:
      if (utilization && average) {
        return [forbidden(averageAt, 'may not set both a target raw value and a target utilization')];
      }
      return utilization || average
        ? []
        : [
            requiredValue(
              at.child('averageUtilization'),
              'must set either a target raw value or a target utilization',
            ),
          ];
  }
}

function validateRules(rules: JsonObject, at: FieldPath): FieldError[] {
  const window = numberAt(rules, 'stabilizationWindowSeconds');
  const windowAt = at.child('stabilizationWindowSeconds');
  const errors: FieldError[] = [];
  if (window !== undefined && window < 0) {
    errors.push(invalidValue(windowAt, window, 'must be greater than or equal to zero'));
  }
  if (window !== undefined && window > mostSeconds) {
    errors.push(invalidValue(windowAt, window, `must be less than or equal to ${mostSeconds}`));
  }
  errors.push(...oneOf(rules, 'selectPolicy', ['Disabled', 'Max', 'Min'], at));
  if (listAt(rules, 'policies').length === 0) {
    errors.push(requiredValue(at.child('policies'), 'must specify at least one Policy'));
  }
  return [
    ...errors,
    ...objectsAt(rules, 'policies').flatMap((policy, i) =>
      validatePolicy(policy, at.child('policies').index(i)),
    ),
  ];
}

function validatePolicy(policy: JsonObject, at: FieldPath): FieldError[] {
  const type = textAt(policy, 'type');
  const types = ['Percent', 'Pods'];
  const seconds = countAt(policy, 'periodSeconds');
  const errors = types.includes(type) ? [] : [unsupportedValue(at.child('type'), type, types)];
  for (const field of ['value', 'periodSeconds']) {
    const value = countAt(policy, field);
    if (value <= 0) errors.push(invalidValue(at.child(field), value, 'must be greater than zero'));
  }
  if (seconds > 1800) {
    errors.push(invalidValue(at.child('periodSeconds'), seconds, 'must be less than or equal to 1800'));
  }
  return errors;
}

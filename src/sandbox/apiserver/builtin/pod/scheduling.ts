// Where pods may run. Source: pkg/apis/core/validation of Kubernetes 1.36.
import type { FieldError, FieldPath } from '../../../../machinery/field-errors.ts';
import {
  duplicateValue,
  forbidden,
  invalidValue,
  requiredValue,
  unsupportedValue,
} from '../../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../../machinery/json.ts';
import {
  validateDns1123Label,
  validateDns1123Subdomain,
  validateLabelValue,
} from '../../../../machinery/names.ts';
import { countAt, isSet, numberAt, objectAt, objectsAt, optionalObject, textAt, textsAt } from '../fields.ts';
import { invalid, oneOf, qualifiedName, required, requiredOneOf, selectorErrors } from '../rules.ts';

const requiredTerms = 'requiredDuringSchedulingIgnoredDuringExecution';
const preferredTerms = 'preferredDuringSchedulingIgnoredDuringExecution';
const effects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

export function validateScheduling(spec: JsonObject, path: FieldPath): FieldError[] {
  return [
    ...validateAffinity(objectAt(spec, 'affinity'), path.child('affinity')),
    ...objectsAt(spec, 'topologySpreadConstraints').flatMap((constraint, i, all) =>
      validateSpread(constraint, all.slice(i + 1), path.child('topologySpreadConstraints').index(i)),
    ),
    ...validateTolerations(spec, path.child('tolerations')),
  ];
}

function validateTolerations(spec: JsonObject, path: FieldPath): FieldError[] {
  return objectsAt(spec, 'tolerations').flatMap((toleration, i) => {
    const at = path.index(i);
    const key = textAt(toleration, 'key');
    const operator = textAt(toleration, 'operator');
    const errors = key === '' ? [] : qualifiedName(key, at.child('key'));
    if (key === '' && operator !== 'Exists') {
      const message =
        'operator must be Exists when `key` is empty, which means "match all values and all keys"';
      errors.push(invalidValue(at.child('operator'), operator, message));
    }
    if (isSet(toleration, 'tolerationSeconds') && textAt(toleration, 'effect') !== 'NoExecute') {
      const message = "effect must be 'NoExecute' when `tolerationSeconds` is set";
      errors.push(invalidValue(at.child('effect'), textAt(toleration, 'effect'), message));
    }
    errors.push(...validateTolerationValue(toleration, operator, at));
    if (textAt(toleration, 'effect') !== '') errors.push(...oneOf(toleration, 'effect', effects, at));
    return errors;
  });
}

function validateTolerationValue(toleration: JsonObject, operator: string, path: FieldPath): FieldError[] {
  const value = textAt(toleration, 'value');
  const at = path.child('operator');
  if (operator === 'Equal' || operator === '') {
    const problems = validateLabelValue(value);
    return problems.length === 0 ? [] : [invalidValue(at, value, problems.join(';'))];
  }
  if (operator === 'Exists') {
    return value === '' ? [] : [invalidValue(at, value, "value must be empty when `operator` is 'Exists'")];
  }
  // Whether Lt and Gt are known is a matter of a feature gate, which is off.
  const known =
    operator === 'Lt' || operator === 'Gt' ? ['Equal', 'Exists', 'Lt', 'Gt'] : ['Equal', 'Exists'];
  return [unsupportedValue(at, operator, known)];
}

/** Of a node: unique by key and effect. */
export function validateTaints(spec: JsonObject, path: FieldPath): FieldError[] {
  const seen = new Set<string>();
  return objectsAt(spec, 'taints').flatMap((taint, i) => {
    const at = path.index(i);
    const value = textAt(taint, 'value');
    const problems = validateLabelValue(value);
    const errors = [
      ...qualifiedName(textAt(taint, 'key'), at.child('key')),
      ...(problems.length === 0 ? [] : [invalidValue(at.child('value'), value, problems.join(';'))]),
      ...requiredOneOf(taint, 'effect', effects, at),
    ];
    const id = `${textAt(taint, 'key')}\n${textAt(taint, 'effect')}`;
    if (seen.has(id)) {
      errors.push({ ...duplicateValue(at, taint), detail: 'taints must be unique by key and effect pair' });
    }
    seen.add(id);
    return errors;
  });
}

function validateAffinity(affinity: JsonObject, path: FieldPath): FieldError[] {
  const node = objectAt(affinity, 'nodeAffinity');
  const nodeAt = path.child('nodeAffinity');
  const requiredNode = optionalObject(node, requiredTerms);
  return [
    ...(requiredNode === undefined ? [] : validateNodeSelector(requiredNode, nodeAt.child(requiredTerms))),
    ...objectsAt(node, preferredTerms).flatMap((term, i) => {
      const at = nodeAt.child(preferredTerms).index(i);
      return [
        ...validateWeight(term, at),
        ...validateNodeTerm(objectAt(term, 'preference'), at.child('preference')),
      ];
    }),
    ...['podAffinity', 'podAntiAffinity'].flatMap((kind) =>
      validatePodAffinity(objectAt(affinity, kind), path.child(kind)),
    ),
  ];
}

function validateWeight(term: JsonObject, path: FieldPath): FieldError[] {
  const weight = countAt(term, 'weight');
  return weight >= 1 && weight <= 100
    ? []
    : [invalidValue(path.child('weight'), weight, 'must be in the range 1-100')];
}

/** The nodes of a volume or an affinity. */
export function validateNodeSelector(selector: JsonObject, path: FieldPath): FieldError[] {
  const at = path.child('nodeSelectorTerms');
  const terms = objectsAt(selector, 'nodeSelectorTerms');
  if (terms.length === 0) return [requiredValue(at, 'must have at least one node selector term')];
  return terms.flatMap((term, i) => validateNodeTerm(term, at.index(i)));
}

function validateNodeTerm(term: JsonObject, path: FieldPath): FieldError[] {
  return [
    ...objectsAt(term, 'matchExpressions').flatMap((requirement, i) =>
      validateNodeRequirement(requirement, path.child('matchExpressions').index(i)),
    ),
    ...objectsAt(term, 'matchFields').flatMap((requirement, i) =>
      validateNodeField(requirement, path.child('matchFields').index(i)),
    ),
  ];
}

function validateNodeRequirement(requirement: JsonObject, path: FieldPath): FieldError[] {
  const values = textsAt(requirement, 'values');
  const operator = textAt(requirement, 'operator');
  const errors: FieldError[] = [];
  const at = path.child('values');
  if (operator === 'In' || operator === 'NotIn') {
    if (values.length === 0)
      errors.push(requiredValue(at, "must be specified when `operator` is 'In' or 'NotIn'"));
  } else if (operator === 'Exists' || operator === 'DoesNotExist') {
    const message = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
    if (values.length > 0) errors.push(forbidden(at, message));
  } else if (operator === 'Gt' || operator === 'Lt') {
    const message = "must be specified single value when `operator` is 'Lt' or 'Gt'";
    if (values.length !== 1) errors.push(requiredValue(at, message));
  } else {
    errors.push(invalidValue(path.child('operator'), operator, 'not a valid selector operator'));
  }
  errors.push(...qualifiedName(textAt(requirement, 'key'), path.child('key')));
  return [...errors, ...values.flatMap((value, i) => invalid(at.index(i), value, validateLabelValue(value)))];
}

function validateNodeField(requirement: JsonObject, path: FieldPath): FieldError[] {
  const values = textsAt(requirement, 'values');
  const operator = textAt(requirement, 'operator');
  const errors: FieldError[] = [];
  if (operator !== 'In' && operator !== 'NotIn') {
    errors.push(invalidValue(path.child('operator'), operator, 'not a valid selector operator'));
  } else if (values.length !== 1) {
    const message = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
    errors.push(requiredValue(path.child('values'), message));
  }
  const key = textAt(requirement, 'key');
  if (key !== 'metadata.name') {
    return [...errors, invalidValue(path.child('key'), key, 'not a valid field selector key')];
  }
  const at = path.child('values');
  return [
    ...errors,
    ...values.flatMap((value, i) => invalid(at.index(i), value, validateDns1123Subdomain(value))),
  ];
}

function validatePodAffinity(affinity: JsonObject, path: FieldPath): FieldError[] {
  return [
    ...objectsAt(affinity, requiredTerms).flatMap((term, i) =>
      validatePodTerm(term, path.child(requiredTerms).index(i)),
    ),
    ...objectsAt(affinity, preferredTerms).flatMap((weighted, i) => {
      const at = path.child(preferredTerms).index(i);
      return [
        ...validateWeight(weighted, at),
        ...validatePodTerm(objectAt(weighted, 'podAffinityTerm'), at.child('podAffinityTerm')),
      ];
    }),
  ];
}

function validatePodTerm(term: JsonObject, path: FieldPath): FieldError[] {
  const key = textAt(term, 'topologyKey');
  const at = path.child('topologyKey');
  return [
    ...selectorErrors(term, 'labelSelector', path),
    ...selectorErrors(term, 'namespaceSelector', path),
    ...textsAt(term, 'namespaces').flatMap((name) =>
      invalid(path.child('namespace'), name, validateDns1123Label(name)),
    ),
    ...(key === '' ? [requiredValue(at, 'can not be empty')] : []),
    ...qualifiedName(key, at),
  ];
}

function validateSpread(constraint: JsonObject, later: readonly JsonObject[], path: FieldPath): FieldError[] {
  const topologyKey = textAt(constraint, 'topologyKey');
  const action = textAt(constraint, 'whenUnsatisfiable');
  const errors = positive(constraint, 'maxSkew', path);
  if (topologyKey === '') errors.push(requiredValue(path.child('topologyKey'), 'can not be empty'));
  errors.push(...oneOf(constraint, 'whenUnsatisfiable', ['DoNotSchedule', 'ScheduleAnyway'], path));
  const repeats = later.some(
    (other) => textAt(other, 'topologyKey') === topologyKey && textAt(other, 'whenUnsatisfiable') === action,
  );
  if (repeats) {
    const at = path.child('{topologyKey, whenUnsatisfiable}');
    errors.push(duplicateValue(at, `{${topologyKey}, ${action}}`));
  }
  if (isSet(constraint, 'minDomains')) {
    errors.push(...positive(constraint, 'minDomains', path));
    if (action !== 'DoNotSchedule') {
      const message = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${action}`;
      errors.push(
        invalidValue(path.child('minDomains'), numberAt(constraint, 'minDomains') ?? null, message),
      );
    }
  }
  for (const field of ['nodeAffinityPolicy', 'nodeTaintsPolicy']) {
    errors.push(...oneOf(constraint, field, ['Honor', 'Ignore'], path));
  }
  return [...errors, ...selectorErrors(constraint, 'labelSelector', path)];
}

function positive(object: JsonObject, field: string, path: FieldPath): FieldError[] {
  const value = countAt(object, field);
  return value > 0 ? [] : [invalidValue(path.child(field), value, 'must be greater than zero')];
}

/** Conditions that a pod waits for, by name. */
export function validateGates(spec: JsonObject, path: FieldPath): FieldError[] {
  const seen = new Set<string>();
  return [
    ...objectsAt(spec, 'readinessGates').flatMap((gate, i) => {
      const at = path.child('readinessGates').index(i);
      return qualifiedName(textAt(gate, 'conditionType'), at.child('conditionType'));
    }),
    ...objectsAt(spec, 'schedulingGates').flatMap((gate, i) => {
      const at = path.child('schedulingGates').index(i);
      const name = textAt(gate, 'name');
      const errors = [...qualifiedName(name, at), ...(seen.has(name) ? [duplicateValue(at, name)] : [])];
      seen.add(name);
      return errors;
    }),
  ];
}

/** Extra lines of `/etc/hosts`. */
export function validateHostAliases(spec: JsonObject, path: FieldPath): FieldError[] {
  return objectsAt(spec, 'hostAliases').flatMap((alias, i) => [
    ...required(alias, 'ip', path.index(i)),
    ...textsAt(alias, 'hostnames').flatMap((name) =>
      invalid(path.index(i).child('hostnames'), name, validateDns1123Subdomain(name)),
    ),
  ]);
}

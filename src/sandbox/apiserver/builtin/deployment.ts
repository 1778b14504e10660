import type { FieldError } from '../../../machinery/field-errors.ts';
import { forbidden, invalidValue, requiredValue, unsupportedValue } from '../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../machinery/json.ts';
import { own } from '../../../machinery/json.ts';
import { defineBuiltIn } from './define.ts';
import {
  countAt,
  ensureObject,
  nameOf,
  numberAt,
  objectAt,
  optionalObject,
  setDefault,
  setDefaultOfZero,
  textAt,
} from './fields.ts';
import { setPodTemplateDefaults } from './pod/defaults.ts';
import { podOwnerWarnings, workloadWarnings } from './pod/warnings.ts';
import { allNonNegative, atMost100Percent, immutable, intOrPercent, intOrPercentValue } from './rules.ts';
import { age, ageColumn, column } from './table.ts';
import {
  replicasScale,
  specPath,
  validateCollisions,
  validateCounts,
  validateSelected,
  workloadCells,
  workloadColumns,
} from './workload.ts';

const strategyPath = specPath.child('strategy');

export const deployment = defineBuiltIn({
  kind: { group: 'apps', version: 'v1', resource: 'deployments', kind: 'Deployment', namespaced: true },
  schema: 'io.k8s.api.apps.v1.Deployment',
  shortNames: ['deploy'],
  categories: ['all'],
  status: true,
  scale: replicasScale,
  generation: 'specAndAnnotations',
  setDefaults: (object) => {
    const spec = ensureObject(object, 'spec');
    setDefault(spec, 'replicas', 1);
    setStrategyDefaults(ensureObject(spec, 'strategy'));
    setDefault(spec, 'revisionHistoryLimit', 10);
    setDefault(spec, 'progressDeadlineSeconds', 600);
    setPodTemplateDefaults(ensureObject(spec, 'template'));
  },
  warnings: (object, old) => [...podOwnerWarnings(object, old), ...workloadWarnings(object, old)],
  validate: (object, old, subresource) => {
    if (old !== undefined && subresource === 'status') return validateStatus(object, old);
    const spec = objectAt(object, 'spec');
    const errors = validateSpec(spec);
    if (old === undefined) return errors;
    const before = own(objectAt(old, 'spec'), 'selector');
    return [...errors, ...immutable(own(spec, 'selector'), before, specPath.child('selector'))];
  },
  columns: [
    column('Ready', 'Number of the pod with ready state'),
    column('Up-to-date', 'Number of pods that are made from the current template'),
    column('Available', 'Number of pods that have been ready for at least minReadySeconds'),
    ageColumn,
    ...workloadColumns,
  ],
  cells: (object, nowMs) => {
    const spec = objectAt(object, 'spec');
    const status = objectAt(object, 'status');
    return [
      nameOf(object),
      `${countAt(status, 'readyReplicas')}/${countAt(spec, 'replicas')}`,
      countAt(status, 'updatedReplicas'),
      countAt(status, 'availableReplicas'),
      age(object, nowMs),
      ...workloadCells(spec),
    ];
  },
});

function setStrategyDefaults(strategy: JsonObject): void {
  setDefaultOfZero(strategy, 'type', 'RollingUpdate');
  if (own(strategy, 'type') !== 'RollingUpdate') return;
  const rollingUpdate = ensureObject(strategy, 'rollingUpdate');
  setDefault(rollingUpdate, 'maxUnavailable', '25%');
  setDefault(rollingUpdate, 'maxSurge', '25%');
}

function validateSpec(spec: JsonObject): FieldError[] {
  const deadline = numberAt(spec, 'progressDeadlineSeconds');
  const errors = [
    ...allNonNegative(spec, ['replicas'], specPath),
    ...validateSelected(spec, {
      // Upstream checks the template as that of the ReplicaSet that it will become.
      owner: 'ReplicaSet',
      called: 'deployment',
      broken: 'invalid label selector',
    }),
    ...validateStrategy(objectAt(spec, 'strategy')),
    ...allNonNegative(spec, ['minReadySeconds', 'revisionHistoryLimit', 'progressDeadlineSeconds'], specPath),
  ];
  if (deadline !== undefined && deadline <= countAt(spec, 'minReadySeconds')) {
    const at = specPath.child('progressDeadlineSeconds');
    errors.push(invalidValue(at, deadline, 'must be greater than minReadySeconds'));
  }
  return errors;
}

function validateStrategy(strategy: JsonObject): FieldError[] {
  const rollingUpdate = optionalObject(strategy, 'rollingUpdate');
  const at = strategyPath.child('rollingUpdate');
  switch (textAt(strategy, 'type')) {
    case 'Recreate':
      return rollingUpdate === undefined
        ? []
        : [forbidden(at, "may not be specified when strategy `type` is 'Recreate'")];
    case 'RollingUpdate':
      return rollingUpdate === undefined
        ? [requiredValue(at, 'this should be defaulted and never be nil')]
        : validateRollingUpdate(rollingUpdate);
    default: {
      // The fields as Go's internal type has them: that is what upstream shows.
      const shown = { Type: textAt(strategy, 'type'), RollingUpdate: rollingUpdate ?? null };
      return [unsupportedValue(strategyPath, shown, ['Recreate', 'RollingUpdate'])];
    }
  }
}

function validateRollingUpdate(rollingUpdate: JsonObject): FieldError[] {
  const at = strategyPath.child('rollingUpdate');
  const errors = [
    ...intOrPercent(rollingUpdate, 'maxUnavailable', at),
    ...intOrPercent(rollingUpdate, 'maxSurge', at),
  ];
  const counts = ['maxUnavailable', 'maxSurge'].map((field) => intOrPercentValue(rollingUpdate, field));
  if (counts.every((count) => count === 0)) {
    const value = own(rollingUpdate, 'maxUnavailable') ?? 0;
    errors.push(invalidValue(at.child('maxUnavailable'), value, 'may not be 0 when `maxSurge` is 0'));
  }
  return [...errors, ...atMost100Percent(rollingUpdate, 'maxUnavailable', at)];
}

function validateStatus(object: JsonObject, old: JsonObject): FieldError[] {
  const counts = [
    'observedGeneration',
    'replicas',
    'updatedReplicas',
    'readyReplicas',
    'availableReplicas',
    'unavailableReplicas',
    'terminatingReplicas',
    'collisionCount',
  ];
  const bounded = ['updatedReplicas', 'readyReplicas', 'availableReplicas'];
  return [
    ...validateCounts(objectAt(object, 'status'), counts, bounded, 'readyReplicas'),
    ...validateCollisions(object, old),
  ];
}

import type { FieldError } from '../../../machinery/field-errors.ts';
import { invalidValue, requiredValue, unsupportedValue } from '../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../machinery/json.ts';
import { jsonEqual, own, setOwn } from '../../../machinery/json.ts';
import { defineBuiltIn } from './define.ts';
import {
  countAt,
  ensureObject,
  labelsAt,
  nameOf,
  objectAt,
  optionalObject,
  setDefault,
  setDefaultOfZero,
  textAt,
} from './fields.ts';
import { setPodTemplateDefaults } from './pod/defaults.ts';
import { workloadWarnings } from './pod/warnings.ts';
import { validateSelectedTemplate } from './pod/spec.ts';
import {
  allNonNegative,
  atMost100Percent,
  compileSelector,
  immutable,
  intOrPercent,
  intOrPercentValue,
  isEmptySelector,
  selectorAt,
  selectorErrors,
} from './rules.ts';
import { age, ageColumn, column, formatLabels, integerColumn } from './table.ts';
import { specPath, statusPath, validateCollisions, workloadCells, workloadColumns } from './workload.ts';

const generationAnnotation = 'deprecated.daemonset.template.generation';
const strategyPath = specPath.child('updateStrategy');
const counts = [
  'currentNumberScheduled',
  'numberMisscheduled',
  'desiredNumberScheduled',
  'numberReady',
  'observedGeneration',
  'updatedNumberScheduled',
  'numberAvailable',
  'numberUnavailable',
  'collisionCount',
];

export const daemonSet = defineBuiltIn({
  kind: { group: 'apps', version: 'v1', resource: 'daemonsets', kind: 'DaemonSet', namespaced: true },
  schema: 'io.k8s.api.apps.v1.DaemonSet',
  shortNames: ['ds'],
  categories: ['all'],
  status: true,
  generation: 'spec',
  setDefaults: (object) => {
    const spec = ensureObject(object, 'spec');
    const strategy = ensureObject(spec, 'updateStrategy');
    setDefaultOfZero(strategy, 'type', 'RollingUpdate');
    if (own(strategy, 'type') === 'RollingUpdate') {
      const rollingUpdate = ensureObject(strategy, 'rollingUpdate');
      setDefault(rollingUpdate, 'maxUnavailable', 1);
      setDefault(rollingUpdate, 'maxSurge', 0);
    }
    setDefault(spec, 'revisionHistoryLimit', 10);
    setPodTemplateDefaults(ensureObject(spec, 'template'));
  },
  prepareForCreate: (object) => setTemplateGeneration(object, 1),
  prepareForUpdate: (object, old) => {
    const annotations = labelsAt(objectAt(old, 'metadata'), 'annotations');
    const before = Number(own(annotations, generationAnnotation) ?? '1');
    const changed = !jsonEqual(objectAt(object, 'spec', 'template'), objectAt(old, 'spec', 'template'));
    setTemplateGeneration(object, changed ? before + 1 : before);
  },
  warnings: workloadWarnings,
  validate: (object, old, subresource) => {
    if (old !== undefined && subresource === 'status') {
      const status = objectAt(object, 'status');
      return [...allNonNegative(status, counts, statusPath), ...validateCollisions(object, old)];
    }
    const spec = objectAt(object, 'spec');
    const before = old === undefined ? own(spec, 'selector') : own(objectAt(old, 'spec'), 'selector');
    return [...immutable(own(spec, 'selector'), before, specPath.child('selector')), ...validateSpec(spec)];
  },
  columns: [
    integerColumn('Desired', 'Number of nodes that should run the pod'),
    integerColumn('Current', 'Number of nodes that run the pod and should'),
    integerColumn('Ready', 'Number of nodes on which the pod is ready'),
    integerColumn('Up-to-date', 'Number of nodes that run the current template'),
    integerColumn('Available', 'Number of nodes on which the pod is available'),
    column('Node Selector', 'The nodes that may run the pod'),
    ageColumn,
    ...workloadColumns,
  ],
  cells: (object, nowMs) => {
    const spec = objectAt(object, 'spec');
    const status = objectAt(object, 'status');
    return [
      nameOf(object),
      countAt(status, 'desiredNumberScheduled'),
      countAt(status, 'currentNumberScheduled'),
      countAt(status, 'numberReady'),
      countAt(status, 'updatedNumberScheduled'),
      countAt(status, 'numberAvailable'),
      formatLabels(labelsAt(objectAt(spec, 'template', 'spec'), 'nodeSelector')),
      age(object, nowMs),
      ...workloadCells(spec),
    ];
  },
});

/** Counts the changes of the template, for clients of API versions that are long gone. */
function setTemplateGeneration(object: JsonObject, generation: number): void {
  setOwn(ensureObject(object, 'metadata', 'annotations'), generationAnnotation, String(generation));
}

function validateSpec(spec: JsonObject): FieldError[] {
  const selector = selectorAt(spec, 'selector');
  const compiled = compileSelector(spec, 'selector');
  const template = objectAt(spec, 'template');
  const templatePath = specPath.child('template');
  const errors = selectorErrors(spec, 'selector', specPath);
  if (compiled?.matchesNothing === true) {
    // Without a selector upstream finds that it does not match.
    const labels = labelsAt(objectAt(template, 'metadata'), 'labels');
    const message = '`selector` does not match template `labels`';
    errors.push(invalidValue(templatePath.child('metadata', 'labels'), labels, message));
  }
  if (selector !== undefined && isEmptySelector(selector)) {
    const message = 'empty selector is invalid for daemonset';
    errors.push(invalidValue(specPath.child('selector'), own(spec, 'selector') ?? null, message));
  }
  if (compiled !== undefined) {
    errors.push(...validateSelectedTemplate(template, compiled, 'DaemonSet', templatePath));
  }
  return [
    ...errors,
    ...allNonNegative(spec, ['minReadySeconds'], specPath),
    ...validateStrategy(objectAt(spec, 'updateStrategy')),
    ...allNonNegative(spec, ['revisionHistoryLimit'], specPath),
  ];
}

function validateStrategy(strategy: JsonObject): FieldError[] {
  const type = textAt(strategy, 'type');
  if (type === 'OnDelete') return [];
  const rollingUpdate = optionalObject(strategy, 'rollingUpdate');
  if (type !== 'RollingUpdate') {
    const shown = { Type: type, RollingUpdate: rollingUpdate ?? null };
    return [unsupportedValue(strategyPath, shown, ['RollingUpdate', 'OnDelete'])];
  }
  const at = strategyPath.child('rollingUpdate');
  if (rollingUpdate === undefined) return [requiredValue(at)];
  const fields = ['maxUnavailable', 'maxSurge'];
  const errors = [
    ...fields.flatMap((field) => intOrPercent(rollingUpdate, field, at)),
    ...fields.flatMap((field) => atMost100Percent(rollingUpdate, field, at)),
  ];
  const set = fields.filter((field) => intOrPercentValue(rollingUpdate, field) !== 0);
  if (set.length === 2) {
    const message = 'may not be set when maxUnavailable is non-zero';
    errors.push(invalidValue(at.child('maxSurge'), own(rollingUpdate, 'maxSurge') ?? null, message));
  }
  if (set.length === 0)
    errors.push(requiredValue(at.child('maxUnavailable'), 'cannot be 0 when maxSurge is 0'));
  return errors;
}

import type { FieldError } from '../../../machinery/field-errors.ts';
import { requiredValue } from '../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../machinery/json.ts';
import { jsonClone } from '../../../machinery/json.ts';
import { LabelSelector } from '../../../machinery/label-selector.ts';
import { defineBuiltIn } from './define.ts';
import { ensureObject, labelsAt, objectAt, optionalObject, setDefault } from './fields.ts';
import { inheritLabels, setPodTemplateDefaults } from './pod/defaults.ts';
import { podOwnerWarnings, workloadWarnings } from './pod/warnings.ts';
import { validateSelectedTemplate } from './pod/spec.ts';
import { allNonNegative } from './rules.ts';
import { containerCells, formatLabels } from './table.ts';
import {
  replicaCells,
  replicaColumns,
  replicasScale,
  selectableReplicas,
  specPath,
  validateCounts,
} from './workload.ts';

const counts = [
  'replicas',
  'fullyLabeledReplicas',
  'readyReplicas',
  'availableReplicas',
  'observedGeneration',
];
const bounded = ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'];

export const replicationController = defineBuiltIn({
  kind: {
    group: '',
    version: 'v1',
    resource: 'replicationcontrollers',
    kind: 'ReplicationController',
    namespaced: true,
  },
  schema: 'io.k8s.api.core.v1.ReplicationController',
  shortNames: ['rc'],
  categories: ['all'],
  status: true,
  scale: replicasScale,
  generation: 'spec',
  defaultPropagation: 'Orphan',
  setDefaults: (object) => {
    const spec = ensureObject(object, 'spec');
    const template = optionalObject(spec, 'template');
    setDefault(spec, 'replicas', 1);
    if (template === undefined) return;
    const labels = objectAt(template, 'metadata', 'labels');
    if (Object.keys(objectAt(spec, 'selector')).length === 0 && Object.keys(labels).length > 0) {
      spec['selector'] = jsonClone(labels);
    }
    inheritLabels(object, template);
    setPodTemplateDefaults(template);
  },
  warnings: (object, old) => [...podOwnerWarnings(object, old), ...workloadWarnings(object, old)],
  validate: (object, _old, subresource) =>
    subresource === 'status'
      ? validateCounts(objectAt(object, 'status'), counts, bounded, 'readyReplicas')
      : validateSpec(objectAt(object, 'spec')),
  selectableFields: selectableReplicas,
  columns: replicaColumns,
  cells: (object, nowMs) => {
    const spec = objectAt(object, 'spec');
    return [
      ...replicaCells(object, nowMs),
      ...containerCells(objectAt(spec, 'template')),
      formatLabels(labelsAt(spec, 'selector')),
    ];
  },
});

function validateSpec(spec: JsonObject): FieldError[] {
  const labels = Object.entries(labelsAt(spec, 'selector'));
  const template = optionalObject(spec, 'template');
  const errors = allNonNegative(spec, ['minReadySeconds', 'replicas'], specPath);
  if (labels.length === 0) errors.push(requiredValue(specPath.child('selector')));
  if (template === undefined) return [...errors, requiredValue(specPath.child('template'))];
  const selector = plainSelector(labels);
  const path = specPath.child('template');
  return [...errors, ...validateSelectedTemplate(template, selector, 'ReplicationController', path)];
}

/** Equality of all labels. Upstream does not check them here either: one that is not valid selects nothing. */
function plainSelector(labels: readonly (readonly [string, string])[]): LabelSelector {
  try {
    return LabelSelector.of(labels.map(([key, value]) => ({ key, operator: '=', values: [value] })));
  } catch {
    return LabelSelector.nothing;
  }
}

import { own } from '../../../machinery/json.ts';
import { defineBuiltIn } from './define.ts';
import { ensureObject, objectAt, setDefault } from './fields.ts';
import { setPodTemplateDefaults } from './pod/defaults.ts';
import { podOwnerWarnings, workloadWarnings } from './pod/warnings.ts';
import { allNonNegative, immutable } from './rules.ts';
import {
  replicaCells,
  replicaColumns,
  replicasScale,
  selectableReplicas,
  specPath,
  validateCounts,
  validateSelected,
  workloadCells,
} from './workload.ts';

const counts = [
  'replicas',
  'fullyLabeledReplicas',
  'readyReplicas',
  'availableReplicas',
  'observedGeneration',
  'terminatingReplicas',
];
const bounded = ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'];

export const replicaSet = defineBuiltIn({
  kind: { group: 'apps', version: 'v1', resource: 'replicasets', kind: 'ReplicaSet', namespaced: true },
  schema: 'io.k8s.api.apps.v1.ReplicaSet',
  shortNames: ['rs'],
  categories: ['all'],
  status: true,
  scale: replicasScale,
  generation: 'spec',
  setDefaults: (object) => {
    const spec = ensureObject(object, 'spec');
    setDefault(spec, 'replicas', 1);
    setPodTemplateDefaults(ensureObject(spec, 'template'));
  },
  warnings: (object, old) => [...podOwnerWarnings(object, old), ...workloadWarnings(object, old)],
  validate: (object, old, subresource) => {
    if (subresource === 'status') {
      return validateCounts(objectAt(object, 'status'), counts, bounded, 'readyReplicas');
    }
    const spec = objectAt(object, 'spec');
    const before = old === undefined ? own(spec, 'selector') : own(objectAt(old, 'spec'), 'selector');
    return [
      ...allNonNegative(spec, ['replicas', 'minReadySeconds'], specPath),
      // Upstream calls it a deployment here.
      ...validateSelected(spec, {
        owner: 'ReplicaSet',
        called: 'deployment',
        broken: 'invalid label selector',
      }),
      ...immutable(own(spec, 'selector'), before, specPath.child('selector')),
    ];
  },
  selectableFields: selectableReplicas,
  columns: replicaColumns,
  cells: (object, nowMs) => [...replicaCells(object, nowMs), ...workloadCells(objectAt(object, 'spec'))],
});

import { FieldPath, requiredValue } from '../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../machinery/json.ts';
import { own } from '../../../machinery/json.ts';
import { defineBuiltIn } from './define.ts';
import { labelsAt, nameOf, objectAt, setDefault, textAt } from './fields.ts';
import { immutable, oneOf, qualifiedName } from './rules.ts';
import { age, ageColumn, column } from './table.ts';

const root = new FieldPath();
const defaultAnnotations = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
];

export const storageClass = defineBuiltIn({
  kind: {
    group: 'storage.k8s.io',
    version: 'v1',
    resource: 'storageclasses',
    kind: 'StorageClass',
    namespaced: false,
  },
  schema: 'io.k8s.api.storage.v1.StorageClass',
  shortNames: ['sc'],
  setDefaults: (object) => {
    setDefault(object, 'reclaimPolicy', 'Delete');
    setDefault(object, 'volumeBindingMode', 'Immediate');
  },
  validate: (object, old) => {
    const provisioner = textAt(object, 'provisioner');
    const at = root.child('provisioner');
    const lasting = ['parameters', 'provisioner', 'reclaimPolicy', 'volumeBindingMode'];
    return [
      ...(provisioner === '' ? [requiredValue(at)] : qualifiedName(provisioner.toLowerCase(), at)),
      ...oneOf(object, 'reclaimPolicy', ['Delete', 'Retain'], root),
      ...oneOf(object, 'volumeBindingMode', ['Immediate', 'WaitForFirstConsumer'], root),
      ...(old === undefined
        ? []
        : lasting.flatMap((field) => immutable(own(object, field), own(old, field), root.child(field)))),
    ];
  },
  deleteAnswer: 'object',
  columns: [
    column('Provisioner', 'Who makes the volumes'),
    column('ReclaimPolicy', 'What happens to volumes when their claims go'),
    column('VolumeBindingMode', 'When volumes are made'),
    column('AllowVolumeExpansion', 'Whether volumes can grow'),
    ageColumn,
  ],
  cells: (object, nowMs) => [
    `${nameOf(object)}${isDefault(object) ? ' (default)' : ''}`,
    textAt(object, 'provisioner'),
    textAt(object, 'reclaimPolicy') || 'Delete',
    textAt(object, 'volumeBindingMode') || 'Immediate',
    own(object, 'allowVolumeExpansion') === true,
    age(object, nowMs),
  ],
});

function isDefault(object: JsonObject): boolean {
  const annotations = labelsAt(objectAt(object, 'metadata'), 'annotations');
  return defaultAnnotations.some((name) => own(annotations, name) === 'true');
}

import type { FieldError } from '../../../machinery/field-errors.ts';
import { FieldPath, forbidden, requiredValue } from '../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../machinery/json.ts';
import { jsonEqual, own } from '../../../machinery/json.ts';
import { validateDns1123Subdomain } from '../../../machinery/names.ts';
import { defineBuiltIn } from './define.ts';
import {
  ensureObject,
  isSet,
  listAt,
  nameOf,
  objectAt,
  optionalObject,
  setDefault,
  setDefaultOfZero,
  textAt,
} from './fields.ts';
import { accessModesText, storageClassOf, validateAccessModes } from './persistent-volume-claim.ts';
import { validateNodeSelector } from './pod/scheduling.ts';
import { invalid, oneOf, quantityAt } from './rules.ts';
import { age, ageColumn, column, wideColumn } from './table.ts';
import { validateAmount } from './resources.ts';

const path = new FieldPath('spec');
/** Fields of the spec that do not say what the volume is. */
const common = [
  'accessModes',
  'capacity',
  'claimRef',
  'mountOptions',
  'nodeAffinity',
  'persistentVolumeReclaimPolicy',
  'storageClassName',
  'volumeAttributesClassName',
  'volumeMode',
];

export const persistentVolume = defineBuiltIn({
  kind: {
    group: '',
    version: 'v1',
    resource: 'persistentvolumes',
    kind: 'PersistentVolume',
    namespaced: false,
  },
  schema: 'io.k8s.api.core.v1.PersistentVolume',
  shortNames: ['pv'],
  status: true,
  setDefaults: (object) => {
    const spec = ensureObject(object, 'spec');
    setDefaultOfZero(spec, 'persistentVolumeReclaimPolicy', 'Retain');
    setDefault(spec, 'volumeMode', 'Filesystem');
    const hostPath = optionalObject(spec, 'hostPath');
    if (hostPath !== undefined) setDefault(hostPath, 'type', '');
  },
  prepareForCreate: (object, context) => {
    object['status'] = { phase: 'Pending', lastPhaseTransitionTime: context.now };
  },
  validate: (object, old, subresource) => {
    if (subresource === 'status') return [];
    const spec = objectAt(object, 'spec');
    const errors = validateSpec(spec);
    if (old === undefined || jsonEqual(source(spec), source(objectAt(old, 'spec')))) return errors;
    const message = 'spec.persistentvolumesource is immutable after creation';
    return [...errors, forbidden(path.child('persistentvolumesource'), message)];
  },
  deleteAnswer: 'object',
  columns: [
    column('Capacity', 'The size of the volume'),
    column('Access Modes', 'How the volume can be mounted'),
    column('Reclaim Policy', 'What happens to the volume when its claim goes'),
    column('Status', 'The phase of the volume'),
    column('Claim', 'The claim to which the volume is bound'),
    column('StorageClass', 'StorageClass of the pv'),
    column('VolumeAttributesClass', 'VolumeAttributesClass of the pv'),
    column('Reason', 'Why the volume is in its phase'),
    ageColumn,
    wideColumn('VolumeMode', 'Whether the volume has a file system'),
  ],
  cells: (object, nowMs) => {
    const spec = objectAt(object, 'spec');
    const status = objectAt(object, 'status');
    const claim = optionalObject(spec, 'claimRef');
    return [
      nameOf(object),
      quantityAt(objectAt(spec, 'capacity'), 'storage')?.toString() ?? '0',
      accessModesText(spec),
      textAt(spec, 'persistentVolumeReclaimPolicy'),
      isSet(objectAt(object, 'metadata'), 'deletionTimestamp') ? 'Terminating' : textAt(status, 'phase'),
      claim === undefined ? '' : `${textAt(claim, 'namespace')}/${textAt(claim, 'name')}`,
      storageClassOf(object),
      isSet(spec, 'volumeAttributesClassName') ? textAt(spec, 'volumeAttributesClassName') : '<unset>',
      textAt(status, 'reason'),
      age(object, nowMs),
      textAt(spec, 'volumeMode') || '<unset>',
    ];
  },
});

function source(spec: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(spec).filter(([field]) => !common.includes(field)));
}

function validateSpec(spec: JsonObject): FieldError[] {
  const capacity = objectAt(spec, 'capacity');
  const className = textAt(spec, 'storageClassName');
  const affinity = optionalObject(spec, 'nodeAffinity', 'required');
  const sources = Object.keys(source(spec)).filter((field) => isSet(spec, field));
  const errors: FieldError[] = [];
  if (listAt(spec, 'accessModes').length === 0) errors.push(requiredValue(path.child('accessModes')));
  errors.push(...validateAccessModes(spec, path));
  if (own(capacity, 'storage') === undefined) errors.push(requiredValue(path.child('capacity')));
  errors.push(...validateAmount(capacity, 'storage', path.child('capacity').key('storage')));
  errors.push(...oneOf(spec, 'persistentVolumeReclaimPolicy', ['Delete', 'Recycle', 'Retain'], path));
  if (affinity !== undefined)
    errors.push(...validateNodeSelector(affinity, path.child('nodeAffinity', 'required')));
  if (sources.length === 0) errors.push(requiredValue(path, 'must specify a volume type'));
  errors.push(
    ...sources
      .slice(1)
      .map((field) => forbidden(path.child(field), 'may not specify more than 1 volume type')),
  );
  if (className !== '') {
    errors.push(...invalid(path.child('storageClassName'), className, validateDns1123Subdomain(className)));
  }
  return [...errors, ...oneOf(spec, 'volumeMode', ['Block', 'Filesystem'], path)];
}

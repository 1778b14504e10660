import type { FieldError } from '../../../machinery/field-errors.ts';
import {
  FieldPath,
  forbidden,
  requiredValue,
  unsupportedValue,
  invalidValue,
} from '../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../machinery/json.ts';
import { jsonEqual, own } from '../../../machinery/json.ts';
import { validateDns1123Subdomain } from '../../../machinery/names.ts';
import { defineBuiltIn } from './define.ts';
import {
  ensureObject,
  isSet,
  labelsAt,
  listAt,
  nameOf,
  objectAt,
  setDefault,
  setDefaultOfZero,
  textAt,
  textsAt,
} from './fields.ts';
import { invalid, oneOf, quantityAt, selectorErrors } from './rules.ts';
import { age, ageColumn, column, wideColumn } from './table.ts';

const specPath = new FieldPath('spec');
const modes = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];
const shortModes = [
  ['ReadWriteOnce', 'RWO'],
  ['ReadOnlyMany', 'ROX'],
  ['ReadWriteMany', 'RWX'],
  ['ReadWriteOncePod', 'RWOP'],
] as const;
const legacyClass = 'volume.beta.kubernetes.io/storage-class';

export const persistentVolumeClaim = defineBuiltIn({
  kind: {
    group: '',
    version: 'v1',
    resource: 'persistentvolumeclaims',
    kind: 'PersistentVolumeClaim',
    namespaced: true,
  },
  schema: 'io.k8s.api.core.v1.PersistentVolumeClaim',
  shortNames: ['pvc'],
  status: true,
  setDefaults: setClaimDefaults,
  prepareForCreate: (object) => {
    object['status'] = { phase: 'Pending' };
  },
  validate: (object, old, subresource) => {
    if (subresource === 'status') return [];
    const errors = validateClaimSpec(objectAt(object, 'spec'), specPath);
    return old === undefined ? errors : [...errors, ...validateUpdate(object, old)];
  },
  deleteAnswer: 'object',
  columns: [
    column('Status', 'The phase of the claim'),
    column('Volume', 'The volume that is bound to the claim'),
    column('Capacity', 'The size of the volume'),
    column('Access Modes', 'How the volume can be mounted'),
    column('StorageClass', 'StorageClass of the pvc'),
    column('VolumeAttributesClass', 'VolumeAttributesClass of the pvc'),
    ageColumn,
    wideColumn('VolumeMode', 'Whether the volume has a file system'),
  ],
  cells: (object, nowMs) => {
    const spec = objectAt(object, 'spec');
    const status = objectAt(object, 'status');
    const isBound = textAt(spec, 'volumeName') !== '';
    return [
      nameOf(object),
      isSet(objectAt(object, 'metadata'), 'deletionTimestamp') ? 'Terminating' : textAt(status, 'phase'),
      textAt(spec, 'volumeName'),
      isBound ? (quantityAt(objectAt(status, 'capacity'), 'storage')?.toString() ?? '0') : '',
      isBound ? accessModesText(status) : '',
      storageClassOf(object),
      isSet(spec, 'volumeAttributesClassName') ? textAt(spec, 'volumeAttributesClassName') : '<unset>',
      age(object, nowMs),
      textAt(spec, 'volumeMode') || '<unset>',
    ];
  },
});

/** Also of the claims that a StatefulSet makes. */
export function setClaimDefaults(claim: JsonObject): void {
  setDefaultOfZero(ensureObject(claim, 'status'), 'phase', 'Pending');
  setDefault(ensureObject(claim, 'spec'), 'volumeMode', 'Filesystem');
}

/** `RWO,ROX`; of a volume's spec or a claim's status. */
export function accessModesText(of: JsonObject): string {
  const given = textsAt(of, 'accessModes');
  return shortModes
    .filter(([mode]) => given.includes(mode))
    .map(([, short]) => short)
    .join(',');
}

export function storageClassOf(object: JsonObject): string {
  const annotation = own(labelsAt(objectAt(object, 'metadata'), 'annotations'), legacyClass);
  return annotation ?? textAt(objectAt(object, 'spec'), 'storageClassName');
}

/** Of a claim and of a volume. */
export function validateAccessModes(spec: JsonObject, path: FieldPath): FieldError[] {
  const given = textsAt(spec, 'accessModes');
  const at = path.child('accessModes');
  const errors = given
    .filter((mode) => !modes.includes(mode))
    .map((mode) => unsupportedValue(at, mode, modes));
  const others = given.some((mode) => mode !== 'ReadWriteOncePod' && modes.includes(mode));
  if (given.includes('ReadWriteOncePod') && others) {
    errors.push(forbidden(at, 'may not use ReadWriteOncePod with other access modes'));
  }
  return errors;
}

export function validateClaimSpec(spec: JsonObject, path: FieldPath): FieldError[] {
  const requests = objectAt(spec, 'resources', 'requests');
  const at = path.child('resources').key('storage');
  const storage = quantityAt(requests, 'storage');
  const className = textAt(spec, 'storageClassName');
  const errors: FieldError[] = [];
  if (listAt(spec, 'accessModes').length === 0) {
    errors.push(requiredValue(path.child('accessModes'), 'at least 1 access mode is required'));
  }
  errors.push(...selectorErrors(spec, 'selector', path), ...validateAccessModes(spec, path));
  if (storage === undefined) errors.push(requiredValue(at));
  else if (storage.milliValue() <= 0n) {
    errors.push(invalidValue(at, storage.toString(), 'must be greater than zero'));
  }
  if (className !== '') {
    errors.push(...invalid(path.child('storageClassName'), className, validateDns1123Subdomain(className)));
  }
  return [...errors, ...oneOf(spec, 'volumeMode', ['Block', 'Filesystem'], path)];
}

function validateUpdate(object: JsonObject, old: JsonObject): FieldError[] {
  const rest = (of: JsonObject): JsonObject => {
    const spec = { ...objectAt(of, 'spec') };
    // The controller binds a claim once, and storage may grow.
    if (textAt(objectAt(old, 'spec'), 'volumeName') === '') delete spec['volumeName'];
    delete spec['resources'];
    delete spec['volumeAttributesClassName'];
    return spec;
  };
  const errors: FieldError[] = [];
  if (!jsonEqual(rest(object), rest(old))) {
    const message =
      'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';
    errors.push(forbidden(specPath, message));
  }
  const now = quantityAt(objectAt(object, 'spec', 'resources', 'requests'), 'storage');
  const before = quantityAt(objectAt(old, 'spec', 'resources', 'requests'), 'storage');
  if (now !== undefined && before !== undefined && now.compare(before) < 0) {
    const at = specPath.child('resources', 'requests', 'storage');
    errors.push(forbidden(at, 'field can not be less than previous value'));
  }
  return errors;
}

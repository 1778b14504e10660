import type { FieldError } from '../../../machinery/field-errors.ts';
import { forbidden, invalidValue, requiredValue } from '../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../machinery/json.ts';
import { jsonEqual, own } from '../../../machinery/json.ts';
import { validateDns1123Label } from '../../../machinery/names.ts';
import { defineBuiltIn } from './define.ts';
import {
  countAt,
  ensureObject,
  nameOf,
  objectAt,
  objectsAt,
  optionalObject,
  setDefault,
  setDefaultOfZero,
  textAt,
} from './fields.ts';
import { setClaimDefaults, validateClaimSpec } from './persistent-volume-claim.ts';
import { setPodTemplateDefaults } from './pod/defaults.ts';
import { workloadWarnings } from './pod/warnings.ts';
import {
  allNonNegative,
  atMost100Percent,
  intOrPercent,
  intOrPercentValue,
  invalid,
  oneOf,
} from './rules.ts';
import { age, ageColumn, column, containerCells, containerColumns } from './table.ts';
import { replicasScale, specPath, validateCollisions, validateCounts, validateSelected } from './workload.ts';

const counts = [
  'replicas',
  'readyReplicas',
  'currentReplicas',
  'updatedReplicas',
  'availableReplicas',
  'observedGeneration',
  'collisionCount',
];
const bounded = ['readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas'];
const mutable = [
  'replicas',
  'template',
  'updateStrategy',
  'minReadySeconds',
  'ordinals',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
];

export const statefulSet = defineBuiltIn({
  kind: { group: 'apps', version: 'v1', resource: 'statefulsets', kind: 'StatefulSet', namespaced: true },
  schema: 'io.k8s.api.apps.v1.StatefulSet',
  shortNames: ['sts'],
  categories: ['all'],
  status: true,
  scale: replicasScale,
  generation: 'spec',
  validateName: validateDns1123Label,
  setDefaults,
  warnings: workloadWarnings,
  validate: (object, old, subresource) => {
    if (old !== undefined && subresource === 'status') {
      return [
        ...validateCounts(objectAt(object, 'status'), counts, bounded, 'status.readyReplicas'),
        ...validateCollisions(object, old),
      ];
    }
    const errors = validateSpec(objectAt(object, 'spec'), old === undefined);
    return old === undefined ? errors : [...errors, ...validateUpdate(object, old)];
  },
  columns: [column('Ready', 'Number of the pod with ready state'), ageColumn, ...containerColumns],
  cells: (object, nowMs) => {
    const spec = objectAt(object, 'spec');
    const ready = countAt(objectAt(object, 'status'), 'readyReplicas');
    return [
      nameOf(object),
      `${ready}/${countAt(spec, 'replicas')}`,
      age(object, nowMs),
      ...containerCells(objectAt(spec, 'template')),
    ];
  },
});

function setDefaults(object: JsonObject): void {
  const spec = ensureObject(object, 'spec');
  setDefaultOfZero(spec, 'podManagementPolicy', 'OrderedReady');
  const strategy = ensureObject(spec, 'updateStrategy');
  if (textAt(strategy, 'type') === '') {
    strategy['type'] = 'RollingUpdate';
    ensureObject(strategy, 'rollingUpdate');
  }
  const rollingUpdate = optionalObject(strategy, 'rollingUpdate');
  if (own(strategy, 'type') === 'RollingUpdate' && rollingUpdate !== undefined) {
    setDefault(rollingUpdate, 'partition', 0);
  }
  const retention = ensureObject(spec, 'persistentVolumeClaimRetentionPolicy');
  setDefaultOfZero(retention, 'whenDeleted', 'Retain');
  setDefaultOfZero(retention, 'whenScaled', 'Retain');
  setDefault(spec, 'replicas', 1);
  setDefault(spec, 'revisionHistoryLimit', 10);
  setPodTemplateDefaults(ensureObject(spec, 'template'));
  for (const claim of objectsAt(spec, 'volumeClaimTemplates')) {
    claim['apiVersion'] = 'v1';
    claim['kind'] = 'PersistentVolumeClaim';
    setClaimDefaults(claim);
  }
}

function validateSpec(spec: JsonObject, isNew: boolean): FieldError[] {
  const retention = objectAt(spec, 'persistentVolumeClaimRetentionPolicy');
  const retentionPath = specPath.child('persistentVolumeClaimRetentionPolicy');
  const policy = textAt(spec, 'podManagementPolicy');
  const service = textAt(spec, 'serviceName');
  const errors: FieldError[] = [];
  if (policy !== 'OrderedReady' && policy !== 'Parallel') {
    const message = "must be 'OrderedReady' or 'Parallel'";
    errors.push(invalidValue(specPath.child('podManagementPolicy'), policy, message));
  }
  errors.push(...validateStrategy(objectAt(spec, 'updateStrategy')));
  for (const field of ['whenDeleted', 'whenScaled']) {
    errors.push(...oneOf(retention, field, ['Retain', 'Delete'], retentionPath));
  }
  if (isNew) {
    const at = specPath.child('volumeClaimTemplates');
    for (const [i, claim] of objectsAt(spec, 'volumeClaimTemplates').entries()) {
      errors.push(...validateClaimSpec(objectAt(claim, 'spec'), at.index(i).child('spec')));
    }
  }
  errors.push(...allNonNegative(spec, ['replicas', 'minReadySeconds'], specPath));
  const start = countAt(objectAt(spec, 'ordinals'), 'start');
  if (start < 0) {
    errors.push(invalidValue(specPath.child('ordinals.start'), start, 'must be greater than or equal to 0'));
  }
  if (isNew && service !== '') {
    errors.push(...invalid(specPath.child('serviceName'), service, validateDns1123Label(service)));
  }
  const selected = { owner: 'StatefulSet', called: 'statefulset', broken: '' };
  return [...errors, ...validateSelected(withClaimVolumes(spec), selected)];
}

/** As the pods will be: each claim is a volume, and the set gives the host names. */
function withClaimVolumes(spec: JsonObject): JsonObject {
  const claims = objectsAt(spec, 'volumeClaimTemplates').map((claim) => nameOf(claim));
  const template = objectAt(spec, 'template');
  const podSpec = { ...objectAt(template, 'spec') };
  delete podSpec['hostname'];
  delete podSpec['subdomain'];
  const others = objectsAt(podSpec, 'volumes').filter((volume) => !claims.includes(textAt(volume, 'name')));
  podSpec['volumes'] = [
    ...claims.map((name) => ({ name, persistentVolumeClaim: { claimName: name } })),
    ...others,
  ];
  return { ...spec, template: { ...template, spec: podSpec } };
}

function validateStrategy(strategy: JsonObject): FieldError[] {
  const at = specPath.child('updateStrategy');
  const type = textAt(strategy, 'type');
  const rollingUpdate = optionalObject(strategy, 'rollingUpdate');
  if (type === '') return [requiredValue(at)];
  if (type !== 'OnDelete' && type !== 'RollingUpdate') {
    const shown = { Type: type, RollingUpdate: rollingUpdate ?? null };
    return [invalidValue(at, shown, "must be 'RollingUpdate' or 'OnDelete'")];
  }
  if (rollingUpdate === undefined) return [];
  const path = at.child('rollingUpdate');
  if (type === 'OnDelete') {
    return [invalidValue(path, rollingUpdate, "only allowed for updateStrategy 'RollingUpdate'")];
  }
  const errors = allNonNegative(rollingUpdate, ['partition'], path);
  const most = own(rollingUpdate, 'maxUnavailable');
  if (most === undefined) return errors;
  errors.push(...intOrPercent(rollingUpdate, 'maxUnavailable', path));
  if (intOrPercentValue(rollingUpdate, 'maxUnavailable') === 0) {
    errors.push(invalidValue(path.child('maxUnavailable'), most, 'cannot be 0'));
  }
  return [...errors, ...atMost100Percent(rollingUpdate, 'maxUnavailable', path)];
}

function validateUpdate(object: JsonObject, old: JsonObject): FieldError[] {
  const rest = (of: JsonObject): JsonObject =>
    Object.fromEntries(Object.entries(objectAt(of, 'spec')).filter(([field]) => !mutable.includes(field)));
  if (jsonEqual(rest(object), rest(old))) return [];
  const message =
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
  return [forbidden(specPath, message)];
}

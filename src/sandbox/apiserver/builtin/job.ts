import type { FieldError, FieldPath } from '../../../machinery/field-errors.ts';
import { invalidValue, requiredValue, unsupportedValue } from '../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../machinery/json.ts';
import { own } from '../../../machinery/json.ts';
import { validateDns1123Label } from '../../../machinery/names.ts';
import { parseTime } from '../../../base/time.ts';
import { defineBuiltIn } from './define.ts';
import {
  countAt,
  ensureObject,
  isSet,
  labelsAt,
  nameOf,
  numberAt,
  objectAt,
  objectsAt,
  setDefault,
  textAt,
} from './fields.ts';
import { inheritLabels, setPodTemplateDefaults } from './pod/defaults.ts';
import { podOwnerWarnings, workloadWarnings } from './pod/warnings.ts';
import { validatePodTemplate } from './pod/spec.ts';
import { allNonNegative, compileSelector, immutable, oneOf, selectorErrors } from './rules.ts';
import { age, ageColumn, column, since } from './table.ts';
import { specPath, statusPath, workloadCells, workloadColumns } from './workload.ts';

const nameLabels = ['job-name', 'batch.kubernetes.io/job-name'];
const uidLabels = ['controller-uid', 'batch.kubernetes.io/controller-uid'];
const uidLabel = 'batch.kubernetes.io/controller-uid';
const counts = [
  'parallelism',
  'completions',
  'activeDeadlineSeconds',
  'backoffLimit',
  'ttlSecondsAfterFinished',
  'backoffLimitPerIndex',
  'maxFailedIndexes',
];
const lasting = [
  'selector',
  'template',
  'completionMode',
  'podFailurePolicy',
  'backoffLimitPerIndex',
  'managedBy',
  'successPolicy',
];

export const job = defineBuiltIn({
  kind: { group: 'batch', version: 'v1', resource: 'jobs', kind: 'Job', namespaced: true },
  schema: 'io.k8s.api.batch.v1.Job',
  categories: ['all'],
  status: true,
  generation: 'spec',
  setDefaults: (object) => {
    const spec = ensureObject(object, 'spec');
    setJobSpecDefaults(spec);
    inheritLabels(object, objectAt(spec, 'template'));
  },
  prepareForCreate: (object) => {
    if (own(objectAt(object, 'spec'), 'manualSelector') !== true) generateSelector(object);
  },
  warnings: (object, old) => [...podOwnerWarnings(object, old), ...workloadWarnings(object, old)],
  validate: (object, old, subresource) => {
    const status = objectAt(object, 'status');
    if (subresource === 'status') {
      return allNonNegative(status, ['active', 'succeeded', 'failed', 'ready', 'terminating'], statusPath);
    }
    const errors = validateJob(object);
    return old === undefined ? errors : [...errors, ...validateUpdate(object, old)];
  },
  selectableFields: {
    names: ['status.successful'],
    of: (object) => ({ 'status.successful': String(countAt(objectAt(object, 'status'), 'succeeded')) }),
  },
  defaultPropagation: 'Orphan',
  columns: [
    column('Status', 'Status of the job.'),
    column('Completions', 'Number of pods that succeeded, of those that should'),
    column('Duration', 'Time required to complete the job.'),
    ageColumn,
    ...workloadColumns,
  ],
  cells: (object, nowMs) => [
    nameOf(object),
    statusText(object),
    completions(object),
    duration(objectAt(object, 'status'), nowMs),
    age(object, nowMs),
    ...workloadCells(objectAt(object, 'spec')),
  ],
});

function setJobSpecDefaults(spec: JsonObject): void {
  if (!isSet(spec, 'completions') && !isSet(spec, 'parallelism')) setDefault(spec, 'completions', 1);
  setDefault(spec, 'parallelism', 1);
  setDefault(spec, 'backoffLimit', isSet(spec, 'backoffLimitPerIndex') ? 2 ** 31 - 1 : 6);
  setDefault(spec, 'completionMode', 'NonIndexed');
  setDefault(spec, 'suspend', false);
  setDefault(
    spec,
    'podReplacementPolicy',
    isSet(spec, 'podFailurePolicy') ? 'Failed' : 'TerminatingOrFailed',
  );
  setDefault(spec, 'manualSelector', false);
  setPodTemplateDefaults(ensureObject(spec, 'template'));
}

/** Labels that only the pods of this job have. */
function generateSelector(object: JsonObject): void {
  const spec = ensureObject(object, 'spec');
  const uid = textAt(objectAt(object, 'metadata'), 'uid');
  const labels = ensureObject(spec, 'template', 'metadata', 'labels');
  for (const label of nameLabels) setDefault(labels, label, nameOf(object));
  for (const label of uidLabels) setDefault(labels, label, uid);
  setDefault(ensureObject(spec, 'selector', 'matchLabels'), uidLabel, uid);
}

function validateJob(object: JsonObject): FieldError[] {
  const spec = objectAt(object, 'spec');
  const errors = [...validateGenerated(object, spec), ...validateJobSpec(spec, specPath)];
  const selector = compileSelector(spec, 'selector');
  errors.push(
    ...(isSet(spec, 'selector')
      ? selectorErrors(spec, 'selector', specPath)
      : [requiredValue(specPath.child('selector'))]),
  );
  const labels = labelsAt(objectAt(spec, 'template', 'metadata'), 'labels');
  if (selector !== undefined && !selector.matches(labels)) {
    const at = specPath.child('template', 'metadata', 'labels');
    errors.push(invalidValue(at, labels, '`selector` does not match template `labels`'));
  }
  const total = numberAt(spec, 'completions') ?? 0;
  const host = `${nameOf(object)}-${total - 1}`;
  if (own(spec, 'completionMode') === 'Indexed' && total > 0 && validateDns1123Label(host).length > 0) {
    const message = `will not able to create pod with invalid DNS label: ${host}`;
    errors.push(invalidValue('metadata.name', nameOf(object), message));
  }
  return errors;
}

function validateGenerated(object: JsonObject, spec: JsonObject): FieldError[] {
  if (own(spec, 'manualSelector') === true || !isSet(spec, 'selector')) return [];
  const uid = textAt(objectAt(object, 'metadata'), 'uid');
  const labels = labelsAt(objectAt(spec, 'template', 'metadata'), 'labels');
  const at = specPath.child('template', 'metadata', 'labels');
  const expected: Record<string, string> = {};
  for (const label of nameLabels) expected[label] = nameOf(object);
  for (const label of uidLabels) expected[label] = uid;
  const errors = Object.entries(expected).flatMap(([label, value]) => {
    const actual = own(labels, label);
    if (actual === value) return [];
    const text = `must be '${value}'`;
    return [
      actual === undefined ? requiredValue(at.key(label), text) : invalidValue(at.key(label), labels, text),
    ];
  });
  if (compileSelector(spec, 'selector')?.matches(expected) === false) {
    errors.push(
      invalidValue(
        specPath.child('selector'),
        own(spec, 'selector') ?? null,
        '`selector` not auto-generated',
      ),
    );
  }
  return errors;
}

/** What holds for a Job and for the template in a CronJob. */
export function validateJobSpec(spec: JsonObject, path: FieldPath): FieldError[] {
  const isIndexed = own(spec, 'completionMode') === 'Indexed';
  const errors = [
    ...allNonNegative(spec, counts, path),
    ...oneOf(spec, 'completionMode', ['NonIndexed', 'Indexed'], path),
  ];
  if (isSet(spec, 'maxFailedIndexes') && !isSet(spec, 'backoffLimitPerIndex')) {
    errors.push(requiredValue(path.child('backoffLimitPerIndex'), 'when maxFailedIndexes is specified'));
  }
  if (isIndexed && !isSet(spec, 'completions')) {
    errors.push(requiredValue(path.child('completions'), 'when completion mode is Indexed'));
  }
  for (const field of ['backoffLimitPerIndex', 'maxFailedIndexes']) {
    const value = numberAt(spec, field);
    if (value === undefined || isIndexed) continue;
    errors.push(invalidValue(path.child(field), value, 'requires indexed completion mode'));
  }
  if (isSet(spec, 'successPolicy') && !isIndexed) {
    const value = objectAt(spec, 'successPolicy');
    errors.push(invalidValue(path.child('successPolicy'), value, 'requires indexed completion mode'));
  }
  const policies = isSet(spec, 'podFailurePolicy') ? ['Failed'] : ['Failed', 'TerminatingOrFailed'];
  errors.push(...oneOf(spec, 'podReplacementPolicy', policies, path));
  const template = objectAt(spec, 'template');
  return [
    ...errors,
    ...validatePodTemplate(template, path.child('template')),
    ...validateRestartPolicy(spec, path.child('template', 'spec', 'restartPolicy')),
  ];
}

function validateRestartPolicy(spec: JsonObject, path: FieldPath): FieldError[] {
  const policy = textAt(objectAt(spec, 'template', 'spec'), 'restartPolicy');
  if (policy === 'Always' || policy === '')
    return [requiredValue(path, 'valid values: "OnFailure", "Never"')];
  if (policy !== 'OnFailure' && policy !== 'Never') {
    return [unsupportedValue(path, policy, ['OnFailure', 'Never'])];
  }
  if (!isSet(spec, 'podFailurePolicy') || policy === 'Never') return [];
  return [invalidValue(path, policy, 'only "Never" is supported when podFailurePolicy is specified')];
}

function validateUpdate(object: JsonObject, old: JsonObject): FieldError[] {
  const spec = objectAt(object, 'spec');
  const before = objectAt(old, 'spec');
  const isElastic =
    own(spec, 'completionMode') === 'Indexed' &&
    countAt(spec, 'completions') === countAt(spec, 'parallelism');
  const fields = isElastic ? lasting : ['completions', ...lasting];
  return fields.flatMap((field) => immutable(own(spec, field), own(before, field), specPath.child(field)));
}

function statusText(object: JsonObject): string {
  const conditions = objectsAt(objectAt(object, 'status'), 'conditions');
  const has = (type: string): boolean =>
    conditions.some(
      (condition) => textAt(condition, 'type') === type && textAt(condition, 'status') === 'True',
    );
  if (has('Complete')) return 'Complete';
  if (has('Failed')) return 'Failed';
  if (isSet(objectAt(object, 'metadata'), 'deletionTimestamp')) return 'Terminating';
  return ['Suspended', 'FailureTarget', 'SuccessCriteriaMet'].find(has) ?? 'Running';
}

function completions(object: JsonObject): string {
  const spec = objectAt(object, 'spec');
  const succeeded = countAt(objectAt(object, 'status'), 'succeeded');
  const total = numberAt(spec, 'completions');
  if (total !== undefined) return `${succeeded}/${total}`;
  const parallelism = countAt(spec, 'parallelism');
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}

function duration(status: JsonObject, nowMs: number): string {
  const start = textAt(status, 'startTime');
  const end = textAt(status, 'completionTime');
  if (start === '') return '';
  return end === '' ? since(start, nowMs) : since(start, timeOf(end));
}

function timeOf(text: string): number {
  try {
    return parseTime(text);
  } catch {
    return Number.NaN;
  }
}

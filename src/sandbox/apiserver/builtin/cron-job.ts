import type { FieldError } from '../../../machinery/field-errors.ts';
import { invalidValue, requiredValue } from '../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../machinery/json.ts';
import { own } from '../../../machinery/json.ts';
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
import { validateJobSpec } from './job.ts';
import { setPodTemplateDefaults } from './pod/defaults.ts';
import { podOwnerWarnings } from './pod/warnings.ts';
import { allNonNegative, requiredOneOf } from './rules.ts';
import {
  age,
  ageColumn,
  column,
  containerCells,
  formatLabelSelector,
  integerColumn,
  none,
  since,
} from './table.ts';
import { specPath, workloadColumns } from './workload.ts';

export const cronJob = defineBuiltIn({
  kind: { group: 'batch', version: 'v1', resource: 'cronjobs', kind: 'CronJob', namespaced: true },
  schema: 'io.k8s.api.batch.v1.CronJob',
  shortNames: ['cj'],
  categories: ['all'],
  status: true,
  generation: 'spec',
  setDefaults: (object) => {
    const spec = ensureObject(object, 'spec');
    setDefaultOfZero(spec, 'concurrencyPolicy', 'Allow');
    setDefault(spec, 'suspend', false);
    setDefault(spec, 'successfulJobsHistoryLimit', 3);
    setDefault(spec, 'failedJobsHistoryLimit', 1);
    setPodTemplateDefaults(ensureObject(spec, 'jobTemplate', 'spec', 'template'));
  },
  warnings: podOwnerWarnings,
  validate: (object, _old, subresource) => (subresource === 'status' ? [] : validate(object)),
  columns: [
    column('Schedule', 'When jobs start, in Cron format'),
    column('Timezone', 'The time zone of the schedule'),
    { ...column('Suspend', 'Whether no further jobs are started'), type: 'boolean' },
    integerColumn('Active', 'Number of jobs that run'),
    column('Last Schedule', 'How long ago a job was started'),
    ageColumn,
    ...workloadColumns,
  ],
  cells: (object, nowMs) => {
    const spec = objectAt(object, 'spec');
    const status = objectAt(object, 'status');
    const jobSpec = objectAt(spec, 'jobTemplate', 'spec');
    return [
      nameOf(object),
      textAt(spec, 'schedule'),
      textAt(spec, 'timeZone') || none,
      isSet(spec, 'suspend') ? (own(spec, 'suspend') === true ? 'True' : 'False') : '<unset>',
      listAt(status, 'active').length,
      isSet(status, 'lastScheduleTime') ? since(own(status, 'lastScheduleTime'), nowMs) : none,
      age(object, nowMs),
      ...containerCells(objectAt(jobSpec, 'template')),
      formatLabelSelector(optionalObject(jobSpec, 'selector')),
    ];
  },
});

function validate(object: JsonObject): FieldError[] {
  const spec = objectAt(object, 'spec');
  const name = nameOf(object);
  const maxName = 52;
  return [
    ...(name.length > maxName
      ? [invalidValue('metadata.name', name, `must be no more than ${maxName} characters`)]
      : []),
    ...validateSchedule(textAt(spec, 'schedule')),
    ...allNonNegative(spec, ['startingDeadlineSeconds'], specPath),
    ...requiredOneOf(spec, 'concurrencyPolicy', ['Allow', 'Forbid', 'Replace'], specPath),
    ...validateJobSpec(objectAt(spec, 'jobTemplate', 'spec'), specPath.child('jobTemplate', 'spec')),
    ...allNonNegative(spec, ['successfulJobsHistoryLimit', 'failedJobsHistoryLimit'], specPath),
  ];
}

const macros = ['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly'];

function validateSchedule(schedule: string): FieldError[] {
  const at = specPath.child('schedule');
  if (schedule === '') return [requiredValue(at)];
  if (schedule.includes('TZ')) {
    return [invalidValue(at, schedule, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead')];
  }
  if (macros.includes(schedule) || /^@every \S+$/.test(schedule)) return [];
  if (schedule.startsWith('@')) return [invalidValue(at, schedule, `unrecognized descriptor: ${schedule}`)];
  const fields = schedule.trim().split(/\s+/);
  if (fields.length === 5) return [];
  const message = `expected exactly 5 fields, found ${fields.length}: [${fields.join(' ')}]`;
  return [invalidValue(at, schedule, message)];
}

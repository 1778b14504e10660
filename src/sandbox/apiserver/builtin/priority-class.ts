import type { FieldError } from '../../../machinery/field-errors.ts';
import { FieldPath, forbidden } from '../../../machinery/field-errors.ts';
import { own } from '../../../machinery/json.ts';
import { defineBuiltIn } from './define.ts';
import { countAt, nameOf, setDefault, textAt } from './fields.ts';
import { immutable, oneOf } from './rules.ts';
import { age, ageColumn, integerColumn, wideColumn } from './table.ts';

const root = new FieldPath();
const highest = 1_000_000_000;

export const priorityClass = defineBuiltIn({
  kind: {
    group: 'scheduling.k8s.io',
    version: 'v1',
    resource: 'priorityclasses',
    kind: 'PriorityClass',
    namespaced: false,
  },
  schema: 'io.k8s.api.scheduling.v1.PriorityClass',
  shortNames: ['pc'],
  generation: 'spec',
  setDefaults: (object) => setDefault(object, 'preemptionPolicy', 'PreemptLowerPriority'),
  validate: (object, old) => {
    const value = countAt(object, 'value');
    const errors: FieldError[] = [];
    if (value > highest && !nameOf(object).startsWith('system-')) {
      const message = `maximum allowed value of a user defined priority is ${highest}`;
      errors.push(forbidden('value', message));
    }
    errors.push(...oneOf(object, 'preemptionPolicy', ['PreemptLowerPriority', 'Never'], root));
    if (old === undefined) return errors;
    if (value !== countAt(old, 'value')) errors.push(forbidden('value', 'may not be changed in an update.'));
    const policy = own(object, 'preemptionPolicy');
    return [...errors, ...immutable(policy, own(old, 'preemptionPolicy'), root.child('preemptionPolicy'))];
  },
  columns: [
    integerColumn('Value', 'The priority of pods of this class'),
    { ...integerColumn('Global-Default', 'Whether pods without a class are of this one'), type: 'boolean' },
    ageColumn,
    { ...wideColumn('PreemptionPolicy', 'Whether pods of this class displace others'), priority: 0 },
  ],
  cells: (object, nowMs) => [
    nameOf(object),
    countAt(object, 'value'),
    own(object, 'globalDefault') === true,
    age(object, nowMs),
    textAt(object, 'preemptionPolicy'),
  ],
});

import type { FieldError } from '../../../machinery/field-errors.ts';
import { FieldPath, forbidden, invalidValue } from '../../../machinery/field-errors.ts';
import { defineBuiltIn } from './define.ts';
import { nameOf, numberAt, objectAt, textAt } from './fields.ts';
import { nonNegative } from './rules.ts';
import { age, ageColumn, column } from './table.ts';

const path = new FieldPath('spec');

export const lease = defineBuiltIn({
  kind: { group: 'coordination.k8s.io', version: 'v1', resource: 'leases', kind: 'Lease', namespaced: true },
  schema: 'io.k8s.api.coordination.v1.Lease',
  createOnUpdate: true,
  unconditionalUpdate: false,
  validate: (object) => {
    const spec = objectAt(object, 'spec');
    const seconds = numberAt(spec, 'leaseDurationSeconds');
    const errors: FieldError[] = [];
    if (seconds !== undefined && seconds <= 0) {
      errors.push(invalidValue(path.child('leaseDurationSeconds'), seconds, 'must be greater than 0'));
    }
    errors.push(...nonNegative(spec, 'leaseTransitions', path));
    if (textAt(spec, 'preferredHolder') !== '' && textAt(spec, 'strategy') === '') {
      const message = 'may only be specified if `strategy` is defined';
      errors.push(forbidden(path.child('preferredHolder'), message));
    }
    return errors;
  },
  columns: [column('Holder', 'Who holds the lease'), ageColumn],
  cells: (object, nowMs) => {
    const spec = objectAt(object, 'spec');
    return [nameOf(object), textAt(spec, 'holderIdentity'), age(object, nowMs)];
  },
});

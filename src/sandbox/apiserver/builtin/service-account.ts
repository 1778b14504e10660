import { defineBuiltIn } from './define.ts';
import { nameOf } from './fields.ts';
import { age, ageColumn } from './table.ts';

export const serviceAccount = defineBuiltIn({
  kind: { group: '', version: 'v1', resource: 'serviceaccounts', kind: 'ServiceAccount', namespaced: true },
  schema: 'io.k8s.api.core.v1.ServiceAccount',
  shortNames: ['sa'],
  deleteAnswer: 'object',
  columns: [ageColumn],
  cells: (object, nowMs) => [nameOf(object), age(object, nowMs)],
});

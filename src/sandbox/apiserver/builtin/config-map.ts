import type { FieldError } from '../../../machinery/field-errors.ts';
import {
  FieldPath,
  duplicateValue,
  forbidden,
  invalidValue,
  tooLong,
} from '../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../machinery/json.ts';
import { jsonEqual, own } from '../../../machinery/json.ts';
import { validateConfigMapKey } from '../../../machinery/names.ts';
import { defineBuiltIn } from './define.ts';
import { nameOf, objectAt } from './fields.ts';
import { age, ageColumn, column } from './table.ts';

const maxBytes = 1024 * 1024;

export const configMap = defineBuiltIn({
  kind: { group: '', version: 'v1', resource: 'configmaps', kind: 'ConfigMap', namespaced: true },
  schema: 'io.k8s.api.core.v1.ConfigMap',
  shortNames: ['cm'],
  validate: (object, old) => [
    ...validateKeys(object),
    ...(old === undefined ? [] : validateFrozen(object, old)),
  ],
  columns: [column('Data', 'Number of entries'), ageColumn],
  cells: (object, nowMs) => {
    const count =
      Object.keys(objectAt(object, 'data')).length + Object.keys(objectAt(object, 'binaryData')).length;
    return [nameOf(object), count, age(object, nowMs)];
  },
});

function validateKeys(object: JsonObject): FieldError[] {
  const errors: FieldError[] = [];
  const data = objectAt(object, 'data');
  const binaryData = objectAt(object, 'binaryData');
  let size = 0;
  for (const [field, map] of [
    ['data', data],
    ['binaryData', binaryData],
  ] as const) {
    for (const [key, value] of Object.entries(map)) {
      const path = new FieldPath(field).key(key);
      for (const problem of validateConfigMapKey(key)) errors.push(invalidValue(path, key, problem));
      if (field === 'data' && Object.hasOwn(binaryData, key)) errors.push(duplicateValue(path, key));
      size += Buffer.byteLength(typeof value === 'string' ? value : '', field === 'data' ? 'utf8' : 'base64');
    }
  }
  return size > maxBytes ? [...errors, tooLong('', maxBytes)] : errors;
}

function validateFrozen(object: JsonObject, old: JsonObject): FieldError[] {
  if (own(old, 'immutable') !== true) return [];
  const frozen = 'field is immutable when `immutable` is set';
  const errors: FieldError[] = [];
  if (own(object, 'immutable') !== true) errors.push(forbidden('immutable', frozen));
  for (const field of ['data', 'binaryData']) {
    if (!jsonEqual(objectAt(object, field), objectAt(old, field))) errors.push(forbidden(field, frozen));
  }
  return errors;
}

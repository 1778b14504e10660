import type { FieldError } from '../../../machinery/field-errors.ts';
import {
  FieldPath,
  forbidden,
  invalidValue,
  requiredValue,
  tooLong,
} from '../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../machinery/json.ts';
import { isObject, jsonEqual, own, setOwn } from '../../../machinery/json.ts';
import { validateConfigMapKey } from '../../../machinery/names.ts';
import { defineBuiltIn } from './define.ts';
import { ensureObject, labelsAt, nameOf, objectAt, setDefaultOfZero, textAt } from './fields.ts';
import { immutable } from './rules.ts';
import { age, ageColumn, column } from './table.ts';

const maxBytes = 1024 * 1024;
const dataPath = new FieldPath('data');
const accountAnnotation = 'kubernetes.io/service-account.name';
const frozen = 'field is immutable when `immutable` is set';
/** What a Secret of a type must have. */
const requiredKeys: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.io/dockercfg': ['.dockercfg'],
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
};

export const secret = defineBuiltIn({
  kind: { group: '', version: 'v1', resource: 'secrets', kind: 'Secret', namespaced: true },
  schema: 'io.k8s.api.core.v1.Secret',
  setDefaults: (object) => {
    setDefaultOfZero(object, 'type', 'Opaque');
    mergeStringData(object);
  },
  validate: (object, old) => [
    ...(old === undefined ? [] : validateUpdate(object, old)),
    ...validateSecret(object),
  ],
  selectableFields: { names: ['type'], of: (object) => ({ type: textAt(object, 'type') }) },
  columns: [column('Type', 'What the data is for'), column('Data', 'Number of entries'), ageColumn],
  cells: (object, nowMs) => [
    nameOf(object),
    textAt(object, 'type'),
    Object.keys(objectAt(object, 'data')).length,
    age(object, nowMs),
  ],
});

/** `stringData` is only ever written: it ends up in `data`. */
function mergeStringData(object: JsonObject): void {
  for (const [key, text] of Object.entries(labelsAt(object, 'stringData'))) {
    setOwn(ensureObject(object, 'data'), key, Buffer.from(text, 'utf8').toString('base64'));
  }
  delete object['stringData'];
}

function validateSecret(object: JsonObject): FieldError[] {
  const data = objectAt(object, 'data');
  const type = textAt(object, 'type');
  const errors = Object.keys(data).flatMap((key) =>
    validateConfigMapKey(key).map((problem) => invalidValue(dataPath.key(key), key, problem)),
  );
  let size = 0;
  for (const value of Object.values(data)) {
    if (typeof value === 'string') size += Buffer.byteLength(value, 'base64');
  }
  if (size > maxBytes) errors.push(tooLong(dataPath, maxBytes));
  if (type === 'kubernetes.io/service-account-token') {
    const annotations = labelsAt(objectAt(object, 'metadata'), 'annotations');
    const at = new FieldPath('metadata', 'annotations').key(accountAnnotation);
    if ((own(annotations, accountAnnotation) ?? '') === '') errors.push(requiredValue(at));
  }
  if (
    type === 'kubernetes.io/basic-auth' &&
    !Object.hasOwn(data, 'username') &&
    !Object.hasOwn(data, 'password')
  ) {
    errors.push(requiredValue(dataPath.key('username')), requiredValue(dataPath.key('password')));
  }
  for (const key of own(requiredKeys, type) ?? []) errors.push(...validateKey(data, key));
  return errors;
}

function validateKey(data: JsonObject, key: string): FieldError[] {
  const at = dataPath.key(key);
  const value = own(data, key);
  if (value === undefined || (key === 'ssh-privatekey' && value === '')) return [requiredValue(at)];
  if (!key.startsWith('.docker') || isJsonObject(value)) return [];
  return [invalidValue(at, '<secret contents redacted>', 'invalid character')];
}

function isJsonObject(base64: unknown): boolean {
  if (typeof base64 !== 'string') return false;
  try {
    return isObject(JSON.parse(Buffer.from(base64, 'base64').toString('utf8')));
  } catch {
    return false;
  }
}

function validateUpdate(object: JsonObject, old: JsonObject): FieldError[] {
  const errors = immutable(own(object, 'type'), own(old, 'type'), new FieldPath('type'));
  if (own(old, 'immutable') !== true) return errors;
  if (own(object, 'immutable') !== true) errors.push(forbidden('immutable', frozen));
  if (!jsonEqual(objectAt(object, 'data'), objectAt(old, 'data'))) errors.push(forbidden('data', frozen));
  return errors;
}

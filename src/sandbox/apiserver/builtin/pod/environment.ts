// Environment variables of containers. Source: pkg/apis/core/validation of Kubernetes 1.36.
import type { FieldError, FieldPath } from '../../../../machinery/field-errors.ts';
import { invalidValue, requiredValue } from '../../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../../machinery/json.ts';
import {
  validateConfigMapKey,
  validateDns1123Label,
  validateDns1123Subdomain,
  validateRelaxedEnvVarName,
} from '../../../../machinery/names.ts';
import { isSet, objectAt, objectsAt, optionalObject, textAt } from '../fields.ts';
import { invalid } from '../rules.ts';
import { environmentFields, validateFieldReference, validateResourceReference } from './downward-api.ts';
import { noBacksteps } from './volumes.ts';

const sources = ['fieldRef', 'resourceFieldRef', 'configMapKeyRef', 'secretKeyRef', 'fileKeyRef'];

export function validateEnvironment(container: JsonObject, path: FieldPath): FieldError[] {
  return [
    ...objectsAt(container, 'env').flatMap((variable, i) =>
      validateVariable(variable, path.child('env').index(i)),
    ),
    ...validateEnvFrom(container, path.child('envFrom')),
  ];
}

function validateVariable(variable: JsonObject, path: FieldPath): FieldError[] {
  const name = textAt(variable, 'name');
  const errors = name === '' ? [requiredValue(path.child('name'))] : [];
  if (name !== '') errors.push(...invalid(path.child('name'), name, validateRelaxedEnvVarName(name)));
  if (isSet(variable, 'valueFrom')) errors.push(...validateSource(variable, path.child('valueFrom')));
  return errors;
}

function validateSource(variable: JsonObject, path: FieldPath): FieldError[] {
  const source = objectAt(variable, 'valueFrom');
  const set = sources.filter((name) => isSet(source, name));
  const errors = set.flatMap((name) => {
    const reference = objectAt(source, name);
    const at = path.child(name);
    if (name === 'fieldRef') return validateFieldReference(reference, environmentFields, at);
    if (name === 'resourceFieldRef') return validateResourceReference(reference, at, false);
    if (name === 'fileKeyRef') return validateFileKey(reference, at);
    return validateKeyReference(reference, at);
  });
  const message = sourceProblem(set.length, textAt(variable, 'value') !== '');
  return message === undefined ? errors : [...errors, invalidValue(path, '', message)];
}

function sourceProblem(count: number, hasValue: boolean): string | undefined {
  if (count === 0) {
    return 'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`';
  }
  if (hasValue) return 'may not be specified when `value` is not empty';
  return count > 1 ? 'may not have more than one field specified at a time' : undefined;
}

/** A key of a ConfigMap or a Secret. */
function validateKeyReference(reference: JsonObject, path: FieldPath): FieldError[] {
  const name = textAt(reference, 'name');
  const key = textAt(reference, 'key');
  const errors = invalid(path.child('name'), name, validateDns1123Subdomain(name));
  if (key === '') return [...errors, requiredValue(path.child('key'))];
  return [...errors, ...invalid(path.child('key'), key, validateConfigMapKey(key))];
}

function validateFileKey(reference: JsonObject, path: FieldPath): FieldError[] {
  const check = (field: string, problems: (value: string) => FieldError[]): FieldError[] => {
    const value = textAt(reference, field);
    return value === '' ? [requiredValue(path.child(field))] : problems(value);
  };
  return [
    ...check('key', (key) => invalid(path.child('key'), key, validateRelaxedEnvVarName(key))),
    ...check('volumeName', (name) => invalid(path.child('volumeName'), name, validateDns1123Label(name))),
    ...check('path', (value) => noBacksteps(value, path.child('path'))),
  ];
}

function validateEnvFrom(container: JsonObject, path: FieldPath): FieldError[] {
  return objectsAt(container, 'envFrom').flatMap((entry, i) => {
    const at = path.index(i);
    const prefix = textAt(entry, 'prefix');
    const errors =
      prefix === '' ? [] : invalid(at.child('prefix'), prefix, validateRelaxedEnvVarName(prefix));
    const set = ['configMapRef', 'secretRef'].filter((name) => isSet(entry, name));
    for (const name of set) {
      const object = textAt(optionalObject(entry, name) ?? {}, 'name');
      const nameAt = at.child(name, 'name');
      if (object === '') errors.push(requiredValue(nameAt));
      // A prefix of a name is enough here, as upstream: a trailing dash passes.
      else errors.push(...invalid(nameAt, object, validateDns1123Subdomain(object.replace(/-$/, 'a'))));
    }
    if (set.length === 0)
      errors.push(invalidValue(path, '', 'must specify one of: `configMapRef` or `secretRef`'));
    if (set.length > 1)
      errors.push(invalidValue(path, '', 'may not have more than one field specified at a time'));
    return errors;
  });
}

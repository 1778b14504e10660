// Limits of a namespace. Nothing enforces them here: they are kept, checked and shown.
import type { FieldError } from '../../../machinery/field-errors.ts';
import { FieldPath, duplicateValue, forbidden, invalidValue } from '../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../machinery/json.ts';
import { jsonClone, own } from '../../../machinery/json.ts';
import { defineBuiltIn } from './define.ts';
import { ensureObject, isSet, nameOf, objectAt, objectsAt, setDefault, textAt } from './fields.ts';
import { qualifiedName, quantityAt } from './rules.ts';
import { validateAmount } from './resources.ts';
import { age, ageColumn, column } from './table.ts';

export const resourceQuota = defineBuiltIn({
  kind: { group: '', version: 'v1', resource: 'resourcequotas', kind: 'ResourceQuota', namespaced: true },
  schema: 'io.k8s.api.core.v1.ResourceQuota',
  shortNames: ['quota'],
  status: true,
  validate: (object, _old, subresource) => {
    const part = subresource ?? 'spec';
    const lists = subresource === undefined ? ['hard'] : ['hard', 'used'];
    return lists.flatMap((list) => validateList(objectAt(object, part, list), new FieldPath(part, list)));
  },
  deleteAnswer: 'object',
  columns: [
    column('Request', 'What is used of the requests that may be made'),
    column('Limit', 'What is used of the limits that may be set'),
    ageColumn,
  ],
  cells: (object, nowMs) => [nameOf(object), ...usage(objectAt(object, 'status')), age(object, nowMs)],
});

function validateList(list: JsonObject, path: FieldPath): FieldError[] {
  return Object.keys(list).flatMap((name) => [
    ...qualifiedName(name, path.key(name)),
    ...validateAmount(list, name, path.key(name)),
  ]);
}

function usage(status: JsonObject): [string, string] {
  const hard = objectAt(status, 'hard');
  const used = objectAt(status, 'used');
  const text = (names: readonly string[]): string =>
    names.map((name) => `${name}: ${textAt(used, name) || '0'}/${textAt(hard, name) || '0'}`).join(', ');
  const names = Object.keys(hard).toSorted();
  const isLimit = (name: string): boolean => name.startsWith('limits.');
  return [text(names.filter((name) => !isLimit(name))), text(names.filter(isLimit))];
}

export const limitRange = defineBuiltIn({
  kind: { group: '', version: 'v1', resource: 'limitranges', kind: 'LimitRange', namespaced: true },
  schema: 'io.k8s.api.core.v1.LimitRange',
  shortNames: ['limits'],
  createOnUpdate: true,
  setDefaults: (object) => {
    for (const limit of objectsAt(objectAt(object, 'spec'), 'limits')) {
      if (textAt(limit, 'type') === 'Container') setLimitDefaults(limit);
    }
  },
  validate: (object) => {
    const path = new FieldPath('spec', 'limits');
    const types = new Set<string>();
    return objectsAt(objectAt(object, 'spec'), 'limits').flatMap((limit, i) => {
      const at = path.index(i);
      const type = textAt(limit, 'type');
      const repeated = types.has(type) ? [duplicateValue(at.child('type'), type)] : [];
      types.add(type);
      return [...repeated, ...validateLimit(limit, type, at)];
    });
  },
  columns: [
    { ...column('Created At', 'When the object was created, on the clock of the server'), type: 'date' },
  ],
  cells: (object) => [nameOf(object), textAt(objectAt(object, 'metadata'), 'creationTimestamp')],
});

function setLimitDefaults(limit: JsonObject): void {
  const copy = (from: string, to: string): void => {
    for (const [name, amount] of Object.entries(objectAt(limit, from))) {
      setDefault(ensureObject(limit, to), name, jsonClone(amount));
    }
  };
  copy('max', 'default');
  copy('default', 'defaultRequest');
  copy('min', 'defaultRequest');
}

function validateLimit(limit: JsonObject, type: string, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ['default', 'defaultRequest']) {
    if (type === 'Pod' && isSet(limit, field)) {
      errors.push(forbidden(path.child(field), "may not be specified when `type` is 'Pod'"));
    }
  }
  const lists = ['max', 'min', 'default', 'defaultRequest'];
  const names = new Set(lists.flatMap((list) => Object.keys(objectAt(limit, list))));
  for (const name of names) errors.push(...validateOrder(limit, name, path));
  return errors;
}

function validateOrder(limit: JsonObject, name: string, path: FieldPath): FieldError[] {
  const rules = [
    ['min', 'min value', 'max', 'max value', 'min'],
    ['min', 'min value', 'defaultRequest', 'default request value', 'defaultRequest'],
    ['defaultRequest', 'default request value', 'max', 'max value', 'defaultRequest'],
    ['defaultRequest', 'default request value', 'default', 'default limit value', 'defaultRequest'],
    ['min', 'min value', 'default', 'default value', 'default'],
    ['default', 'default value', 'max', 'max value', 'default'],
  ] as const;
  return rules.flatMap(([low, lowText, high, highText, blamed]) => {
    const less = quantityAt(objectAt(limit, low), name);
    const more = quantityAt(objectAt(limit, high), name);
    if (less === undefined || more === undefined || less.compare(more) <= 0) return [];
    const message = `${lowText} ${less.toString()} is greater than ${highText} ${more.toString()}`;
    return [invalidValue(path.child(blamed).key(name), own(objectAt(limit, blamed), name) ?? null, message)];
  });
}

// Roles and their bindings. Source: pkg/apis/rbac of Kubernetes 1.36.
import type { FieldError } from '../../../machinery/field-errors.ts';
import { FieldPath, invalidValue, requiredValue, unsupportedValue } from '../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../machinery/json.ts';
import { jsonEqual, own } from '../../../machinery/json.ts';
import { validateDns1123Subdomain, validatePathSegmentName } from '../../../machinery/names.ts';
import { validateLabelSelector } from '../../../machinery/label-selector.ts';
import { defineBuiltIn } from './define.ts';
import {
  ensureObject,
  isSet,
  listAt,
  nameOf,
  objectAt,
  objectsAt,
  setDefaultOfZero,
  textAt,
  textsAt,
} from './fields.ts';
import { invalid, selectorAt } from './rules.ts';
import { age, ageColumn, column, wideColumn } from './table.ts';

const group = 'rbac.authorization.k8s.io';
const shared = { createOnUpdate: true, validateName: validatePathSegmentName };

export const role = defineBuiltIn({
  ...shared,
  kind: { group, version: 'v1', resource: 'roles', kind: 'Role', namespaced: true },
  schema: 'io.k8s.api.rbac.v1.Role',
  validate: (object) => validateRules(object, true),
  columns: [createdColumn()],
  cells: (object) => [nameOf(object), created(object)],
});

export const clusterRole = defineBuiltIn({
  ...shared,
  kind: { group, version: 'v1', resource: 'clusterroles', kind: 'ClusterRole', namespaced: false },
  schema: 'io.k8s.api.rbac.v1.ClusterRole',
  validate: (object) => [...validateRules(object, false), ...validateAggregation(object)],
  columns: [createdColumn()],
  cells: (object) => [nameOf(object), created(object)],
});

export const roleBinding = defineBuiltIn({
  ...shared,
  kind: { group, version: 'v1', resource: 'rolebindings', kind: 'RoleBinding', namespaced: true },
  schema: 'io.k8s.api.rbac.v1.RoleBinding',
  setDefaults: setBindingDefaults,
  validate: (object, old) => validateBinding(object, old, ['Role', 'ClusterRole'], true),
  columns: bindingColumns('roleBinding'),
  cells: bindingCells,
});

export const clusterRoleBinding = defineBuiltIn({
  ...shared,
  kind: {
    group,
    version: 'v1',
    resource: 'clusterrolebindings',
    kind: 'ClusterRoleBinding',
    namespaced: false,
  },
  schema: 'io.k8s.api.rbac.v1.ClusterRoleBinding',
  setDefaults: setBindingDefaults,
  validate: (object, old) => validateBinding(object, old, ['ClusterRole'], false),
  columns: bindingColumns('clusterRoleBinding'),
  cells: bindingCells,
});

/** Roles have no columns of their own: their Table is the default one. */
function createdColumn() {
  return {
    ...column('Created At', 'When the object was created, on the clock of the server'),
    type: 'date' as const,
  };
}

function created(object: JsonObject): string {
  return textAt(objectAt(object, 'metadata'), 'creationTimestamp');
}

function bindingColumns(kind: string) {
  return [
    column('Role', 'The role that the subjects get'),
    ageColumn,
    wideColumn('Users', `Users in the ${kind}`),
    wideColumn('Groups', `Groups in the ${kind}`),
    wideColumn('ServiceAccounts', `ServiceAccounts in the ${kind}`),
  ];
}

function bindingCells(object: JsonObject, nowMs: number): string[] {
  const reference = objectAt(object, 'roleRef');
  const subjects = objectsAt(object, 'subjects');
  const of = (kind: string): JsonObject[] => subjects.filter((subject) => textAt(subject, 'kind') === kind);
  const accounts = of('ServiceAccount').map((one) => `${textAt(one, 'namespace')}/${textAt(one, 'name')}`);
  const names = (kind: string): string =>
    of(kind)
      .map((one) => textAt(one, 'name'))
      .join(', ');
  return [
    nameOf(object),
    `${textAt(reference, 'kind')}/${textAt(reference, 'name')}`,
    age(object, nowMs),
    names('User'),
    names('Group'),
    accounts.join(', '),
  ];
}

function setBindingDefaults(object: JsonObject): void {
  setDefaultOfZero(ensureObject(object, 'roleRef'), 'apiGroup', group);
  for (const subject of objectsAt(object, 'subjects')) {
    if (['User', 'Group'].includes(textAt(subject, 'kind'))) setDefaultOfZero(subject, 'apiGroup', group);
  }
}

function validateRules(object: JsonObject, namespaced: boolean): FieldError[] {
  return objectsAt(object, 'rules').flatMap((rule, i) =>
    validateRule(rule, namespaced, new FieldPath('rules').index(i)),
  );
}

function validateRule(rule: JsonObject, namespaced: boolean, path: FieldPath): FieldError[] {
  const has = (field: string): boolean => listAt(rule, field).length > 0;
  const errors: FieldError[] = [];
  if (!has('verbs')) errors.push(requiredValue(path.child('verbs'), 'verbs must contain at least one value'));
  if (has('nonResourceURLs')) {
    const urls = textsAt(rule, 'nonResourceURLs');
    const at = path.child('nonResourceURLs');
    if (namespaced) errors.push(invalidValue(at, urls, 'namespaced rules cannot apply to non-resource URLs'));
    if (has('apiGroups') || has('resources') || has('resourceNames')) {
      const message = 'rules cannot apply to both regular resources and non-resource URLs';
      errors.push(invalidValue(at, urls, message));
    }
    return errors;
  }
  if (!has('apiGroups')) {
    errors.push(requiredValue(path.child('apiGroups'), 'resource rules must supply at least one api group'));
  }
  if (!has('resources')) {
    errors.push(requiredValue(path.child('resources'), 'resource rules must supply at least one resource'));
  }
  return errors;
}

function validateAggregation(object: JsonObject): FieldError[] {
  if (!isSet(object, 'aggregationRule')) return [];
  const path = new FieldPath('aggregationRule', 'clusterRoleSelectors');
  const rule = objectAt(object, 'aggregationRule');
  const selectors = objectsAt(rule, 'clusterRoleSelectors');
  if (selectors.length === 0) {
    const message = 'at least one clusterRoleSelector required if aggregationRule is non-nil';
    return [requiredValue(path, message)];
  }
  return selectors.flatMap((selector, i) =>
    validateLabelSelector(selectorAt({ selector }, 'selector') ?? {}, path.index(i)),
  );
}

function validateBinding(
  object: JsonObject,
  old: JsonObject | undefined,
  kinds: readonly string[],
  namespaced: boolean,
): FieldError[] {
  const path = new FieldPath('roleRef');
  const reference = objectAt(object, 'roleRef');
  const name = textAt(reference, 'name');
  const errors: FieldError[] = [];
  if (textAt(reference, 'apiGroup') !== group) {
    errors.push(unsupportedValue(path.child('apiGroup'), textAt(reference, 'apiGroup'), [group]));
  }
  if (!kinds.includes(textAt(reference, 'kind'))) {
    errors.push(unsupportedValue(path.child('kind'), textAt(reference, 'kind'), kinds));
  }
  if (name === '') errors.push(requiredValue(path.child('name')));
  else errors.push(...invalid(path.child('name'), name, validatePathSegmentName(name)));
  for (const [i, subject] of objectsAt(object, 'subjects').entries()) {
    errors.push(...validateSubject(subject, namespaced, new FieldPath('subjects').index(i)));
  }
  if (old !== undefined && !jsonEqual(reference, objectAt(old, 'roleRef'))) {
    const shown = {
      APIGroup: textAt(reference, 'apiGroup'),
      Kind: textAt(reference, 'kind'),
      Name: name,
    };
    errors.push(invalidValue(path, shown, 'cannot change roleRef'));
  }
  return errors;
}

function validateSubject(subject: JsonObject, namespaced: boolean, path: FieldPath): FieldError[] {
  const name = textAt(subject, 'name');
  const kind = textAt(subject, 'kind');
  const apiGroup = textAt(subject, 'apiGroup');
  const errors = name === '' ? [requiredValue(path.child('name'))] : [];
  switch (kind) {
    case 'ServiceAccount':
      if (name !== '') errors.push(...invalid(path.child('name'), name, validateDns1123Subdomain(name)));
      if (apiGroup !== '') errors.push(unsupportedValue(path.child('apiGroup'), apiGroup, ['']));
      if (!namespaced && (own(subject, 'namespace') ?? '') === '') {
        errors.push(requiredValue(path.child('namespace')));
      }
      return errors;
    case 'User':
    case 'Group':
      if (apiGroup !== group) errors.push(unsupportedValue(path.child('apiGroup'), apiGroup, [group]));
      return errors;
    default:
      return [...errors, unsupportedValue(path.child('kind'), kind, ['ServiceAccount', 'User', 'Group'])];
  }
}

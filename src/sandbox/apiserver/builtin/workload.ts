// What the kinds that make pods from a template have in common.
import type { FieldError } from '../../../machinery/field-errors.ts';
import { FieldPath, invalidValue, requiredValue } from '../../../machinery/field-errors.ts';
import type { Json, JsonObject } from '../../../machinery/json.ts';
import { own } from '../../../machinery/json.ts';
import type { ScaleMapping, TableColumn } from '../resource-definition.ts';
import { countAt, isSet, nameOf, numberAt, objectAt, optionalObject } from './fields.ts';
import { validateSelectedTemplate } from './pod/spec.ts';
import { compileSelector, isEmptySelector, selectorAt, selectorErrors } from './rules.ts';
import {
  age,
  ageColumn,
  containerCells,
  containerColumns,
  formatLabelSelector,
  integerColumn,
  wideColumn,
} from './table.ts';

export const specPath = new FieldPath('spec');
export const statusPath = new FieldPath('status');

export const replicasScale: ScaleMapping = {
  specReplicasPath: '.spec.replicas',
  statusReplicasPath: '.status.replicas',
  labelSelectorPath: '.spec.selector',
};

/** Containers, images and selector: the last columns of wide output. */
export const workloadColumns: readonly TableColumn[] = [
  ...containerColumns,
  wideColumn('Selector', 'The pods that belong to the object'),
];

/** Of the kinds that keep a number of equal pods: ReplicaSet and ReplicationController. */
export const replicaColumns: readonly TableColumn[] = [
  integerColumn('Desired', 'Number of desired pods'),
  integerColumn('Current', 'Number of pods that exist'),
  integerColumn('Ready', 'Number of pods that are ready'),
  ageColumn,
  ...workloadColumns,
];

/** The cells of {@link replicaColumns} up to the age, after the name. */
export function replicaCells(object: JsonObject, nowMs: number): Json[] {
  const status = objectAt(object, 'status');
  return [
    nameOf(object),
    countAt(objectAt(object, 'spec'), 'replicas'),
    countAt(status, 'replicas'),
    countAt(status, 'readyReplicas'),
    age(object, nowMs),
  ];
}

export const selectableReplicas = {
  names: ['status.replicas'],
  of: (object: JsonObject) => ({
    'status.replicas': String(countAt(objectAt(object, 'status'), 'replicas')),
  }),
};

export function workloadCells(spec: JsonObject): string[] {
  return [
    ...containerCells(objectAt(spec, 'template')),
    formatLabelSelector(optionalObject(spec, 'selector')),
  ];
}

/**
 * The selector, which must be there and not select everything, and the template under it.
 *
 * @param owner the kind, as the messages about the template call it
 * @param called the kind, as the message about the empty selector calls it
 * @param broken the message about a selector that cannot be used
 */
export function validateSelected(
  spec: JsonObject,
  { owner, called, broken }: { readonly owner: string; readonly called: string; readonly broken: string },
): FieldError[] {
  const selector = selectorAt(spec, 'selector');
  const at = specPath.child('selector');
  const errors = selector === undefined ? [requiredValue(at)] : selectorErrors(spec, 'selector', specPath);
  const value = own(spec, 'selector') ?? null;
  if (selector !== undefined && isEmptySelector(selector)) {
    errors.push(invalidValue(at, value, `empty selector is invalid for ${called}`));
  }
  const compiled = compileSelector(spec, 'selector');
  if (compiled === undefined) return [...errors, invalidValue(at, value, broken)];
  const template = objectAt(spec, 'template');
  return [...errors, ...validateSelectedTemplate(template, compiled, owner, specPath.child('template'))];
}

/** Counts of a status: none below zero, some not above `replicas`. */
export function validateCounts(
  status: JsonObject,
  counts: readonly string[],
  bounded: readonly string[],
  readyText: string,
): FieldError[] {
  const replicas = countAt(status, 'replicas');
  const errors = counts.flatMap((field) => {
    const value = countAt(status, field);
    const message = 'must be greater than or equal to 0';
    return value < 0 ? [invalidValue(statusPath.child(field), value, message)] : [];
  });
  for (const field of bounded) {
    const value = countAt(status, field);
    if (value > replicas) {
      errors.push(invalidValue(statusPath.child(field), value, 'cannot be greater than status.replicas'));
    }
  }
  const available = countAt(status, 'availableReplicas');
  if (available > countAt(status, 'readyReplicas')) {
    errors.push(
      invalidValue(statusPath.child('availableReplicas'), available, `cannot be greater than ${readyText}`),
    );
  }
  return errors;
}

/** A count of name collisions only rises. */
export function validateCollisions(object: JsonObject, old: JsonObject): FieldError[] {
  const now = countAt(objectAt(object, 'status'), 'collisionCount');
  const before = numberAt(objectAt(old, 'status'), 'collisionCount');
  if (before === undefined || (isSet(objectAt(object, 'status'), 'collisionCount') && now >= before))
    return [];
  return [invalidValue(statusPath.child('collisionCount'), now, 'cannot be decremented')];
}

import { fieldErrorMessage, FieldPath, invalidValue } from '../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../machinery/json.ts';
import { jsonEqual } from '../../../machinery/json.ts';
import { ensureObject, objectAt, objectsAt, textAt } from '../builtin/fields.ts';
import { readSchema } from '../schema/read-schema.ts';
import { structuralProblems } from '../schema/structural.ts';
import { apiApproval, isProtectedGroup } from './api-approval.ts';
import type { CustomResourceNames } from './definition-spec.ts';
import { namesOf, specOf } from './definition-spec.ts';

export interface DefinitionCondition {
  readonly type:
    | 'NamesAccepted'
    | 'Established'
    | 'NonStructuralSchema'
    | 'Terminating'
    | 'KubernetesAPIApprovalPolicyConformant';
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

type ConditionType = DefinitionCondition['type'];

export function isConditionTrue(crd: JsonObject, type: ConditionType): boolean {
  const condition = findCondition(crd, type);
  return condition !== undefined && textAt(condition, 'status') === 'True';
}

function findCondition(crd: JsonObject, type: ConditionType): JsonObject | undefined {
  return objectsAt(objectAt(crd, 'status'), 'conditions').find(
    (condition) => textAt(condition, 'type') === type,
  );
}

/**
 * Sets a condition of a CRD, in place.
 *
 * @param now RFC 3339
 */
export function setCondition(crd: JsonObject, condition: DefinitionCondition, now: string): void {
  const status = ensureObject(crd, 'status');
  const conditions = objectsAt(status, 'conditions');
  const before = findCondition(crd, condition.type);
  const since = before === undefined ? '' : textAt(before, 'lastTransitionTime');
  const isTransition = before === undefined || textAt(before, 'status') !== condition.status || since === '';
  const next: JsonObject = { ...condition, lastTransitionTime: isTransition ? now : since };
  status['conditions'] =
    before === undefined
      ? [...conditions, next]
      : conditions.map((old) => (textAt(old, 'type') === condition.type ? next : old));
}

function removeCondition(crd: JsonObject, type: ConditionType): void {
  if (findCondition(crd, type) === undefined) return;
  const status = ensureObject(crd, 'status');
  status['conditions'] = objectsAt(status, 'conditions').filter((old) => textAt(old, 'type') !== type);
}

export const established: DefinitionCondition = {
  type: 'Established',
  status: 'True',
  reason: 'InitialNamesAccepted',
  message: 'the initial names have been accepted',
};

const installing: DefinitionCondition = { ...established, status: 'False', reason: 'Installing' };

const notAccepted: DefinitionCondition = {
  type: 'Established',
  status: 'False',
  reason: 'NotAccepted',
  message: 'not all names are accepted',
};

/**
 * Gives a CRD the names that it asks for as far as no other CRD of the group has them, in place: sets `acceptedNames`
 * and the conditions.
 *
 * Source: apiextensions-apiserver pkg/controller/status/naming_controller.go.
 *
 * @param others the other CRDs of the group
 */
export function acceptNames(crd: JsonObject, others: readonly JsonObject[], now: string): void {
  const wanted = specOf(crd).names;
  const before = namesOf(objectAt(crd, 'status', 'acceptedNames'));
  if (jsonEqual(wanted, before)) return;
  const { accepted, conflict } = resolveNames(wanted, before, others);
  const condition: DefinitionCondition = {
    type: 'NamesAccepted',
    status: conflict === undefined ? 'True' : 'False',
    reason: conflict?.reason ?? 'NoConflicts',
    message: conflict?.message ?? 'no conflicts found',
  };
  const { shortNames, categories, ...names } = accepted;
  ensureObject(crd, 'status')['acceptedNames'] = {
    ...names,
    ...(shortNames.length > 0 ? { shortNames: [...shortNames] } : {}),
    ...(categories.length > 0 ? { categories: [...categories] } : {}),
  };
  setCondition(crd, condition, now);
  if (isConditionTrue(crd, 'Established')) return;
  if (conflict === undefined) setCondition(crd, installing, now);
  else if (findCondition(crd, 'Established') === undefined) setCondition(crd, notAccepted, now);
}

interface Conflict {
  readonly reason: string;
  readonly message: string;
}

function resolveNames(
  wanted: CustomResourceNames,
  before: CustomResourceNames,
  others: readonly JsonObject[],
): { readonly accepted: CustomResourceNames; readonly conflict: Conflict | undefined } {
  const taken = others.map((other) => namesOf(objectAt(other, 'status', 'acceptedNames')));
  const resources = new Set(
    taken.flatMap(({ plural, singular, shortNames }) => [plural, singular, ...shortNames]),
  );
  const kinds = new Set(taken.flatMap(({ kind, listKind }) => [kind, listKind]));
  const accepted = { ...before, categories: wanted.categories };
  let conflict: Conflict | undefined;
  // The last conflict is the one that is told.
  const settle = (name: 'plural' | 'singular' | 'kind' | 'listKind', used: ReadonlySet<string>): void => {
    const value = wanted[name];
    if (value === before[name] || !used.has(value)) accepted[name] = value;
    else {
      const reason = `${name.charAt(0).toUpperCase()}${name.slice(1)}Conflict`;
      conflict = { reason, message: `"${value}" is already in use` };
    }
  };
  settle('plural', resources);
  settle('singular', resources);
  const clashing = wanted.shortNames.filter(
    (name) => !before.shortNames.includes(name) && resources.has(name),
  );
  if (clashing.length === 0) accepted.shortNames = wanted.shortNames;
  else {
    const messages = [...new Set(clashing.map((name) => `"${name}" is already in use`))];
    const message = messages.length === 1 ? messages.join('') : `[${messages.join(', ')}]`;
    conflict = { reason: 'ShortNamesConflict', message };
  }
  settle('kind', kinds);
  settle('listKind', kinds);
  return { accepted, conflict };
}

/**
 * Sets the conditions that follow from the spec alone, in place.
 *
 * Source: apiextensions-apiserver pkg/controller/nonstructuralschema and apiapproval.
 */
export function judgeSpec(crd: JsonObject, now: string): void {
  const spec = specOf(crd);
  const problems = spec.preserveUnknownFields
    ? [invalidValue('spec.preserveUnknownFields', true, 'must be false')]
    : [];
  for (const [i, { schema }] of spec.versions.entries()) {
    if (schema === undefined) continue;
    const path = new FieldPath('spec', 'versions').index(i).child('schema', 'openAPIV3Schema');
    problems.push(...structuralProblems(readSchema(schema, path).schema, path));
  }
  const messages = [...new Set(problems.map(fieldErrorMessage))];
  if (messages.length === 0) removeCondition(crd, 'NonStructuralSchema');
  else {
    const message = messages.length === 1 ? messages.join('') : `[${messages.join(', ')}]`;
    setCondition(crd, { type: 'NonStructuralSchema', status: 'True', reason: 'Violations', message }, now);
  }
  if (!isProtectedGroup(spec.group)) {
    removeCondition(crd, 'KubernetesAPIApprovalPolicyConformant');
    return;
  }
  const { state, reason: message } = apiApproval(crd);
  const reasons = {
    missing: 'MissingAnnotation',
    approved: 'ApprovedAnnotation',
    bypassed: 'UnapprovedAnnotation',
    invalid: 'InvalidAnnotation',
  } as const;
  const status = state === 'approved' ? 'True' : 'False';
  setCondition(
    crd,
    { type: 'KubernetesAPIApprovalPolicyConformant', status, reason: reasons[state], message },
    now,
  );
}

import type { FieldError } from '../../../machinery/field-errors.ts';
import {
  FieldPath,
  forbidden,
  invalidValue,
  requiredValue,
  unsupportedValue,
} from '../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../machinery/json.ts';
import { jsonEqual, own } from '../../../machinery/json.ts';
import { validateDns1035Label, validateDns1123Subdomain } from '../../../machinery/names.ts';
import { isConditionTrue } from './definition-conditions.ts';
import { nameOf, objectAt, objectsAt, optionalObject, textAt, textsAt } from '../builtin/fields.ts';
import { apiApproval, approvalAnnotation, isProtectedGroup } from './api-approval.ts';
import type { CustomResourceNames, CustomResourceSpec, CustomResourceVersion } from './definition-spec.ts';
import { hasStatus, namesOf, specOf, storedVersionsOf } from './definition-spec.ts';
import {
  columnProblems,
  deprecationProblems,
  selectableFieldsProblems,
  subresourcesProblems,
  validationProblems,
} from './version-problems.ts';

const specPath = new FieldPath('spec');
const statusPath = new FieldPath('status');

/**
 * What is wrong with a CustomResourceDefinition; `old` on updates. Fields that all versions have in common are
 * named as if they stood in `spec` itself (`spec.validation`): so does the API server.
 *
 * Source: apiextensions-apiserver pkg/apis/apiextensions/validation.
 */
export function definitionProblems(crd: JsonObject, old: JsonObject | undefined): FieldError[] {
  const spec = specOf(crd);
  return [
    ...(old === undefined ? nameProblems(crd, spec) : []),
    ...specProblems(spec, crd),
    ...(old === undefined ? [] : immutableProblems(spec, specOf(old), isConditionTrue(old, 'Established'))),
    ...statusProblems(crd),
    ...storedVersionsProblems(crd, spec),
    ...approvalProblems(crd, old, spec.group),
    ...preserveProblems(spec, old),
  ];
}

/** What is wrong with the status of a CustomResourceDefinition. */
export function statusProblems(crd: JsonObject): FieldError[] {
  const accepted = namesOf(objectAt(crd, 'status', 'acceptedNames'));
  return namesProblems(accepted, statusPath.child('acceptedNames'));
}

function nameProblems(crd: JsonObject, { names, group }: CustomResourceSpec): FieldError[] {
  const name = nameOf(crd);
  // A name that is missing is told elsewhere.
  if (name === '' || name === `${names.plural}.${group}`) return [];
  return [invalidValue('metadata.name', name, 'must be spec.names.plural+"."+spec.group')];
}

function specProblems(spec: CustomResourceSpec, crd: JsonObject): FieldError[] {
  const problems = groupProblems(spec.group);
  const scopeAt = specPath.child('scope');
  if (spec.scope === '') problems.push(requiredValue(scopeAt));
  else if (spec.scope !== 'Cluster' && spec.scope !== 'Namespaced') {
    problems.push(unsupportedValue(scopeAt, spec.scope, ['Cluster', 'Namespaced']));
  }
  const common = commonFields(crd);
  const isCommon = (field: string): boolean => common.has(field);
  for (const [i, { schema }] of spec.versions.entries()) {
    if (schema !== undefined) continue;
    problems.push(requiredValue(specPath.child('versions').index(i).child('schema', 'openAPIV3Schema')));
  }
  const anyStatus = spec.versions.some(hasStatus);
  for (const [i, version] of spec.versions.entries()) {
    problems.push(...versionProblems(version, specPath.child('versions').index(i), isCommon));
  }
  problems.push(...versionsProblems(spec.versions, objectsAt(objectAt(crd, 'spec'), 'versions')));
  problems.push(...requiredNames(spec.names), ...namesProblems(spec.names, specPath.child('names')));
  const [first] = spec.versions;
  if (first !== undefined) {
    problems.push(...partsProblems(first, specPath, 'validation', anyStatus, isCommon));
  }
  problems.push(...conversionProblems(spec.conversion));
  return problems;
}

function groupProblems(group: string): FieldError[] {
  const at = specPath.child('group');
  if (group === '') return [requiredValue(at)];
  const wrong = validateDns1123Subdomain(group);
  if (wrong.length > 0) return [invalidValue(at, group, wrong.join(','))];
  if (group.includes('.')) return [];
  return [invalidValue(at, group, 'should be a domain with at least one dot')];
}

/** Fields in which all versions agree. */
function commonFields(crd: JsonObject): ReadonlySet<string> {
  const versions = objectsAt(objectAt(crd, 'spec'), 'versions');
  const [first] = versions;
  const fields = ['schema', 'subresources', 'additionalPrinterColumns', 'selectableFields'];
  if (first === undefined) return new Set();
  return new Set(
    fields.filter((field) => versions.every((version) => jsonEqual(own(version, field), own(first, field)))),
  );
}

function versionProblems(
  version: CustomResourceVersion,
  path: FieldPath,
  isCommon: (field: string) => boolean,
): FieldError[] {
  const wrong = validateDns1035Label(version.name);
  return [
    ...(wrong.length > 0 ? [invalidValue(path.child('name'), version.name, wrong.join(','))] : []),
    ...deprecationProblems(version, path),
    ...partsProblems(version, path, 'schema', hasStatus(version), (field) => !isCommon(field)),
  ];
}

/** @param isHere whether a field is looked at here: either in each version or, in common, once */
function partsProblems(
  version: CustomResourceVersion,
  path: FieldPath,
  schemaName: string,
  status: boolean,
  isHere: (field: string) => boolean,
): FieldError[] {
  const problems: FieldError[] = [];
  const { schema, subresources, columns } = version;
  if (schema !== undefined && isHere('schema')) {
    problems.push(...validationProblems(schema, status, path.child(schemaName)));
  }
  if (subresources !== undefined && isHere('subresources')) {
    problems.push(...subresourcesProblems(subresources, path.child('subresources')));
  }
  if (isHere('additionalPrinterColumns')) {
    const at = path.child('additionalPrinterColumns');
    problems.push(...columns.flatMap((column, i) => columnProblems(column, at.index(i))));
  }
  if (isHere('selectableFields')) {
    problems.push(...selectableFieldsProblems(version, path.child('selectableFields')));
  }
  return problems;
}

function versionsProblems(versions: readonly CustomResourceVersion[], given: JsonObject[]): FieldError[] {
  const problems: FieldError[] = [];
  const at = specPath.child('versions');
  if (new Set(versions.map(({ name }) => name)).size < versions.length) {
    problems.push(invalidValue(at, given, 'must contain unique version names'));
  }
  if (versions.filter(({ storage }) => storage).length !== 1) {
    problems.push(invalidValue(at, given, 'must have exactly one version marked as storage version'));
  }
  const [first] = versions;
  const wrong = first === undefined || first.name === '' ? [] : validateDns1035Label(first.name);
  if (wrong.length > 0) problems.push(invalidValue(specPath.child('version'), first?.name, wrong.join(',')));
  return problems;
}

function requiredNames(names: CustomResourceNames): FieldError[] {
  return (['plural', 'singular', 'kind', 'listKind'] as const)
    .filter((name) => names[name] === '')
    .map((name) => requiredValue(specPath.child('names', name)));
}

function namesProblems(names: CustomResourceNames, path: FieldPath): FieldError[] {
  const problems: FieldError[] = [];
  const check = (at: FieldPath, name: string, prefix = ''): void => {
    const wrong = validateDns1035Label(prefix === '' ? name : name.toLowerCase());
    if (wrong.length > 0) problems.push(invalidValue(at, name, `${prefix}${wrong.join(',')}`));
  };
  const mixed = 'may have mixed case, but should otherwise match: ';
  if (names.plural !== '') check(path.child('plural'), names.plural);
  if (names.singular !== '') check(path.child('singular'), names.singular);
  if (names.kind !== '') check(path.child('kind'), names.kind, mixed);
  if (names.listKind !== '') check(path.child('listKind'), names.listKind, mixed);
  for (const [i, name] of names.shortNames.entries()) check(path.child('shortNames').index(i), name);
  if (names.kind !== '' && names.kind === names.listKind) {
    const message = 'kind and listKind may not be the same';
    problems.push(invalidValue(path.child('listKind'), names.listKind, message));
  }
  for (const [i, name] of names.categories.entries()) check(path.child('categories').index(i), name);
  return problems;
}

function conversionProblems(conversion: JsonObject | undefined): FieldError[] {
  if (conversion === undefined) return [];
  const path = specPath.child('conversion');
  const strategy = textAt(conversion, 'strategy');
  if (strategy === '') return [requiredValue(path.child('strategy'))];
  if (strategy !== 'None' && strategy !== 'Webhook') {
    return [unsupportedValue(path.child('strategy'), strategy, ['None', 'Webhook'])];
  }
  const webhook = optionalObject(conversion, 'webhook');
  const client = webhook === undefined ? undefined : optionalObject(webhook, 'clientConfig');
  const versions = webhook === undefined ? [] : textsAt(webhook, 'conversionReviewVersions');
  const clientAt = path.child('webhookClientConfig');
  const versionsAt = path.child('conversionReviewVersions');
  const problems: FieldError[] = [];
  if (strategy === 'None') {
    const message = 'should not be set when strategy is not set to Webhook';
    if (client !== undefined) problems.push(forbidden(clientAt, message));
    if (versions.length > 0) problems.push(forbidden(versionsAt, message));
    return problems;
  }
  if (client === undefined) {
    problems.push(requiredValue(clientAt, 'required when strategy is set to Webhook'));
  } else if (Object.hasOwn(client, 'url') === Object.hasOwn(client, 'service')) {
    problems.push(requiredValue(clientAt, 'exactly one of url or service is required'));
  }
  if (versions.length === 0) return [...problems, requiredValue(versionsAt)];
  for (const [i, version] of versions.entries()) {
    const wrong = versions.indexOf(version) < i ? ['duplicate version'] : validateDns1035Label(version);
    problems.push(...wrong.map((message) => invalidValue(versionsAt.index(i), version, message)));
  }
  if (!versions.includes('v1') && !versions.includes('v1beta1')) {
    problems.push(invalidValue(versionsAt, versions, 'must include at least one of v1, v1beta1'));
  }
  return problems;
}

function immutableProblems(
  spec: CustomResourceSpec,
  old: CustomResourceSpec,
  isEstablished: boolean,
): FieldError[] {
  const problems: FieldError[] = [];
  const check = (path: FieldPath, value: string, before: string): void => {
    if (value !== before) problems.push(invalidValue(path, value, 'field is immutable'));
  };
  if (isEstablished) {
    check(specPath.child('scope'), spec.scope, old.scope);
    check(specPath.child('names', 'kind'), spec.names.kind, old.names.kind);
  }
  check(specPath.child('group'), spec.group, old.group);
  check(specPath.child('names', 'plural'), spec.names.plural, old.names.plural);
  return problems;
}

function storedVersionsProblems(crd: JsonObject, { versions }: CustomResourceSpec): FieldError[] {
  const stored = storedVersionsOf(crd);
  const path = statusPath.child('storedVersions');
  if (stored.length === 0) return [invalidValue(path, null, 'must have at least one stored version')];
  const problems: FieldError[] = [];
  for (const { name, storage } of versions) {
    if (storage && !stored.includes(name)) {
      problems.push(invalidValue(path, stored, `must have the storage version ${name}`));
    }
  }
  for (const [i, name] of stored.entries()) {
    if (versions.some((version) => version.name === name)) continue;
    const message = `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`;
    problems.push(invalidValue(path.index(i), name, message));
  }
  return problems;
}

function approvalProblems(crd: JsonObject, old: JsonObject | undefined, group: string): FieldError[] {
  if (!isProtectedGroup(group)) return [];
  const approval = apiApproval(crd);
  if (old !== undefined && apiApproval(old).state === approval.state) return [];
  const at = new FieldPath('metadata', 'annotations').key(approvalAnnotation);
  if (approval.state === 'missing') return [requiredValue(at, approval.reason)];
  if (approval.state !== 'invalid') return [];
  return [invalidValue(at, approval.annotation, approval.reason)];
}

function preserveProblems(spec: CustomResourceSpec, old: JsonObject | undefined): FieldError[] {
  if (!spec.preserveUnknownFields) return [];
  if (old !== undefined && specOf(old).preserveUnknownFields) return [];
  const message =
    'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead';
  return [invalidValue(specPath.child('preserveUnknownFields'), true, message)];
}

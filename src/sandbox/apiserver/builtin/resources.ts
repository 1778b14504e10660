// Amounts of resources: requests, limits, capacities, quotas. Source: pkg/apis/core/validation of Kubernetes 1.36.
import type { FieldError, FieldPath } from '../../../machinery/field-errors.ts';
import { forbidden, invalidValue, requiredValue } from '../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../machinery/json.ts';
import { validateQualifiedName } from '../../../machinery/names.ts';
import { objectAt } from './fields.ts';
import { quantityAt } from './rules.ts';

const standardOfContainers = ['cpu', 'memory', 'ephemeral-storage'];

function isHugePages(name: string): boolean {
  return name.startsWith('hugepages-');
}

function isNative(name: string): boolean {
  return !name.includes('/') || name.includes('kubernetes.io/');
}

function isExtended(name: string): boolean {
  return (
    !isNative(name) && !name.startsWith('requests.') && validateQualifiedName(`requests.${name}`).length === 0
  );
}

function validateName(name: string, path: FieldPath): FieldError[] {
  const errors = validateQualifiedName(name).map((problem) => invalidValue(path, name, problem));
  if (!name.includes('/')) {
    const isStandard = standardOfContainers.includes(name) || isHugePages(name);
    return isStandard
      ? errors
      : [...errors, invalidValue(path, name, 'must be a standard resource for containers')];
  }
  if (isNative(name) || isExtended(name)) return errors;
  return [...errors, invalidValue(path, name, "doesn't follow extended resource name standard")];
}

/** An amount that is not negative, and whole where the resource only comes in pieces. */
export function validateAmount(list: JsonObject, name: string, path: FieldPath): FieldError[] {
  const amount = quantityAt(list, name);
  if (amount === undefined) return [];
  const errors: FieldError[] = [];
  if (amount.milliValue() < 0n) {
    errors.push(invalidValue(path, amount.toString(), 'must be greater than or equal to 0'));
  }
  if (isExtended(name) && amount.milliValue() % 1000n !== 0n) {
    errors.push(invalidValue(path, amount.toString(), 'must be an integer'));
  }
  return errors;
}

/** Limits and requests of a container. */
export function validateResources(resources: JsonObject, path: FieldPath): FieldError[] {
  const limits = objectAt(resources, 'limits');
  const requests = objectAt(resources, 'requests');
  const names = [...Object.keys(limits), ...Object.keys(requests)];
  const errors: FieldError[] = [];
  for (const name of Object.keys(limits)) {
    const at = path.child('limits').key(name);
    errors.push(...validateName(name, at), ...validateAmount(limits, name, at));
  }
  for (const name of Object.keys(requests)) {
    const at = path.child('requests').key(name);
    errors.push(...validateName(name, at), ...validateAmount(requests, name, at));
    errors.push(...validateAgainstLimit(limits, requests, name, path));
  }
  if (names.some(isHugePages) && !names.includes('cpu') && !names.includes('memory')) {
    errors.push(forbidden(path, 'HugePages require cpu or memory'));
  }
  return errors;
}

function validateAgainstLimit(
  limits: JsonObject,
  requests: JsonObject,
  name: string,
  path: FieldPath,
): FieldError[] {
  const request = quantityAt(requests, name);
  const limit = quantityAt(limits, name);
  const mayOvercommit = isNative(name) && !isHugePages(name);
  if (request === undefined) return [];
  if (limit === undefined) {
    return mayOvercommit
      ? []
      : [requiredValue(path.child('limits'), 'Limit must be set for non overcommitable resources')];
  }
  const order = request.compare(limit);
  const at = path.child('requests');
  if (order !== 0 && !mayOvercommit) {
    return [invalidValue(at, request.toString(), `must be equal to ${name} limit of ${limit.toString()}`)];
  }
  if (order <= 0) return [];
  return [
    invalidValue(
      at,
      request.toString(),
      `must be less than or equal to ${name} limit of ${limit.toString()}`,
    ),
  ];
}

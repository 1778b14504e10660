import type { FieldError, FieldPath } from '../../../machinery/field-errors.ts';
import { forbidden, invalidValue, requiredValue, unsupportedValue } from '../../../machinery/field-errors.ts';
import { own } from '../../../machinery/json.ts';
import type { Schema } from '../../../machinery/schema.ts';

const listTypes: readonly string[] = ['atomic', 'set', 'map'];

/** What is wrong with `x-kubernetes-list-type` and `x-kubernetes-list-map-keys` of a schema. */
export function listTypeRuleProblems(schema: Schema, path: FieldPath): FieldError[] {
  const problems: FieldError[] = [];
  const listType: string | undefined = schema['x-kubernetes-list-type'];
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  const { type = '', items } = schema;
  const at = path.child('x-kubernetes-list-type');
  if (listType !== undefined && type !== 'array') {
    const message = 'must be array if x-kubernetes-list-type is specified';
    const typeAt = path.child('type');
    problems.push(type === '' ? requiredValue(typeAt, message) : invalidValue(typeAt, type, message));
  } else if (listType === 'set' && items !== undefined) {
    problems.push(...setItemProblems(items, path.child('items')));
  }
  if (listType !== undefined && !listTypes.includes(listType)) {
    problems.push(unsupportedValue(at, listType, listTypes));
  }
  if (keys.length > 0 && listType !== 'map') {
    const message = 'must be map if x-kubernetes-list-map-keys is non-empty';
    problems.push(listType === undefined ? requiredValue(at, message) : invalidValue(at, listType, message));
  }
  if (listType === 'map') problems.push(...mapProblems(keys, items, path));
  if (items !== undefined && (listType === 'set' || listType === 'map')) {
    problems.push(...itemsProblems(listType, keys, items, path.child('items')));
  }
  return problems;
}

function setItemProblems(items: Schema, path: FieldPath): FieldError[] {
  const message = 'must be atomic as item of a list with x-kubernetes-list-type=set';
  const itemType = items['x-kubernetes-list-type'];
  if (items.type === 'array' && itemType !== undefined && itemType !== 'atomic') {
    return [invalidValue(path.child('x-kubernetes-list-type'), itemType, message)];
  }
  if (items.type === 'object' && items['x-kubernetes-map-type'] !== 'atomic') {
    // The value shown is that of the other keyword: so does the original.
    return [invalidValue(path.child('x-kubernetes-map-type'), itemType ?? null, message)];
  }
  return [];
}

function mapProblems(keys: readonly string[], items: Schema | undefined, path: FieldPath): FieldError[] {
  const problems: FieldError[] = [];
  const at = path.child('x-kubernetes-list-map-keys');
  if (keys.length === 0) {
    problems.push(requiredValue(at, 'must not be empty if x-kubernetes-list-type is map'));
  }
  if (items === undefined) {
    const message = 'must have a schema if x-kubernetes-list-type is map';
    return [...problems, requiredValue(path.child('items'), message)];
  }
  if (items.type !== 'object') {
    const message = "must be object if parent array's x-kubernetes-list-type is map";
    return [...problems, invalidValue(path.child('items').child('type'), items.type ?? '', message)];
  }
  const seen = new Set<string>();
  for (const key of keys) {
    const property = own(items.properties ?? {}, key);
    if (property === undefined) {
      problems.push(invalidValue(at, keys, 'entries must all be names of item properties'));
    } else if (property.type === 'array' || property.type === 'object') {
      const message = "must be a scalar type if parent array's x-kubernetes-list-type is map";
      const typeAt = path.child('items', 'properties').key(key).child('type');
      problems.push(invalidValue(typeAt, items.type, message));
    }
    if (seen.has(key)) problems.push(invalidValue(at, keys, 'must not contain duplicate entries'));
    seen.add(key);
  }
  return problems;
}

/** Keys must be there: required, or filled in. */
function itemsProblems(
  listType: 'set' | 'map',
  keys: readonly string[],
  items: Schema,
  path: FieldPath,
): FieldError[] {
  const problems: FieldError[] = [];
  if (items.nullable === true) {
    const message = `cannot be nullable when x-kubernetes-list-type is ${listType}`;
    problems.push(forbidden(path.child('nullable'), message));
  }
  if (listType === 'set') return problems;
  for (const key of keys) {
    const property = own(items.properties ?? {}, key);
    if (property === undefined) continue;
    const at = path.child('properties').key(key);
    const isKey = 'this property is in x-kubernetes-list-map-keys, so it';
    if (items.required?.includes(key) !== true && property.default === undefined) {
      const message = `${isKey} must have a default or be a required property`;
      problems.push(requiredValue(at.child('default'), message));
    }
    if (property.nullable === true) {
      problems.push(forbidden(at.child('nullable'), `${isKey} cannot be nullable`));
    }
  }
  return problems;
}

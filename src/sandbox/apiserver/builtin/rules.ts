// Rules that the validation of many kinds shares. Messages are those of a Kubernetes 1.36 API server.
import { InvalidInputError } from '../../../base/errors.ts';
import type { FieldError, FieldPath } from '../../../machinery/field-errors.ts';
import { invalidValue, requiredValue, unsupportedValue } from '../../../machinery/field-errors.ts';
import type { Json, JsonObject } from '../../../machinery/json.ts';
import { jsonEqual, own } from '../../../machinery/json.ts';
import type { LabelSelector, LabelSelectorObject } from '../../../machinery/label-selector.ts';
import { fromObject, validateLabelSelector } from '../../../machinery/label-selector.ts';
import { validateDns1123Label, validatePortName, validatePortNumber } from '../../../machinery/names.ts';
import { validateQualifiedName } from '../../../machinery/names.ts';
import type { Quantity } from '../../../machinery/quantity.ts';
import { parseQuantity } from '../../../machinery/quantity.ts';
import { labelsAt, numberAt, objectsAt, optionalObject, textAt, textsAt } from './fields.ts';

export const protocols = ['SCTP', 'TCP', 'UDP'];

/** Each problem as an error of one field. */
export function invalid(path: FieldPath, value: unknown, problems: readonly string[]): FieldError[] {
  return problems.map((problem) => invalidValue(path, value, problem));
}

export function nonNegative(object: JsonObject, field: string, path: FieldPath): FieldError[] {
  const value = numberAt(object, field);
  return value !== undefined && value < 0
    ? [invalidValue(path.child(field), value, 'must be greater than or equal to 0')]
    : [];
}

export function allNonNegative(object: JsonObject, fields: readonly string[], path: FieldPath): FieldError[] {
  return fields.flatMap((field) => nonNegative(object, field, path));
}

export function immutable(value: Json | undefined, old: Json | undefined, path: FieldPath): FieldError[] {
  return jsonEqual(value ?? null, old ?? null)
    ? []
    : [invalidValue(path, value ?? null, 'field is immutable')];
}

export function label(object: JsonObject, field: string, path: FieldPath): FieldError[] {
  const value = textAt(object, field);
  return invalid(path.child(field), value, validateDns1123Label(value));
}

export function qualifiedName(value: string, path: FieldPath): FieldError[] {
  return invalid(path, value, validateQualifiedName(value));
}

export function required(object: JsonObject, field: string, path: FieldPath): FieldError[] {
  return textAt(object, field) === '' ? [requiredValue(path.child(field))] : [];
}

/** One of `values`, which are listed in messages as they are here; the empty text is missing. */
export function requiredOneOf(
  object: JsonObject,
  field: string,
  values: readonly string[],
  path: FieldPath,
): FieldError[] {
  const missing = required(object, field, path);
  return missing.length > 0 ? missing : oneOf(object, field, values, path);
}

/** One of `values`, where the field is set at all. */
export function oneOf(
  object: JsonObject,
  field: string,
  values: readonly string[],
  path: FieldPath,
): FieldError[] {
  const value = own(object, field);
  if (typeof value !== 'string' || values.includes(value)) return [];
  return [unsupportedValue(path.child(field), value, values)];
}

export function portNumberOrName(value: Json | undefined, path: FieldPath): FieldError[] {
  if (typeof value === 'string') return invalid(path, value, validatePortName(value));
  const port = typeof value === 'number' ? value : 0;
  return invalid(path, port, validatePortNumber(port));
}

/** The quantity in a field, or undefined where there is none or it cannot be read. */
export function quantityAt(object: JsonObject, field: string): Quantity | undefined {
  const value = own(object, field);
  if (typeof value !== 'string' && typeof value !== 'number') return undefined;
  try {
    return parseQuantity(value);
  } catch (error) {
    if (error instanceof InvalidInputError) return undefined;
    throw error;
  }
}

/** The selector in a field as an object that the selector functions take; undefined where there is none. */
export function selectorAt(object: JsonObject, field: string): LabelSelectorObject | undefined {
  const selector = optionalObject(object, field);
  if (selector === undefined) return undefined;
  return {
    matchLabels: labelsAt(selector, 'matchLabels'),
    matchExpressions: objectsAt(selector, 'matchExpressions').map((expression) => ({
      key: textAt(expression, 'key'),
      operator: textAt(expression, 'operator'),
      values: textsAt(expression, 'values'),
    })),
  };
}

export function selectorErrors(object: JsonObject, field: string, path: FieldPath): FieldError[] {
  const selector = selectorAt(object, field);
  return selector === undefined ? [] : validateLabelSelector(selector, path.child(field));
}

/** The compiled selector; undefined where it is not valid. */
export function compileSelector(object: JsonObject, field: string): LabelSelector | undefined {
  try {
    return fromObject(selectorAt(object, field));
  } catch (error) {
    if (error instanceof InvalidInputError) return undefined;
    throw error;
  }
}

export function isEmptySelector(selector: LabelSelectorObject): boolean {
  return Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions ?? []).length === 0;
}

const percent = /^[0-9]+%$/;

/** A count that is not negative, or a percentage. */
export function intOrPercent(object: JsonObject, field: string, path: FieldPath): FieldError[] {
  const value = own(object, field);
  if (typeof value !== 'string') return nonNegative(object, field, path);
  if (percent.test(value)) return [];
  const problem = `a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')`;
  return [invalidValue(path.child(field), value, problem)];
}

export function atMost100Percent(object: JsonObject, field: string, path: FieldPath): FieldError[] {
  const value = own(object, field);
  const isMore = typeof value === 'string' && percent.test(value) && Number.parseInt(value, 10) > 100;
  return isMore ? [invalidValue(path.child(field), value, 'must not be greater than 100%')] : [];
}

/** The number of a count or percentage; 0 where it is absent or neither. */
export function intOrPercentValue(object: JsonObject, field: string): number {
  const value = own(object, field);
  if (typeof value === 'number') return value;
  return typeof value === 'string' && percent.test(value) ? Number.parseInt(value, 10) : 0;
}

import type { FieldError, FieldPath } from '../../../machinery/field-errors.ts';
import { invalidValue } from '../../../machinery/field-errors.ts';
import type { Json, JsonObject } from '../../../machinery/json.ts';
import type { Schema } from '../../../machinery/schema.ts';
import { embeddedResourceProblems } from './embedded-resources.ts';
import { unknownFields } from './prune.ts';
import { ruleProblems } from './rules.ts';
import { Steps } from './steps.ts';
import { validateValue } from './validate.ts';

/**
 * What is wrong with the defaults of a structural schema: each must be valid itself, without unknown fields.
 *
 * Source: apiextensions-apiserver pkg/apiserver/schema/defaulting/validation.go.
 */
export function defaultsProblems(schema: Schema, path: FieldPath): FieldError[] {
  const problems: FieldError[] = [];
  walk(schema, path, new Steps(), problems);
  return problems;
}

function walk(schema: Schema, path: FieldPath, steps: Steps, problems: FieldError[]): void {
  if (schema.default !== undefined) {
    problems.push(...defaultProblems(schema, schema.default, path.child('default'), steps));
  }
  // Not below additionalProperties: defaults have no place there.
  if (schema.items !== undefined) walk(schema.items, path.child('items'), steps, problems);
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    walk(property, path.child('properties').key(name), steps, problems);
  }
}

function defaultProblems(schema: Schema, value: Json, path: FieldPath, steps: Steps): FieldError[] {
  const at = path.toString();
  // The checks want an object with the value as its field.
  const whole: Schema = { type: 'object', properties: { value: schema } };
  const object = { value };
  const problems: FieldError[] = [];
  if (hasUnknown(whole, object)) problems.push(invalidValue(path, value, 'must not have unknown fields'));
  const checks = [
    () => below(at, embeddedResourceProblems(whole, object)),
    () => validateValue(schema, value, { path: at, steps }),
    () => below(at, ruleProblems(whole, object, object)),
    () => below(at, ruleProblems(whole, object, undefined)),
  ];
  for (const check of checks) {
    const found = check();
    if (found.length > 0) return [...problems, ...found];
  }
  return problems;
}

function hasUnknown(schema: Schema, object: JsonObject): boolean {
  return unknownFields(schema, object, 'structural').length > 0;
}

/** @param problems of an object with the default in its field `value` */
function below(path: string, problems: readonly FieldError[]): FieldError[] {
  return problems.map((problem) => ({ ...problem, field: problem.field.replace(/^value/, () => path) }));
}

import type { FieldError, FieldPath } from '../../../machinery/field-errors.ts';
import { invalidValue } from '../../../machinery/field-errors.ts';
import type { Json } from '../../../machinery/json.ts';
import { isObject, jsonClone, jsonEqual } from '../../../machinery/json.ts';
import type { Schema } from '../../../machinery/schema.ts';
import { embeddedResourceProblems } from './embedded-resources.ts';
import { pruneUnknown } from './prune.ts';
import { ruleProblems } from './rules.ts';
import { validateValue } from './validate.ts';

/**
 * What is wrong with the defaults of a structural schema: each must be valid itself, without unknown fields.
 *
 * Source: apiextensions-apiserver pkg/apiserver/schema/defaulting/validation.go.
 */
export function defaultsProblems(schema: Schema, path: FieldPath): FieldError[] {
  const problems: FieldError[] = [];
  walk(schema, path, problems);
  return problems;
}

function walk(schema: Schema, path: FieldPath, problems: FieldError[]): void {
  if (schema.default !== undefined) {
    problems.push(...defaultProblems(schema, schema.default, path.child('default')));
  }
  // Not below additionalProperties: defaults have no place there.
  if (schema.items !== undefined) walk(schema.items, path.child('items'), problems);
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    walk(property, path.child('properties').key(name), problems);
  }
}

function defaultProblems(schema: Schema, value: Json, path: FieldPath): FieldError[] {
  const problems: FieldError[] = [];
  if (hasUnknown(schema, value)) problems.push(invalidValue(path, value, 'must not have unknown fields'));
  const at = path.toString();
  const found = [
    () => below(at, embeddedResourceProblems(schema, value)),
    () => validateValue(schema, value, { path: at }),
    () => ruleProblems(schema, value, { path: at, old: value }),
    () => ruleProblems(schema, value, { path: at }),
  ];
  for (const find of found) {
    const more = find();
    if (more.length > 0) return [...problems, ...more];
  }
  return problems;
}

function hasUnknown(schema: Schema, value: Json): boolean {
  const whole: Schema = { type: 'object', properties: { value: schema } };
  const pruned = { value: jsonClone(value) };
  pruneUnknown(whole, pruned, 'structural');
  if (isObject(value) && schema['x-kubernetes-embedded-resource'] === true) return false;
  return !jsonEqual(pruned.value, value);
}

function below(path: string, problems: readonly FieldError[]): FieldError[] {
  return problems.map((problem) => ({ ...problem, field: `${path}.${problem.field}` }));
}

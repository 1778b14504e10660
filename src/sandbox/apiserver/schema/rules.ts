import type { FieldError, FieldPath } from '../../../machinery/field-errors.ts';
import type { Json } from '../../../machinery/json.ts';
import type { Schema } from '../../../machinery/schema.ts';
import type { ValidateOptions } from './validate.ts';

/** What the `x-kubernetes-validations` of a schema mind about a value. */
export function ruleProblems(_schema: Schema, _value: Json, _options: ValidateOptions = {}): FieldError[] {
  return [];
}

/** What is wrong with the `x-kubernetes-validations` of a schema. */
export function ruleCompileProblems(_schema: Schema, _path: FieldPath): FieldError[] {
  return [];
}

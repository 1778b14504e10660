import type { FieldError } from '../../../machinery/field-errors.ts';
import { invalidValue } from '../../../machinery/field-errors.ts';
import { goText, goType } from '../../../machinery/go-text.ts';
import type { Json, JsonObject } from '../../../machinery/json.ts';
import { isObject, own } from '../../../machinery/json.ts';
import type { Schema } from '../../../machinery/schema.ts';
import type { ScaleMapping } from '../resource-definition.ts';
import { embeddedResourceProblems } from '../schema/embedded-resources.ts';
import { listTypeProblems } from '../schema/list-types.ts';
import { hasRules, ruleProblems } from '../schema/rules.ts';
import { validateValue } from '../schema/validate.ts';

const maxInt32 = 2 ** 31 - 1;

/** Rules are not tried on an object that has problems like these. */
const blocking: ReadonlySet<FieldError['type']> = new Set([
  'FieldValueNotSupported',
  'FieldValueRequired',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
]);

/**
 * What is wrong with a custom resource beside its metadata.
 *
 * Source: apiextensions-apiserver pkg/registry/customresource, strategy.go, status_strategy.go and validator.go.
 */
export function customResourceProblems(
  schema: Schema,
  scale: ScaleMapping | undefined,
  object: JsonObject,
  old: JsonObject | undefined,
  subresource: 'status' | undefined,
): FieldError[] {
  const problems =
    subresource === 'status'
      ? [...statusProblems(schema, object, old), ...scaleStatusProblems(scale, object)]
      : [
          ...validateValue(schema, object, { old }),
          ...scaleSpecProblems(scale, object),
          ...scaleStatusProblems(scale, object),
          ...embeddedResourceProblems(schema, object),
        ];
  // Duplicates that were there before are not held against an update.
  if (old === undefined || listTypeProblems(schema, old).length === 0) {
    problems.push(...listTypeProblems(schema, object));
  }
  if (!hasRules(schema)) return problems;
  if (problems.some(({ type }) => blocking.has(type))) {
    const message =
      'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation';
    return [...problems, invalidValue('<nil>', null, message)];
  }
  return [...problems, ...ruleProblems(schema, object, old)];
}

/** Only `status` changes through `/status`; messages name the fields below it. */
function statusProblems(schema: Schema, object: JsonObject, old: JsonObject | undefined): FieldError[] {
  const status = own(object, 'status');
  const statusSchema = own(schema.properties ?? {}, 'status');
  if (status === undefined || statusSchema === undefined) return [];
  return validateValue(statusSchema, status, {
    path: 'status',
    old: old === undefined ? undefined : own(old, 'status'),
  });
}

function scaleSpecProblems(scale: ScaleMapping | undefined, object: JsonObject): FieldError[] {
  return scale === undefined ? [] : replicasProblems(scale.specReplicasPath, object);
}

function scaleStatusProblems(scale: ScaleMapping | undefined, object: JsonObject): FieldError[] {
  if (scale === undefined) return [];
  const problems = replicasProblems(scale.statusReplicasPath, object);
  const { labelSelectorPath } = scale;
  if (labelSelectorPath === undefined) return problems;
  const selector = nested(object, labelSelectorPath, 'string', (value) => typeof value === 'string');
  return selector.problem === undefined
    ? problems
    : [...problems, invalidValue(labelSelectorPath, '', selector.problem)];
}

function replicasProblems(path: string, object: JsonObject): FieldError[] {
  const { value, problem } = nested(object, path, 'int64', (at) => Number.isInteger(at));
  if (problem !== undefined) return [invalidValue(path, 0, problem)];
  const replicas = typeof value === 'number' ? value : 0;
  if (replicas < 0) return [invalidValue(path, replicas, 'should be a non-negative integer')];
  if (replicas <= maxInt32) return [];
  return [invalidValue(path, replicas, `should be less than or equal to ${maxInt32}`)];
}

/** The value at a simple path; a missing one is fine, one of another type is not. */
function nested(
  object: JsonObject,
  path: string,
  type: string,
  fits: (value: Json) => boolean,
): { readonly value?: Json; readonly problem?: string } {
  const names = path.replace(/^\./, '').split('.');
  const wrong = (value: Json, depth: number, wanted: string): { problem: string } => ({
    problem: `.${names.slice(0, depth).join('.')} accessor error: ${goText(value)} is of the type ${goType(value)}, expected ${wanted}`,
  });
  let at: Json = object;
  for (const [depth, name] of names.entries()) {
    if (!isObject(at)) return wrong(at, depth, 'map[string]interface {}');
    const next: Json | undefined = own(at, name);
    if (next === undefined || (next === null && depth < names.length - 1)) return {};
    at = next;
  }
  return fits(at) ? { value: at } : wrong(at, names.length, type);
}

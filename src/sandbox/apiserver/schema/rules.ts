import type { FieldError } from '../../../machinery/field-errors.ts';
import type { JsonObject } from '../../../machinery/json.ts';
import { evaluateRules } from '../../../machinery/cel/evaluate-rules.ts';
import type { CompiledRules } from '../../../machinery/cel/rules.ts';
import { compileRules } from '../../../machinery/cel/rules.ts';
import type { Schema } from '../../../machinery/schema.ts';

const known = new WeakMap<Schema, boolean>();

/** Whether a schema has `x-kubernetes-validations` anywhere: most have none. */
export function hasRules(schema: Schema): boolean {
  let has = known.get(schema);
  if (has === undefined) {
    const { items, properties = {}, additionalProperties } = schema;
    has =
      schema['x-kubernetes-validations'] !== undefined ||
      (items !== undefined && hasRules(items)) ||
      (typeof additionalProperties === 'object' && hasRules(additionalProperties)) ||
      Object.values(properties).some(hasRules);
    known.set(schema, has);
  }
  return has;
}

const compiled = new WeakMap<Schema, CompiledRules>();

/**
 * What the `x-kubernetes-validations` of the schema of a resource mind about an object.
 *
 * @param old the object before an update
 */
export function ruleProblems(schema: Schema, object: JsonObject, old: JsonObject | undefined): FieldError[] {
  if (!hasRules(schema)) return [];
  let rules = compiled.get(schema);
  if (rules === undefined) {
    rules = compileRules(schema);
    compiled.set(schema, rules);
  }
  return evaluateRules(rules, object, old);
}

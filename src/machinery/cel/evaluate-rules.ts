import type { FieldError } from '../field-errors.ts';
import { duplicateValue, FieldPath, forbidden, invalidValue, requiredValue } from '../field-errors.ts';
import type { Json, JsonObject } from '../json.ts';
import { isObject, own } from '../json.ts';
import type { ValidationRule } from '../schema.ts';
import { perCallLimit } from './cel.ts';
import type { CompiledExpression } from './cel.ts';
import { Correlation, KeyedItems } from './correlation.ts';
import { Budget, CelCostError, CelEvaluationError } from './errors.ts';
import { toValue } from './json-values.ts';
import type { CompiledRule, CompiledRules, RuleNode } from './rules.ts';
import type { Value } from './values.ts';
import { Optional } from './values.ts';

/** What all rules together may cost for one object. Source: k8s.io/apiserver/pkg/apis/cel. */
export const objectCostLimit = 10_000_000;

/** The longest message that an expression may make, in bytes. */
const maxMessageBytes = 5 * 1024;

/**
 * Evaluates all rules for a custom resource.
 *
 * Source: Validate of k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/validation.go.
 *
 * @param oldObject what it was before an update; rules about changes are evaluated only then, and errors of
 *   values that did not change are left out
 * @param costLimit see {@link Budget}
 */
export function evaluateRules(
  compiled: CompiledRules,
  object: JsonObject,
  oldObject?: JsonObject,
  costLimit: number = objectCostLimit,
): FieldError[] {
  const { root } = compiled;
  if (root === undefined) return [];
  const evaluation = new Evaluation(costLimit);
  const correlation = oldObject === undefined ? undefined : new Correlation(object, oldObject, root.schema);
  evaluation.visit(root, {
    path: new FieldPath(),
    value: object,
    old: oldObject,
    correlation,
    parent: undefined,
  });
  return evaluation.errors;
}

/** A value on the way through an object. */
interface Place {
  readonly path: FieldPath;
  readonly value: Json;
  readonly old: Json | undefined;
  readonly correlation: Correlation | undefined;
  /** The correlation of the closest value around it that has one. */
  readonly parent: Correlation | undefined;
}

/** What rules see; made for the first of them. */
interface Activation {
  readonly plain: Readonly<Record<string, Value>>;
  readonly optional: Readonly<Record<string, Value>>;
}

class Evaluation {
  readonly errors: FieldError[] = [];
  #left: number;
  #stopped = false;

  constructor(costLimit: number) {
    this.#left = costLimit;
  }

  visit(node: RuleNode, place: Place): void {
    const { value } = place;
    if (value === null || this.#stopped) return;
    this.#evaluateAll(node, place);
    if (Array.isArray(value)) this.#visitItems(node, place, value);
    else if (isObject(value)) this.#visitFields(node, place, value);
  }

  #visitItems({ schema, items }: RuleNode, place: Place, list: readonly Json[]): void {
    if (items === undefined) return;
    const old = new KeyedItems(schema, place.old);
    for (const [index, value] of list.entries()) {
      this.visit(items, {
        path: place.path.index(index),
        value,
        old: old.get(value),
        ...below(place, place.correlation?.index(index)),
      });
    }
  }

  #visitFields({ properties, values }: RuleNode, place: Place, object: JsonObject): void {
    const old = isObject(place.old) ? place.old : {};
    for (const name of Object.keys(object)) {
      const node = values ?? properties.get(name);
      if (node === undefined) continue;
      // The stored version is converted: what it was is not known.
      const converted = place.parent === undefined && (name === 'apiVersion' || name === 'kind');
      this.visit(node, {
        path: values === undefined ? place.path.child(name) : place.path.key(name),
        value: own(object, name) ?? null,
        old: own(old, name),
        ...(converted
          ? { correlation: undefined, parent: undefined }
          : below(place, place.correlation?.key(name))),
      });
    }
  }

  #evaluateAll(node: RuleNode, place: Place): void {
    if (node.rules.length === 0) return;
    let activation: Activation | undefined;
    for (const compiled of node.rules) {
      const { rule, usesOldSelf } = compiled;
      const hasOld = place.old !== undefined && place.old !== null;
      if (usesOldSelf && !hasOld && rule.optionalOldSelf !== true) continue;
      try {
        activation ??= activate(node, place);
      } catch (error) {
        if (!(error instanceof CelEvaluationError)) throw error;
        this.#fail(node, place, `${error.message} evaluating rule: ${ruleText(rule)}`);
        continue;
      }
      this.#evaluate(compiled, node, place, activation);
      if (this.#stopped) return;
    }
  }

  #evaluate(compiled: CompiledRule, node: RuleNode, place: Place, activation: Activation): void {
    const { rule, program } = compiled;
    const values = rule.optionalOldSelf === true ? activation.optional : activation.plain;
    const result = this.#run(program, values);
    if (result === true) return;
    if (result instanceof CelCostError) {
      const detail =
        this.#left < perCallLimit
          ? 'validation failed due to running out of cost budget, no further validation rules will be run'
          : `'${result.message}': no further validation rules will be run due to call cost exceeds limit for rule: ${ruleText(rule)}`;
      this.#fail(node, place, detail);
      this.#stopped = true;
      return;
    }
    if (result instanceof CelEvaluationError) {
      const { message } = result;
      const detail = message.startsWith('no such overload')
        ? `'${message}': call arguments did not match a supported operator, function or macro signature for rule: ${ruleText(rule)}`
        : `${message} evaluating rule: ${ruleText(rule)}`;
      this.#fail(node, place, detail);
      return;
    }
    const suffix = compiled.fieldPath;
    const path = suffix === '' ? place.path : place.path.child(suffix);
    const message = this.#message(compiled, activation);
    const ratcheted = !compiled.usesOldSelf && (place.correlation ?? place.parent)?.unchanged === true;
    if (ratcheted) return;
    if (message instanceof CelCostError) {
      this.errors.push(invalidValue(path, node.schema.type ?? '', this.#messageCostProblem(rule)));
      return;
    }
    this.errors.push(fieldError(path, node, place.value, message, rule.reason));
  }

  #messageCostProblem(rule: ValidationRule): string {
    return this.#left < perCallLimit
      ? 'messageExpression evaluation failed due to running out of cost budget, no further validation rules will be run'
      : `no further validation rules will be run due to call cost exceeds limit for messageExpression: ${JSON.stringify(rule.messageExpression)}`;
  }

  /** The value, or why there is none. What it cost is gone either way, except where that was too much. */
  #run(program: CompiledExpression, values: Activation['plain']): Value | CelEvaluationError | CelCostError {
    const budget = new Budget(Math.min(perCallLimit, this.#left));
    try {
      const value = program.evaluate(values, budget);
      this.#left -= budget.spent;
      return value;
    } catch (error) {
      if (error instanceof CelCostError) return error;
      if (!(error instanceof CelEvaluationError)) throw error;
      this.#left -= budget.spent;
      return error;
    }
  }

  /** What a failed rule says. An expression that gives no usable text falls back to the fixed one. */
  #message({ rule, message }: CompiledRule, { plain }: Activation): string | CelCostError {
    const fixed = rule.message?.trim() ?? '';
    const fallback = fixed === '' ? `failed rule: ${ruleText(rule)}` : fixed;
    if (message === undefined) return fallback;
    const value = this.#run(message, plain);
    if (value instanceof CelCostError) {
      this.#stopped = true;
      return value;
    }
    const text = typeof value === 'string' ? value.trim() : '';
    const usable = text !== '' && !text.includes('\n') && Buffer.byteLength(text) <= maxMessageBytes;
    return usable ? text : fallback;
  }

  /** The value cannot be judged. */
  #fail(node: RuleNode, place: Place, detail: string): void {
    this.errors.push(invalidValue(place.path, node.schema.type ?? '', detail));
  }
}

function below(place: Place, correlation: Correlation | undefined): Pick<Place, 'correlation' | 'parent'> {
  return { correlation, parent: place.correlation ?? place.parent };
}

function activate({ schema, rules }: RuleNode, { value, old }: Place): Activation {
  const self = toValue(value, schema);
  if (!rules.some((rule) => rule.usesOldSelf)) return { plain: { self }, optional: { self } };
  if (old === undefined || old === null)
    return { plain: { self }, optional: { self, oldSelf: Optional.none } };
  const oldSelf = toValue(old, schema);
  return { plain: { self, oldSelf }, optional: { self, oldSelf: new Optional(oldSelf) } };
}

/** How errors name a rule. */
function ruleText({ rule, message = '' }: ValidationRule): string {
  return (message === '' ? rule : message).trim();
}

function fieldError(
  path: FieldPath,
  { schema }: RuleNode,
  value: Json,
  detail: string,
  reason: string | undefined,
): FieldError {
  const shown = schema.type !== 'object' && schema.type !== 'array';
  switch (reason) {
    case 'FieldValueForbidden':
      return forbidden(path, detail);
    case 'FieldValueRequired':
      return requiredValue(path, detail);
    case 'FieldValueDuplicate':
      return shown
        ? duplicateValue(path, value)
        : { type: 'FieldValueDuplicate', field: path.toString(), detail: '' };
    default:
      return shown
        ? invalidValue(path, value, detail)
        : { type: 'FieldValueInvalid', field: path.toString(), detail };
  }
}

import type { FieldError } from '../field-errors.ts';
import { FieldPath, internalError, invalidValue, requiredValue, unsupportedValue } from '../field-errors.ts';
import { own } from '../json.ts';
import type { Schema, ValidationRule } from '../schema.ts';
import { errorMessage } from '../../base/errors.ts';
import type { CompiledExpression } from './cel.ts';
import { createCelEnvironment } from './cel.ts';
import { declareType, withTypeAndObjectMeta } from './declarations.ts';
import { CelCompileError } from './errors.ts';
import { parseRuleFieldPath } from './rule-field-path.ts';
import type { Type } from './types.ts';
import { optionalType } from './types.ts';

/** One rule, ready to be evaluated. */
export interface CompiledRule {
  readonly rule: ValidationRule;
  readonly program: CompiledExpression;
  readonly message: CompiledExpression | undefined;
  /** Whether it compares with the old value. */
  readonly usesOldSelf: boolean;
  /** Where its errors are shown, below the value. */
  readonly fieldPath: string;
}

/** The rules of a schema and of what is below it. */
export interface RuleNode {
  readonly schema: Schema;
  readonly rules: readonly CompiledRule[];
  readonly items: RuleNode | undefined;
  readonly values: RuleNode | undefined;
  readonly properties: ReadonlyMap<string, RuleNode>;
}

export interface CompiledRules {
  /** Undefined if there are no rules. */
  readonly root: RuleNode | undefined;
  /** Why the API server would refuse the CustomResourceDefinition. Such rules are left out of `root`. */
  readonly errors: readonly FieldError[];
}

const environment = createCelEnvironment();

/**
 * Compiles all `x-kubernetes-validations` of the structural schema of a custom resource.
 *
 * Source: k8s.io/apiextensions-apiserver, pkg/apis/apiextensions/validation and pkg/apiserver/schema/cel.
 *
 * @param path of the schema, for errors
 */
export function compileRules(
  schema: Schema,
  path: FieldPath = new FieldPath('spec', 'validation', 'openAPIV3Schema'),
): CompiledRules {
  const compilation = new Compilation();
  const { node } = compilation.visit(schema, path, true, undefined);
  return { root: node, errors: compilation.errors };
}

class Compilation {
  readonly errors: FieldError[] = [];

  /**
   * @param uncorrelatable the closest schema above whose values cannot be matched with old ones
   * @returns also whether a rule here or below is malformed: then those above are not compiled
   */
  visit(
    schema: Schema,
    path: FieldPath,
    resource: boolean,
    uncorrelatable: FieldPath | undefined,
  ): { node: RuleNode | undefined; malformed: boolean } {
    let malformed = false;
    const child = (below: Schema | boolean | undefined, at: FieldPath, forbidden: FieldPath | undefined) => {
      if (typeof below !== 'object') return undefined;
      const embedded = below['x-kubernetes-embedded-resource'] === true;
      const visited = this.visit(below, at, embedded, forbidden);
      malformed ||= visited.malformed;
      return visited.node;
    };
    const properties = new Map<string, RuleNode>();
    for (const name of Object.keys(schema.properties ?? {})) {
      const at = path.child('properties').key(name);
      const node = child(own(schema.properties ?? {}, name), at, uncorrelatable);
      if (node !== undefined) properties.set(name, node);
    }
    const values = child(schema.additionalProperties, path.child('additionalProperties'), uncorrelatable);
    const keyed = schema['x-kubernetes-list-type'] === 'map';
    const items = child(schema.items, path.child('items'), uncorrelatable ?? (keyed ? undefined : path));

    const problems = checkRules(schema, path);
    this.errors.push(...problems);
    malformed ||= problems.length > 0;
    const rules = malformed ? [] : this.#compileAll(schema, path, resource, uncorrelatable);
    const empty = rules.length === 0 && properties.size === 0 && values === undefined && items === undefined;
    const whole = resource ? withTypeAndObjectMeta(schema) : schema;
    return { node: empty ? undefined : { schema: whole, rules, items, values, properties }, malformed };
  }

  #compileAll(
    schema: Schema,
    path: FieldPath,
    resource: boolean,
    uncorrelatable: FieldPath | undefined,
  ): CompiledRule[] {
    const rules = schema['x-kubernetes-validations'] ?? [];
    if (rules.length === 0) return [];
    const at = path.child('x-kubernetes-validations');
    const type = declareType(schema, resource);
    if (type === undefined) {
      const problem = 'failed to retrieve type information for x-kubernetes-validations';
      this.errors.push(internalError(at, `internal error: ${problem}`));
      return [];
    }
    return rules.flatMap((rule, index) => this.#compile(rule, schema, type, at.index(index), uncorrelatable));
  }

  #compile(
    rule: ValidationRule,
    schema: Schema,
    self: Type,
    at: FieldPath,
    uncorrelatable: FieldPath | undefined,
  ): CompiledRule[] {
    const oldSelf = rule.optionalOldSelf === true ? optionalType(self) : self;
    const compile = (text: string): CompiledExpression | string => tryCompile(text, { self, oldSelf });
    const refuse = (field: string, detail: string): [] => {
      this.errors.push(invalidValue(at.child(field), rule, detail));
      return [];
    };
    const program = compile(rule.rule);
    if (typeof program === 'string') return refuse('rule', `compilation failed: ${program}`);
    if (program.type.kind !== 'bool') return refuse('rule', 'cel expression must evaluate to a bool');
    const message =
      rule.messageExpression === undefined || rule.messageExpression === ''
        ? undefined
        : compile(rule.messageExpression);
    if (typeof message === 'string') {
      refuse('messageExpression', `messageExpression compilation failed: ${message}`);
    } else if (message !== undefined && message.type.kind !== 'string') {
      refuse('messageExpression', 'messageExpression must evaluate to a string');
    }
    const usesOldSelf = program.variables.has('oldSelf');
    this.#checkOldSelf(rule, usesOldSelf, at, uncorrelatable);
    const fieldPath = rule.fieldPath === undefined ? undefined : parseRuleFieldPath(rule.fieldPath, schema);
    return [
      {
        rule,
        program,
        message: typeof message === 'string' ? undefined : message,
        usesOldSelf,
        fieldPath: fieldPath?.toString() ?? '',
      },
    ];
  }

  #checkOldSelf(
    rule: ValidationRule,
    usesOldSelf: boolean,
    at: FieldPath,
    uncorrelatable: FieldPath | undefined,
  ): void {
    if (usesOldSelf && uncorrelatable !== undefined) {
      const detail = `oldSelf cannot be used on the uncorrelatable portion of the schema within ${uncorrelatable.toString()}`;
      this.errors.push(invalidValue(at.child('rule'), rule.rule, detail));
    } else if (!usesOldSelf && rule.optionalOldSelf !== undefined) {
      const detail = 'may not be set if oldSelf is not used in rule';
      this.errors.push(invalidValue(at.child('optionalOldSelf'), rule.optionalOldSelf, detail));
    }
  }
}

function tryCompile(text: string, variables: Readonly<Record<string, Type>>): CompiledExpression | string {
  try {
    return environment.compileExpression(text, variables);
  } catch (error) {
    if (error instanceof CelCompileError) return errorMessage(error);
    throw error;
  }
}

const reasons = ['FieldValueDuplicate', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueRequired'];

/** What can be said without compiling. */
function checkRules(schema: Schema, path: FieldPath): FieldError[] {
  const rules = schema['x-kubernetes-validations'] ?? [];
  return rules.flatMap((rule, index) =>
    checkRule(rule, schema, path.child('x-kubernetes-validations').index(index)),
  );
}

function checkRule(rule: ValidationRule, schema: Schema, at: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  const { message = '', messageExpression = '', fieldPath = '', reason } = rule;
  if (rule.rule.trim() === '') {
    errors.push(requiredValue(at.child('rule'), 'rule is not specified'));
  } else if (message !== '' && message.trim() === '') {
    errors.push(invalidValue(at.child('message'), message, 'must be non-empty if specified'));
  } else if (message.trim().includes('\n')) {
    errors.push(invalidValue(at.child('message'), message, 'must not contain line breaks'));
  } else if (rule.rule.trim().includes('\n') && message.trim() === '') {
    const detail = 'message must be specified if rule contains line breaks';
    errors.push(requiredValue(at.child('message'), detail));
  }
  if (messageExpression !== '' && messageExpression.trim() === '') {
    const detail = 'messageExpression must be non-empty if specified';
    errors.push(requiredValue(at.child('messageExpression'), detail));
  }
  if (reason !== undefined && !reasons.includes(reason)) {
    errors.push(unsupportedValue(at.child('reason'), reason, reasons));
  }
  const atField = at.child('fieldPath');
  if (fieldPath !== '' && fieldPath.trim() === '') {
    errors.push(invalidValue(atField, fieldPath, 'must be non-empty if specified'));
  }
  if (fieldPath.includes('\n')) {
    errors.push(invalidValue(atField, fieldPath, 'must not contain line breaks'));
  }
  if (fieldPath !== '' && parseRuleFieldPath(fieldPath, schema) === undefined) {
    errors.push(invalidValue(atField, fieldPath, 'must be a valid path'));
  }
  return errors;
}

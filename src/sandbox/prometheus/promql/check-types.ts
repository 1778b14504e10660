import {
  type Binary,
  type Call,
  type Expr,
  isComparison,
  isSetOperator,
  typeOf,
  type VectorSelector,
} from './ast.ts';
import { metricNameLabel } from './labels.ts';
import { parseErrorAt } from './parse-error.ts';
import type { ValueType } from './signatures.ts';

const documentedTypes: Readonly<Record<ValueType, string>> = {
  scalar: 'scalar',
  vector: 'instant vector',
  matrix: 'range vector',
  string: 'string',
};

export function documentedType(type: ValueType): string {
  return documentedTypes[type];
}

/** @throws PromqlParseError in Prometheus's words, for the first part whose type does not fit */
export function checkTypes(query: string, expr: Expr): void {
  new TypeCheck(query).check(expr);
}

class TypeCheck {
  readonly #query: string;

  constructor(query: string) {
    this.#query = query;
  }

  #fail(at: number, message: string): never {
    throw parseErrorAt(this.#query, at, message);
  }

  #expectType(part: Expr, wanted: ValueType, context: string): void {
    this.check(part);
    const got = typeOf(part);
    if (got === wanted) return;
    this.#fail(
      part.from,
      `expected type ${documentedTypes[wanted]} in ${context}, got ${documentedTypes[got]}`,
    );
  }

  check(part: Expr): void {
    switch (part.kind) {
      case 'number':
      case 'string':
        return;
      case 'vectorSelector':
        return this.#checkSelector(part);
      case 'matrixSelector':
        return this.#checkSelector(part.selector);
      case 'paren':
        return this.check(part.expr);
      case 'subquery':
        this.check(part.expr);
        if (typeOf(part.expr) === 'vector') return;
        return this.#fail(
          part.from,
          `subquery is only allowed on instant vector, got ${typeOf(part.expr)} instead`,
        );
      case 'unary': {
        this.check(part.expr);
        const type = typeOf(part.expr);
        if (type === 'scalar' || type === 'vector') return;
        const only = 'unary expression only allowed on expressions of type scalar or instant vector';
        return this.#fail(part.from, `${only}, got "${documentedTypes[type]}"`);
      }
      case 'aggregate':
        this.#expectType(part.expr, 'vector', 'aggregation expression');
        if (part.parameter === undefined) return;
        return this.#expectType(
          part.parameter,
          part.operator === 'count_values' ? 'string' : 'scalar',
          'aggregation parameter',
        );
      case 'call':
        return this.#checkCall(part);
      case 'binary':
        return this.#checkBinary(part);
    }
  }

  #checkSelector(part: VectorSelector): void {
    if (part.name !== '') {
      const again = part.matchers.slice(0, -1).find((matcher) => matcher.name === metricNameLabel);
      if (again === undefined) return;
      this.#fail(part.from, `metric name must not be set twice: "${part.name}" or "${again.value}"`);
    }
    if (part.matchers.some((matcher) => !matcher.matches(''))) return;
    this.#fail(part.from, 'vector selector must contain at least one non-empty matcher');
  }

  #checkCall(call: Call): void {
    const { name, parameters, variadic } = call.signature;
    const given = call.args.length;
    const least = parameters.length - Math.abs(variadic);
    const most = variadic < 0 ? Number.POSITIVE_INFINITY : parameters.length;
    const inCall = `in call to "${name}", got ${given}`;
    if (variadic === 0 && given !== most) this.#fail(call.from, `expected ${most} argument(s) ${inCall}`);
    if (given < least) this.#fail(call.from, `expected at least ${least} argument(s) ${inCall}`);
    if (given > most) this.#fail(call.from, `expected at most ${most} argument(s) ${inCall}`);
    for (const [i, arg] of call.args.entries()) {
      const wanted = parameters[i] ?? parameters.at(-1);
      if (wanted !== undefined) this.#expectType(arg, wanted, `call to function "${name}"`);
    }
  }

  #checkBinary(part: Binary): void {
    const { operator, matching, operatorAt } = part;
    this.check(part.left);
    this.check(part.right);
    const types = [typeOf(part.left), typeOf(part.right)];
    const scalars = types.filter((type) => type === 'scalar').length;
    if (part.bool && !isComparison(operator)) {
      this.#fail(operatorAt, 'bool modifier can only be used on comparison operators');
    }
    if (isComparison(operator) && !part.bool && scalars === 2) {
      this.#fail(operatorAt, 'comparisons between scalars must use BOOL modifier');
    }
    const both = matching.on && matching.labels.find((label) => matching.include.includes(label));
    if (typeof both === 'string') {
      this.#fail(operatorAt, `label "${both}" must not occur in ON and GROUP clause at once`);
    }
    for (const [i, side] of [part.left, part.right].entries()) {
      if (types[i] !== 'scalar' && types[i] !== 'vector') {
        this.#fail(side.from, 'binary expression must contain only scalar and instant vector types');
      }
    }
    if (scalars > 0 && matching.labels.length > 0) {
      this.#fail(part.from, 'vector matching only allowed between instant vectors');
    }
    if (!isSetOperator(operator)) return;
    if (scalars > 0)
      this.#fail(part.from, `set operator "${operator}" not allowed in binary scalar expression`);
    if (matching.many !== undefined) this.#fail(part.from, `no grouping allowed for "${operator}" operation`);
  }
}

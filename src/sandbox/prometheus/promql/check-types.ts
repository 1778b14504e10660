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
  check(expr);

  function fail(at: number, message: string): never {
    throw parseErrorAt(query, at, message);
  }

  function expectType(part: Expr, wanted: ValueType, context: string): void {
    check(part);
    const got = typeOf(part);
    if (got === wanted) return;
    fail(part.from, `expected type ${documentedTypes[wanted]} in ${context}, got ${documentedTypes[got]}`);
  }

  function check(part: Expr): void {
    switch (part.kind) {
      case 'number':
      case 'string':
        return;
      case 'vectorSelector':
        return checkSelector(part);
      case 'matrixSelector':
        return checkSelector(part.selector);
      case 'paren':
        return check(part.expr);
      case 'subquery':
        check(part.expr);
        if (typeOf(part.expr) === 'vector') return;
        return fail(
          part.from,
          `subquery is only allowed on instant vector, got ${typeOf(part.expr)} instead`,
        );
      case 'unary': {
        check(part.expr);
        const type = typeOf(part.expr);
        if (type === 'scalar' || type === 'vector') return;
        const only = 'unary expression only allowed on expressions of type scalar or instant vector';
        return fail(part.from, `${only}, got "${documentedTypes[type]}"`);
      }
      case 'aggregate':
        expectType(part.expr, 'vector', 'aggregation expression');
        if (part.parameter === undefined) return;
        return expectType(
          part.parameter,
          part.operator === 'count_values' ? 'string' : 'scalar',
          'aggregation parameter',
        );
      case 'call':
        return checkCall(part);
      case 'binary':
        return checkBinary(part);
    }
  }

  function checkSelector(part: VectorSelector): void {
    if (part.name !== '') {
      const again = part.matchers.slice(0, -1).find((matcher) => matcher.name === metricNameLabel);
      if (again === undefined) return;
      fail(part.from, `metric name must not be set twice: "${part.name}" or "${again.value}"`);
    }
    if (part.matchers.some((matcher) => !matcher.matches(''))) return;
    fail(part.from, 'vector selector must contain at least one non-empty matcher');
  }

  function checkCall(call: Call): void {
    const { name, parameters, variadic } = call.signature;
    const given = call.args.length;
    const least = parameters.length - Math.abs(variadic);
    const most = variadic < 0 ? Number.POSITIVE_INFINITY : parameters.length;
    const inCall = `in call to "${name}", got ${given}`;
    if (variadic === 0 && given !== most) fail(call.from, `expected ${most} argument(s) ${inCall}`);
    if (given < least) fail(call.from, `expected at least ${least} argument(s) ${inCall}`);
    if (given > most) fail(call.from, `expected at most ${most} argument(s) ${inCall}`);
    for (const [i, arg] of call.args.entries()) {
      const wanted = parameters[i] ?? parameters.at(-1);
      if (wanted !== undefined) expectType(arg, wanted, `call to function "${name}"`);
    }
  }

  function checkBinary(part: Binary): void {
    const { operator, matching, operatorAt } = part;
    check(part.left);
    check(part.right);
    const types = [typeOf(part.left), typeOf(part.right)];
    const scalars = types.filter((type) => type === 'scalar').length;
    if (part.bool && !isComparison(operator)) {
      fail(operatorAt, 'bool modifier can only be used on comparison operators');
    }
    if (isComparison(operator) && !part.bool && scalars === 2) {
      fail(operatorAt, 'comparisons between scalars must use BOOL modifier');
    }
    const both = matching.on && matching.labels.find((label) => matching.include.includes(label));
    if (typeof both === 'string') {
      fail(operatorAt, `label "${both}" must not occur in ON and GROUP clause at once`);
    }
    for (const [i, side] of [part.left, part.right].entries()) {
      if (types[i] !== 'scalar' && types[i] !== 'vector') {
        fail(side.from, 'binary expression must contain only scalar and instant vector types');
      }
    }
    if (scalars > 0 && matching.labels.length > 0) {
      fail(part.from, 'vector matching only allowed between instant vectors');
    }
    if (!isSetOperator(operator)) return;
    if (scalars > 0) fail(part.from, `set operator "${operator}" not allowed in binary scalar expression`);
    if (matching.many !== undefined) fail(part.from, `no grouping allowed for "${operator}" operation`);
  }
}

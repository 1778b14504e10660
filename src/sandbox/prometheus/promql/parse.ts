import { parser } from '@prometheus-io/lezer-promql';
import { type Aggregate, type AggregateOperator, type Call, type Expr, type VectorSelector } from './ast.ts';
import { parseBinary, type Token } from './binary-syntax.ts';
import { checkTypes } from './check-types.ts';
import { PromqlParseError } from './errors.ts';
import { unquote } from './go-values.ts';
import { metricNameLabel } from './labels.ts';
import { createMatcher, type Matcher, type MatchOperator } from './matcher.ts';
import { modify } from './modifiers.ts';
import { parseNumber } from './parse-number.ts';
import { parseErrorAt, syntaxErrorAt } from './parse-error.ts';
import { functions, unsupportedFunctions } from './signatures.ts';
import { children, matchingOf, namesOf, type Source, type SyntaxNode } from './syntax.ts';

/** Characters. Nobody writes longer queries; a parser's time and stack should not depend on strangers. */
const maxLength = 64 * 1024;
/** Levels of nesting, counting each operator of a chain as one. */
const maxDepth = 300;

/**
 * Parses a PromQL query and checks its types. Grammar: Prometheus's own; language: that of Prometheus 2.42.
 *
 * @throws PromqlParseError with line and column, also for what later versions or native histograms would allow
 */
export function parseExpr(query: string): Expr {
  if (query.length > maxLength) {
    throw new PromqlParseError(`1:1: parse error: the query is longer than ${maxLength} characters`);
  }
  const tree = parser.parse(query);
  const cursor = tree.cursor();
  do {
    if (cursor.type.isError) throw syntaxErrorAt(query, cursor.from);
  } while (cursor.next());
  const [top] = children(tree.topNode);
  if (top === undefined) throw syntaxErrorAt(query, 0);
  const expr = new Reader(query).expr(top, 0);
  checkTypes(query, expr);
  return expr;
}

/**
 * Parses what stands in `match[]`: a selector alone.
 * @throws PromqlParseError
 */
export function parseSelector(text: string): readonly Matcher[] {
  const expr = parseExpr(text);
  if (expr.kind !== 'vectorSelector' || expr.offsetMs !== 0 || expr.at !== undefined) {
    throw parseErrorAt(text, 0, 'expected a metric selector');
  }
  return expr.matchers;
}

/** Turns the syntax tree of one query into expressions. */
class Reader implements Source {
  readonly query: string;

  constructor(query: string) {
    this.query = query;
  }

  text(node: SyntaxNode): string {
    return this.query.slice(node.from, node.to);
  }

  fail(node: { readonly from: number }, message: string): PromqlParseError {
    return parseErrorAt(this.query, node.from, message);
  }

  expr(node: SyntaxNode, depth: number): Expr {
    return parseBinary(this.#tokens(node, depth));
  }

  /**
   * Operands and operators from left to right. The grammar's tree is not trusted for precedence: it hangs
   * `offset`, `@` and brackets on whole sums where they belong to the last operand.
   */
  #tokens(node: SyntaxNode, depth: number): Token[] {
    if (depth > maxDepth) throw this.fail(node, `the query nests deeper than ${maxDepth} levels`);
    const [first, second] = children(node);
    switch (node.name) {
      case 'BinaryExpr': {
        const parts = children(node);
        const last = parts.at(-1);
        if (first === undefined || second === undefined || last === undefined) break;
        const operator: Token = { kind: 'operator', ...matchingOf(this, second, parts.slice(2, -1)) };
        return [...this.#tokens(first, depth + 1), operator, ...this.#tokens(last, depth + 1)];
      }
      case 'UnaryExpr':
        if (first === undefined || second === undefined) break;
        return [this.#sign(first), ...this.#tokens(second, depth + 1)];
      case 'OffsetExpr':
      case 'StepInvariantExpr':
      case 'MatrixSelector':
      case 'SubqueryExpr': {
        if (first === undefined) break;
        const tokens = this.#tokens(first, depth + 1);
        const operand = tokens.at(-1);
        if (operand?.kind !== 'operand') break;
        return [...tokens.slice(0, -1), { kind: 'operand', expr: modify(this, operand.expr, node) }];
      }
      case 'NumberDurationLiteral':
        return /^[+-]/.test(this.text(node)) ? [this.#sign(node), this.#number(node)] : [this.#number(node)];
      default:
    }
    return [{ kind: 'operand', expr: this.#operand(node, depth) }];
  }

  #sign(node: SyntaxNode): Token {
    return { kind: 'sign', sign: this.text(node).startsWith('-') ? '-' : '+', from: node.from };
  }

  #number(node: SyntaxNode): Token {
    const text = this.text(node).replace(/^[+-]\s*/, '');
    const from = node.to - text.length;
    const value = parseNumber(text);
    if (value === undefined) {
      throw this.fail({ from }, `bad number or duration syntax: ${JSON.stringify(text)}`);
    }
    return { kind: 'operand', expr: { kind: 'number', value, from, to: node.to } };
  }

  #operand(node: SyntaxNode, depth: number): Expr {
    const span = { from: node.from, to: node.to };
    switch (node.name) {
      case 'ParenExpr': {
        const [inner] = children(node);
        if (inner === undefined) break;
        return { kind: 'paren', expr: this.expr(inner, depth + 1), ...span };
      }
      case 'StringLiteral':
        return { kind: 'string', value: this.string(node), ...span };
      case 'VectorSelector':
        return this.#selector(node);
      case 'FunctionCall':
        return this.#call(node, depth);
      case 'AggregateExpr':
        return this.#aggregate(node, depth);
      default:
    }
    throw this.fail(node, `${JSON.stringify(this.text(node))} is not supported`);
  }

  string(node: SyntaxNode): string {
    const value = unquote(this.text(node));
    if (value === undefined) {
      throw this.fail(node, `error unquoting string ${this.text(node)}: invalid syntax`);
    }
    return value;
  }

  #selector(node: SyntaxNode): VectorSelector {
    const parts = children(node);
    const name = parts[0]?.name === 'Identifier' ? this.text(parts[0]) : '';
    const braces = parts.find((part) => part.name === 'LabelMatchers');
    const matchers = braces === undefined ? [] : children(braces).map((part) => this.#matcher(part));
    if (name !== '') matchers.push(createMatcher(metricNameLabel, '=', name));
    return { kind: 'vectorSelector', name, matchers, offsetMs: 0, from: node.from, to: node.to };
  }

  #matcher(node: SyntaxNode): Matcher {
    const [label, operator, value] = children(node);
    if (node.name !== 'UnquotedLabelMatcher' || !label || !operator || !value) {
      throw this.fail(node, 'quoted label and metric names are not supported');
    }
    try {
      return createMatcher(this.text(label), this.text(operator) as MatchOperator, this.string(value));
    } catch (error) {
      if (error instanceof PromqlParseError && !/^\d+:\d+: parse error/.test(error.message)) {
        throw this.fail(label, error.message);
      }
      throw error;
    }
  }

  #call(node: SyntaxNode, depth: number): Call {
    const [identifier, body] = children(node);
    const name = identifier === undefined ? '' : this.text(identifier);
    const signature = functions.get(name);
    if (signature === undefined) {
      throw this.fail(
        node,
        unsupportedFunctions.has(name)
          ? `function ${JSON.stringify(name)} is not supported`
          : `unknown function with name ${JSON.stringify(name)}`,
      );
    }
    return { kind: 'call', signature, args: this.#arguments(body, depth), from: node.from, to: node.to };
  }

  #arguments(body: SyntaxNode | undefined, depth: number): Expr[] {
    return body === undefined ? [] : children(body).map((arg) => this.expr(arg, depth + 1));
  }

  #aggregate(node: SyntaxNode, depth: number): Aggregate {
    const parts = children(node);
    const operator = this.text(parts[0] ?? node).toLowerCase();
    if (!isAggregateOperator(operator)) throw this.fail(node, `aggregation ${operator} is not supported`);
    const modifier = parts.find((part) => part.name === 'AggregateModifier');
    const [keyword, labels] = modifier === undefined ? [] : children(modifier);
    const args = this.#arguments(
      parts.find((part) => part.name === 'FunctionCallBody'),
      depth,
    );
    const wanted = aggregateOperators[operator];
    const expr = args.at(-1);
    if (expr === undefined) throw this.fail(node, 'no arguments for aggregate expression provided');
    if (args.length !== wanted) {
      const counts = `expected ${wanted}, got ${args.length}`;
      throw this.fail(node, `wrong number of arguments for aggregate expression provided, ${counts}`);
    }
    return {
      kind: 'aggregate',
      operator,
      expr,
      parameter: wanted === 2 ? args[0] : undefined,
      grouping: labels === undefined ? [] : namesOf(this, labels),
      without: keyword?.name === 'Without',
      from: node.from,
      to: node.to,
    };
  }
}

/** Aggregations, with how many arguments they take. */
const aggregateOperators: Readonly<Record<AggregateOperator, number>> = {
  sum: 1,
  min: 1,
  max: 1,
  avg: 1,
  count: 1,
  group: 1,
  stddev: 1,
  stdvar: 1,
  topk: 2,
  bottomk: 2,
  quantile: 2,
  count_values: 2,
};

function isAggregateOperator(text: string): text is AggregateOperator {
  return Object.hasOwn(aggregateOperators, text);
}

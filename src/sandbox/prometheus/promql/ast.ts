import type { Matcher } from './matcher.ts';
import type { Signature, ValueType } from './signatures.ts';

/** Where a part of the query stands: offsets into its text. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** The moment that `@` names. */
export type At = { readonly kind: 'time'; readonly ms: number } | { readonly kind: 'start' | 'end' };

/** What may be moved in time. */
export interface Shift {
  /** Zero: none given. */
  readonly offsetMs: number;
  readonly at?: At | undefined;
}

export interface NumberLiteral extends Span {
  readonly kind: 'number';
  readonly value: number;
}

export interface StringLiteral extends Span {
  readonly kind: 'string';
  readonly value: string;
}

export interface VectorSelector extends Span, Shift {
  readonly kind: 'vectorSelector';
  /** The name before the braces; empty where there is none. Its matcher is the last one. */
  readonly name: string;
  readonly matchers: readonly Matcher[];
}

export interface MatrixSelector extends Span {
  readonly kind: 'matrixSelector';
  readonly selector: VectorSelector;
  readonly rangeMs: number;
}

export interface Subquery extends Span, Shift {
  readonly kind: 'subquery';
  readonly expr: Expr;
  readonly rangeMs: number;
  /** Undefined: the default step. */
  readonly stepMs: number | undefined;
}

export interface Call extends Span {
  readonly kind: 'call';
  readonly signature: Signature;
  readonly args: readonly Expr[];
}

export type AggregateOperator =
  | 'sum'
  | 'min'
  | 'max'
  | 'avg'
  | 'count'
  | 'group'
  | 'stddev'
  | 'stdvar'
  | 'topk'
  | 'bottomk'
  | 'quantile'
  | 'count_values';

export interface Aggregate extends Span {
  readonly kind: 'aggregate';
  readonly operator: AggregateOperator;
  readonly expr: Expr;
  readonly parameter: Expr | undefined;
  readonly grouping: readonly string[];
  readonly without: boolean;
}

export type ArithmeticOperator = '+' | '-' | '*' | '/' | '%' | '^' | 'atan2';
export type ComparisonOperator = '==' | '!=' | '>' | '<' | '>=' | '<=';
export type SetOperator = 'and' | 'or' | 'unless';
export type BinaryOperator = ArithmeticOperator | ComparisonOperator | SetOperator;

export interface Matching {
  readonly on: boolean;
  readonly labels: readonly string[];
  /** The side that may have many series for one of the other. */
  readonly many: 'left' | 'right' | undefined;
  /** Labels that the result takes from the `one` side. */
  readonly include: readonly string[];
}

export interface Binary extends Span {
  readonly kind: 'binary';
  readonly operator: BinaryOperator;
  readonly left: Expr;
  readonly right: Expr;
  readonly bool: boolean;
  readonly matching: Matching;
  /** Where the operator stands. */
  readonly operatorAt: number;
}

export interface Unary extends Span {
  readonly kind: 'unary';
  readonly operator: '+' | '-';
  readonly expr: Expr;
}

export interface Paren extends Span {
  readonly kind: 'paren';
  readonly expr: Expr;
}

export type Expr =
  | NumberLiteral
  | StringLiteral
  | VectorSelector
  | MatrixSelector
  | Subquery
  | Call
  | Aggregate
  | Binary
  | Unary
  | Paren;

export function isComparison(operator: BinaryOperator): operator is ComparisonOperator {
  return /^[=!<>]/.test(operator);
}

export function isSetOperator(operator: BinaryOperator): operator is SetOperator {
  return operator === 'and' || operator === 'or' || operator === 'unless';
}

export function typeOf(expr: Expr): ValueType {
  switch (expr.kind) {
    case 'number':
      return 'scalar';
    case 'string':
      return 'string';
    case 'vectorSelector':
    case 'aggregate':
      return 'vector';
    case 'matrixSelector':
    case 'subquery':
      return 'matrix';
    case 'call':
      return expr.signature.returns;
    case 'unary':
    case 'paren':
      return typeOf(expr.expr);
    default:
      return typeOf(expr.left) === 'scalar' && typeOf(expr.right) === 'scalar' ? 'scalar' : 'vector';
  }
}

/** The expression inside any parentheses. */
export function unwrapParens(expr: Expr): Expr {
  return expr.kind === 'paren' ? unwrapParens(expr.expr) : expr;
}

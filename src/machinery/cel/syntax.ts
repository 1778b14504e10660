import { Environment, ParseError } from '@marcbachmann/cel-js';
import { errorMessage } from '../../base/errors.ts';
import { CelCompileError } from './errors.ts';

// The parser is that of @marcbachmann/cel-js. Nothing else of the package is used, and nothing outside of this
// file knows it: checking and evaluation need Kubernetes' types, costs and linear-time regular expressions.

interface Position {
  /** Offset in the source. */
  readonly at: number;
}

/** The syntax tree of an expression, with macros as the calls that they look like. */
export type Expression = Position &
  (
    | { readonly kind: 'literal'; readonly value: null | boolean | bigint | number | string | Uint8Array }
    | { readonly kind: 'uint'; readonly value: bigint }
    | { readonly kind: 'name'; readonly name: string }
    | {
        readonly kind: 'select';
        readonly operand: Expression;
        readonly field: string;
        readonly optional: boolean;
      }
    | {
        readonly kind: 'call';
        /** `_+_` and the like for operators. */
        readonly name: string;
        readonly receiver: Expression | undefined;
        readonly args: readonly Expression[];
      }
    | { readonly kind: 'list'; readonly items: readonly Expression[] }
    | { readonly kind: 'map'; readonly entries: readonly (readonly [Expression, Expression])[] }
  );

/** Longer expressions are refused by the API server's schema as well. */
const maxLength = 100_000;
const maxDepth = 500;

const parser = new Environment({
  enableOptionalTypes: true,
  unlistedVariablesAreDyn: true,
  limits: { maxAstNodes: 20_000, maxDepth: 250, maxListElements: 10_000, maxMapEntries: 10_000 },
});

const operators = new Set(['+', '-', '*', '/', '%', '==', '!=', '<', '<=', '>', '>=', '&&', '||']);

/** @throws CelCompileError */
export function parseExpression(source: string): Expression {
  if (source.length > maxLength) throw compileError(source, 0, 'expression is too long');
  try {
    return convert(parser.parse(source).ast, source, 0);
  } catch (error) {
    if (error instanceof CelCompileError) throw error;
    if (error instanceof ParseError) {
      throw compileError(source, error.range?.start ?? 0, `Syntax error: ${error.summary}`);
    }
    // Recursion of the parser that its own limits do not cover.
    throw compileError(source, 0, `expression recursion limit exceeded: ${errorMessage(error)}`);
  }
}

/** In the form of cel-go: place, problem, and the line with a mark under it. */
export function compileError(source: string, at: number, problem: string): CelCompileError {
  const before = source.slice(0, at).split('\n');
  const column = before.at(-1)?.length ?? 0;
  const line = source.split('\n')[before.length - 1] ?? '';
  return new CelCompileError(
    `ERROR: <input>:${before.length}:${column + 1}: ${problem}\n | ${line}\n | ${'.'.repeat(column)}^`,
  );
}

/** What the package says of a node of its tree. */
interface Node {
  readonly op: string;
  readonly args: unknown;
  readonly pos: number;
  readonly end: number;
}

/** Where cel-go sees a node: at its operator, or at the parenthesis of a call. */
function operatorPosition({ op, args, pos }: Node, source: string): number {
  const operands = args as readonly unknown[];
  const behind = (operand: unknown, text: string): number => {
    const found = source.indexOf(text, (operand as Node).end);
    return found === -1 ? pos : found;
  };
  switch (op) {
    case 'value':
    case 'id':
    case 'list':
    case 'map':
    case '!_':
    case '-_':
      return pos;
    case '.':
    case '.?':
      return behind(operands[0], '.');
    case 'call':
      return source.indexOf('(', pos);
    case 'rcall':
      return behind(operands[1], '(');
    case '[]':
    case '[?]':
      return behind(operands[0], '[');
    case '?:':
      return behind(operands[0], '?');
    default:
      return behind(operands[0], op);
  }
}

function convert(node: unknown, source: string, depth: number): Expression {
  const { op, args, pos } = node as Node;
  if (depth > maxDepth) throw compileError(source, pos, 'expression recursion limit exceeded');
  const at = operatorPosition(node as Node, source);
  const sub = (child: unknown): Expression => convert(child, source, depth + 1);
  const list = args as readonly unknown[];
  const call = (name: string, operands: readonly unknown[]): Expression => ({
    kind: 'call',
    at,
    name,
    receiver: undefined,
    args: operands.map(sub),
  });
  switch (op) {
    case 'value':
      return convertLiteral(args, at);
    case 'id':
      return { kind: 'name', at, name: String(args) };
    case '.':
    case '.?':
      return {
        kind: 'select',
        at,
        operand: sub(list[0]),
        field: String(list[1]),
        optional: op === '.?',
      };
    case '[]':
    case '[?]':
      return call(op === '[]' ? '_[_]' : '_[?_]', list);
    case 'call':
      return call(String(list[0]), list[1] as readonly unknown[]);
    case 'rcall':
      return {
        kind: 'call',
        at,
        name: String(list[0]),
        receiver: sub(list[1]),
        args: (list[2] as readonly unknown[]).map(sub),
      };
    case 'list':
      return { kind: 'list', at, items: list.map(sub) };
    case 'map':
      return {
        kind: 'map',
        at,
        entries: (list as readonly (readonly unknown[])[]).map(([key, value]) => [sub(key), sub(value)]),
      };
    case '?:':
      return call('_?_:_', list);
    case '!_':
    case '-_':
      return negated(call(op, [args]));
    case 'in':
      return call('@in', list);
    default:
      if (operators.has(op)) return call(`_${op}_`, list);
      throw compileError(source, pos, `unsupported syntax ${op}`);
  }
}

/** `-9223372036854775808` is one literal: without its sign it would be out of range. */
function negated(expression: Expression): Expression {
  if (expression.kind !== 'call' || expression.name !== '-_') return expression;
  const [operand] = expression.args;
  const negative = operand?.kind === 'literal' && typeof operand.value === 'bigint';
  return negative ? { kind: 'literal', at: expression.at, value: -operand.value } : expression;
}

function convertLiteral(value: unknown, at: number): Expression {
  if (value === null) return { kind: 'literal', at, value };
  switch (typeof value) {
    case 'boolean':
    case 'bigint':
    case 'number':
    case 'string':
      return { kind: 'literal', at, value };
    default:
      if (value instanceof Uint8Array) return { kind: 'literal', at, value: new Uint8Array(value) };
      return { kind: 'uint', at, value: (value as { value: bigint }).value };
  }
}

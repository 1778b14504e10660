import type { At, Expr, MatrixSelector, Subquery, VectorSelector } from './ast.ts';
import { parsePromDuration } from './go-values.ts';
import { parseNumber } from './parse-number.ts';
import { children, type Source, type SyntaxNode } from './syntax.ts';

/** `operand` with what stands behind it: `[5m]`, `[5m:1m]`, `offset 5m`, `@ 1700000000`. */
export function modify(source: Source, operand: Expr, node: SyntaxNode): Expr {
  const parts = children(node).slice(1);
  const [first, second] = parts;
  switch (node.name) {
    case 'MatrixSelector':
      return matrixSelector(source, operand, duration(source, first ?? node), node);
    case 'SubqueryExpr':
      return {
        kind: 'subquery',
        expr: operand,
        rangeMs: duration(source, first ?? node),
        stepMs: second === undefined ? undefined : duration(source, second),
        offsetMs: 0,
        from: operand.from,
        to: node.to,
      };
    case 'OffsetExpr':
      return offset(source, operand, second ?? node, node);
    default:
      return at(source, operand, second ?? node, node);
  }
}

function matrixSelector(source: Source, operand: Expr, rangeMs: number, node: SyntaxNode): MatrixSelector {
  if (operand.kind !== 'vectorSelector') {
    throw source.fail(operand, 'ranges only allowed for vector selectors');
  }
  if (operand.offsetMs !== 0) throw source.fail(operand, 'no offset modifiers allowed before range');
  if (operand.at !== undefined) throw source.fail(operand, 'no @ modifiers allowed before range');
  return { kind: 'matrixSelector', selector: operand, rangeMs, from: operand.from, to: node.to };
}

/** What `offset` and `@` may stand behind: the part to change, and the whole with a changed part. */
function shiftable(
  source: Source,
  operand: Expr,
  modifier: string,
  end: number,
): [VectorSelector | Subquery, (part: VectorSelector | Subquery) => Expr] {
  switch (operand.kind) {
    case 'vectorSelector':
    case 'subquery':
      return [operand, (part) => ({ ...part, to: end })];
    case 'matrixSelector':
      return [
        operand.selector,
        (part) => (part.kind === 'vectorSelector' ? { ...operand, selector: part, to: end } : part),
      ];
    default: {
      const what = 'must be preceded by an instant vector selector or range vector selector or a subquery';
      throw source.fail(operand, `${modifier} modifier ${what}`);
    }
  }
}

function offset(source: Source, operand: Expr, amount: SyntaxNode, node: SyntaxNode): Expr {
  const [part, rebuild] = shiftable(source, operand, 'offset', node.to);
  const [sign, inner] = children(amount);
  const negative = sign?.name === 'UnaryOp' && source.text(sign) === '-';
  const ms = duration(source, sign?.name === 'UnaryOp' ? (inner ?? amount) : amount);
  if (part.offsetMs !== 0) throw source.fail(operand, 'offset may not be set multiple times');
  return rebuild({ ...part, offsetMs: negative ? -ms : ms });
}

function at(source: Source, operand: Expr, moment: SyntaxNode, node: SyntaxNode): Expr {
  const [part, rebuild] = shiftable(source, operand, '@', node.to);
  if (part.at !== undefined) throw source.fail(operand, '@ <timestamp> may not be set multiple times');
  return rebuild({ ...part, at: readAt(source, operand, moment) });
}

function readAt(source: Source, operand: Expr, moment: SyntaxNode): At {
  const text = source.text(moment).toLowerCase();
  if (moment.name === 'AtModifierPreprocessors') return { kind: text.startsWith('start') ? 'start' : 'end' };
  const value = parseNumber(text.replace(/^[+-]\s*/, ''));
  if (value === undefined) {
    throw source.fail(moment, `bad number or duration syntax: ${JSON.stringify(text)}`);
  }
  const ms = Math.round((text.startsWith('-') ? -value : value) * 1000);
  if (!Number.isSafeInteger(ms)) {
    throw source.fail(operand, `timestamp out of bounds for @ modifier: ${text}`);
  }
  return { kind: 'time', ms };
}

/** Milliseconds. Later versions calculate with durations and take plain numbers for seconds; 2.42 does not. */
function duration(source: Source, node: SyntaxNode): number {
  const text = source.text(node);
  const ms = parsePromDuration(text);
  if (ms === undefined) throw source.fail(node, `bad duration syntax: ${JSON.stringify(text)}`);
  if (ms === 0) throw source.fail(node, 'duration must be greater than 0');
  return ms;
}

import type { BinaryOperator, Expr } from './ast.ts';
import type { BinarySyntax } from './syntax.ts';

/** A piece of an expression, from left to right. */
export type Token =
  | { readonly kind: 'operand'; readonly expr: Expr }
  | { readonly kind: 'sign'; readonly sign: '+' | '-'; readonly from: number }
  | ({ readonly kind: 'operator' } & BinarySyntax);

const precedence: Readonly<Record<BinaryOperator, number>> = {
  or: 1,
  and: 2,
  unless: 2,
  '==': 3,
  '!=': 3,
  '>': 3,
  '<': 3,
  '>=': 3,
  '<=': 3,
  '+': 4,
  '-': 4,
  '*': 5,
  '/': 5,
  '%': 5,
  atan2: 5,
  '^': 6,
};

/** Puts operands and operators together by precedence. `^` is right-associative, and binds closer than a sign. */
export function parseBinary(tokens: readonly Token[]): Expr {
  let at = 0;

  function operand(): Expr {
    const token = tokens[at++];
    if (token?.kind === 'operand') return token.expr;
    if (token?.kind === 'sign') return signed(token.sign, token.from, climb(precedence['^']));
    throw new TypeError('an operator where an operand must be');
  }

  function climb(lowest: number): Expr {
    let left = operand();
    for (;;) {
      const token = tokens[at];
      if (token?.kind !== 'operator' || precedence[token.operator] < lowest) return left;
      at += 1;
      const level = precedence[token.operator];
      const right = climb(token.operator === '^' ? level : level + 1);
      left = { ...token, kind: 'binary', left, right, from: left.from, to: right.to };
    }
  }

  return climb(0);
}

function signed(sign: '+' | '-', from: number, expr: Expr): Expr {
  if (expr.kind === 'number') return { ...expr, value: sign === '-' ? -expr.value : expr.value, from };
  return { kind: 'unary', operator: sign, expr, from, to: expr.to };
}

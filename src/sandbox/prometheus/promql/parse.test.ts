import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Expr, typeOf } from './ast.ts';
import { PromqlParseError } from './errors.ts';
import { parseExpr, parseSelector } from './parse.ts';

/** With parentheses around everything that binds. */
function shape(expr: Expr): string {
  switch (expr.kind) {
    case 'number':
      return String(expr.value);
    case 'string':
      return JSON.stringify(expr.value);
    case 'vectorSelector':
      return `${expr.name}${expr.offsetMs === 0 ? '' : `~${expr.offsetMs}`}${expr.at === undefined ? '' : '@'}`;
    case 'matrixSelector':
      return `${shape(expr.selector)}[${expr.rangeMs}]`;
    case 'subquery':
      return `(${shape(expr.expr)})[${expr.rangeMs}:${expr.stepMs ?? ''}]`;
    case 'unary':
      return `(${expr.operator}${shape(expr.expr)})`;
    case 'binary':
      return `(${shape(expr.left)} ${expr.operator} ${shape(expr.right)})`;
    case 'paren':
      return shape(expr.expr);
    case 'call':
      return `${expr.signature.name}(${expr.args.map(shape).join(', ')})`;
    default:
      return `${expr.operator}(${shape(expr.expr)})`;
  }
}

describe('what binds to what', () => {
  test.each([
    ['a + b * c', '(a + (b * c))'],
    ['a * b + c', '((a * b) + c)'],
    ['a - b - c', '((a - b) - c)'],
    ['a ^ b ^ c', '(a ^ (b ^ c))'],
    ['-a ^ b', '(-(a ^ b))'],
    ['-a * b', '((-a) * b)'],
    ['-1 ^ 2', '(-(1 ^ 2))'],
    ['2 ^ -1', '(2 ^ -1)'],
    ['a or b and c', '(a or (b and c))'],
    ['a unless b and c', '((a unless b) and c)'],
    ['a < b == c', '((a < b) == c)'],
    ['a atan2 b + c', '((a atan2 b) + c)'],
    // The grammar of the parser hangs these on the whole sum.
    ['a + b offset 1m * c', '(a + (b~60000 * c))'],
    ['a + b @ 1 + c', '((a + b@) + c)'],
    ['-rate(a[1m] offset 1m)', '(-rate(a~60000[60000]))'],
    ['SUM BY (x) (a) AND b', '(sum(a) and b)'],
    ['017 + 0x1F + .5 + 1e3 + Inf', '((((15 + 31) + 0.5) + 1000) + Infinity)'],
    ['rate(a[5m:])', 'rate((a)[300000:])'],
    ['abs + rate', '(abs + rate)'],
  ])('%s', (query, expected) => {
    expect(shape(parseExpr(query))).toBe(expected);
  });
});

describe('a query that is wrong is refused with its place', () => {
  test.each([
    ['', '1:1: parse error: no expression found in input'],
    ['# only a comment', '1:1: parse error: no expression found in input'],
    ['sum(a', '1:6: parse error: unclosed left parenthesis'],
    ['a[5m', '1:5: parse error: unclosed left bracket'],
    ['a{b="c"', '1:8: parse error: unexpected end of input inside braces'],
    ['a{b="c', '1:7: parse error: unterminated quoted string'],
    ['a +', '1:4: parse error: unexpected end of input'],
    ['a b', '1:3: parse error: unexpected identifier "b"'],
    ['a +\n  b c', '2:5: parse error: unexpected identifier "c"'],
    ['nosuch(a)', '1:1: parse error: unknown function with name "nosuch"'],
    [
      'rate(a)',
      '1:6: parse error: expected type range vector in call to function "rate", got instant vector',
    ],
    ['rate(a[5m], 1)', '1:1: parse error: expected 1 argument(s) in call to "rate", got 2'],
    ['1 == 1', '1:3: parse error: comparisons between scalars must use BOOL modifier'],
    ['a{b=~"("}', '1:3: parse error: error parsing regexp: missing closing ): `(`'],
    ['{b=""}', '1:1: parse error: vector selector must contain at least one non-empty matcher'],
    ['a{b="\\xZZ"}', '1:5: parse error: error unquoting string "\\xZZ": invalid syntax'],
  ])('%s', (query, message) => {
    expect(() => parseExpr(query)).toThrow(new PromqlParseError(message));
  });

  test.each([
    ['histogram_sum(a)', /function "histogram_sum" is not supported/],
    ['holt_winters(a[5m], 0.5, 0.5)', /holt_winters/],
    ['mad_over_time(a[5m])', /unknown function/],
    ['limitk(2, a)', /limitk is not supported/],
    ['a[300]', /bad duration syntax: "300"/],
    ['a[5m + 1m]', /bad duration syntax/],
    ['5m', /bad number or duration syntax/],
    ['1_000', /bad number or duration syntax/],
    ['{"a.b"}', /quoted label and metric names are not supported/],
    ['sum by ("a.b") (c)', /quoted label names are not supported/],
    ['a + fill(0) b', /not supported/],
    ['rate(a[5m] smoothed)', /not supported/],
  ])('%s is of another version, and not guessed at', (query, message) => {
    expect(() => parseExpr(query)).toThrow(message);
  });

  test('nesting and length are bounded', () => {
    expect(() => parseExpr(`${'('.repeat(1_000)}a${')'.repeat(1_000)}`)).toThrow(/nests deeper/);
    expect(() => parseExpr(Array.from({ length: 1_000 }, () => 'a').join('+'))).toThrow(/nests deeper/);
    expect(() => parseExpr(`${'-'.repeat(1_000)}a`)).toThrow(/nests deeper/);
    expect(() => parseExpr('a'.repeat(70_000))).toThrow(/longer than/);
  });

  test('whatever is given, the answer is an expression or a parse error', () => {
    const pieces = [
      'a',
      'sum',
      '(',
      ')',
      '[5m]',
      '{',
      '}',
      '=~"(x"',
      ' by ',
      ',',
      '+',
      '-',
      '@',
      ' offset ',
      '5m',
    ];
    const soup = fc.array(fc.oneof(fc.constantFrom(...pieces), fc.string({ maxLength: 3 })), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(soup, (parts) => {
        try {
          expect(typeOf(parseExpr(parts.join('')))).toMatch(/^(scalar|vector|matrix|string)$/);
        } catch (error) {
          expect(error).toBeInstanceOf(PromqlParseError);
          expect((error as Error).message).toMatch(/^\d+:\d+: parse error: /);
        }
      }),
      { numRuns: 500 },
    );
  });
});

test('a selector alone is what match[] takes', () => {
  expect(parseSelector('a{b="c"}').map(({ name }) => name)).toEqual(['b', '__name__']);
  expect(() => parseSelector('a offset 5m')).toThrow(/metric selector/);
  expect(() => parseSelector('sum(a)')).toThrow(/metric selector/);
});

/** An arithmetic expression is wrong. */
export class ArithmeticError extends Error {
  constructor() {
    super('arithmetic syntax error');
  }
}

type Operation = (a: bigint, b: bigint) => bigint;

const truth = (value: boolean): bigint => (value ? 1n : 0n);

/** By precedence, the loosest first. */
const levels: readonly (readonly (readonly [string, Operation])[])[] = [
  [['||', (a, b) => truth(a !== 0n || b !== 0n)]],
  [['&&', (a, b) => truth(a !== 0n && b !== 0n)]],
  [
    ['==', (a, b) => truth(a === b)],
    ['!=', (a, b) => truth(a !== b)],
  ],
  [
    ['<=', (a, b) => truth(a <= b)],
    ['>=', (a, b) => truth(a >= b)],
    ['<', (a, b) => truth(a < b)],
    ['>', (a, b) => truth(a > b)],
  ],
  [
    ['+', (a, b) => a + b],
    ['-', (a, b) => a - b],
  ],
  [
    ['*', (a, b) => a * b],
    ['/', (a, b) => a / nonZero(b)],
    ['%', (a, b) => a % nonZero(b)],
  ],
];

function nonZero(value: bigint): bigint {
  if (value === 0n) throw new ArithmeticError();
  return value;
}

const longest = 1000;

/**
 * The value of `$((text))`: whole numbers of 64 bits, variables, `+ - * / %`, comparisons, `&& || !`, parentheses.
 * @throws ArithmeticError
 */
export function evaluate(text: string, variable: (name: string) => string): bigint {
  if (text.length > longest) throw new ArithmeticError();
  const tokens = text.match(/\d+|[A-Za-z_]\w*|\|\||&&|[=!<>]=|\S/g) ?? [];
  let at = 0;
  const binary = (level: number): bigint => {
    const operations = levels[level];
    if (operations === undefined) return unary();
    let left = binary(level + 1);
    for (;;) {
      const operation = operations.find(([symbol]) => symbol === tokens[at])?.[1];
      if (operation === undefined) return left;
      at += 1;
      left = BigInt.asIntN(64, operation(left, binary(level + 1)));
    }
  };
  const unary = (): bigint => {
    const token = tokens[at] ?? '';
    at += 1;
    if (token === '-') return -unary();
    if (token === '+') return unary();
    if (token === '!') return truth(unary() === 0n);
    if (token === '(') {
      const value = binary(0);
      if (tokens[at] !== ')') throw new ArithmeticError();
      at += 1;
      return value;
    }
    const digits = /^\d/.test(token) ? token : /^[A-Za-z_]/.test(token) ? variable(token).trim() || '0' : '';
    if (!/^-?\d{1,19}$/.test(digits)) throw new ArithmeticError();
    return BigInt.asIntN(64, BigInt(digits));
  };
  if (tokens.length === 0) return 0n;
  const value = binary(0);
  if (at < tokens.length) throw new ArithmeticError();
  return value;
}

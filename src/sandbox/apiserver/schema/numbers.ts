import type { Schema } from '../../../machinery/schema.ts';
import { isInt64 } from './types.ts';

export interface NumberProblem {
  /** `field`: of the value; `range`: something does not fit the format; `factor`: of the schema itself. */
  readonly kind: 'field' | 'range' | 'factor';
  readonly message: string;
  readonly badValue: number;
}

interface Bound {
  readonly limit: number;
  readonly text: string;
}

const maxFloat32 = 3.4028234663852886e38;

/** What a number violates: the range of its format, `multipleOf`, `minimum`, `maximum`; in this order. */
export function numberProblems(schema: Schema, value: number): NumberProblem[] {
  const problems: NumberProblem[] = [];
  const { multipleOf, minimum, maximum } = schema;
  const inRange = (number: number, what: string): boolean => {
    const message = rangeProblem(schema, number, what);
    if (message !== undefined) problems.push({ kind: 'range', message, badValue: number });
    return message === undefined;
  };
  inRange(value, 'Checked');
  // A whole number is compared as one; the bound is then made one too.
  const bound = (limit: number, what: string): Bound =>
    inRange(limit, what) && isInt64(value) ? wholeBound(limit) : { limit, text: floatText(limit) };
  if (multipleOf !== undefined) {
    const { limit: factor, text } = bound(multipleOf, 'MultipleOf');
    if (factor <= 0) problems.push({ kind: 'factor', message: '', badValue: factor });
    else if (!isMultiple(value, factor)) {
      problems.push({ kind: 'field', message: `should be a multiple of ${text}`, badValue: value });
    }
  }
  if (minimum !== undefined) {
    const { limit, text } = bound(minimum, 'Minimum boundary');
    const exclusive = schema.exclusiveMinimum === true;
    if (exclusive ? value <= limit : value < limit) {
      const than = exclusive ? 'greater than' : 'greater than or equal to';
      problems.push({ kind: 'field', message: `should be ${than} ${text}`, badValue: value });
    }
  }
  if (maximum !== undefined) {
    const { limit, text } = bound(maximum, 'Maximum boundary');
    const exclusive = schema.exclusiveMaximum === true;
    if (exclusive ? value >= limit : value > limit) {
      const than = exclusive ? 'less than' : 'less than or equal to';
      problems.push({ kind: 'field', message: `should be ${than} ${text}`, badValue: value });
    }
  }
  return problems;
}

/** As Go's conversion to a 64-bit integer: what does not fit becomes the smallest one. */
function wholeBound(limit: number): Bound {
  const whole = Math.trunc(limit);
  return isInt64(whole)
    ? { limit: whole, text: String(whole) }
    : { limit: -(2 ** 63), text: '-9223372036854775808' };
}

/** As Go's `%v` of a float64. */
function floatText(value: number): string {
  const size = Math.abs(value);
  const isPlain = value === 0 || (size >= 1e-4 && size < 1e6);
  return isPlain ? String(value) : value.toExponential().replace(/e([-+])(\d)$/, 'e$10$2');
}

function rangeProblem(schema: Schema, number: number, what: string): string | undefined {
  if (schema['x-kubernetes-int-or-string'] === true) return undefined;
  const { type, format } = schema;
  if (type === 'number') {
    const fits = format !== 'float' || Math.abs(number) <= maxFloat32;
    return fits ? undefined : `${what} value must be of type number with format float`;
  }
  if (type !== 'integer') return undefined;
  const fits =
    format === 'int32' ? Number.isInteger(number) && Math.abs(number + 0.5) < 2 ** 31 : isInt64(number);
  if (fits) return undefined;
  const isKnown = format === 'int32' || format === 'int64';
  return `${what} value must be of type integer ${isKnown ? `with format ${format}` : '(default format)'}`;
}

function isMultiple(value: number, factor: number): boolean {
  if (isInt64(value) && Number.isInteger(factor)) return value % factor === 0;
  const quotient = factor < 1 ? (1 / factor) * value : value / factor;
  if (!Number.isFinite(quotient) || Math.abs(quotient) > Number.MAX_SAFE_INTEGER) return false;
  const whole = Math.trunc(quotient);
  return quotient === whole || Math.abs(quotient - whole) / (Math.abs(quotient) + Math.abs(whole)) < 1e-9;
}

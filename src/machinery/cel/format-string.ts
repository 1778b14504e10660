import { own } from '../json.ts';
import type { Budget } from './errors.ts';
import { CelEvaluationError } from './errors.ts';
import { formatSeconds, formatTimestamp } from './standard-functions.ts';
import type { List, Value } from './values.ts';
import {
  codePoints,
  Duration,
  formatDouble,
  formatTypeValue,
  isMap,
  kindOf,
  List as CelList,
  Timestamp,
  TypeValue,
  Uint,
} from './values.ts';

/** `text.format(args)` of cel-go's string extensions. */
export function formatString(text: string, args: List, budget: Budget): string {
  budget.chargeSize(text.length);
  let next = 0;
  const result = text.replace(/%(?:(%)|(?:\.(\d+))?(.)?)/gsu, (_, percent, precision, verb) => {
    if (percent !== undefined) return '%';
    if (next >= args.size) throw new CelEvaluationError(`index ${next} out of range`);
    const value = args.at(next);
    next += 1;
    const digits = precision === undefined ? 6 : Number(precision);
    const formatted = formatOne(String(verb), digits, value, budget);
    budget.chargeSize(formatted.length);
    return formatted;
  });
  return result;
}

function formatOne(verb: string, precision: number, value: Value, budget: Budget): string {
  if (precision > 100) throw new CelEvaluationError('precision is too large');
  const number = value instanceof Uint ? value.value : value;
  switch (verb) {
    case 's':
      return printed(value, budget);
    case 'd':
      if (typeof number === 'bigint') return String(number);
      if (typeof number === 'number' && !Number.isFinite(number)) return printed(number, budget);
      break;
    case 'f':
    case 'e':
      if (typeof number === 'number' || typeof number === 'bigint') {
        return float(verb, precision, Number(number));
      }
      break;
    case 'b':
      if (typeof number === 'bigint') return number.toString(2);
      if (typeof number === 'boolean') return number ? '1' : '0';
      break;
    case 'o':
      if (typeof number === 'bigint') return number.toString(8);
      break;
    case 'x':
    case 'X': {
      const hex = hexadecimal(number);
      if (hex !== undefined) return verb === 'x' ? hex : hex.toUpperCase();
      break;
    }
    default:
      throw new CelEvaluationError(
        `could not parse formatting clause: unrecognized formatting clause "${verb}"`,
      );
  }
  throw new CelEvaluationError(`no such overload: %${verb} cannot format ${kindOf(value)}`);
}

function hexadecimal(value: Value): string | undefined {
  if (typeof value === 'bigint') return value.toString(16);
  if (typeof value === 'string') return Buffer.from(value).toString('hex');
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : undefined;
}

function float(verb: 'f' | 'e', precision: number, value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'Infinity' : '-Infinity';
  if (verb === 'f') return value.toFixed(precision);
  return value.toExponential(precision).replace(/e([+-])(\d)$/, 'e$10$2');
}

/** The `%s` of a value. */
function printed(value: Value, budget: Budget): string {
  budget.charge(1);
  if (value === null) return 'null';
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? formatDouble(value) : float('f', 0, value);
  if (typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  if (value instanceof Uint) return String(value.value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString();
  if (value instanceof Timestamp) return formatTimestamp(value);
  if (value instanceof Duration) return formatSeconds(value);
  if (value instanceof TypeValue) return formatTypeValue(value);
  if (value instanceof CelList) return `[${[...value].map((item) => printed(item, budget)).join(', ')}]`;
  if (isMap(value)) {
    const entries = [...value.keys()].map(
      (key) => `${printed(key, budget)}: ${printed(value.find(key) ?? null, budget)}`,
    );
    return `{${entries.sort().join(', ')}}`;
  }
  throw new CelEvaluationError(`no such overload: %s cannot format ${kindOf(value)}`);
}

const escapes: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
};

/** The literal for a text. */
export function quote(text: string): string {
  const characters = codePoints(text.toWellFormed()).map((character) => own(escapes, character) ?? character);
  return `"${characters.join('')}"`;
}

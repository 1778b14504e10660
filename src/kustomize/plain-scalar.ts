const integer = /^[-+]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO]?[0-7_]+|[1-9][0-9_]*|0)$/;
const float = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;
const timestamp =
  /^(\d{4})-(\d\d?)-(\d\d?)(?:[Tt](\d\d?):(\d\d?):(\d\d?)(\.\d+)?(Z|[-+]\d\d:\d\d)| +(\d\d?):(\d\d?):(\d\d?)(\.\d+)?)?$/;

const words = new Map<string, null | boolean>([
  ['', null],
  ['~', null],
  ['null', null],
  ['Null', null],
  ['NULL', null],
  ['true', true],
  ['True', true],
  ['TRUE', true],
  ['false', false],
  ['False', false],
  ['FALSE', false],
]);

const oldWords = new Map<string, boolean>([
  ...['y', 'Y', 'yes', 'Yes', 'YES', 'on', 'On', 'ON'].map((word) => [word, true] as const),
  ...['n', 'N', 'no', 'No', 'NO', 'off', 'Off', 'OFF'].map((word) => [word, false] as const),
]);

/** What YAML 1.1 alone takes for true or false. */
export function oldWord(text: string): boolean | undefined {
  return oldWords.get(text);
}

/** Numbers of YAML that JSON does not have. */
export function isInfinite(text: string): boolean {
  return /^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/.test(text);
}

/**
 * The value of an unquoted scalar the way kustomize reads it: words of YAML 1.2 (`yes` stays text), numbers of
 * YAML 1.1 (`010` is 8, `1_000` is 1000), and dates that become text in RFC 3339.
 *
 * Source: compared with `kubectl kustomize` in plain-scalar.test.ts; the rules are those of go-yaml v3.
 */
export function plainScalar(text: string): null | boolean | number | string {
  const word = words.get(text);
  if (word !== undefined) return word;
  if (!/^[-+.0-9]/.test(text)) return text;
  if (integer.test(text)) return parseInteger(text);
  const digits = text.replaceAll('_', '');
  if (float.test(digits)) {
    const value = Number(digits);
    return Number.isFinite(value) ? value : text;
  }
  return parseTimestamp(text) ?? text;
}

function parseInteger(text: string): number | string {
  const negative = text.startsWith('-');
  const digits = text.replaceAll('_', '').replace(/^[-+]/, '').toLowerCase();
  const octal = /^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits;
  // What takes more than 64 bits is a number only in the decimal system, with the digits as they stand.
  const value = Number(octal) < 2 ** 64 ? Number(octal) : Number(digits.replace(/^0+(?=\d)/, ''));
  if (Number.isNaN(value) || (value >= 2 ** 64 && /^0[xbo]/.test(digits))) return text;
  return negative ? -value : value;
}

/** Whether an unquoted scalar is a date or a time; as a value it is text. */
export function isTimestamp(text: string): boolean {
  return /^\d{4}-/.test(text) && parseTimestamp(text) !== undefined;
}

function parseTimestamp(text: string): string | undefined {
  const match = timestamp.exec(text);
  if (match === null) return undefined;
  const [, year = '', month = '', day = '', ...time] = match;
  const [hour = '0', minute = '0', second = '0', fraction = ''] =
    time[0] === undefined ? time.slice(5) : time;
  const zone = time[4] ?? 'Z';
  const two = (part: string): string => part.padStart(2, '0');
  if (Number(day) < 1 || Number(day) > daysOf(Number(year), Number(month))) return undefined;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;
  const shortFraction = fraction.replace(/\.?0+$/, '');
  return `${year}-${two(month)}-${two(day)}T${two(hour)}:${two(minute)}:${two(second)}${shortFraction}${zone}`;
}

/** Of a month; 0 where there is no such month. */
function daysOf(year: number, month: number): number {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
}

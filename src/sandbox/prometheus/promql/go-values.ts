// Numbers, durations and quoted strings as Go and Prometheus read and write them.

/**
 * A float as Prometheus writes sample values: the shortest digits that read back the same, with an exponent of at
 * least two digits below 1e-6 and from 1e21 on.
 */
export function formatValue(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  if (Object.is(value, -0)) return '-0';
  return String(value).replace(/e([+-])(\d)$/, 'e$10$2');
}

/** A float without exponent, as Go's `strconv.FormatFloat(v, 'f', -1, 64)`. */
export function formatDecimal(value: number): string {
  const text = formatValue(value);
  const match = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text);
  if (match === null) return text;
  const [, sign = '', whole = '', fraction = '', exponentText = ''] = match;
  const exponent = Number(exponentText);
  const digits = whole + fraction;
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  return sign + digits.padEnd(exponent + 1, '0');
}

const decimalFloat = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const hexFloat = /^([+-]?)0[xX]([0-9a-fA-F]*)(?:\.([0-9a-fA-F]*))?[pP]([+-]?\d+)$/;

/** A float as Go's `strconv.ParseFloat` reads it, or undefined. Too large a number is none, as there. */
export function parseFloatText(text: string): number | undefined {
  if (decimalFloat.test(text)) {
    const value = Number(text);
    return Number.isFinite(value) ? value : undefined;
  }
  const word = /^([+-]?)(inf|infinity|nan)$/i.exec(text);
  if (word !== null) {
    const [, sign, name = ''] = word;
    if (/^nan$/i.test(name)) return sign === '' ? Number.NaN : undefined;
    return sign === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }
  const hex = hexFloat.exec(text);
  if (hex === null) return undefined;
  const [, sign, whole = '', fraction = '', exponent] = hex;
  if (whole + fraction === '' || (whole + fraction).length > 16) return undefined;
  const value = Number.parseInt(whole + fraction, 16) * 2 ** (Number(exponent) - 4 * fraction.length);
  if (!Number.isFinite(value)) return undefined;
  return sign === '-' ? -value : value;
}

const durationText = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/;
const unitMs = [31_536_000_000, 604_800_000, 86_400_000, 3_600_000, 60_000, 1_000, 1];
/** 292 years: what Go's durations hold. */
const longestMs = 9_223_372_036_854;

/** Milliseconds of a duration such as `1h30m` or `0`, largest unit first; undefined where it is none. */
export function parsePromDuration(text: string): number | undefined {
  if (text === '0') return 0;
  const match = durationText.exec(text);
  if (match === null || text === '') return undefined;
  let ms = 0;
  for (const [i, unit] of unitMs.entries()) ms += Number(match[i + 1] ?? 0) * unit;
  return ms > longestMs ? undefined : ms;
}

const shortEscapes = new Map([
  ['a', 0x07],
  ['b', 0x08],
  ['f', 0x0c],
  ['n', 0x0a],
  ['r', 0x0d],
  ['t', 0x09],
  ['v', 0x0b],
  ['\\', 0x5c],
  ["'", 0x27],
  ['"', 0x22],
]);

const escape = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|([^xuU0-7]))/y;

/** The text of a string literal with its quotes; undefined where it is not terminated or has a bad escape. */
export function unquote(literal: string): string | undefined {
  const quote = literal[0];
  if (literal.length < 2 || !literal.endsWith(quote ?? '')) return undefined;
  const body = literal.slice(1, -1);
  if (quote === '`') return body.replaceAll('\r', '');
  if (!body.includes('\\')) return body;
  const parts: Buffer[] = [];
  let at = 0;
  while (at < body.length) {
    const next = body.indexOf('\\', at);
    const end = next === -1 ? body.length : next;
    parts.push(Buffer.from(body.slice(at, end)));
    if (next === -1) break;
    escape.lastIndex = next;
    const bytes = escapedBytes(escape.exec(body), quote ?? '');
    if (bytes === undefined) return undefined;
    parts.push(bytes);
    at = escape.lastIndex;
  }
  return Buffer.concat(parts).toString('utf8');
}

function escapedBytes(match: RegExpExecArray | null, quote: string): Buffer | undefined {
  const [, byte, unicode, longUnicode, octal, short] = match ?? [];
  if (byte !== undefined) return Buffer.from([Number.parseInt(byte, 16)]);
  if (octal !== undefined) {
    const value = Number.parseInt(octal, 8);
    return value > 255 ? undefined : Buffer.from([value]);
  }
  const point = unicode ?? longUnicode;
  if (point !== undefined) {
    const value = Number.parseInt(point, 16);
    if (value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) return undefined;
    return Buffer.from(String.fromCodePoint(value));
  }
  if (short === undefined || ((short === '"' || short === "'") && short !== quote)) return undefined;
  const code = shortEscapes.get(short);
  return code === undefined ? undefined : Buffer.from([code]);
}

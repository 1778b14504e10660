import { isInfinite, isTimestamp, oldWord, plainScalar } from './plain-scalar.ts';

/** Lines go on behind the first space after this column. */
const width = 80;

/** Minutes and seconds of YAML 1.1. */
const sexagesimal = /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/;

const escapes: Readonly<Record<string, string>> = {
  '\0': '\\0',
  '\x07': '\\a',
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\v': '\\v',
  '\f': '\\f',
  '\r': '\\r',
  '\x1b': '\\e',
  '"': '\\"',
  '\\': '\\\\',
  '\x85': '\\N',
  '\u2028': '\\L',
  '\u2029': '\\P',
};

/** Go-yaml takes characters beyond the basic plane for unprintable, too. */
const unprintable = /[^\n\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]/u;
const breaks = /[\r\n\x85\u2028\u2029]/;
const unprintableOrBreak = /[\r\n\x85\u2028\u2029"\\]|[^\n\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]/u;

/** What may not stand at the start of a plain scalar, or anywhere in it. */
const indicators =
  /^(?:---|\.\.\.|[#,[\]{}&*!|>'"%@`]|[?:-](?=[ \t\r\n\x85\u2028\u2029]|$))|:(?=[ \t\r\n\x85\u2028\u2029]|$)|[ \t\r\n\x85\u2028\u2029]#/;

/**
 * A text as the value of a field.
 * @param indent of the lines that follow the first
 * @param column that the text starts in
 */
export function renderText(text: string, indent: number, column: number): string {
  if (text.includes('\n'))
    return mayBeLiteral(text) ? literal(text, indent) : doubleQuoted(text, indent, column);
  if (resolves(text)) return doubleQuoted(text, indent, column);
  if (mayBePlain(text)) return wrapped(text, '', indent, column);
  return mayBeSingleQuoted(text) ? wrapped(text, "'", indent, column) : doubleQuoted(text, indent, column);
}

/** A key on one line, or undefined where it is too long, or has lines itself. */
export function renderKey(key: string): string | undefined {
  if (breaks.test(key) || Buffer.byteLength(key) > 128) return undefined;
  // A reader would merge what stands there.
  if (resolves(key) || key === '<<') return doubleQuoted(key, 0, -Infinity);
  if (mayBePlain(key)) return key;
  return mayBeSingleQuoted(key) ? wrapped(key, "'", 0, -Infinity) : doubleQuoted(key, 0, -Infinity);
}

/** With an exponent from a million, and below a ten-thousandth; whole numbers of 64 bits are written out. */
export function renderNumber(value: number): string {
  if (Number.isInteger(value) && value >= -(2 ** 63) && value < 2 ** 64) return `${value}`;
  const [digits = '', exponent = ''] = value.toExponential().split('e');
  const size = Number(exponent);
  if (size >= -4 && size < 6) return `${value}`;
  return `${digits}e${size < 0 ? '-' : '+'}${String(Math.abs(size)).padStart(2, '0')}`;
}

/** Would be read as something else than text, at least by YAML 1.1. */
function resolves(text: string): boolean {
  return (
    plainScalar(text) !== text ||
    oldWord(text) !== undefined ||
    isInfinite(text) ||
    isTimestamp(text) ||
    sexagesimal.test(text)
  );
}

function mayBePlain(text: string): boolean {
  return (
    text !== '' &&
    !indicators.test(text) &&
    !unprintable.test(text) &&
    !breaks.test(text) &&
    !text.startsWith(' ') &&
    !text.endsWith(' ')
  );
}

function mayBeSingleQuoted(text: string): boolean {
  return !unprintable.test(text) && !/[\u2028\u2029] | [\u2028\u2029]/.test(text);
}

function mayBeLiteral(text: string): boolean {
  return !unprintable.test(text) && !text.endsWith(' ') && !/ [\n\u2028\u2029]/.test(text);
}

function literal(text: string, indent: number): string {
  const hint = /^[ \n\u2028\u2029]/.test(text) ? '2' : '';
  const chomp = /[\n\u2028\u2029]{2}$|^[\n\u2028\u2029]$/.test(text)
    ? '+'
    : /[\n\u2028\u2029]$/.test(text)
      ? ''
      : '-';
  const lines = text
    .replace(/\n$/, '')
    .replaceAll(/(^|[\n\u2028\u2029])(?=[^\n\u2028\u2029])/g, `$1${' '.repeat(indent)}`);
  return `|${hint}${chomp}\n${lines}`;
}

/** Plain or between single quotes. A break of Unicode stays, and what follows it is indented. */
function wrapped(text: string, quote: string, indent: number, start: number): string {
  let [result, column] = [quote, start + quote.length];
  const characters = Array.from(text);
  for (const [i, character] of characters.entries()) {
    const isAlone =
      i > 0 && i < characters.length - 1 && characters[i - 1] !== ' ' && characters[i + 1] !== ' ';
    if (character === ' ' && column > width && isAlone) {
      result += `\n${' '.repeat(indent)}`;
      column = indent;
      continue;
    }
    const written = character === quote ? `${quote}${quote}` : character;
    result += written;
    column += written.length;
  }
  return `${result.replaceAll(/([\u2028\u2029])(?=[^\u2028\u2029])/g, `$1${' '.repeat(indent)}`)}${quote}`;
}

function doubleQuoted(text: string, indent: number, start: number): string {
  let [result, column] = ['"', start + 1];
  const characters = Array.from(text);
  // Go-yaml takes each character behind a byte order mark for one, and no space for a place to break the line.
  const escapesAll = text.startsWith('\ufeff');
  for (const [i, character] of characters.entries()) {
    const isInside = i > 0 && i < characters.length - 1 && !escapesAll;
    if (character === ' ' && column > width && isInside && characters[i - 1] !== ' ') {
      result += `\n${' '.repeat(indent)}${characters[i + 1] === ' ' ? '\\' : ''}`;
      column = indent + (characters[i + 1] === ' ' ? 1 : 0);
      continue;
    }
    const written = escapesAll || unprintableOrBreak.test(character) ? escaped(character) : character;
    result += written;
    column += written.length;
  }
  return `${result}"`;
}

function escaped(character: string): string {
  const known = escapes[character];
  if (known !== undefined) return known;
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16).toUpperCase();
  if (code <= 0xff) return `\\x${hex.padStart(2, '0')}`;
  return code <= 0xffff ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
}

import { type Command, UsageError } from '../command.ts';
import { bounded } from '../streams.ts';

const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  a: '\u0007',
  b: '\b',
  f: '\f',
  v: '\v',
  e: '\u001B',
  '\\': '\\',
  '"': '"',
  "'": "'",
};

/** Text with its `\n`, `\t`, `\033`, `\x1b`; `\c` ends it and all output. */
export function unescape(text: string): { readonly text: string; readonly stop: boolean } {
  const end = /(?<!\\)(?:\\\\)*\\c/.exec(text);
  const kept = end === null ? text : text.slice(0, end.index + end[0].length - 2);
  const plain = kept.replace(
    /\\(?:x([0-9a-fA-F]{1,2})|0?([0-7]{1,3})|([ntrabfve\\"']))/g,
    (_all, hex?: string, octal?: string, letter?: string) => {
      if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8));
      return escapes[letter ?? ''] ?? '';
    },
  );
  return { text: plain, stop: end !== null };
}

const widest = 4096;

export const printf: Command = async ({ argv, stdout }) => {
  const [format, ...given] = argv;
  if (format === undefined) throw new UsageError('usage: printf FORMAT [ARG]...');
  let at = 0;
  let output = '';
  const pieces = format.split(/(%%|%[-+ 0#]*\d*(?:\.\d+)?[a-zA-Z])/);
  // The format is used again for as long as it takes arguments and there are some.
  do {
    const before = at;
    for (const piece of pieces) {
      if (piece === '%%') output += '%';
      else if (/^%.*[a-zA-Z]$/.test(piece) && piece.length > 1) {
        output += converted(piece, given[at]);
        at += 1;
      } else output += unescape(piece).text;
      bounded(output);
    }
    if (at === before) break;
  } while (at < given.length);
  await stdout.write(output);
  return 0;
};

function converted(directive: string, argument: string | undefined): string {
  const [, flags = '', width = '', precision, type = ''] =
    /^%([-+ 0#]*)(\d*)(?:\.(\d+))?([a-zA-Z])$/.exec(directive) ?? [];
  const text = conversion(type, argument, precision === undefined ? undefined : Number(precision));
  const signed = flags.includes('+') && 'dif'.includes(type) && !text.startsWith('-') ? `+${text}` : text;
  const columns = Math.min(Number(width), widest);
  if (flags.includes('-')) return signed.padEnd(columns);
  if (!flags.includes('0') || type === 's') return signed.padStart(columns);
  const sign = /^[-+]/.exec(signed)?.[0] ?? '';
  return sign + signed.slice(sign.length).padStart(columns - sign.length, '0');
}

function conversion(type: string, argument: string | undefined, precision: number | undefined): string {
  switch (type) {
    case 's':
      return (argument ?? '').slice(0, precision);
    case 'b':
      return unescape(argument ?? '').text;
    case 'c':
      return (argument ?? '').slice(0, 1);
    case 'd':
    case 'i':
    case 'u':
      return String(Math.trunc(number(argument)));
    case 'x':
      return Math.trunc(number(argument)).toString(16);
    case 'X':
      return Math.trunc(number(argument)).toString(16).toUpperCase();
    case 'o':
      return Math.trunc(number(argument)).toString(8);
    case 'f':
      return number(argument).toFixed(Math.min(precision ?? 6, 100));
    default:
      throw new UsageError(`%${type}: invalid format`);
  }
}

function number(argument = '0'): number {
  const value = argument.trim() === '' ? 0 : Number(argument);
  if (!Number.isFinite(value)) throw new UsageError(`invalid number '${argument}'`);
  return value;
}

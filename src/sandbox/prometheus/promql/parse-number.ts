import { parseFloatText } from './go-values.ts';

/** A number of the language, without sign: decimal, hexadecimal, octal with a leading zero, Inf, NaN. */
export function parseNumber(text: string): number | undefined {
  if (/^0x[\da-f]+$/i.test(text)) return Number(text);
  if (/^0[0-7]+$/.test(text)) return Number.parseInt(text, 8);
  if (/^(inf|nan)$/i.test(text)) return parseFloatText(text);
  return /^[\d.]+(e[+-]?\d+)?$/i.test(text) ? parseFloatText(text) : undefined;
}

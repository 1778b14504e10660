import { isObject, type Json } from '../machinery/json.ts';
import { asJson, type Unstructured } from '../machinery/object.ts';
import { renderKey, renderNumber, renderText } from './render-scalar.ts';

/**
 * Objects as kustomize prints them, to the letter: sorted keys, lists as far in as their key, documents between
 * `---`.
 *
 * Source: go-yaml v2, which kustomize prints with.
 */
export function renderYaml(objects: readonly Unstructured[]): string {
  return objects.map((object) => `${mapLines(asJson(object), 0).join('\n')}\n`).join('---\n');
}

function mapLines(map: { readonly [key: string]: Json }, indent: number): string[] {
  const keys = Object.keys(map).sort(compareKeys);
  return keys.flatMap((key) => entryLines(key, map[key] ?? null, indent));
}

function entryLines(key: string, value: Json, indent: number): string[] {
  const space = ' '.repeat(indent);
  const short = renderKey(key);
  if (short === undefined) {
    const [first = '', ...rest] = blockLines(value, indent + 2);
    const long = renderText(key, indent + 2, indent + 2);
    return [`${space}? ${long}`, `${space}: ${first.trimStart()}`, ...rest];
  }
  const start = `${space}${short}:`;
  if (isFilled(value)) return [start, ...blockLines(value, Array.isArray(value) ? indent : indent + 2)];
  return [`${start} ${scalar(value, indent + 2, Array.from(start).length + 1)}`];
}

function blockLines(value: Json, indent: number): string[] {
  if (!isFilled(value)) return [`${' '.repeat(indent)}${scalar(value, indent, indent)}`];
  return Array.isArray(value) ? listLines(value, indent) : mapLines(value, indent);
}

function listLines(list: readonly Json[], indent: number): string[] {
  return list.flatMap((item) => {
    const [first = '', ...rest] = blockLines(item, indent + 2);
    return [`${' '.repeat(indent)}- ${first.slice(indent + 2)}`, ...rest];
  });
}

function isFilled(value: Json): value is Json[] | { [key: string]: Json } {
  if (Array.isArray(value)) return value.length > 0;
  return isObject(value) && Object.keys(value).length > 0;
}

function scalar(value: Json, indent: number, column: number): string {
  if (typeof value === 'string') return renderText(value, indent, column);
  if (typeof value === 'number') return renderNumber(value);
  if (Array.isArray(value)) return '[]';
  return isObject(value) ? '{}' : String(value);
}

const letter = /\p{L}/u;
const digit = /\p{Nd}/u;

/** Numbers within keys count as numbers (`a2` before `a10`), and letters come after everything else. */
function compareKeys(left: string, right: string): number {
  const [a, b] = [Array.from(left), Array.from(right)];
  for (let i = 0; i < Math.min(a.length, b.length); i += 1) {
    const [x = '', y = ''] = [a[i], b[i]];
    if (x === y) continue;
    const [xIsLetter, yIsLetter] = [letter.test(x), letter.test(y)];
    if (xIsLetter && yIsLetter) return codePoint(x) - codePoint(y);
    if (xIsLetter || yIsLetter) return yIsLetter ? -1 : 1;
    const lead = (x === '0' || y === '0') && followsNumber(a, i) ? 1 : 0;
    const [m, n] = [numberAt(a, i, lead), numberAt(b, i, lead)];
    return m.value - n.value || m.length - n.length || codePoint(x) - codePoint(y);
  }
  return a.length - b.length;
}

/** A zero is not leading after another digit. */
function followsNumber(text: readonly string[], at: number): boolean {
  for (let i = at - 1; i >= 0 && digit.test(text[i] ?? ''); i -= 1) if (text[i] !== '0') return true;
  return false;
}

function numberAt(text: readonly string[], at: number, lead: number): { value: number; length: number } {
  let [value, length] = [lead, 0];
  for (; digit.test(text[at + length] ?? ''); length += 1)
    value = value * 10 + codePoint(text[at + length] ?? '') - 48;
  return { value, length };
}

function codePoint(character: string): number {
  return character.codePointAt(0) ?? 0;
}

import type { Budget } from './errors.ts';
import { CelEvaluationError } from './errors.ts';
import { formatString, quote } from './format-string.ts';
import type { FunctionTable } from './function-table.ts';
import { checkPattern, find, findAll } from './patterns.ts';
import { codePoints, List } from './values.ts';

/**
 * cel-go's string extensions in the version that Kubernetes uses (2), and Kubernetes' regular expressions.
 * Positions count code points.
 */
export function defineStringFunctions(table: FunctionTable): void {
  definePositions(table);
  defineChanges(table);
  defineLists(table);
  table
    .define('string.find(string): string', find, checkPattern('find', 1))
    .define(
      'string.findAll(string): list<string>',
      (text: string, pattern: string, budget: Budget) => List.of(findAll(text, pattern, -1, budget)),
      checkPattern('findAll', 1),
    )
    .define(
      'string.findAll(string, int): list<string>',
      (text: string, pattern: string, limit: bigint, budget: Budget) =>
        List.of(findAll(text, pattern, Number(limit), budget)),
      checkPattern('findAll', 1),
    )
    .define('string.format(list<dyn>): string', (text: string, args: List, budget: Budget) =>
      formatString(text, args, budget),
    )
    .define('strings::quote(string): string', (text: string, budget: Budget) => {
      budget.chargeSize(text.length);
      return quote(text);
    });
}

function charged(text: string, budget: Budget): string[] {
  budget.chargeSize(text.length);
  return codePoints(text);
}

function checkIndex(index: bigint, max: number): number {
  if (index < 0n || index > BigInt(max)) throw new CelEvaluationError(`index out of range: ${index}`);
  return Number(index);
}

function definePositions(table: FunctionTable): void {
  const indexOf = (text: string, part: string, from: bigint, budget: Budget): bigint => {
    const points = charged(text, budget);
    const start = checkIndex(from, points.length);
    const offset = points.slice(0, start).join('').length;
    const found = text.indexOf(part, offset);
    return found === -1 ? -1n : BigInt(codePoints(text.slice(0, found)).length);
  };
  const lastIndexOf = (text: string, part: string, to: bigint | undefined, budget: Budget): bigint => {
    const points = charged(text, budget);
    const end = to === undefined ? points.length : checkIndex(to, points.length);
    const found = text.lastIndexOf(part, points.slice(0, end).join('').length);
    return found === -1 ? -1n : BigInt(codePoints(text.slice(0, found)).length);
  };
  const substring = (text: string, from: bigint, to: bigint | undefined, budget: Budget): string => {
    const points = charged(text, budget);
    const start = checkIndex(from, points.length);
    const end = to === undefined ? points.length : checkIndex(to, points.length);
    if (start > end) {
      throw new CelEvaluationError(`invalid substring range. start: ${start}, end: ${end}`);
    }
    return points.slice(start, end).join('');
  };
  table
    .define('string.charAt(int): string', (text: string, index: bigint, budget: Budget) => {
      const points = charged(text, budget);
      return points[checkIndex(index, points.length)] ?? '';
    })
    .define('string.indexOf(string): int', (text: string, part: string, budget: Budget) =>
      indexOf(text, part, 0n, budget),
    )
    .define('string.indexOf(string, int): int', indexOf)
    .define('string.lastIndexOf(string): int', (text: string, part: string, budget: Budget) =>
      lastIndexOf(text, part, undefined, budget),
    )
    .define('string.lastIndexOf(string, int): int', lastIndexOf)
    .define('string.substring(int): string', (text: string, from: bigint, budget: Budget) =>
      substring(text, from, undefined, budget),
    )
    .define('string.substring(int, int): string', substring);
}

function replace(text: string, from: string, to: string, limit: number, budget: Budget): string {
  budget.chargeSize(text.length);
  const parts = from === '' ? ['', ...codePoints(text), ''] : text.split(from);
  const count = limit < 0 ? parts.length - 1 : Math.min(limit, parts.length - 1);
  budget.chargeSize(text.length + count * to.length);
  return (
    parts.slice(1, count + 1).reduce((result, part) => result + to + part, parts[0] ?? '') +
    parts
      .slice(count + 1)
      .map((part) => from + part)
      .join('')
  );
}

function defineChanges(table: FunctionTable): void {
  const mapped = (change: (text: string) => string) => (text: string, budget: Budget) => {
    budget.chargeSize(text.length);
    return change(text);
  };
  table
    .define(
      'string.lowerAscii(): string',
      mapped((text) => text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())),
    )
    .define(
      'string.upperAscii(): string',
      mapped((text) => text.replace(/[a-z]+/g, (letters) => letters.toUpperCase())),
    )
    // Unicode white space; JavaScript counts the byte order mark too, and not U+0085.
    .define(
      'string.trim(): string',
      mapped((text) => trim(text)),
    )
    .define(
      'string.replace(string, string): string',
      (text: string, from: string, to: string, budget: Budget) => replace(text, from, to, -1, budget),
    )
    .define(
      'string.replace(string, string, int): string',
      (text: string, from: string, to: string, limit: bigint, budget: Budget) =>
        replace(text, from, to, Number(limit), budget),
    );
}

const space = /[\p{White_Space}]/u;

function trim(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && space.test(text[start] ?? '')) start += 1;
  while (end > start && space.test(text[end - 1] ?? '')) end -= 1;
  return text.slice(start, end);
}

function split(text: string, separator: string, limit: number, budget: Budget): List {
  const parts = separator === '' ? charged(text, budget) : text.split(separator);
  budget.chargeSize(text.length);
  budget.charge(parts.length);
  if (limit === 0) return List.of([]);
  if (limit < 0 || parts.length <= limit) return List.of(parts);
  return List.of([...parts.slice(0, limit - 1), parts.slice(limit - 1).join(separator)]);
}

function defineLists(table: FunctionTable): void {
  const join = (list: List, separator: string, budget: Budget): string => {
    const texts = [...list].map((item) => {
      if (typeof item !== 'string') throw new CelEvaluationError('no such overload');
      budget.charge(1);
      budget.chargeSize(item.length + separator.length);
      return item;
    });
    return texts.join(separator);
  };
  table
    .define('string.split(string): list<string>', (text: string, separator: string, budget: Budget) =>
      split(text, separator, -1, budget),
    )
    .define(
      'string.split(string, int): list<string>',
      (text: string, separator: string, limit: bigint, budget: Budget) =>
        split(text, separator, Number(limit), budget),
    )
    .define('list<string>.join(): string', (list: List, budget: Budget) => join(list, '', budget))
    .define('list<string>.join(string): string', join);
}

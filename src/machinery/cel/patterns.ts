import { LRUCache } from 'lru-cache';
import { RE2JS } from 're2js';
import { errorMessage } from '../../base/errors.ts';
import type { Budget } from './errors.ts';
import { CelEvaluationError } from './errors.ts';

/** Patterns come from outside: RE2 matches them in linear time. */
const compiled = new LRUCache<string, RE2JS>({ max: 500 });

/** @throws CelEvaluationError if it is no regular expression */
function compilePattern(pattern: string): RE2JS {
  const known = compiled.get(pattern);
  if (known !== undefined) return known;
  try {
    const made = RE2JS.compile(pattern);
    compiled.set(pattern, made);
    return made;
  } catch (error) {
    throw new CelEvaluationError(errorMessage(error));
  }
}

/** Says what is wrong with a literal pattern in the argument at `index`. */
export function checkPattern(name: string, index: number) {
  return (args: readonly unknown[]): string | undefined => {
    const pattern = args[index];
    if (typeof pattern !== 'string') return undefined;
    try {
      compilePattern(pattern);
      return undefined;
    } catch (error) {
      return `invalid ${name} argument: ${errorMessage(error)}`;
    }
  };
}

/** Time grows with the text and with the states of the pattern: up to a second for a million units. */
function matchCost(length: number, pattern: RE2JS): number {
  return Math.ceil(((length + 1) / 10) * Math.max(1, pattern.programSize() / 4));
}

export function matches(text: string, pattern: string, budget: Budget): boolean {
  const regex = charged(text, pattern, budget);
  return regex.matcher(text).find();
}

/** The first match, or an empty text. */
export function find(text: string, pattern: string, budget: Budget): string {
  return findAll(text, pattern, 1, budget)[0] ?? '';
}

/** @param limit how many at most; all if negative */
export function findAll(text: string, pattern: string, limit: number, budget: Budget): string[] {
  const regex = charged(text, pattern, budget);
  const matcher = regex.matcher(text);
  const found: string[] = [];
  // Go has no empty match right behind another one.
  let lastEnd = -1;
  const most = limit < 0 ? Infinity : limit;
  while (found.length < most && matcher.find()) {
    const end = matcher.end();
    // `a.*z|a` goes through the rest of the text for each match; most patterns do not.
    budget.charge(3 + matchCost((text.length - end) / 5, regex));
    if (matcher.start() === end && end === lastEnd) continue;
    lastEnd = end;
    found.push(matcher.group() ?? '');
  }
  return found;
}

function charged(text: string, pattern: string, budget: Budget): RE2JS {
  const known = compiled.has(pattern);
  budget.charge(known ? Math.ceil(pattern.length / 10) : pattern.length);
  const regex = compilePattern(pattern);
  // `a{1000}` is short, but not for who compiles it.
  if (!known) budget.charge(regex.programSize());
  budget.charge(matchCost(text.length, regex));
  return regex;
}

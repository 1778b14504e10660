import { LRUCache } from 'lru-cache';
import { RE2JS } from 're2js';
import { errorMessage, InvalidInputError } from '../../base/errors.ts';
import type { StringMatchDocument } from './documents.ts';

/** Whether a text fits; undefined stands for one that is absent. */
export type StringMatcher = (value: string | undefined) => boolean;

const compiled = new LRUCache<string, RE2JS>({ max: 500 });

/** @throws InvalidInputError */
export function compilePattern(pattern: string): RE2JS {
  const known = compiled.get(pattern);
  if (known !== undefined) return known;
  try {
    const made = RE2JS.compile(pattern);
    compiled.set(pattern, made);
    return made;
  } catch (error) {
    throw new InvalidInputError(
      `invalid regular expression ${JSON.stringify(pattern)}: ${errorMessage(error)}`,
    );
  }
}

/** A match that says nothing, or the pattern `*`, only asks for presence. */
export function asksForPresence({ exact, prefix, regex }: StringMatchDocument): boolean {
  return regex === '*' || (exact === undefined && prefix === undefined && regex === undefined);
}

/** Compiles an Istio StringMatch; patterns match the whole text. @throws InvalidInputError */
export function compileMatch(document: StringMatchDocument): StringMatcher {
  const { exact, prefix, regex } = document;
  if (asksForPresence(document)) return (value) => value !== undefined;
  if (exact !== undefined) return (value) => value === exact;
  if (prefix !== undefined) return (value) => value?.startsWith(prefix) ?? false;
  const pattern = compilePattern(regex ?? '');
  return (value) => value !== undefined && pattern.matches(value);
}

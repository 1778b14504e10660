import { LRUCache } from 'lru-cache';
import { RE2JS, RE2JSException } from 're2js';
import { PromqlParseError } from './errors.ts';

export type MatchOperator = '=' | '!=' | '=~' | '!~';

/** One condition of a selector, such as `code!~"5.*"`. */
export interface Matcher {
  readonly name: string;
  readonly operator: MatchOperator;
  readonly value: string;
  matches(value: string): boolean;
}

/** Patterns longer than this are refused: the work per character grows with them. */
const maxPatternLength = 16 * 1024;

const predicates = new LRUCache<string, (value: string) => boolean>({ max: 1_000 });

/** @throws PromqlParseError where the value of a regex matcher is no regular expression */
export function createMatcher(name: string, operator: MatchOperator, value: string): Matcher {
  return { name, operator, value, matches: predicate(operator, value) };
}

function predicate(operator: MatchOperator, value: string): (text: string) => boolean {
  switch (operator) {
    case '=':
      return (text) => text === value;
    case '!=':
      return (text) => text !== value;
    case '=~':
      return patternPredicate(value);
    default: {
      const matches = patternPredicate(value);
      return (text) => !matches(text);
    }
  }
}

/** True for texts that the pattern matches from end to end. */
function patternPredicate(pattern: string): (text: string) => boolean {
  const known = predicates.get(pattern);
  if (known !== undefined) return known;
  const made = literalPredicate(pattern) ?? regexPredicate(pattern);
  predicates.set(pattern, made);
  return made;
}

/** Most patterns are plain names, or a choice of them: those need no engine. */
function literalPredicate(pattern: string): ((text: string) => boolean) | undefined {
  if (!/^[^\\.+*?()[\]{}^$]*$/.test(pattern)) return undefined;
  const choices = new Set(pattern.split('|'));
  return (text) => choices.has(text);
}

function regexPredicate(pattern: string): (text: string) => boolean {
  const regex = compilePattern(pattern);
  return (text) => regex.matcher(text).matches();
}

/**
 * A pattern that matches whole texts; RE2, so in linear time.
 * @throws PromqlParseError in the words of Go's regexp
 */
export function compilePattern(pattern: string): RE2JS {
  if (pattern.length > maxPatternLength) {
    throw new PromqlParseError('error parsing regexp: expression too large');
  }
  try {
    // Alone as well, so that an unbalanced pattern cannot close the group around it.
    RE2JS.compile(pattern);
    return RE2JS.compile(`^(?:${pattern})$`);
  } catch (error) {
    if (error instanceof RE2JSException) throw new PromqlParseError(error.message);
    if (error instanceof RangeError) {
      throw new PromqlParseError('error parsing regexp: expression nests too deeply');
    }
    throw error;
  }
}

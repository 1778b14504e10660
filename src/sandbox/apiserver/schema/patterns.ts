import { LRUCache } from 'lru-cache';
import { RE2JS, RE2JSException } from 're2js';

/** The `pattern` of a schema: matches anywhere in a text, in linear time. */
export interface Pattern {
  readonly matches: (text: string) => boolean;
  /** About how many steps one character costs, at worst. */
  readonly stepsPerCharacter: number;
}

const compiled = new LRUCache<string, { readonly pattern: Pattern | string }>({ max: 1_000 });

/** Patterns longer than this are refused: the work per character grows with them. */
const maxLength = 64 * 1024;

/** The pattern, or why it is none, in the words of Go's regexp. */
export function compilePattern(source: string): Pattern | string {
  let entry = compiled.get(source);
  if (entry === undefined) {
    entry = { pattern: compile(source) };
    compiled.set(source, entry);
  }
  return entry.pattern;
}

function compile(source: string): Pattern | string {
  if (source.length > maxLength) return `error parsing regexp: expression too large`;
  try {
    const pattern = RE2JS.compile(source);
    const stepsPerCharacter = 1 + pattern.programSize() / 16;
    return { matches: (text) => pattern.matcher(text).find(), stepsPerCharacter };
  } catch (error) {
    if (error instanceof RE2JSException) return error.message;
    // A pattern that is nested too deeply for the compiler.
    if (error instanceof RangeError) return 'error parsing regexp: expression nests too deeply';
    throw error;
  }
}

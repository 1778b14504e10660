import { RE2JS, RE2JSException } from 're2js';
import { type Command, readText, UsageError } from '../command.ts';
import { parseOptions } from '../options.ts';
import { type Input, inputOf } from '../streams.ts';

/** Searches with RE2: no pattern can take exponential time. Without `-E`, the signs of basic patterns are turned. */
export const grep: Command = async (context) => {
  const { argv, stdout, stderr, signal } = context;
  const options = parseOptions(argv, {
    flags: 'i v c n q o E F w x s h H l',
    values: 'e m',
    long: 'ignore-case=i invert-match=v count=c quiet=q extended-regexp=E fixed-strings=F only-matching=o',
    code: 2,
  });
  const [first, ...others] = options.rest;
  const patterns = options.values('e');
  if (patterns.length === 0 && first === undefined)
    throw new UsageError('usage: grep [OPTIONS] PATTERN [FILE]...', 2);
  const paths = patterns.length === 0 ? others : options.rest;
  const pattern = compile(patterns.length === 0 ? [first ?? ''] : patterns, {
    fixed: options.has('F'),
    extended: options.has('E'),
    ignoreCase: options.has('i'),
    word: options.has('w'),
    line: options.has('x'),
  });
  const inputs: [string, Input][] = [];
  for (const path of paths) {
    const text = await readText(context, path);
    if (text !== undefined) inputs.push([path, inputOf(text, signal)]);
    else if (!options.has('s')) await stderr.write(`grep: ${path}: No such file or directory\n`);
  }
  if (paths.length === 0) inputs.push(['(standard input)', context.stdin]);
  const named = options.has('H') || (paths.length > 1 && !options.has('h'));
  const most = options.number('m', Number.POSITIVE_INFINITY);
  let total = 0;
  for (const [path, input] of inputs) {
    const prefix = named ? `${path}:` : '';
    let count = 0;
    let number = 0;
    for (let line = await input.line(); line !== undefined && count < most; line = await input.line()) {
      number += 1;
      const found = pattern.matcher(line);
      if (found.find() === options.has('v')) continue;
      count += 1;
      if (options.has('q')) return 0;
      if (options.has('c') || options.has('l')) continue;
      const shown = options.has('n') ? `${prefix}${number}:` : prefix;
      if (!options.has('o')) await stdout.write(`${shown}${line}\n`);
      else if (!options.has('v')) {
        do {
          if (found.group() !== '') await stdout.write(`${shown}${found.group() ?? ''}\n`);
        } while (found.find());
      }
    }
    if (options.has('l') && count > 0) await stdout.write(`${path}\n`);
    else if (options.has('c')) await stdout.write(`${prefix}${count}\n`);
    total += count;
  }
  return total > 0 ? 0 : paths.length > inputs.length ? 2 : 1;
};

interface PatternOptions {
  readonly fixed: boolean;
  readonly extended: boolean;
  readonly ignoreCase: boolean;
  readonly word: boolean;
  readonly line: boolean;
}

function compile(patterns: readonly string[], options: PatternOptions): RE2JS {
  const { fixed, extended, ignoreCase, word, line } = options;
  const alternatives = patterns
    .flatMap((pattern) => pattern.split('\n'))
    .map((pattern) => {
      if (fixed) return RE2JS.quote(pattern);
      return extended ? pattern : fromBasic(pattern);
    });
  const source = alternatives.map((pattern) => `(?:${pattern})`).join('|');
  const whole = line ? `^(?:${source})$` : word ? `\\b(?:${source})\\b` : source;
  try {
    return RE2JS.compile(whole, ignoreCase ? RE2JS.CASE_INSENSITIVE : 0);
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    throw new UsageError(`bad regex '${patterns.join('\n')}': ${error.message}`, 2);
  }
}

/** In a basic pattern `\(` groups and `(` is itself, and so for `) { } + ? |`. */
function fromBasic(pattern: string): string {
  return pattern.replace(/\\(.)|\[\^?\]?[^\]]*\]|[(){}+?|]|^\*/g, (all: string, escaped?: string) => {
    if (escaped !== undefined) return '(){}+?|'.includes(escaped) ? escaped : all;
    return all.length === 1 ? `\\${all}` : all;
  });
}

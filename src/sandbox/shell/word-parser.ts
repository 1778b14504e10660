import { ShellSyntaxError, type Sequence, type Word, type WordPart } from './syntax.ts';

/** What a word may contain that is itself a script. */
export type ParseScript = (scanner: Scanner, end: string) => Sequence;

/** A script and how far it has been read. */
export class Scanner {
  readonly text: string;
  at = 0;
  depth = 0;

  constructor(text: string) {
    this.text = text;
  }

  get done(): boolean {
    return this.at >= this.text.length;
  }

  get next(): string {
    return this.text.charAt(this.at);
  }

  startsWith(text: string): boolean {
    return this.text.startsWith(text, this.at);
  }

  take(text: string): boolean {
    if (!this.startsWith(text)) return false;
    this.at += text.length;
    return true;
  }

  /** What `pattern` (sticky) matches here, taken; empty when it does not. */
  match(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? '';
    this.at += found.length;
    return found;
  }
}

const deepest = 50;

/** Runs `parse` one level further down. @throws ShellSyntaxError when that is too deep */
export function nested<T>(scanner: Scanner, parse: () => T): T {
  if (scanner.depth >= deepest) throw new ShellSyntaxError('it is nested too deeply');
  scanner.depth += 1;
  try {
    return parse();
  } finally {
    scanner.depth -= 1;
  }
}

/** Ends a word, unless quoted. */
const metacharacters = ' \t\n;&|<>()';

/** Reads words: quotes, escapes, variables, substitutions. */
export class WordParser {
  readonly #scanner: Scanner;
  readonly #parseScript: ParseScript;

  constructor(scanner: Scanner, parseScript: ParseScript) {
    this.#scanner = scanner;
    this.#parseScript = parseScript;
  }

  /** The word that starts here; empty when there is none. */
  word(stop = metacharacters): Word {
    const scanner = this.#scanner;
    const parts: WordPart[] = [];
    while (!scanner.done && !stop.includes(scanner.next)) {
      if (scanner.take("'")) parts.push({ kind: 'text', text: this.#until("'"), quoted: true });
      else if (scanner.take('"')) parts.push(...this.#doubleQuoted());
      else if (scanner.take('\\')) this.#escaped(parts);
      else if (scanner.next === '$' || scanner.next === '`') parts.push(this.#dollar(false));
      else {
        parts.push({ kind: 'text', text: scanner.next, quoted: false });
        scanner.at += 1;
      }
    }
    return joined(parts);
  }

  #escaped(parts: WordPart[]): void {
    const scanner = this.#scanner;
    if (scanner.done) throw new ShellSyntaxError('unexpected end of file', true);
    // A backslash at the end of a line joins it with the next.
    if (scanner.next !== '\n') parts.push({ kind: 'text', text: scanner.next, quoted: true });
    scanner.at += 1;
  }

  #until(end: string): string {
    const scanner = this.#scanner;
    const stop = scanner.text.indexOf(end, scanner.at);
    if (stop < 0) throw new ShellSyntaxError('unterminated quoted string', true);
    const text = scanner.text.slice(scanner.at, stop);
    scanner.at = stop + end.length;
    return text;
  }

  #doubleQuoted(): WordPart[] {
    const scanner = this.#scanner;
    const parts: WordPart[] = [];
    while (!scanner.take('"')) {
      if (scanner.done) throw new ShellSyntaxError('unterminated quoted string', true);
      if (scanner.next === '$' || scanner.next === '`') {
        parts.push(this.#dollar(true));
        continue;
      }
      const escape = scanner.match(/\\[$`"\\\n]/y);
      const text = escape === '' ? scanner.next : escape.slice(1).replace('\n', '');
      if (escape === '') scanner.at += 1;
      parts.push({ kind: 'text', text, quoted: true });
    }
    // An empty pair of quotes is an empty word, not none.
    return parts.length > 0 ? parts : [{ kind: 'text', text: '', quoted: true }];
  }

  #dollar(quoted: boolean): WordPart {
    const scanner = this.#scanner;
    if (scanner.take('`')) return this.#backquoted(quoted);
    scanner.at += 1;
    if (scanner.startsWith('((')) return nested(scanner, () => this.#arithmetic(quoted));
    if (scanner.take('(')) {
      return { kind: 'command', body: nested(scanner, () => this.#parseScript(scanner, ')')), quoted };
    }
    if (scanner.take('{')) return nested(scanner, () => this.#braced(quoted));
    const name = scanner.match(/[A-Za-z_]\w*|[0-9?#$@*!]/y);
    if (name === '') return { kind: 'text', text: '$', quoted };
    return { kind: 'variable', name, operator: '', word: [], quoted };
  }

  #backquoted(quoted: boolean): WordPart {
    const inner = new Scanner(this.#until('`'));
    inner.depth = this.#scanner.depth;
    return { kind: 'command', body: nested(inner, () => this.#parseScript(inner, '')), quoted };
  }

  #arithmetic(quoted: boolean): WordPart {
    const scanner = this.#scanner;
    scanner.at += 2;
    const expression: WordPart[] = [];
    let open = 0;
    while (open > 0 || !scanner.startsWith('))')) {
      if (scanner.done) throw new ShellSyntaxError('unterminated arithmetic', true);
      if (scanner.next === '$') {
        expression.push(this.#dollar(true));
        continue;
      }
      if (scanner.next === '(') open += 1;
      if (scanner.next === ')') open -= 1;
      expression.push({ kind: 'text', text: scanner.next, quoted: true });
      scanner.at += 1;
    }
    scanner.at += 2;
    return { kind: 'arithmetic', expression: joined(expression), quoted };
  }

  #braced(quoted: boolean): WordPart {
    const scanner = this.#scanner;
    const length = scanner.match(/#(?=[A-Za-z_@*0-9])/y) !== '';
    const name = scanner.match(/[A-Za-z_]\w*|[0-9]+|[?#$@*!]/y);
    if (name === '') throw new ShellSyntaxError('bad substitution');
    const operator = length ? 'length' : scanner.match(/:?[-=+?]/y);
    const word = operator === '' || length ? [] : this.word('}');
    if (!scanner.take('}')) {
      throw scanner.done
        ? new ShellSyntaxError('missing "}"', true)
        : new ShellSyntaxError('bad substitution');
    }
    return { kind: 'variable', name, operator, word, quoted };
  }
}

/** Neighbouring texts as one. */
function joined(parts: readonly WordPart[]): Word {
  const result: WordPart[] = [];
  let texts: string[] = [];
  let quoted = false;
  const flush = (): void => {
    if (texts.length > 0) result.push({ kind: 'text', text: texts.join(''), quoted });
    texts = [];
  };
  for (const part of parts) {
    if (part.kind !== 'text' || part.quoted !== quoted) flush();
    if (part.kind === 'text') {
      texts.push(part.text);
      quoted = part.quoted;
    } else result.push(part);
  }
  flush();
  return result;
}

import {
  type Node,
  type Redirect,
  type Sequence,
  ShellSyntaxError,
  type Simple,
  type Word,
} from './syntax.ts';
import { nested, Scanner, WordParser } from './word-parser.ts';

const longestScript = 64 * 1024;

/** Words that mean something where a command may start. */
const closers = ['do', 'done', 'then', 'else', 'elif', 'fi', '}'] as const;
const unsupported = ['case', 'function', 'select'];

/**
 * Parses a script: simple commands, pipes, `&&`, `||`, `;`, redirections, `for`, `while`, `until`, `if`, groups and
 * subshells. Functions, `case`, here-documents and background jobs are not understood.
 *
 * @throws ShellSyntaxError
 */
export function parseScript(text: string): Sequence {
  if (text.length > longestScript)
    throw new ShellSyntaxError(`it is longer than ${longestScript} characters`);
  const scanner = new Scanner(text);
  return new Parser(scanner).script('');
}

class Parser {
  readonly #scanner: Scanner;
  readonly #words: WordParser;

  constructor(scanner: Scanner) {
    this.#scanner = scanner;
    this.#words = new WordParser(scanner, (inner, end) =>
      (inner === scanner ? this : new Parser(inner)).script(end),
    );
  }

  /** Everything up to `end`, which is taken; to the end of the text where `end` is empty. */
  script(end: string): Sequence {
    const body = this.#sequence();
    const scanner = this.#scanner;
    if (end === '' ? scanner.done : scanner.take(end)) return body;
    throw this.#unexpected(end === '' ? undefined : end);
  }

  #unexpected(expected?: string): ShellSyntaxError {
    const scanner = this.#scanner;
    const wanted = expected === undefined ? '' : ` (expecting "${expected}")`;
    if (scanner.done) return new ShellSyntaxError(`unexpected end of file${wanted}`, true);
    const found = scanner.match(/\n|&&|\|\||[;&|<>()]|[^\s;&|<>()]+/y);
    return new ShellSyntaxError(
      `unexpected ${found === '\n' ? 'newline' : `"${found.slice(0, 40)}"`}${wanted}`,
    );
  }

  /** Blanks, comments and, with `newlines`, line ends. */
  #skip(newlines: boolean): void {
    const scanner = this.#scanner;
    scanner.match(newlines ? /(\s|\\\n|#[^\n]*)*/y : /([ \t\r]|\\\n)*(#[^\n]*)?/y);
  }

  /** The keyword that stands here, if it is one of these. */
  #keyword(words: readonly string[]): string | undefined {
    const scanner = this.#scanner;
    const at = scanner.at;
    const word = scanner.match(/[a-z]+|[{}!]/y);
    const ends = scanner.done || /[\s;&|<>()]/.test(scanner.next);
    if (words.includes(word) && ends) return word;
    scanner.at = at;
    return undefined;
  }

  #expect(keyword: string): void {
    this.#skip(true);
    if (this.#keyword([keyword]) === undefined) throw this.#unexpected(keyword);
  }

  #atCloser(): boolean {
    const scanner = this.#scanner;
    const at = scanner.at;
    const found = this.#keyword(closers) !== undefined;
    scanner.at = at;
    return found;
  }

  #sequence(): Sequence {
    const scanner = this.#scanner;
    const items: Node[] = [];
    for (;;) {
      this.#skip(true);
      if (scanner.done || scanner.next === ')' || this.#atCloser()) break;
      items.push(this.#chain());
      this.#skip(false);
      if (scanner.startsWith('&')) throw new ShellSyntaxError('background jobs are not supported here');
      if (scanner.startsWith(';;') || !(scanner.take(';') || scanner.take('\n'))) break;
    }
    return { kind: 'sequence', items };
  }

  /** A list that must not be empty. */
  #body(): Sequence {
    const body = this.#sequence();
    if (body.items.length === 0) throw this.#unexpected();
    return body;
  }

  #chain(): Node {
    const scanner = this.#scanner;
    const first = this.#pipeline();
    const rest: { operator: '&&' | '||'; node: Node }[] = [];
    for (;;) {
      this.#skip(false);
      const operator = scanner.take('&&') ? '&&' : scanner.take('||') ? '||' : undefined;
      if (operator === undefined) return rest.length === 0 ? first : { kind: 'chain', first, rest };
      this.#skip(true);
      rest.push({ operator, node: this.#pipeline() });
    }
  }

  #pipeline(): Node {
    const scanner = this.#scanner;
    const negated = this.#keyword(['!']) !== undefined;
    if (negated) this.#skip(false);
    const stages = [this.#command()];
    for (;;) {
      this.#skip(false);
      if (scanner.startsWith('||') || !scanner.take('|')) break;
      this.#skip(true);
      stages.push(this.#command());
    }
    const [only] = stages;
    return stages.length === 1 && only !== undefined && !negated
      ? only
      : { kind: 'pipeline', negated, stages };
  }

  #command(): Node {
    const scanner = this.#scanner;
    if (scanner.take('(')) {
      const body = nested(scanner, () => this.#body());
      if (!scanner.take(')')) throw this.#unexpected(')');
      return { kind: 'group', subshell: true, body, redirects: this.#redirects() };
    }
    const refused = this.#keyword(unsupported);
    if (refused !== undefined) throw new ShellSyntaxError(`"${refused}" is not supported here`);
    const keyword = this.#keyword(['for', 'while', 'until', 'if', '{']);
    if (keyword === undefined) return this.#simple();
    const compound = nested(scanner, () => this.#compound(keyword));
    const redirects = this.#redirects();
    if (redirects.length === 0) return compound;
    return { kind: 'group', subshell: false, body: { kind: 'sequence', items: [compound] }, redirects };
  }

  #compound(keyword: string): Node {
    switch (keyword) {
      case 'for':
        return this.#for();
      case 'if':
        return this.#if();
      case '{': {
        const body = this.#body();
        this.#expect('}');
        return { kind: 'group', subshell: false, body, redirects: [] };
      }
      default: {
        const condition = this.#body();
        return { kind: 'while', until: keyword === 'until', condition, body: this.#loopBody() };
      }
    }
  }

  #loopBody(): Sequence {
    this.#expect('do');
    const body = this.#body();
    this.#expect('done');
    return body;
  }

  #for(): Node {
    const scanner = this.#scanner;
    this.#skip(false);
    const name = scanner.match(/[A-Za-z_]\w*/y);
    if (name === '') throw this.#unexpected();
    this.#skip(true);
    const words: Word[] = [];
    if (this.#keyword(['in']) === undefined) {
      words.push([{ kind: 'variable', name: '@', operator: '', word: [], quoted: true }]);
    } else {
      for (;;) {
        this.#skip(false);
        const word = this.#words.word();
        if (word.length === 0) break;
        words.push(word);
      }
      if (!scanner.take(';') && !scanner.take('\n')) throw this.#unexpected();
    }
    scanner.take(';');
    return { kind: 'for', name, words, body: this.#loopBody() };
  }

  #if(): Node {
    const branches: { condition: Sequence; body: Sequence }[] = [];
    for (;;) {
      const condition = this.#body();
      this.#expect('then');
      branches.push({ condition, body: this.#body() });
      this.#skip(true);
      const keyword = this.#keyword(['elif', 'else', 'fi']);
      if (keyword === 'fi') return { kind: 'if', branches, otherwise: undefined };
      if (keyword === undefined) throw this.#unexpected('fi');
      if (keyword === 'elif') continue;
      const otherwise = this.#body();
      this.#expect('fi');
      return { kind: 'if', branches, otherwise };
    }
  }

  #redirects(): Redirect[] {
    const found: Redirect[] = [];
    for (;;) {
      this.#skip(false);
      const redirect = this.#redirect();
      if (redirect === undefined) return found;
      found.push(redirect);
    }
  }

  #redirect(): Redirect | undefined {
    const scanner = this.#scanner;
    const [, digits = '', operator = ''] =
      /^([0-9]?)(<<|<|>>|>&|>\||>)/.exec(scanner.text.slice(scanner.at, scanner.at + 4)) ?? [];
    if (operator === '') return undefined;
    if (operator === '<<') throw new ShellSyntaxError('here-documents are not supported here');
    const kind = ({ '<': 'read', '>>': 'append', '>&': 'duplicate' } as const)[operator] ?? 'write';
    const fd = digits === '' ? (kind === 'read' ? 0 : 1) : Number(digits);
    if (fd > 2) throw new ShellSyntaxError(`${fd}: bad file descriptor`);
    scanner.at += digits.length + operator.length;
    this.#skip(false);
    const target = this.#words.word();
    if (target.length === 0) throw this.#unexpected();
    return { fd, kind, target };
  }

  #simple(): Simple {
    const scanner = this.#scanner;
    const assignments: { name: string; value: Word }[] = [];
    const words: Word[] = [];
    const redirects: Redirect[] = [];
    for (;;) {
      this.#skip(false);
      const redirect = this.#redirect();
      if (redirect !== undefined) {
        redirects.push(redirect);
        continue;
      }
      const name = words.length === 0 ? scanner.match(/[A-Za-z_]\w*(?==)/y) : '';
      if (name !== '') {
        scanner.at += 1;
        assignments.push({ name, value: this.#words.word() });
        continue;
      }
      const word = this.#words.word();
      if (word.length === 0) break;
      words.push(word);
    }
    if (assignments.length + words.length + redirects.length === 0) throw this.#unexpected();
    if (words.length > 0 && scanner.next === '(') throw this.#unexpected();
    return { kind: 'simple', assignments, words, redirects };
  }
}

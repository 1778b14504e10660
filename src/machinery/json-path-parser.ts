import { InvalidInputError } from '../base/errors.ts';

/** One step of a path, or a piece of a template. */
export type PathNode =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'literal'; readonly value: number | boolean }
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'identifier'; readonly name: string }
  | { readonly kind: 'wildcard' }
  | { readonly kind: 'recursive' }
  | { readonly kind: 'slice'; readonly slice: Slice }
  | { readonly kind: 'union'; readonly members: readonly Action[] }
  | { readonly kind: 'filter'; readonly left: Action; readonly operator: string; readonly right: Action };

/** The steps between one pair of braces. */
export type Action = readonly PathNode[];

export interface Slice {
  readonly start: number | undefined;
  /** Exclusive. */
  readonly end: number | undefined;
  /** True for `[2]`: the end was not written but follows from the start. */
  readonly single: boolean;
  readonly step: number | undefined;
}

/** A JSONPath template that cannot be parsed, or that does not fit the value. */
export class JsonPathError extends InvalidInputError {
  constructor(message: string) {
    super(message, 'InvalidJSONPath');
  }
}

/** Characters; far beyond any template that people write. */
const maxLength = 16_384;
/** Filters inside filters. */
const maxNesting = 8;

/**
 * Parses a template of kubectl's JSONPath dialect: text with paths in braces. A template's text is a node of its
 * own in the result, a pair of braces is a list of steps.
 *
 * Source: k8s.io/client-go 0.36 util/jsonpath/parser.go, with its messages.
 *
 * @throws {JsonPathError}
 */
export function parseTemplate(template: string): Action[] {
  if (template.length > maxLength)
    throw new JsonPathError(`a JSONPath is longer than ${maxLength} characters`);
  return new Parser(template, 0).template();
}

const endOfLine = /[\r\n]/;
const terminator = /[ \t\r\n.,[\]$@{}]/;
const digit = /\p{Nd}/u;
const wordStart = /[_\p{L}\p{Nd}]/u;

class Parser {
  private readonly input: string;
  private readonly depth: number;
  private at = 0;

  constructor(input: string, depth: number) {
    if (depth > maxNesting) throw new JsonPathError('a JSONPath nests too deeply');
    this.input = input;
    this.depth = depth;
  }

  template(): Action[] {
    const pieces: Action[] = [];
    while (this.at < this.input.length) {
      const brace = this.input.indexOf('{', this.at);
      const end = brace === -1 ? this.input.length : brace;
      if (end > this.at) pieces.push([{ kind: 'text', text: this.input.slice(this.at, end) }]);
      this.at = end + 1;
      if (brace !== -1) pieces.push(this.action());
    }
    return pieces;
  }

  /** Reads steps up to the closing brace. */
  private action(): PathNode[] {
    const nodes: PathNode[] = [];
    for (;;) {
      const character = this.peek();
      if (character === '' || endOfLine.test(character)) throw new JsonPathError('unclosed action');
      if (character === '}') {
        this.at++;
        return nodes;
      }
      if (character === ' ' || character === '@' || character === '$') this.at++;
      else if (this.input.startsWith('[?(', this.at)) nodes.push(this.filter());
      else if (character === '[') nodes.push(...this.brackets());
      else if (this.input.startsWith('..', this.at)) nodes.push(...this.recursive(nodes.at(-1)));
      else if (character === '.') nodes.push(this.field(1));
      else if (character === '"' || character === "'") nodes.push(this.quoted(character));
      else if (/[+-]/.test(character) || digit.test(character)) nodes.push(this.number());
      else if (wordStart.test(character)) nodes.push(this.word());
      else throw new JsonPathError(`unrecognized character in action: ${unicode(character)}`);
    }
  }

  /** The steps of a path that is part of another one. */
  private nested(text: string): Action {
    return new Parser(`{${text}}`, this.depth + 1).template()[0] ?? [];
  }

  private recursive(previous: PathNode | undefined): PathNode[] {
    if (previous?.kind === 'recursive') throw new JsonPathError('invalid multiple recursive descent');
    this.at += 2;
    return wordStart.test(this.peek()) ? [{ kind: 'recursive' }, this.field(0)] : [{ kind: 'recursive' }];
  }

  /** @param skip length of what introduces the field */
  private field(skip: number): PathNode {
    this.at += skip;
    const start = this.at;
    while (this.at < this.input.length && !terminator.test(this.peek())) {
      this.at += this.peek() === '\\' ? 2 : 1;
    }
    const name = this.input.slice(start, this.at);
    return name === '*' ? { kind: 'wildcard' } : { kind: 'field', name: name.replaceAll('\\', '') };
  }

  private word(): PathNode {
    const start = this.at;
    while (this.at < this.input.length && !terminator.test(this.peek())) this.at++;
    const name = this.input.slice(start, this.at);
    if (name === 'true' || name === 'false') return { kind: 'literal', value: name === 'true' };
    return { kind: 'identifier', name };
  }

  private number(): PathNode {
    const start = this.at;
    this.at += this.peek().length;
    while (this.peek() === '.' || digit.test(this.peek())) this.at += this.peek().length;
    const text = this.input.slice(start, this.at);
    if (!/^[+-]?(\d+\.?\d*|\.\d+)$/.test(text)) throw new JsonPathError(`cannot parse number ${text}`);
    return { kind: 'literal', value: Number(text) };
  }

  private brackets(): Action {
    const start = this.at + 1;
    const end = this.input.slice(start).search(/[\]\n]/);
    if (end === -1 || this.input[start + end] === '\n') throw new JsonPathError('unterminated array');
    const text = this.input.slice(start, start + end);
    this.at = start + end + 1;
    const members = text.split(',');
    if (members.length > 1) {
      return [{ kind: 'union', members: members.map((member) => this.nested(`[${member.trim()}]`)) }];
    }
    // A quoted key is a path itself: ['a.b'] is .a.b, and ['a\.b'] is the key "a.b".
    const key = /^'([^']*)'$/.exec(text)?.[1];
    if (key !== undefined) return this.nested(`.${key}`);
    return [{ kind: 'slice', slice: parseSlice(text === '*' ? ':' : text) }];
  }

  private filter(): PathNode {
    this.at += '[?('.length;
    const start = this.at;
    let quote = '';
    let closed = false;
    for (; ; this.at++) {
      const character = this.peek();
      if (character === '' || character === '\n') throw new JsonPathError('unterminated filter');
      if (character === ')' && (quote === '' || closed)) break;
      if (quote === '' && (character === '"' || character === "'")) quote = character;
      else if (character === quote && this.input[this.at - 1] !== '\\') closed = true;
    }
    const text = this.input.slice(start, this.at);
    this.at++;
    if (this.peek() !== ']') throw new JsonPathError('unclosed array expect ]');
    this.at++;
    const [, left, operator, right] = /^([^!<>=]+)([!<>=]+)([^]+)$/.exec(text) ?? [];
    if (left === undefined || operator === undefined || right === undefined) {
      return { kind: 'filter', left: this.nested(text), operator: 'exists', right: [] };
    }
    return { kind: 'filter', left: this.nested(left), operator, right: this.nested(right) };
  }

  private quoted(quote: string): PathNode {
    const start = this.at;
    do {
      this.at++;
      const character = this.peek();
      if (character === '' || character === '\n') throw new JsonPathError('unterminated quoted string');
    } while (this.peek() !== quote || this.input[this.at - 1] === '\\');
    this.at++;
    return { kind: 'text', text: unquote(this.input.slice(start, this.at), quote) };
  }

  /** The character at the position, empty at the end. */
  private peek(): string {
    const code = this.input.codePointAt(this.at);
    return code === undefined ? '' : String.fromCodePoint(code);
  }
}

function parseSlice(text: string): Slice {
  const [matched, start, end, step] = /^(-?\d*)(:-?\d*)?(:-?\d*)?$/.exec(text) ?? [];
  if (matched === undefined) throw new JsonPathError(`invalid array index ${text}`);
  const from = index(start);
  return {
    start: from,
    end: end === undefined ? (from ?? 0) + 1 : index(end.slice(1)),
    single: end === undefined,
    step: index(step?.slice(1)),
  };
}

function index(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const value = Number(text);
  if (Number.isSafeInteger(value)) return value;
  throw new JsonPathError(`array index ${text} is not a number`);
}

const escapes = new Map([
  ['a', 7],
  ['b', 8],
  ['f', 12],
  ['n', 10],
  ['r', 13],
  ['t', 9],
  ['v', 11],
  ['\\', 92],
]);

/** The content of a string with Go's escapes, in either quotes; `\x` and octal escapes are bytes of UTF-8. */
function unquote(quoted: string, quote: string): string {
  const invalid = new JsonPathError(`unquote string ${quoted} error invalid syntax`);
  const content = quoted.slice(1, -1);
  const parts: Buffer[] = [];
  // Every match starts where the one before ended, so nothing is skipped unseen.
  const pattern =
    /\\x(?<hex>[0-9a-fA-F]{2})|\\(?<octal>[0-7]{3})|\\u(?<short>[0-9a-fA-F]{4})|\\U(?<long>[0-9a-fA-F]{8})|\\(?<letter>[^])|(?<plain>[^\\]+)/gy;
  while (pattern.lastIndex < content.length) {
    const groups = pattern.exec(content)?.groups;
    if (groups === undefined) throw invalid;
    const { hex, octal, short, long, letter, plain } = groups;
    const byte = hex === undefined ? octal && Number.parseInt(octal, 8) : Number.parseInt(hex, 16);
    const code = short ?? long;
    if (plain !== undefined) {
      if (plain.includes(quote)) throw invalid;
      parts.push(Buffer.from(plain));
    } else if (typeof byte === 'number') {
      if (byte > 255) throw invalid;
      parts.push(Buffer.from([byte]));
    } else if (code !== undefined) {
      const point = Number.parseInt(code, 16);
      if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) throw invalid;
      parts.push(Buffer.from(String.fromCodePoint(point)));
    } else {
      const control = letter === quote ? quote.charCodeAt(0) : escapes.get(letter ?? '');
      if (control === undefined) throw invalid;
      parts.push(Buffer.from([control]));
    }
  }
  return Buffer.concat(parts).toString();
}

/** As Go's `%#U`: the code point, and the character where it can be printed. */
function unicode(character: string): string {
  const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  return /[\p{C}\p{Z}]/u.test(character) ? `U+${code}` : `U+${code} '${character}'`;
}

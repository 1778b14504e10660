import { ArithmeticError, evaluate } from './arithmetic.ts';
import { UsageError } from './command.ts';
import { bounded, longestText, OutOfMemory } from './streams.ts';
import type { Sequence, Word, WordPart } from './syntax.ts';
import type { ShellState } from './variables.ts';

/** Runs the script of a `$(…)`; resolves with what it writes. */
export type Substitute = (body: Sequence) => Promise<string>;

/** A piece of an expanded word; a piece that is not quoted is split at blanks. */
interface Piece {
  readonly text: string;
  readonly quoted: boolean;
  /** A word of its own: of `"$@"`. */
  readonly separate?: boolean;
}

/** Expands words: variables, substitutions, splitting. File name patterns stay as they are. */
export class Expander {
  readonly #state: ShellState;
  readonly #substitute: Substitute;

  constructor(state: ShellState, substitute: Substitute) {
    this.#state = state;
    this.#substitute = substitute;
  }

  /** The words that `words` become. @throws OutOfMemory, UsageError */
  async words(words: readonly Word[]): Promise<string[]> {
    const result: string[] = [];
    let size = 0;
    for (const word of words) {
      for (const field of split(await this.#pieces(word))) {
        size += field.length + 1;
        if (size > longestText) throw new OutOfMemory('Argument list too long');
        result.push(field);
      }
    }
    return result;
  }

  /** One text, without splitting. */
  async text(word: Word): Promise<string> {
    const pieces = await this.#pieces(word);
    return bounded(
      pieces.map(({ text, separate }, i) => (separate === true && i > 0 ? ` ${text}` : text)).join(''),
    );
  }

  async #pieces(word: Word): Promise<Piece[]> {
    const pieces: Piece[] = [];
    for (const [i, part] of word.entries()) {
      if (part.kind === 'variable') pieces.push(...(await this.#variable(part)));
      else pieces.push(await this.#piece(part, i === 0));
    }
    return pieces;
  }

  async #piece(part: Exclude<WordPart, { kind: 'variable' }>, first: boolean): Promise<Piece> {
    const { quoted } = part;
    if (part.kind === 'text') {
      const home = first && !quoted && /^~(?=$|\/)/.test(part.text);
      const text = home ? (this.#state.get('HOME') ?? '/') + part.text.slice(1) : part.text;
      // Literal text is never split.
      return { text, quoted: true };
    }
    if (part.kind === 'command') {
      return { text: bounded((await this.#substitute(part.body)).replace(/\n+$/, '')), quoted };
    }
    try {
      const expression = await this.text(part.expression);
      return { text: String(evaluate(expression, (name) => this.#state.get(name) ?? '')), quoted };
    } catch (error) {
      if (error instanceof ArithmeticError) throw new UsageError(error.message, 2);
      throw error;
    }
  }

  async #variable(part: Extract<WordPart, { kind: 'variable' }>): Promise<Piece[]> {
    const { name, operator, word, quoted } = part;
    if (name === '@' && quoted && operator === '') {
      return this.#state.positional.slice(1).map((text) => ({ text, quoted: true, separate: true }));
    }
    const value = this.#state.get(name);
    if (operator === 'length') return [{ text: String((value ?? '').length), quoted }];
    if (operator === '') return [{ text: value ?? '', quoted }];
    const isSet = operator.startsWith(':') ? value !== undefined && value !== '' : value !== undefined;
    switch (operator.at(-1)) {
      case '+':
        return isSet ? this.#pieces(word) : [{ text: '', quoted }];
      case '-':
        return isSet ? [{ text: value ?? '', quoted }] : this.#pieces(word);
      case '=': {
        if (isSet) return [{ text: value ?? '', quoted }];
        const fallback = await this.text(word);
        this.#state.set(name, fallback);
        return [{ text: fallback, quoted }];
      }
      default: {
        if (isSet) return [{ text: value ?? '', quoted }];
        const message = await this.text(word);
        throw new UsageError(`${name}: ${message === '' ? 'parameter not set' : message}`, 2);
      }
    }
  }
}

/** The fields of a word: unquoted pieces end a field at each run of blanks; an empty one that is quoted stays. */
function split(pieces: readonly Piece[]): string[] {
  const fields: string[] = [];
  let current: string | undefined;
  const end = (): void => {
    if (current !== undefined) fields.push(current);
    current = undefined;
  };
  for (const { text, quoted, separate } of pieces) {
    if (separate === true) end();
    if (quoted) {
      current = bounded((current ?? '') + text);
      continue;
    }
    for (const [i, field] of text.split(/[ \t\n]+/).entries()) {
      if (i > 0) end();
      if (field !== '') current = bounded((current ?? '') + field);
    }
  }
  end();
  return fields;
}

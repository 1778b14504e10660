import { InvalidInputError } from '../base/errors.ts';

const longest = 16 * 1024;

/** What would be done by a shell. */
const shellCharacters = '|&;<>()`$\n';

/**
 * The words of a command, as `sh` splits them: quotes and backslashes are understood. What takes a shell (pipes,
 * redirections, variables, several commands) is refused, not passed on as text: it would mean something else.
 *
 * @throws InvalidInputError that names what is refused
 */
export function splitCommand(text: string): string[] {
  if (text.length > longest) throw new InvalidInputError(`the command is longer than ${longest} characters`);
  const source = text.trim().replaceAll('\\\n', '');
  const words: string[] = [];
  let word: string | undefined;
  for (let at = 0; at < source.length; at += 1) {
    const char = source.charAt(at);
    if (char === "'") {
      const end = source.indexOf("'", at + 1);
      if (end < 0) throw new InvalidInputError('the command has a quote without an end');
      word = (word ?? '') + source.slice(at + 1, end);
      at = end;
    } else if (char === '"') {
      const quoted = doubleQuoted(source, at + 1);
      word = (word ?? '') + quoted.text;
      at = quoted.end;
    } else if (char === '\\') {
      at += 1;
      if (at >= source.length) throw new InvalidInputError('the command ends with a backslash');
      word = (word ?? '') + source.charAt(at);
    } else if (shellCharacters.includes(char)) {
      throw needsShell(char);
    } else if (char === ' ' || char === '\t' || char === '\r') {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + char;
  }
  if (word !== undefined) words.push(word);
  return words;
}

function doubleQuoted(source: string, from: number): { text: string; end: number } {
  let text = '';
  for (let at = from; at < source.length; at += 1) {
    const char = source.charAt(at);
    if (char === '"') return { text, end: at };
    if (char === '$' || char === '`') throw needsShell(char);
    const next = source.charAt(at + 1);
    if (char === '\\' && next !== '' && '$`"\\'.includes(next)) {
      text += next;
      at += 1;
    } else text += char;
  }
  throw new InvalidInputError('the command has a quote without an end');
}

function needsShell(char: string): InvalidInputError {
  const shown = char === '\n' ? 'a line break' : char;
  return new InvalidInputError(
    `commands run without a shell, which ${shown} would take: quote it, or start the load tester with --allow-shell`,
  );
}

import { InvalidInputError } from '../../base/errors.ts';
import { own } from '../../machinery/json.ts';

/** What a query can name, as `{{ target }}` or `{{ variables.team }}`. */
export interface QueryModel {
  readonly name: string;
  readonly namespace: string;
  readonly target: string;
  /** The apex Service. */
  readonly service: string;
  readonly ingress: string;
  readonly route: string;
  readonly interval: string;
  readonly variables: Readonly<Record<string, string>>;
}

const functions = ['name', 'namespace', 'target', 'service', 'ingress', 'route', 'interval'] as const;

/** Characters; variables may multiply the text of a query. */
const maxLength = 256 * 1024;

/**
 * Renders the part of Go's text/template that queries are written in: calls of the functions above, comments, and
 * `{{- -}}`, which eats the white space beside it.
 *
 * @throws InvalidInputError `InvalidQueryTemplate`
 */
export function renderQuery(template: string, model: QueryModel): string {
  let rendered = '';
  let at = 0;
  let eatsSpace = false;
  for (;;) {
    const open = template.indexOf('{{', at);
    const text = template.slice(at, open < 0 ? template.length : open);
    const left = eatsSpace ? trimStart(text) : text;
    if (open < 0) return bounded(rendered + left);
    const action = actionAt(template, open);
    rendered = bounded(rendered + (action.trimsLeft ? trimEnd(left) : left));
    rendered = bounded(rendered + evaluate(action.text, model, () => lineAt(template, open)));
    eatsSpace = action.trimsRight;
    at = action.end;
  }
}

interface Action {
  /** Without delimiters and trim markers. */
  readonly text: string;
  readonly trimsLeft: boolean;
  readonly trimsRight: boolean;
  readonly end: number;
}

/** White space of Go's templates. */
const space = ' \t\r\n';

function actionAt(template: string, open: number): Action {
  const trimsLeft = template[open + 2] === '-' && isSpace(template[open + 3]);
  const from = open + (trimsLeft ? 4 : 2);
  const isComment = template.startsWith('/*', from);
  const commentEnd = isComment ? template.indexOf('*/', from + 2) : from;
  const close = commentEnd < 0 ? -1 : template.indexOf('}}', commentEnd);
  if (close < 0) throw invalid(lineAt(template, open), isComment ? 'unclosed comment' : 'unclosed action');
  const trimsRight = template[close - 1] === '-' && isSpace(template[close - 2]) && close - 2 >= from - 1;
  const text = template.slice(from, Math.max(from, trimsRight ? close - 2 : close));
  return { text, trimsLeft, trimsRight, end: close + 2 };
}

function evaluate(action: string, model: QueryModel, line: () => number): string {
  // As in Go, a comment stands alone between its delimiters.
  if (action.startsWith('/*')) {
    if (action.indexOf('*/', 2) !== action.length - 2)
      throw invalid(line(), 'comment ends before closing delimiter');
    return '';
  }
  const call = trimEnd(trimStart(action));
  const plain = functions.find((name) => name === call);
  if (plain !== undefined) return model[plain];
  const key = /^variables\.([\p{L}_][\p{L}\p{Nd}_]*)$/u.exec(call)?.[1];
  if (key === undefined) {
    throw invalid(
      line(),
      call === ''
        ? 'missing value for command'
        : `${JSON.stringify(call.slice(0, 64))} is not supported; want one of ${functions.join(', ')}, variables.KEY`,
    );
  }
  const value = own(model.variables, key);
  if (value === undefined) throw invalid(line(), `map has no entry for key ${JSON.stringify(key)}`);
  return value;
}

function isSpace(character: string | undefined): boolean {
  return character !== undefined && space.includes(character);
}

// Not JavaScript's trim, which takes more characters for white space.
function trimStart(text: string): string {
  let from = 0;
  while (isSpace(text[from])) from += 1;
  return text.slice(from);
}

function trimEnd(text: string): string {
  let end = text.length;
  while (isSpace(text[end - 1])) end -= 1;
  return text.slice(0, end);
}

function bounded(text: string): string {
  if (text.length <= maxLength) return text;
  throw new InvalidInputError(`the query is longer than ${maxLength} characters`, 'InvalidQueryTemplate');
}

function lineAt(template: string, at: number): number {
  return template.slice(0, at).split('\n').length;
}

function invalid(line: number, why: string): InvalidInputError {
  return new InvalidInputError(`template: line ${line}: ${why}`, 'InvalidQueryTemplate');
}

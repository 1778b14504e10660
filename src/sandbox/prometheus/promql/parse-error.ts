import { PromqlParseError } from './errors.ts';
import { functions } from './signatures.ts';

/** The error at an offset of the query, with line and column, as Prometheus words it. */
export function parseErrorAt(query: string, offset: number, message: string): PromqlParseError {
  const before = query.slice(0, offset);
  const line = before.split('\n').length;
  const column = offset - before.lastIndexOf('\n');
  return new PromqlParseError(`${line}:${column}: parse error: ${message}`);
}

/** What is wrong where the grammar stopped to understand. */
export function syntaxErrorAt(query: string, offset: number): PromqlParseError {
  if (query.replaceAll(/#[^\n]*/g, '').trim() === '') {
    return parseErrorAt(query, 0, 'no expression found in input');
  }
  const rest = /^(?:\s|#[^\n]*)*/.exec(query.slice(offset))?.[0].length ?? 0;
  const at = offset + rest;
  const call = unknownCall(query, at);
  if (call !== undefined) {
    return parseErrorAt(query, call.index, `unknown function with name ${JSON.stringify(call.name)}`);
  }
  if (at >= query.length) return parseErrorAt(query, query.length, unfinished(query));
  const token =
    /^(?:"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`|[a-zA-Z_:][\w:]*|[\d.][\w.]*|[=!]~|[=!<>]=|.)/su.exec(
      query.slice(at),
    )?.[0];
  return parseErrorAt(query, at, `unexpected ${describe(token ?? '')}`);
}

/** The identifier before an opening parenthesis at which the grammar stopped. */
function unknownCall(query: string, at: number): { name: string; index: number } | undefined {
  if (query[at] !== '(') return undefined;
  const match = /([a-zA-Z_:][\w:]*)\s*$/.exec(query.slice(0, at));
  const [, name] = match ?? [];
  if (match === null || name === undefined || functions.has(name)) return undefined;
  return { name, index: match.index };
}

/** What is still open at the end of the query. */
function unfinished(query: string): string {
  const open: string[] = [];
  for (const [token] of query.matchAll(
    /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`|#[^\n]*|[(){}[\]"'`]/g,
  )) {
    if ('([{'.includes(token)) open.push(token);
    else if (')]}'.includes(token)) open.pop();
    else if (`"'\``.includes(token)) return 'unterminated quoted string';
  }
  switch (open.at(-1)) {
    case '(':
      return 'unclosed left parenthesis';
    case '[':
      return 'unclosed left bracket';
    case '{':
      return 'unexpected end of input inside braces';
    default:
      return 'unexpected end of input';
  }
}

function describe(token: string): string {
  const quoted = JSON.stringify(token);
  if (/^["'`]/.test(token)) return `string ${JSON.stringify(token)}`;
  if (/^[a-zA-Z_:]/.test(token)) return `identifier ${quoted}`;
  if (/^[\d.]/.test(token)) return `number ${quoted}`;
  return quoted;
}

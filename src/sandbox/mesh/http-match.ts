import type { HttpMatchDocument, StringMatchDocument } from './documents.ts';
import { asksForPresence, compileMatch, compilePattern, type StringMatcher } from './string-match.ts';

/** What routes look at. */
export interface RequestView {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** Without the question mark. */
  readonly query: string;
  readonly scheme: string;
  /** As in the Host header. */
  readonly authority: string;
  /** Names are lower-case. */
  readonly headers: Readonly<Record<string, string>>;
}

/** One condition of a route that does not depend on who calls. */
export interface HttpMatch {
  readonly document: HttpMatchDocument;
  /** Matches every request. */
  readonly catchAll: boolean;
  test(request: RequestView): boolean;
  /** Length of the part of the path that matched and a rewrite replaces. */
  matchedLength(path: string): number;
}

type Test = (request: RequestView) => boolean;

/** @throws InvalidInputError */
export function compileHttpMatch(document: HttpMatchDocument): HttpMatch {
  const path = compilePath(document.uri, document.ignoreUriCase === true);
  const others = [
    ...compileHeaders(document),
    ...compileField(document.method, (request) => request.method),
    ...compileField(document.authority, (request) => request.authority),
    ...compileField(document.scheme, (request) => request.scheme),
    ...compileQuery(document),
  ];
  return {
    document,
    catchAll: path.catchAll && others.length === 0,
    test: (request) => path.test(request.path) && others.every((test) => test(request)),
    matchedLength: path.matchedLength,
  };
}

interface PathMatch {
  readonly catchAll: boolean;
  readonly test: (path: string) => boolean;
  readonly matchedLength: (path: string) => number;
}

function compilePath(uri: StringMatchDocument | undefined, ignoreCase: boolean): PathMatch {
  const fold = (text: string): string => (ignoreCase ? text.toLowerCase() : text);
  if (uri?.exact !== undefined) {
    const exact = fold(uri.exact);
    return { catchAll: false, test: (path) => fold(path) === exact, matchedLength: (path) => path.length };
  }
  if (uri?.regex !== undefined) {
    const pattern = compilePattern(uri.regex);
    return {
      catchAll: uri.regex === '.*',
      test: (path) => pattern.matches(path),
      matchedLength: (path) => path.length,
    };
  }
  const prefix = fold(uri?.prefix ?? '/');
  return {
    catchAll: prefix === '/',
    test: (path) => fold(path).startsWith(prefix),
    matchedLength: () => prefix.length,
  };
}

function compileField(
  match: StringMatchDocument | undefined,
  value: (request: RequestView) => string,
): Test[] {
  if (match === undefined) return [];
  const matches = compileMatch(match);
  return [(request) => matches(value(request))];
}

function compileHeaders({ headers = {}, withoutHeaders = {} }: HttpMatchDocument): Test[] {
  const required = Object.entries(headers).map(([name, match]): Test => {
    const matches = compileMatch(match);
    const header = name.toLowerCase();
    return (request) => matches(headerOf(request, header));
  });
  const forbidden = Object.entries(withoutHeaders).map(([name, match]): Test => {
    const matches = compileMatch(match);
    const header = name.toLowerCase();
    // Where a value is compared, a missing header counts as an empty one.
    const missing = asksForPresence(match) ? undefined : '';
    return (request) => !matches(headerOf(request, header) ?? missing);
  });
  return [...required, ...forbidden];
}

function headerOf(request: RequestView, name: string): string | undefined {
  return Object.hasOwn(request.headers, name) ? request.headers[name] : undefined;
}

function compileQuery({ queryParams = {} }: HttpMatchDocument): Test[] {
  const wanted = Object.entries(queryParams).map(([name, match]): [string, StringMatcher] => [
    name,
    compileMatch(match),
  ]);
  if (wanted.length === 0) return [];
  return [
    ({ query }) => {
      const given = new URLSearchParams(query);
      return wanted.every(([name, matches]) => matches(given.get(name) ?? undefined));
    },
  ];
}

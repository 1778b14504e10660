import type { HttpRouteDocument } from './documents.ts';
import { compilePattern } from './string-match.ts';

export interface Rewrite {
  readonly authority: string | undefined;
  /** @param matched length of the part of the path that the route matched */
  path(path: string, matched: number): string;
}

/** @throws InvalidInputError */
export function compileRewrite(
  document: HttpRouteDocument['rewrite'],
  authority: string | undefined,
): Rewrite {
  const { uri, uriRegexRewrite } = document ?? {};
  if (uriRegexRewrite !== undefined) {
    const pattern = compilePattern(uriRegexRewrite.match);
    const substitute = substitution(uriRegexRewrite.rewrite);
    return { authority, path: (path) => pattern.matcher(path).replaceAll(substitute) };
  }
  if (uri === undefined || uri === '') return { authority, path: (path) => path };
  return { authority, path: (path, matched) => uri + path.slice(matched) };
}

/** RE2 writes groups as `\1`, its JavaScript port as `$1`. */
function substitution(rewrite: string): string {
  return rewrite.replace(/\\(\d)|\\\\|\$/g, (found, group: string | undefined) => {
    if (group !== undefined) return `$${group}`;
    return found === '$' ? '\\$' : '\\\\';
  });
}

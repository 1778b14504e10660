import type { RE2JS } from 're2js';
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
    const { rewrite } = uriRegexRewrite;
    return { authority, path: (path) => replaceAll(path, pattern, rewrite) };
  }
  if (uri === undefined || uri === '') return { authority, path: (path) => path };
  return { authority, path: (path, matched) => uri + path.slice(matched) };
}

/** RE2's GlobalReplace: `\1` stands for a group, `\\` for a backslash. */
function replaceAll(path: string, pattern: RE2JS, rewrite: string): string {
  const matcher = pattern.matcher(path);
  let replaced = '';
  let from = 0;
  while (matcher.find()) {
    const filled = rewrite.replace(/\\(\d|\\)/g, (_found, which: string) => {
      if (which === '\\') return which;
      return Number(which) <= matcher.groupCount() ? (matcher.group(Number(which)) ?? '') : '';
    });
    replaced += path.slice(from, matcher.start()) + filled;
    from = matcher.end();
  }
  return replaced + path.slice(from);
}

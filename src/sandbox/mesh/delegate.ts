import type { HttpMatchDocument, HttpRouteDocument, StringMatchDocument } from './documents.ts';
import type { RouteDocument } from './http-route.ts';

/**
 * The routes of a delegate under the route that delegates to it: each keeps what it says itself and takes the rest
 * from above; one whose conditions contradict those above is left out. Source: Istio's pilot/pkg/model/virtualservice.
 */
export function delegatedRoutes(
  root: HttpRouteDocument,
  delegate: readonly RouteDocument[],
): RouteDocument[] {
  return delegate.flatMap((entry): RouteDocument[] => {
    if ('broken' in entry) return [entry];
    const match = mergeMatches(root.match ?? [], entry.document.match ?? []);
    if (match === undefined) return [];
    const { delegate: _delegate, route: _route, redirect: _redirect, ...inherited } = root;
    const document = {
      ...inherited,
      ...entry.document,
      match,
      name: joinNames(root.name, entry.document.name),
    };
    return [{ document, namespace: entry.namespace }];
  });
}

function joinNames(root = '', leaf = ''): string {
  return root === '' || leaf === '' ? root + leaf : `${root}-${leaf}`;
}

/** @returns undefined when a condition of the leaf lies outside all those of the root */
function mergeMatches(
  root: readonly HttpMatchDocument[],
  leaf: readonly HttpMatchDocument[],
): HttpMatchDocument[] | undefined {
  if (root.length === 0) return [...leaf];
  if (leaf.length === 0) return [...root];
  const merged: HttpMatchDocument[] = [];
  for (const inner of leaf) {
    const found = root.filter((outer) => !contradicts(outer, inner)).map((outer) => mergeMatch(outer, inner));
    if (found.length === 0) return undefined;
    merged.push(...found);
  }
  return merged;
}

function mergeMatch(root: HttpMatchDocument, leaf: HttpMatchDocument): HttpMatchDocument {
  return {
    ...leaf,
    name: joinNames(root.name, leaf.name),
    uri: leaf.uri ?? root.uri,
    scheme: leaf.scheme ?? root.scheme,
    method: leaf.method ?? root.method,
    authority: leaf.authority ?? root.authority,
    headers: { ...root.headers, ...leaf.headers },
    withoutHeaders: { ...root.withoutHeaders, ...leaf.withoutHeaders },
    queryParams: { ...root.queryParams, ...leaf.queryParams },
    port: leaf.port ?? root.port,
  };
}

function contradicts(root: HttpMatchDocument, leaf: HttpMatchDocument): boolean {
  const maps = (a: Matches, b: Matches): boolean =>
    Object.entries(b ?? {}).some(([name, match]) => !narrows(a?.[name], match));
  return (
    !narrows(root.uri, leaf.uri) ||
    !narrows(root.scheme, leaf.scheme) ||
    !narrows(root.method, leaf.method) ||
    !narrows(root.authority, leaf.authority) ||
    maps(root.headers, leaf.headers) ||
    maps(root.headers, leaf.withoutHeaders) ||
    maps(root.queryParams, leaf.queryParams) ||
    (root.ignoreUriCase ?? false) !== (leaf.ignoreUriCase ?? false) ||
    (root.port !== undefined && leaf.port !== undefined && root.port !== leaf.port)
  );
}

type Matches = Readonly<Record<string, StringMatchDocument>> | undefined;

/** Whether everything that `leaf` matches is sure to be matched by `root` too; patterns are never sure. */
function narrows(root: StringMatchDocument | undefined, leaf: StringMatchDocument | undefined): boolean {
  if (root === undefined || leaf === undefined) return true;
  if (root.regex !== undefined || leaf.regex !== undefined) return false;
  if (root.exact !== undefined) return leaf.exact === root.exact;
  if (root.prefix === undefined) return false;
  return (leaf.prefix ?? leaf.exact ?? '').startsWith(root.prefix);
}

import type { Verb } from './resource-definition.ts';

/** Where a request goes, and what it wants there. */
export interface RequestInfo {
  readonly group: string;
  readonly version: string;
  readonly namespace: string | undefined;
  readonly resource: string;
  readonly name: string | undefined;
  /** `status`, `scale`, `log`, ...; empty for the object itself. */
  readonly subresource: string;
  /** What follows the subresource (`pods/x/proxy/a/b`). */
  readonly rest: readonly string[];
  /** Undefined for a method that means nothing here. */
  readonly verb: Verb | undefined;
}

const namespaceSubresources: readonly string[] = ['status', 'finalize'];

/**
 * Takes the URL of an API resource apart: `/api/v1/...`, `/apis/GROUP/VERSION/...`.
 *
 * @param path without query
 * @returns undefined for other paths (discovery, health, ...), and for malformed ones
 */
export function parseRequestInfo(
  method: string,
  path: string,
  query: URLSearchParams,
): RequestInfo | undefined {
  const parts = splitPath(path);
  if (parts === undefined) return undefined;
  const isCore = parts[0] === 'api';
  if (!isCore && parts[0] !== 'apis') return undefined;
  const group = isCore ? '' : (parts[1] ?? '');
  const version = parts[isCore ? 1 : 2] ?? '';
  if (version === '' || (!isCore && group === '')) return undefined;
  const target = parts.slice(isCore ? 2 : 3);
  let namespace: string | undefined;
  if (target[0] === 'namespaces' && target[2] !== undefined && !namespaceSubresources.includes(target[2])) {
    namespace = target[1];
    target.splice(0, 2);
  }
  const [resource = '', name, subresource = '', ...rest] = target;
  if (resource === '') return undefined;
  const verb = verbOf(method, name !== undefined, query);
  return { group, version, namespace, resource, name, subresource, rest, verb };
}

function splitPath(path: string): string[] | undefined {
  const parts = path.split('/').slice(1);
  if (parts.at(-1) === '') parts.pop();
  try {
    const decoded = parts.map((part) => (part.includes('%') ? decodeURIComponent(part) : part));
    return decoded.includes('') ? undefined : decoded;
  } catch {
    return undefined;
  }
}

function verbOf(method: string, named: boolean, query: URLSearchParams): Verb | undefined {
  switch (method) {
    case 'GET':
    case 'HEAD':
      if (named) return 'get';
      return parseFlag(query.get('watch')) === true ? 'watch' : 'list';
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return named ? 'delete' : 'deletecollection';
    default:
      return undefined;
  }
}

/** As query parameters are read: anything but `false` and `0` is true; undefined when absent. */
export function parseFlag(value: string | null): boolean | undefined {
  return value === null ? undefined : value.toLowerCase() !== 'false' && value !== '0';
}

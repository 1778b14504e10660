import type { HeadersDocument } from './documents.ts';

/** Headers in order; a name may come several times, and is lower-case. */
export type HeaderList = [string, string][];

/** What a route or a destination does to headers, as Envoy applies it: remove, then set, then add. */
export interface HeaderOperations {
  readonly remove: readonly string[];
  readonly set: readonly (readonly [string, string])[];
  readonly add: readonly (readonly [string, string])[];
  /** What `host` or `:authority` is set to: those are not headers like others. */
  readonly authority: string | undefined;
}

type Direction = NonNullable<HeadersDocument['request']>;

const none: HeaderOperations = { remove: [], set: [], add: [], authority: undefined };

export function compileHeaderOperations(document: Direction | undefined): HeaderOperations {
  if (document === undefined) return none;
  const { set = {}, add = {}, remove = [] } = document;
  const authority = Object.entries({ ...add, ...set }).find(([name]) => isAuthority(name))?.[1];
  const pairs = (headers: Record<string, string>): [string, string][] =>
    Object.entries(headers)
      .map(([name, value]): [string, string] => [name.toLowerCase(), value])
      .filter(([name]) => !isInternal(name))
      .sort(([a], [b]) => (a < b ? -1 : Number(a > b)));
  return {
    remove: remove.map((name) => name.toLowerCase()).filter((name) => !isInternal(name)),
    set: pairs(set),
    add: pairs(add),
    authority,
  };
}

function isAuthority(name: string): boolean {
  return ['host', ':authority'].includes(name.toLowerCase());
}

function isInternal(name: string): boolean {
  return name.startsWith(':') || name === 'host';
}

/** Changes the headers of a request, where a name comes once: added values are joined. */
export function changeRequestHeaders(
  headers: Record<string, string>,
  { remove, set, add }: HeaderOperations,
): void {
  for (const name of remove) delete headers[name];
  for (const [name, value] of set) headers[name] = value;
  for (const [name, value] of add) {
    const known = headers[name];
    headers[name] = known === undefined ? value : `${known},${value}`;
  }
}

export function changeResponseHeaders(headers: HeaderList, operations: HeaderOperations): HeaderList {
  const { remove, set, add } = operations;
  if (remove.length + set.length + add.length === 0) return headers;
  const replaced = new Set([...remove, ...set.map(([name]) => name)]);
  const kept = headers.filter(([name]) => !replaced.has(name));
  return [...kept, ...set.map(([name, value]): [string, string] => [name, value]), ...add.map(copy)];
}

function copy([name, value]: readonly [string, string]): [string, string] {
  return [name, value];
}

import type { FetchResponse } from '../../base/fetch.ts';
import type { HttpRequest } from '../../base/network.ts';

/** Answers one request; `variables` are the named parts of the path. */
export type RouteHandler = (
  request: HttpRequest,
  variables: Readonly<Record<string, string>>,
) => FetchResponse | Promise<FetchResponse>;

export interface Route {
  /** As gorilla/mux writes it: `/status/{code:[0-9]+}`; one that ends with `*` is a prefix. */
  readonly path: string;
  /** None: any method. */
  readonly methods?: readonly string[];
  /** The value of the `path` label of its metrics, where it is not made from the path. */
  readonly name?: string;
  readonly handle: RouteHandler;
}

export interface Match {
  readonly label: string;
  readonly handle: RouteHandler;
  readonly variables: Readonly<Record<string, string>>;
}

interface Compiled extends Route {
  readonly pattern: RegExp;
  readonly label: string;
}

/** Finds the route of a request: the first that fits, as gorilla/mux does. */
export class Router {
  readonly #routes: readonly Compiled[];

  constructor(routes: readonly Route[]) {
    this.#routes = routes.map((route) => ({
      ...route,
      pattern: compile(route.path),
      label: route.name ?? labelOf(route.path),
    }));
  }

  /** @returns undefined: no such path; `WrongMethod`: the path is known, not for this method */
  match(method: string, path: string): Match | 'WrongMethod' | undefined {
    let known = false;
    for (const { pattern, methods, label, handle } of this.#routes) {
      const found = pattern.exec(path);
      if (found === null) continue;
      if (methods === undefined || methods.includes(method)) {
        return { label, handle, variables: found.groups ?? {} };
      }
      known = true;
    }
    return known ? 'WrongMethod' : undefined;
  }
}

function compile(path: string): RegExp {
  const source = path
    .replace(/\*$/, '')
    .replace(/\{(\w+)(?::([^}]+))?\}/g, (_all, name: string, pattern = '[^/]+') => `(?<${name}>${pattern})`);
  return new RegExp(path.endsWith('*') ? `^${source}` : `^${source}$`);
}

/** Source: urlToLabel in pkg/api/http/metrics.go. */
function labelOf(path: string): string {
  const label = path
    .replace(/[^a-zA-Z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .toLowerCase();
  return label === '' ? 'root' : label;
}

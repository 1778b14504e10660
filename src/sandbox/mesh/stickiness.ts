import type { Balancing } from './destination-rule.ts';
import type { HeaderList } from './header-operations.ts';
import type { RequestView } from './http-match.ts';
import { hashText } from './load-balancer.ts';

export interface Stickiness {
  /** Undefined: the request brings nothing to stick by. */
  readonly hash: number | undefined;
  /** A cookie for a client that has none yet. */
  readonly cookie: HeaderList;
}

const loose: Stickiness = { hash: undefined, cookie: [] };

/**
 * What binds a request to an endpoint.
 *
 * @param newValue makes the value of a new cookie
 */
export function stickiness(
  balancing: Balancing,
  request: RequestView,
  remoteAddress: string,
  newValue: () => string,
): Stickiness {
  if (balancing.kind !== 'hash') return loose;
  const { by } = balancing;
  if (by.kind === 'source') return { hash: hashText(remoteAddress), cookie: [] };
  if (by.kind === 'header') return of(request.headers[by.name]);
  if (by.kind === 'query') return of(new URLSearchParams(request.query).get(by.name) ?? undefined);
  const known = cookieValue(request.headers['cookie'] ?? '', by.name);
  if (known !== undefined || by.ttlMs === undefined) return of(known);
  const value = newValue();
  const attributes = [
    `${by.name}="${value}"`,
    ...(by.ttlMs > 0 ? [`Max-Age=${Math.floor(by.ttlMs / 1000)}`] : []),
    ...(by.path === undefined || by.path === '' ? [] : [`Path=${by.path}`]),
    'HttpOnly',
  ];
  return { hash: hashText(value), cookie: [['set-cookie', attributes.join('; ')]] };
}

function of(value: string | undefined): Stickiness {
  return value === undefined ? loose : { hash: hashText(value), cookie: [] };
}

function cookieValue(header: string, name: string): string | undefined {
  for (const pair of header.split(';')) {
    const at = pair.indexOf('=');
    if (at < 0 || pair.slice(0, at).trim() !== name) continue;
    return pair
      .slice(at + 1)
      .trim()
      .replace(/^"(.*)"$/, '$1');
  }
  return undefined;
}

import type { Clock } from '../base/clock.ts';
import { TypedError } from '../base/errors.ts';
import type { RequestHeaders } from '../base/fetch.ts';
import { invalidKubeconfig } from './kubeconfig-error.ts';
import type { KubeconfigUser } from './kubeconfig.ts';

/** Headers that say who sends a request. */
export type AuthHeaders = RequestHeaders;

/** Who a connection is: the headers that say so. */
export interface Credentials {
  /** AuthHeaders for the next request; may read a file or run a program when the last ones are too old. */
  readonly authorize: () => Promise<AuthHeaders>;
  /** The server refused `used` (401): headers that are no newer are not used again. */
  readonly unauthorized?: ((used: AuthHeaders) => void) | undefined;
}

const visible = /^[\u0020-\u007e]+$/;

/** @throws InvalidInputError for what cannot be the value of a header; quotes nothing of it */
export function headerValue(field: string, value: string): string {
  if (!visible.test(value)) throw invalidKubeconfig(`${field} has characters that no HTTP header can carry`);
  return value;
}

export function bearer(token: string, field = 'token'): AuthHeaders {
  return { authorization: `Bearer ${headerValue(field, token)}` };
}

/** The same headers for ever. */
export function fixedCredentials(headers: AuthHeaders): Credentials {
  return { authorize: async () => headers };
}

/**
 * AuthHeaders that are made anew when they are too old or were refused. Callers that come at once share one making.
 *
 * @param make the headers and how long they are good for, in milliseconds from now
 */
export function renewedCredentials(
  clock: Clock,
  make: () => Promise<{ headers: AuthHeaders; forMs: number }>,
): Credentials {
  let current: { headers: AuthHeaders; until: number } | undefined;
  let making: Promise<AuthHeaders> | undefined;
  const renew = async (): Promise<AuthHeaders> => {
    try {
      const { headers, forMs } = await make();
      current = { headers, until: clock.monotonic() + forMs };
      return headers;
    } finally {
      making = undefined;
    }
  };
  return {
    async authorize() {
      if (current !== undefined && clock.monotonic() < current.until) return current.headers;
      making ??= renew();
      return making;
    },
    unauthorized(used) {
      if (current !== undefined && used['authorization'] === current.headers['authorization']) {
        current = undefined;
      }
    },
  };
}

/**
 * The file is read again about once a minute: half the time between when the kubelet writes a new token and when
 * the old one ends. Source: transport/token_source.go of client-go (one minute, ten seconds early).
 */
const tokenFileMs = 50_000;

/**
 * The bearer token in a file.
 *
 * @param fallback the token to use until the file can be read
 */
export function tokenFileCredentials(
  clock: Clock,
  readFile: (path: string) => Promise<string>,
  path: string,
  fallback?: string,
): Credentials {
  let last = fallback;
  return renewedCredentials(clock, async () => {
    const token = await readFile(path).then(
      (content) => content.trim(),
      () => '',
    );
    if (token !== '') last = token;
    if (last === undefined) {
      throw new TypedError(`no token can be read from ${path}`, { code: 'TokenUnreadable', next: 'retry' });
    }
    return { headers: bearer(last, `the token in ${path}`), forMs: tokenFileMs };
  });
}

/** `inner`, with `extra` headers on every request. */
export function withHeaders(inner: Credentials, extra: AuthHeaders): Credentials {
  if (Object.keys(extra).length === 0) return inner;
  const authorize = async (): Promise<AuthHeaders> => ({ ...(await inner.authorize()), ...extra });
  return { authorize, unauthorized: inner.unauthorized };
}

/** The headers of `as`, `as-uid`, `as-groups` and `as-user-extra`. */
export function impersonationHeaders(user: KubeconfigUser): AuthHeaders {
  const groups = user['as-groups'];
  const extras = Object.entries(user['as-user-extra'] ?? {});
  if (user.as === undefined) {
    if (groups.length + extras.length > 0 || user['as-uid'] !== undefined) {
      throw invalidKubeconfig('as-uid, as-groups and as-user-extra need as: there is nobody to impersonate');
    }
    return {};
  }
  const headers: Record<string, string | string[]> = { 'impersonate-user': headerValue('as', user.as) };
  if (user['as-uid'] !== undefined) headers['impersonate-uid'] = headerValue('as-uid', user['as-uid']);
  if (groups.length > 0)
    headers['impersonate-group'] = groups.map((group) => headerValue('as-groups', group));
  for (const [key, values] of extras) {
    if (values.length === 0) continue;
    headers[`impersonate-extra-${encodeURIComponent(key.toLowerCase())}`] = values.map((value) =>
      headerValue('as-user-extra', value),
    );
  }
  return headers;
}

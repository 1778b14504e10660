import { parseDuration } from '../../base/duration.ts';
import { InvalidInputError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import type { Canary } from '../../api/canary.ts';
import type { CanaryAnalysis } from '../../api/canary-analysis.ts';
import type { Cookies } from '../effects.ts';
import type { MatchRequest } from './match-conditions.ts';

export type SessionAffinity = NonNullable<CanaryAnalysis['sessionAffinity']>;

/** Seconds. */
const dayLong = 86_400;
/** Seconds; what an analysis without an interval has. */
const defaultInterval = 60;
const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

/** The cookies that the live routes hand out and take back, as `name=value`. */
export interface LiveCookies {
  readonly canary?: string | undefined;
  readonly primary?: string | undefined;
  /** Of the run before: it is being deleted. */
  readonly previous?: string | undefined;
}

/**
 * The cookies for the next routes. What the status does not know (the process ended between the write of the routes
 * and that of the status) is taken from the live routes, so that no user changes sides. One of another name than the
 * spec has now is a leftover.
 *
 * @param canaryWeight with traffic on the canary a run has a cookie; without any, that cookie is to be deleted
 */
export function cookiesFor(
  canary: Canary,
  affinity: SessionAffinity,
  { canaryWeight, live, random }: { canaryWeight: number; live: LiveCookies; random: Random },
): Cookies {
  const { status = {} } = canary;
  const { cookieName, primaryCookieName = '' } = affinity;
  const known = [status.sessionAffinityCookie, live.canary].find((cookie) => isNamed(cookie, cookieName));
  const primary = [status.primarySessionAffinityCookie, live.primary].find((cookie) =>
    isNamed(cookie, primaryCookieName),
  );
  if (canaryWeight === 0) {
    return {
      sessionAffinityCookie: undefined,
      previousSessionAffinityCookie:
        known ?? (status.sessionAffinityCookie || status.previousSessionAffinityCookie || live.previous),
      primarySessionAffinityCookie: status.primarySessionAffinityCookie ?? primary,
    };
  }
  return {
    sessionAffinityCookie: known ?? newCookie(cookieName, random),
    previousSessionAffinityCookie: status.previousSessionAffinityCookie,
    primarySessionAffinityCookie:
      primary ??
      (primaryCookieName === '' ? status.primarySessionAffinityCookie : newCookie(primaryCookieName, random)),
  };
}

function isNamed(cookie: string | undefined, name: string): boolean {
  return name !== '' && cookie !== undefined && cookie.startsWith(`${name}=`);
}

function newCookie(name: string, random: Random): string {
  const value = Array.from({ length: 10 }, () => letters[random.int(letters.length)]);
  return `${name}=${value.join('')}`;
}

/** `Set-Cookie` for users of the canary. */
export function canaryCookie(cookie: string, affinity: SessionAffinity): string {
  return withAttributes(cookie, affinity.maxAge || dayLong, affinity);
}

/**
 * `Set-Cookie` for users of the primary: until the next step, which may bring them to the canary.
 * @throws InvalidInputError for an interval that is none
 */
export function primaryCookie(
  cookie: string,
  { interval }: CanaryAnalysis,
  affinity: SessionAffinity,
): string {
  const seconds = interval === undefined ? defaultInterval : Math.trunc(parseDuration(interval) / 1000);
  if (seconds < 0) throw new InvalidInputError(`interval ${interval} of the analysis is negative`);
  return withAttributes(cookie, seconds, affinity);
}

/** `Set-Cookie` that deletes the cookie; browsers want the Domain and Path that it was set with. */
export function deletedCookie(cookie: string, { domain, path }: SessionAffinity): string {
  return [`${cookie}; Max-Age=-1`, attribute('Domain', domain), attribute('Path', path)]
    .filter(Boolean)
    .join('; ');
}

function withAttributes(cookie: string, maxAge: number, affinity: SessionAffinity): string {
  const { domain, httpOnly, partitioned, path, sameSite, secure } = affinity;
  return [
    `${cookie}; Max-Age=${maxAge}`,
    attribute('Domain', domain),
    httpOnly === true && 'HttpOnly',
    partitioned === true && 'Partitioned',
    attribute('Path', path),
    attribute('SameSite', sameSite),
    secure === true && 'Secure',
  ]
    .filter(Boolean)
    .join('; ');
}

function attribute(name: string, value: string | undefined): string | undefined {
  return value === undefined || value === '' ? undefined : `${name}=${value}`;
}

/** What matches the requests of users who have the cookie. */
export function cookieMatch(cookie: string): MatchRequest {
  const at = cookie.indexOf('=');
  const [name, value] = [cookie.slice(0, at), cookie.slice(at + 1)].map(quoted);
  return { headers: { Cookie: { regex: `.*${name}.*${value}.*` } } };
}

/** As part of an RE2 pattern. A dot stays one: it matches itself, and Flagger writes it so. */
function quoted(text: string): string {
  return text.replaceAll(/[\\^$*+?()[\]{}|]/g, '\\$&');
}

/** `name=value` of a `Set-Cookie`. */
export function cookieOf(setCookie: unknown): string | undefined {
  return typeof setCookie === 'string' ? setCookie.split(';')[0]?.trim() || undefined : undefined;
}

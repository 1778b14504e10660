import { isObject, own, type Json, type JsonObject } from '../../machinery/json.ts';
import type { Routes } from '../observation.ts';
import { type ApexNames, isServiceHost } from './apex-names.ts';
import { cookieOf, type LiveCookies } from './session-affinity.ts';

/** Elements of `spec.http` or `spec.tcp`, as they are in the cluster: nothing is known about their form. */
export function routesIn(spec: JsonObject, protocol: string): readonly Json[] {
  const routes = own(spec, protocol);
  return Array.isArray(routes) ? routes : [];
}

function destinationsIn(route: Json): readonly JsonObject[] {
  const destinations = isObject(route) ? own(route, 'route') : undefined;
  return Array.isArray(destinations) ? destinations.filter(isObject) : [];
}

function hostOf(destination: JsonObject): unknown {
  const to = own(destination, 'destination');
  return isObject(to) ? own(to, 'host') : undefined;
}

/** Whether an element sends requests to one of the Services. */
export function leadsTo(route: Json, services: readonly string[], { namespace }: ApexNames): boolean {
  return destinationsIn(route).some((destination) =>
    services.some((service) => isServiceHost(hostOf(destination), service, namespace)),
  );
}

/** The element that weighs primary and canary: the last one that knows the canary. */
function splitIn(routes: readonly Json[], names: ApexNames): Json | undefined {
  return routes.findLast((route) => leadsTo(route, [names.canary], names));
}

/** @returns undefined where nothing goes to the primary or the canary */
export function liveRoutes(routes: readonly Json[], names: ApexNames): Routes | undefined {
  const split = splitIn(routes, names);
  if (!isObject(split)) return undefined;
  const mirror = own(split, 'mirror');
  const weights = weightsOf(destinationsIn(split), names);
  if (weights === undefined) return undefined;
  return {
    ...weights,
    mirrored: isObject(mirror) && isServiceHost(own(mirror, 'host'), names.canary, names.namespace),
  };
}

/**
 * In percent. A side that gets anything has at least 1: whether nobody uses it any more decides over its pods.
 */
function weightsOf(
  destinations: readonly JsonObject[],
  { primary, canary, namespace }: ApexNames,
): Pick<Routes, 'primary' | 'canary'> | undefined {
  // A single destination gets everything, whatever its weight.
  if (destinations.length === 1) return { primary: 0, canary: 100 };
  const sum = (service: string): number =>
    destinations
      .filter((destination) => isServiceHost(hostOf(destination), service, namespace))
      .reduce((total, { weight }) => total + (typeof weight === 'number' && weight > 0 ? weight : 0), 0);
  const [toPrimary, toCanary] = [sum(primary), sum(canary)];
  if (toPrimary + toCanary === 0) return undefined;
  if (toCanary === 0 || toPrimary === 0)
    return toCanary === 0 ? { primary: 100, canary: 0 } : { primary: 0, canary: 100 };
  const share = Math.min(99, Math.max(1, Math.round((toCanary / (toPrimary + toCanary)) * 100)));
  return { primary: 100 - share, canary: share };
}

/** What the routes say about session affinity. */
export function liveCookies(routes: readonly Json[], names: ApexNames): LiveCookies {
  const split = destinationsIn(splitIn(routes, names) ?? null);
  const setBy = (service: string): string | undefined =>
    split
      .filter((destination) => isServiceHost(hostOf(destination), service, names.namespace))
      .map((destination) => cookieOf(addedCookie(destination)))
      .find((cookie) => cookie !== undefined);
  const deleted = routes
    .filter((route) => leadsTo(route, [names.canary], names))
    .map(addedCookie)
    .find((cookie) => typeof cookie === 'string' && cookie.includes('; Max-Age=-1'));
  return { canary: setBy(names.canary), primary: setBy(names.primary), previous: cookieOf(deleted) };
}

function addedCookie(to: Json): Json | undefined {
  return ['headers', 'response', 'add', 'Set-Cookie'].reduce<Json | undefined>(
    (value, field) => (isObject(value) ? own(value, field) : undefined),
    to,
  );
}

/**
 * The list with `ours` in place of what leads to `services`. Foreign elements keep their order: those that came
 * before the last of ours stay before, the others after; where there was none of ours, they come last.
 */
export function withOwnRoutes(
  live: readonly Json[],
  ours: readonly JsonObject[],
  services: readonly string[],
  names: ApexNames,
): Json[] {
  const isOurs = (route: Json): boolean => leadsTo(route, services, names);
  const at = live.findLastIndex(isOurs);
  const end = at === -1 ? live.length : at;
  const isForeign = (route: Json): boolean => !isOurs(route);
  return [...live.slice(0, end).filter(isForeign), ...ours, ...live.slice(end).filter(isForeign)];
}

import { InvalidInputError } from '../../base/errors.ts';
import type { Canary } from '../../api/canary.ts';
import type { CanaryService } from '../../api/canary-service.ts';
import { jsonClone, type Json, type JsonObject } from '../../machinery/json.ts';
import type { Cookies } from '../effects.ts';
import type { Routes } from '../observation.ts';
import { apexNames } from './apex-names.ts';
import {
  type MatchRequest,
  mergeMatches,
  originsWithoutSuffixes,
  withoutSuffixes,
} from './match-conditions.ts';
import {
  canaryCookie,
  cookieMatch,
  deletedCookie,
  primaryCookie,
  type SessionAffinity,
} from './session-affinity.ts';

/** What a Canary wants to be in its VirtualService. */
export interface OwnRoutes {
  readonly protocol: 'http' | 'tcp';
  readonly routes: readonly JsonObject[];
}

export function protocolOf({ spec }: Canary): OwnRoutes['protocol'] {
  return spec.service?.appProtocol?.toLowerCase() === 'tcp' ? 'tcp' : 'http';
}

/** TCP has no cookies, and in an A/B test the conditions say who gets what. */
export function affinityOf(canary: Canary): SessionAffinity | undefined {
  const { sessionAffinity, match = [] } = canary.spec.analysis;
  return match.length > 0 || protocolOf(canary) === 'tcp' ? undefined : sessionAffinity;
}

/** @throws InvalidInputError for an interval that session affinity cannot use */
export function ownRoutes(canary: Canary, weights: Routes, cookies: Cookies | undefined): OwnRoutes {
  const protocol = protocolOf(canary);
  if (protocol === 'tcp') return { protocol, routes: [tcpRoute(canary, weights)] };
  const affinity = affinityOf(canary);
  const routes =
    (canary.spec.analysis.match ?? []).length > 0
      ? abTest(canary, weights)
      : affinity !== undefined && cookies !== undefined
        ? sticky(canary, weights, affinity, cookies)
        : [split(canary, weights)];
  return { protocol, routes };
}

/** One element of `spec.http`. Shares nothing with the Canary, nor with other elements. */
function route(
  canary: Canary,
  matches: readonly MatchRequest[] | undefined,
  to: readonly JsonObject[],
): JsonObject {
  const { rewrite = {}, timeout, retries, corsPolicy, headers } = serviceOf(canary);
  const { uri, authority } = rewrite;
  const isRewriting = Boolean(uri) || Boolean(authority);
  return present({
    match: matches !== undefined && matches.length > 0 ? matches.map(withoutSuffixes) : undefined,
    rewrite: isRewriting ? present({ uri: uri || undefined, authority: authority || undefined }) : undefined,
    timeout: timeout || undefined,
    retries,
    corsPolicy: corsPolicy && originsWithoutSuffixes(corsPolicy),
    headers,
    route: to,
  });
}

function split(canary: Canary, weights: Routes): JsonObject {
  const { match } = serviceOf(canary);
  return mirrored(canary, weights, route(canary, match, destinations(canary, weights)));
}

/** Everything that matches to both sides, as weighed; the rest to the primary. */
function abTest(canary: Canary, weights: Routes): JsonObject[] {
  const { match } = serviceOf(canary);
  const tested = mergeMatches(canary.spec.analysis.match ?? [], match);
  const [toPrimary, toCanary] = destinations(canary, weights);
  return [
    mirrored(canary, weights, route(canary, tested, [toPrimary, toCanary])),
    // A single destination gets everything, whatever its weight.
    route(canary, match, [toPrimary]),
  ];
}

function sticky(canary: Canary, weights: Routes, affinity: SessionAffinity, cookies: Cookies): JsonObject[] {
  const { match } = serviceOf(canary);
  const { analysis } = canary.spec;
  const withCookie = (cookie: string): readonly MatchRequest[] => mergeMatches([cookieMatch(cookie)], match);
  const { sessionAffinityCookie: current = '', previousSessionAffinityCookie: previous = '' } = cookies;
  const primary = affinity.primaryCookieName ? (cookies.primarySessionAffinityCookie ?? '') : '';
  if (weights.canary === 0) {
    if (previous === '') return [split(canary, weights)];
    const leaving = split(canary, weights);
    const gone = route(canary, withCookie(previous), destinations(canary, weights));
    addCookie(gone, deletedCookie(previous, affinity));
    return [mirrored(canary, weights, gone), leaving];
  }
  const [toPrimary, toCanary] = destinations(canary, weights);
  addCookie(toCanary, canaryCookie(current, affinity));
  if (primary !== '') addCookie(toPrimary, primaryCookie(primary, analysis, affinity));
  const onlyPrimary = { primary: 100, canary: 0 };
  const onlyCanary = { primary: 0, canary: 100 };
  return [
    route(canary, withCookie(current), destinations(canary, onlyCanary)),
    ...(primary === '' ? [] : [route(canary, withCookie(primary), destinations(canary, onlyPrimary))]),
    mirrored(canary, weights, route(canary, match, [toPrimary, toCanary])),
  ];
}

/** Adds `Set-Cookie` to the answers of a route, or of a destination. */
function addCookie(to: JsonObject, cookie: string): void {
  const headers = { ...(to['headers'] as JsonObject | undefined) };
  const response = { ...(headers['response'] as JsonObject | undefined) };
  response['add'] = { ...(response['add'] as JsonObject | undefined), 'Set-Cookie': cookie };
  to['headers'] = { ...headers, response };
}

function mirrored(canary: Canary, weights: Routes, to: JsonObject): JsonObject {
  if (!weights.mirrored) return to;
  const { mirrorWeight = 0 } = canary.spec.analysis;
  return {
    ...to,
    mirror: destination(canary, apexNames(canary).canary),
    ...(mirrorWeight > 0 ? { mirrorPercentage: { value: mirrorWeight } } : {}),
  };
}

function tcpRoute(canary: Canary, weights: Routes): JsonObject {
  const { match = [] } = serviceOf(canary);
  const ports = match.flatMap(({ port }) => (port === undefined ? [] : [{ port }]));
  return present({ match: ports.length > 0 ? ports : undefined, route: destinations(canary, weights) });
}

type Weights = Pick<Routes, 'primary' | 'canary'>;

function destinations(canary: Canary, weights: Weights): [toPrimary: JsonObject, toCanary: JsonObject] {
  const names = apexNames(canary);
  return [
    { destination: destination(canary, names.primary), weight: weights.primary },
    { destination: destination(canary, names.canary), weight: weights.canary },
  ];
}

/** With the port where the Service has several and a gateway could not tell which. */
function destination(canary: Canary, host: string): JsonObject {
  const { portDiscovery, gateways = [], delegation, port } = serviceOf(canary);
  const isBehindGateway = (gateways.length > 0 && gateways[0] !== 'mesh') || delegation === true;
  return portDiscovery === true && isBehindGateway && port !== undefined
    ? { host, port: { number: port } }
    : { host };
}

/** @throws InvalidInputError for a delegate that has hosts or gateways of its own */
export function hostsAndGateways(canary: Canary): { hosts: string[]; gateways: string[] | undefined } {
  const { hosts = [], gateways = [], delegation } = serviceOf(canary);
  const { apex, namespace } = apexNames(canary);
  if (delegation !== true) {
    const isCovered = hosts.includes(apex) || hosts.includes('*');
    return {
      hosts: isCovered ? [...hosts] : [...hosts, apex],
      gateways: gateways.length > 0 ? [...gateways] : ['mesh'],
    };
  }
  if (hosts.length > 0 || gateways.length > 0) {
    throw new InvalidInputError(
      `VirtualService ${apex}.${namespace} cannot have hosts and gateways when delegation enabled`,
    );
  }
  return { hosts: [], gateways: undefined };
}

export function serviceOf({ spec }: Canary): Partial<CanaryService> {
  return spec.service ?? {};
}

/** A copy without undefined members: as JSON has it. */
export function present(fields: { readonly [name: string]: unknown }): JsonObject {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return jsonClone(Object.fromEntries(entries)) as JsonObject & Record<string, Json>;
}

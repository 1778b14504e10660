import { errorMessage } from '../../base/errors.ts';
import { type CorsPolicy, compileCors } from './cors.ts';
import type { DestinationDocument, HttpRouteDocument } from './documents.ts';
import { compileHeaderOperations, type HeaderOperations } from './header-operations.ts';
import { compileHttpMatch, type HttpMatch } from './http-match.ts';
import { fullHost } from './hosts.ts';
import { compileRewrite, type Rewrite } from './rewrite.ts';
import { compileRetries, defaultRetryPolicy, type RetryPolicy } from './retry-policy.ts';

/** Where requests may go: a service by its full name. */
export interface Destination {
  readonly host: string;
  readonly subset: string;
  /** Absent: the only port of the service, or the one that was called. */
  readonly port: number | undefined;
}

export interface WeightedDestination extends Destination {
  readonly weight: number;
  readonly request: HeaderOperations;
  readonly response: HeaderOperations;
}

export interface Mirror extends Destination {
  /** Of requests. */
  readonly fraction: number;
}

export interface Forward {
  readonly kind: 'forward';
  /** Without those of weight 0, unless it is the only one. */
  readonly destinations: readonly WeightedDestination[];
  readonly totalWeight: number;
  readonly rewrite: Rewrite;
  /** Milliseconds; 0: none. */
  readonly timeoutMs: number;
  readonly retry: RetryPolicy;
  readonly mirrors: readonly Mirror[];
}

export type RedirectDocument = NonNullable<HttpRouteDocument['redirect']>;

export type RouteAction =
  | Forward
  | { readonly kind: 'redirect'; readonly redirect: RedirectDocument }
  | { readonly kind: 'direct'; readonly status: number; readonly body: Uint8Array }
  /** Cannot be carried out: the route answers 500 with this message. */
  | { readonly kind: 'invalid'; readonly message: string };

export interface Fault {
  readonly delay: { readonly fraction: number; readonly ms: number } | undefined;
  readonly abort: { readonly fraction: number; readonly status: number } | undefined;
}

export interface HttpRoute {
  readonly name: string;
  /** Any of them; none: every request. */
  readonly matches: readonly HttpMatch[];
  /** Comes after all others. */
  readonly lastResort: boolean;
  readonly action: RouteAction;
  readonly request: HeaderOperations;
  readonly response: HeaderOperations;
  readonly cors: CorsPolicy | undefined;
  readonly fault: Fault | undefined;
}

const noOperations = compileHeaderOperations(undefined);

/**
 * Compiles one element of `spec.http`. What is wrong in it is the matter of this route alone: it then answers 500.
 *
 * @param namespace in which short host names are looked up
 */
export function compileHttpRoute(document: HttpRouteDocument, namespace: string): HttpRoute {
  let matches: HttpMatch[];
  try {
    matches = (document.match ?? []).map(compileHttpMatch);
  } catch (error) {
    return unmatchable(errorMessage(error));
  }
  const route: HttpRoute = { ...emptyRoute, name: document.name ?? '', matches };
  try {
    return {
      ...route,
      action: compileAction(document, namespace),
      request: compileHeaderOperations(document.headers?.request),
      response: compileHeaderOperations(document.headers?.response),
      cors: document.corsPolicy === undefined ? undefined : compileCors(document.corsPolicy),
      fault: compileFault(document.fault),
    };
  } catch (error) {
    return { ...route, action: { kind: 'invalid', message: errorMessage(error) } };
  }
}

/** A route of which nobody can tell what it matches: it takes what no other route does, to say so. */
export function unmatchable(message: string): HttpRoute {
  return { ...emptyRoute, lastResort: true, action: { kind: 'invalid', message } };
}

const emptyRoute: HttpRoute = {
  name: '',
  matches: [],
  lastResort: false,
  action: { kind: 'invalid', message: '' },
  request: noOperations,
  response: noOperations,
  cors: undefined,
  fault: undefined,
};

/** The route of a service that no VirtualService speaks for. */
export function defaultRoute(host: string, port: number): HttpRoute {
  const destination = { host, subset: '', port, weight: 1, request: noOperations, response: noOperations };
  return {
    ...emptyRoute,
    name: 'default',
    action: {
      kind: 'forward',
      destinations: [destination],
      totalWeight: 1,
      rewrite: compileRewrite(undefined, undefined),
      timeoutMs: 0,
      retry: defaultRetryPolicy,
      mirrors: [],
    },
  };
}

function compileAction(document: HttpRouteDocument, namespace: string): RouteAction {
  const { redirect, directResponse, route = [] } = document;
  if (redirect !== undefined) {
    const code = redirect.redirectCode ?? 301;
    if ([301, 302, 303, 307, 308].includes(code)) return { kind: 'redirect', redirect };
    return { kind: 'invalid', message: `redirectCode ${code} is not supported` };
  }
  if (directResponse !== undefined) {
    const { string = '', bytes } = directResponse.body ?? {};
    const body = bytes === undefined ? Buffer.from(string) : Buffer.from(bytes, 'base64');
    return { kind: 'direct', status: directResponse.status, body };
  }
  if (route.length === 0) return { kind: 'invalid', message: 'the route has no destination' };
  const all = route.map((entry): WeightedDestination => ({
    ...compileDestination(entry.destination, namespace),
    weight: entry.weight ?? 0,
    request: compileHeaderOperations(entry.headers?.request),
    response: compileHeaderOperations(entry.headers?.response),
  }));
  if (all.some(({ weight }) => weight < 0)) return { kind: 'invalid', message: 'a weight is negative' };
  // A single destination gets everything, whatever its weight.
  const destinations =
    all.length === 1 ? all.map((only) => ({ ...only, weight: 1 })) : all.filter(({ weight }) => weight > 0);
  if (destinations.length === 0) return { kind: 'invalid', message: 'the weights sum up to 0' };
  const authority =
    document.rewrite?.authority ?? compileHeaderOperations(document.headers?.request).authority;
  return {
    kind: 'forward',
    destinations,
    totalWeight: destinations.reduce((sum, { weight }) => sum + weight, 0),
    rewrite: compileRewrite(document.rewrite, authority),
    timeoutMs: document.timeout ?? 0,
    retry: compileRetries(document.retries),
    mirrors: compileMirrors(document, namespace),
  };
}

function compileDestination({ host, subset, port }: DestinationDocument, namespace: string): Destination {
  return { host: fullHost(host, namespace), subset: subset ?? '', port: port?.number };
}

function compileMirrors(document: HttpRouteDocument, namespace: string): Mirror[] {
  const { mirror, mirrorPercentage, mirrorPercent, mirrors = [] } = document;
  const all = mirrors.map(({ destination, percentage }) => ({
    ...compileDestination(destination, namespace),
    fraction: (percentage?.value ?? 100) / 100,
  }));
  if (mirror !== undefined) {
    const percent = mirrorPercentage?.value ?? mirrorPercent ?? 100;
    all.unshift({ ...compileDestination(mirror, namespace), fraction: percent / 100 });
  }
  return all.filter(({ fraction }) => fraction > 0);
}

function compileFault(document: HttpRouteDocument['fault']): Fault | undefined {
  if (document === undefined) return undefined;
  const { delay, abort } = document;
  const delayPercent = delay?.percentage?.value ?? delay?.percent ?? 0;
  return {
    delay:
      delay?.fixedDelay === undefined ? undefined : { fraction: delayPercent / 100, ms: delay.fixedDelay },
    abort:
      abort?.httpStatus === undefined
        ? undefined
        : { fraction: (abort.percentage?.value ?? 0) / 100, status: abort.httpStatus },
  };
}

/** An element of `spec.http`: what it says, or what is wrong with it. */
export type RouteDocument =
  | { readonly document: HttpRouteDocument; readonly namespace: string }
  | { readonly broken: HttpRoute };

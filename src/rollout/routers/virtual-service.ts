import type { Canary } from '../../api/canary.ts';
import { isObject, jsonEqual, own, type Json, type JsonObject } from '../../machinery/json.ts';
import { asJson, type KubeObject } from '../../machinery/object.ts';
import { isControlledBy } from '../../machinery/owner-references.ts';
import type { Cookies } from '../effects.ts';
import type { Routes } from '../observation.ts';
import { apexNames } from './apex-names.ts';
import { routesIn, withOwnRoutes } from './live-routes.ts';
import { hostsAndGateways, ownRoutes, present, serviceOf } from './own-routes.ts';

/** Where the spec is kept that an adopted VirtualService had before. */
const originalAnnotation = 'flagger.kubernetes.io/original-configuration';
const kubectlAnnotation = 'kubectl.kubernetes.io/last-applied-configuration';

/** What Flux would take back is not for Flux to reconcile. */
const handsOff = {
  'kustomize.toolkit.fluxcd.io/reconcile': 'disabled',
  'helm.toolkit.fluxcd.io/driftDetection': 'disabled',
};

/**
 * The whole spec of the VirtualService: what the Canary says about hosts, gateways and its own routes, and all else
 * as it is.
 *
 * @param live empty for a new one
 * @throws InvalidInputError for a Canary that contradicts itself
 */
export function virtualServiceSpec(
  canary: Canary,
  live: JsonObject,
  weights: Routes,
  cookies: Cookies | undefined,
): JsonObject {
  const names = apexNames(canary);
  const { hosts, gateways } = hostsAndGateways(canary);
  const { protocol, routes } = ownRoutes(canary, weights, cookies);
  const { hosts: _hosts, gateways: _gateways, http: _http, tcp: _tcp, ...kept } = live;
  const services = [names.primary, names.canary];
  const lists = { http: routesIn(live, 'http'), tcp: routesIn(live, 'tcp') };
  const other = protocol === 'http' ? 'tcp' : 'http';
  const own = withOwnRoutes(lists[protocol], routes, [names.apex, ...services], names);
  // Of the other protocol, only what passes by the weights is in the way.
  const others = withOwnRoutes(lists[other], [], services, names);
  return {
    ...kept,
    ...present({ hosts, gateways }),
    [protocol]: own,
    ...(others.length > 0 ? { [other]: others } : {}),
  };
}

/**
 * The labels and annotations to be set; others are left alone. Of a VirtualService that somebody else made, the
 * spec is stored before it is first changed, and then never again.
 */
export function virtualServiceMetadata(
  canary: Canary,
  live: KubeObject | undefined,
  spec: JsonObject,
): JsonObject {
  const { apex = {} } = serviceOf(canary);
  const annotations: JsonObject = { ...apex.annotations, ...handsOff };
  // Ours to keep, whatever the Canary says.
  delete annotations[originalAnnotation];
  delete annotations[kubectlAnnotation];
  if (live !== undefined && !isControlledBy(live, canary)) {
    const before = own(asJson(live), 'spec') ?? {};
    const existing = live.metadata.annotations ?? {};
    const isStored = [originalAnnotation, kubectlAnnotation].some((name) => Object.hasOwn(existing, name));
    if (!isStored && !jsonEqual(before, spec)) annotations[originalAnnotation] = JSON.stringify(before);
  }
  return { labels: { ...apex.labels }, annotations };
}

/** The annotations that go when a VirtualService is given back; null removes. Those that its owner wrote stay. */
export function releasedAnnotations({ metadata: { annotations = {} } }: KubeObject): JsonObject {
  const applied = parsed(own(annotations, kubectlAnnotation));
  const metadata = isObject(applied) ? own(applied, 'metadata') : undefined;
  const owners = isObject(metadata) ? own(metadata, 'annotations') : undefined;
  const ours = [originalAnnotation, ...Object.keys(handsOff)].filter(
    (name) => !isObject(owners) || !Object.hasOwn(owners, name),
  );
  return Object.fromEntries(ours.map((name) => [name, null]));
}

/** The spec that a VirtualService had before it was adopted; undefined where nobody wrote it down. */
export function originalSpec({ metadata: { annotations = {} } }: KubeObject): JsonObject | undefined {
  const applied = parsed(own(annotations, kubectlAnnotation));
  const spec = isObject(applied) ? own(applied, 'spec') : undefined;
  if (isObject(spec)) return spec;
  const stored = parsed(own(annotations, originalAnnotation));
  return isObject(stored) ? stored : undefined;
}

function parsed(text: string | undefined): Json | undefined {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as Json);
  } catch {
    return undefined;
  }
}

import { TypedError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import type { Canary } from '../../api/canary.ts';
import { isAlreadyExists, isNotFound } from '../../kube/api-error.ts';
import type { CachedResource } from '../../kube/cached-resource.ts';
import { isObject, own, type JsonObject } from '../../machinery/json.ts';
import { createMergePatch } from '../../machinery/merge-patch.ts';
import { asJson, type KubeObject, type Unstructured } from '../../machinery/object.ts';
import {
  AlreadyOwnedError,
  controllerOf,
  isControlledBy,
  setControllerReference,
} from '../../machinery/owner-references.ts';
import type { RolloutCluster } from '../cluster.ts';
import type { Cookies, Router } from '../effects.ts';
import type { Routes } from '../observation.ts';
import { allToPrimary } from '../routes.ts';
import { type ApexNames, apexNames } from './apex-names.ts';
import { liveCookies, liveRoutes, routesIn } from './live-routes.ts';
import { affinityOf, present, protocolOf, serviceOf } from './own-routes.ts';
import {
  originalSpec,
  releasedAnnotations,
  virtualServiceMetadata,
  virtualServiceSpec,
} from './virtual-service.ts';
import { cookiesFor } from './session-affinity.ts';

export interface IstioRouterOptions {
  /** Makes the cookies of session affinity. */
  readonly random: Random;
}

type IstioKinds = {
  readonly [K in 'virtualServices' | 'destinationRules']: NonNullable<RolloutCluster[K]>;
};

/**
 * Routes of Istio: the VirtualService `{apex}`, and a DestinationRule for each side.
 *
 * Every write names the version that it was computed from: who edits the object at the same time makes it fail with
 * a conflict, to be retried, and loses nothing. Source of the forms: Flagger's Istio router.
 */
export function istioRouter(
  { virtualServices, destinationRules }: IstioKinds,
  { random }: IstioRouterOptions,
): Router {
  const liveOf = (canary: Canary): Unstructured | undefined => {
    const { namespace, apex } = apexNames(canary);
    return virtualServices.get({ namespace, name: apex });
  };
  const observe = (canary: Canary): Routes | undefined =>
    liveRoutes(routesIn(specOf(liveOf(canary)), protocolOf(canary)), apexNames(canary));

  return {
    observe,

    async reconcile(canary, wanted, signal) {
      const live = liveOf(canary);
      const routes = wanted ?? observe(canary) ?? allToPrimary;
      const cookies = cookiesOf(canary, routes, specOf(live), random);
      const spec = virtualServiceSpec(canary, specOf(live), routes, cookies);
      refuseOtherCanary(live, canary);
      const names = apexNames(canary);
      for (const host of [names.canary, names.primary]) {
        await writeRule(destinationRules, canary, host, signal);
      }
      const metadata = virtualServiceMetadata(canary, live, spec);
      await (live === undefined
        ? create(virtualServices, canary, { name: names.apex, ...metadata }, spec, signal)
        : patch(virtualServices, live, { metadata, spec }, signal));
      return cookies;
    },

    async revert(canary, signal) {
      const live = liveOf(canary);
      // What was made for the Canary goes with it.
      if (live === undefined || isControlledBy(live, canary)) return;
      const metadata = { annotations: releasedAnnotations(live) };
      await patch(virtualServices, live, { metadata, spec: originalSpec(live) ?? specOf(live) }, signal);
    },
  };
}

function specOf(live: KubeObject | undefined): JsonObject {
  const spec = live === undefined ? undefined : own(asJson(live), 'spec');
  return isObject(spec) ? spec : {};
}

function cookiesOf(canary: Canary, routes: Routes, spec: JsonObject, random: Random): Cookies | undefined {
  const affinity = affinityOf(canary);
  if (affinity === undefined) return undefined;
  const live = liveCookies(routesIn(spec, 'http'), apexNames(canary));
  return cookiesFor(canary, affinity, { canaryWeight: routes.canary, live, random });
}

/** Two Canaries with one apex would send each other's users back and forth. */
function refuseOtherCanary(live: KubeObject | undefined, canary: Canary): void {
  const owner = live === undefined ? undefined : controllerOf(live);
  if (live === undefined || owner === undefined || owner.kind !== canary.kind) return;
  if (owner.name !== canary.metadata.name) throw new AlreadyOwnedError(live, owner);
}

/** Other fields of a rule that exists already, subsets for example, are left alone. */
async function writeRule(
  rules: CachedResource,
  canary: Canary,
  host: string,
  signal: AbortSignal,
): Promise<void> {
  const { namespace }: ApexNames = apexNames(canary);
  const live = rules.get({ namespace, name: host });
  const { trafficPolicy: _, ...kept } = specOf(live);
  const spec = { ...kept, ...present({ host, trafficPolicy: serviceOf(canary).trafficPolicy }) };
  await (live === undefined
    ? create(rules, canary, { name: host }, spec, signal)
    : patch(rules, live, { metadata: {}, spec }, signal));
}

async function create(
  to: CachedResource,
  canary: Canary,
  metadata: JsonObject,
  spec: JsonObject,
  signal: AbortSignal,
): Promise<void> {
  const { namespace } = apexNames(canary);
  const { group, version, kind } = to.kind;
  const object = { apiVersion: `${group}/${version}`, kind, metadata: { ...metadata, namespace }, spec };
  try {
    await to.create(setControllerReference<Unstructured>(object, canary), { signal });
  } catch (error) {
    throw isAlreadyExists(error) ? outdated(error) : error;
  }
}

/** What a patch makes of an object. Of the metadata only what is named; the spec is meant to be all of it. */
interface Wanted {
  readonly metadata: JsonObject;
  readonly spec: JsonObject;
}

async function patch(
  of: CachedResource,
  live: Unstructured,
  { metadata, spec }: Wanted,
  signal: AbortSignal,
): Promise<void> {
  const { namespace, name = '', resourceVersion = '' } = live.metadata;
  const changes = {
    metadata: metadataChanges(live, metadata),
    spec: createMergePatch(specOf(live), spec),
  };
  if (Object.values(changes).every((change) => Object.keys(change).length === 0)) return;
  const document = { metadata: { ...changes.metadata, resourceVersion }, spec: changes.spec };
  try {
    await of.patch({ namespace, name }, 'merge', document, { signal });
  } catch (error) {
    throw isNotFound(error) ? outdated(error) : error;
  }
}

/** Of labels and annotations, those that are to be set (or, with null, to go) and are not yet as wanted. */
function metadataChanges({ metadata: live }: KubeObject, wanted: JsonObject): JsonObject {
  const changes: JsonObject = {};
  for (const field of ['labels', 'annotations'] as const) {
    const values = own(wanted, field);
    const existing = live[field] ?? {};
    const entries = Object.entries(isObject(values) ? values : {}).filter(
      ([key, value]) => value !== (own(existing, key) ?? null),
    );
    if (entries.length > 0) changes[field] = Object.fromEntries(entries);
  }
  return changes;
}

/** The object was made or deleted meanwhile; the cache will tell. */
function outdated(cause: Error): TypedError {
  return new TypedError(cause.message, { code: 'Conflict', next: 'retry', cause });
}

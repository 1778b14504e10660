import type { CachedResource } from '../../kube/cached-resource.ts';
import { ownedBy } from '../../machinery/managed-fields/managed-fields.ts';
import { asJson, type Unstructured } from '../../machinery/object.ts';
import type { InstalledRollout } from './member-engine.ts';
import { rolloutAnnotation, type RolloutPlace } from './render-rollout.ts';
import { injectionDisabled, missingNamespace } from './rollout-errors.ts';
import { memberRolloutManager } from './rollout-ownership.ts';

const injectionLabel = 'istio-injection';

interface KeepOptions {
  readonly create: boolean;
  readonly signal: AbortSignal;
}

/**
 * Pods of the namespace get sidecars. The label has an owner of its own, so that a Namespace from git can do with it or
 * without it.
 */
export async function keepInjection(
  namespaces: CachedResource,
  { namespace: name, provider }: InstalledRollout,
  place: RolloutPlace,
  { create, signal }: KeepOptions,
): Promise<void> {
  const live = checkNamespace(namespaces, name, place, create);
  if (provider !== 'istio') return;
  const value = live?.metadata.labels?.[injectionLabel] ?? 'enabled';
  if (value !== 'enabled') throw injectionDisabled(name, value, place.cluster);
  // One that was made for a rollout says so, whoever else uses it later.
  const maker = live === undefined ? place.policyName : live.metadata.annotations?.[rolloutAnnotation];
  const metadata = {
    labels: { [injectionLabel]: 'enabled' },
    ...(maker === undefined ? {} : { annotations: { [rolloutAnnotation]: maker } }),
  };
  await namespaces.apply(namespace(name, live, metadata), { signal });
}

/** @throws TypedError `NamespaceMissing` */
export function checkNamespace(
  namespaces: CachedResource,
  name: string,
  { cluster }: RolloutPlace,
  create: boolean,
): Unstructured | undefined {
  const live = namespaces.get({ name });
  const isLeaving = live?.metadata.deletionTimestamp !== undefined;
  if (isLeaving || (live === undefined && !create)) throw missingNamespace(name, cluster, isLeaving);
  return live;
}

/** The label stays where somebody else wants it too. */
export async function withdrawInjection(
  namespaces: CachedResource,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  const live = namespaces.get({ name });
  if (live === undefined || ownedBy(asJson(live), memberRolloutManager, 'Apply').isEmpty) return;
  await namespaces.apply(namespace(name, live), { signal });
}

/** With the uid, so that one that has gone meanwhile is not made anew. */
function namespace(
  name: string,
  live: Unstructured | undefined,
  more: Pick<Unstructured['metadata'], 'labels' | 'annotations'> = {},
): Unstructured {
  const uid = live?.metadata.uid;
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name,
      ...(uid === undefined ? {} : { uid }),
      ...more,
    },
  };
}

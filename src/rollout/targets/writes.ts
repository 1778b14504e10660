import type { CachedResource } from '../../kube/cached-resource.ts';
import type { ObjectKey, RequestOptions } from '../../kube/resource-client.ts';
import { isNotFound } from '../../kube/api-error.ts';
import { createMergePatch } from '../../machinery/merge-patch.ts';
import type { JsonObject } from '../../machinery/json.ts';
import { asJson, type KubeObject, type ManagedFieldsEntry, type ObjectMeta } from '../../machinery/object.ts';
import { agentFieldManager } from '../cluster.ts';

/**
 * Makes `live` what `wanted` says, whoever owns its fields: what another engine, or a person, left in an object of
 * ours has to go too, which server-side apply would not do. No request where nothing differs.
 */
export async function replace<T extends KubeObject>(
  resource: CachedResource<T>,
  live: T,
  wanted: JsonObject,
  options: RequestOptions & { readonly ifUnchanged?: boolean } = {},
): Promise<void> {
  const patch = createMergePatch(asJson(live), wanted);
  if (Object.keys(patch).length === 0) return;
  const { resourceVersion = '' } = live.metadata;
  const { ifUnchanged = false, ...rest } = options;
  const metadata = patch.metadata as JsonObject | undefined;
  const guarded = ifUnchanged ? { ...patch, metadata: { ...metadata, resourceVersion } } : patch;
  await resource.patch(keyOf(live), 'merge', guarded, rest);
}

export async function readIfThere<T extends KubeObject>(
  resource: CachedResource<T>,
  key: ObjectKey,
  signal: AbortSignal,
): Promise<T | undefined> {
  try {
    return await resource.read(key, { signal });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

function isOurs({ manager, operation }: ManagedFieldsEntry): boolean {
  return manager === agentFieldManager && operation === 'Apply';
}

/** Whether the engine owns fields by server-side apply. */
export function hasOwnFields({ metadata }: KubeObject): boolean {
  return metadata.managedFields?.some(isOurs) === true;
}

/**
 * For the `managedFields` of a patch: gives up what the engine owns by server-side apply while the values stay. An
 * empty apply would remove them where nobody else owns them.
 */
export function withoutOwnFields({ metadata }: KubeObject): ManagedFieldsEntry[] {
  const others = (metadata.managedFields ?? []).filter((entry) => !isOurs(entry));
  // An empty list counts as none given; an empty entry clears.
  return others.length === 0 ? [{}] : others;
}

export function ownFields({ metadata }: KubeObject): JsonObject {
  return metadata.managedFields?.find(isOurs)?.fieldsV1 ?? {};
}

export function keyOf({ metadata: { namespace, name = '' } }: KubeObject): ObjectKey {
  return { namespace, name };
}

/** The metadata with these labels; without a member for none, as the server keeps it. */
export function withLabels(metadata: ObjectMeta, labels: JsonObject): ObjectMeta {
  const { labels: _, ...rest } = metadata;
  if (Object.keys(labels).length === 0) return rest;
  return { ...rest, labels: labels as Record<string, string> };
}

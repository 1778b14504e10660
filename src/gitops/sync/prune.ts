import { DeadlineError, errorMessage } from '../../base/errors.ts';
import { isNotFound } from '../../kube/api-error.ts';
import type { ResourceMapping } from '../../machinery/group-version-kind.ts';
import type { ResourceKind } from '../../kube/resource-client.ts';
import { compareForApply } from './apply-order.ts';
import { isKept } from './directives.ts';
import { entryOf, formatRef, type InventoryEntry, keyOf, type ObjectRef, refOf } from './inventory.ts';
import type { KindCaches } from './kind-cache.ts';
import { fieldManager } from './co-ownership.ts';
import { handoverPatch, isOwnedBy, type SyncOwner } from './ownership.ts';
import type { HeirOf, SyncChange, SyncOutcome } from './sync.ts';

export interface PruneOptions {
  readonly caches: KindCaches;
  readonly mapping: ResourceMapping;
  readonly owner: SyncOwner;
  readonly obsolete: readonly InventoryEntry[];
  readonly heirOf?: HeirOf | undefined;
  /** How long to wait until all is gone, in milliseconds; default: not at all. */
  readonly waitMs?: number | undefined;
}

/** A cluster without them is none, or nothing is delivered to it any more. */
const indispensable = new Set([
  'default',
  'kube-system',
  'kube-public',
  'kube-node-lease',
  'istio-system',
  'kurator-system',
]);

/**
 * Deletes what is obsolete, last made first. What another owner has by now, or asks to be kept, stays and is not
 * remembered; what could not be deleted is in the outcome's inventory.
 */
export async function pruneObjects(options: PruneOptions, signal: AbortSignal): Promise<SyncOutcome> {
  const refs = options.obsolete
    .map(refOf)
    .filter((ref) => ref !== undefined)
    .sort((a, b) => compareForApply(b, a));
  const changes: SyncChange[] = [];
  const waiting: ObjectRef[] = [];
  const left: ObjectRef[] = [];
  const errors: string[] = [];
  for (const ref of refs) {
    try {
      if (!(await remove(options, ref, signal))) continue;
      changes.push({ ref, action: 'deleted' });
      waiting.push(ref);
    } catch (error) {
      if (signal.aborted) throw error;
      left.push(ref);
      errors.push(`${formatRef(ref)}: ${errorMessage(error)}`);
    }
  }
  if (options.waitMs !== undefined) {
    const stuck = await untilGone(options, waiting, options.waitMs, signal);
    left.push(...stuck);
    errors.push(...stuck.map((ref) => `${formatRef(ref)}: deleted, but something holds it (finalizers?)`));
  }
  const inventory = left.sort(compareForApply).map(entryOf);
  if (errors.length === 0) return { inventory, changes };
  const message = `delete failed, errors: ${errors.slice(0, 10).join('; ')}`;
  return { inventory, changes, failure: { reason: 'PruneFailed', message, isStalled: false } };
}

/** @returns whether the object is about to go; false where it stays or was gone before */
async function remove(
  { caches, mapping, owner, heirOf }: PruneOptions,
  ref: ObjectRef,
  signal: AbortSignal,
): Promise<boolean> {
  const of = servedKind(mapping, ref);
  // With its definition all objects of a kind go.
  // Nor is anything what was remembered before it was known whether the kind has namespaces.
  if (of === undefined || of.namespaced !== (ref.namespace !== '')) return false;
  const live = await caches.read(of, ref, signal);
  if (live === undefined || !isOwnedBy(live, owner) || isKept(live)) return false;
  if (ref.kind === 'Namespace' && indispensable.has(ref.name)) return false;
  const heir = heirOf?.(entryOf(ref).id);
  if (heir !== undefined) {
    await caches.client(of).patch(keyOf(ref), 'merge', handoverPatch(live, heir), { fieldManager, signal });
    return false;
  }
  const { uid } = live.metadata;
  try {
    const options = { signal, propagationPolicy: 'Background', preconditions: { uid } } as const;
    await caches.client(of).delete(keyOf(ref), options);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  return true;
}

/** In the version that was applied, or in any: a version may be served no more. */
export function servedKind(
  mapping: ResourceMapping,
  { group, version, kind }: ObjectRef,
): ResourceKind | undefined {
  return mapping.byKind({ group, version, kind }) ?? mapping.byKind({ group, kind });
}

/** @returns what is still there */
async function untilGone(
  { caches, mapping }: PruneOptions,
  refs: readonly ObjectRef[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<readonly ObjectRef[]> {
  const checked = await Promise.all(
    refs.map(async (ref): Promise<ObjectRef | undefined> => {
      const of = servedKind(mapping, ref);
      if (of === undefined) return undefined;
      try {
        await caches.synced(of, signal);
        await caches.gone(of, ref, timeoutMs, signal);
        return undefined;
      } catch (error) {
        if (error instanceof DeadlineError) return ref;
        throw error;
      }
    }),
  );
  return checked.filter((ref) => ref !== undefined);
}

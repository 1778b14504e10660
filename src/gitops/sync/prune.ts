import { DeadlineError, errorMessage } from '../../base/errors.ts';
import { isConflict, isNotFound } from '../../kube/api-error.ts';
import type { ResourceMapping } from '../../machinery/group-version-kind.ts';
import { nameOf, readObject } from './apply-run.ts';
import { compareForApply } from './apply-order.ts';
import { isKept } from './directives.ts';
import { entryOf, formatRef, type InventoryEntry, type ObjectRef, refOf } from './inventory.ts';
import type { KindCaches } from './kind-cache.ts';
import { isOwnedBy, type SyncOwner } from './ownership.ts';
import type { SyncChange, SyncOutcome } from './sync.ts';

export interface PruneOptions {
  readonly caches: KindCaches;
  readonly mapping: ResourceMapping;
  readonly owner: SyncOwner;
  readonly obsolete: readonly InventoryEntry[];
  /** Wait until it is gone, this long in milliseconds; default: do not wait. */
  readonly waitMs?: number | undefined;
}

/** A cluster without them is none. */
const indispensable = new Set(['default', 'kube-system', 'kube-public', 'kube-node-lease', 'istio-system']);

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
  { caches, mapping, owner }: PruneOptions,
  ref: ObjectRef,
  signal: AbortSignal,
): Promise<boolean> {
  const { group, version, kind } = ref;
  const of = mapping.byKind({ group, version, kind }) ?? mapping.byKind({ group, kind });
  // With its definition all objects of a kind go.
  if (of === undefined) return false;
  const client = caches.client(of);
  const live = await readObject(client, ref, signal);
  if (live === undefined || !isOwnedBy(live, owner) || isKept(live)) return false;
  if (ref.kind === 'Namespace' && indispensable.has(ref.name)) return false;
  const { uid } = live.metadata;
  try {
    await client.delete(nameOf(ref), { signal, propagationPolicy: 'Background', preconditions: { uid } });
  } catch (error) {
    // Gone, or another one took its place.
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
  return true;
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
      const { group, version, kind } = ref;
      const of = mapping.byKind({ group, version, kind }) ?? mapping.byKind({ group, kind });
      if (of === undefined) return undefined;
      try {
        // A server that answers later than its watch would tell of what is gone already.
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

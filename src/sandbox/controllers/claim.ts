import { isNotFound } from '../../kube/api-error.ts';
import { formatKey } from '../../kube/object-key.ts';
import { mapped, type Source } from '../../kube/sources.ts';
import type { Store } from '../../kube/store.ts';
import { fromObject, type LabelSelectorObject } from '../../machinery/label-selector.ts';
import type { KubeObject } from '../../machinery/object.ts';
import { controllerOf, setControllerReference } from '../../machinery/owner-references.ts';
import type { Cached } from './cached.ts';
import { byController, byNamespace, orphans } from './context.ts';
import { isTerminating } from './pods.ts';

type Owner = KubeObject & { readonly spec: { readonly selector?: LabelSelectorObject } };

/**
 * The objects that belong to `owner`: those that it controls and selects. On the way those that it controls and no
 * longer selects are released, and orphans that it selects are adopted.
 *
 * Source: ClaimObject of pkg/controller/controller_ref_manager.go.
 *
 * @param owners where the owner comes from: asked again before an adoption, since a deleted owner must not adopt
 * @param mayAdopt says no of orphans that are to be left alone
 */
export async function claim<T extends KubeObject, O extends Owner>(
  owned: Cached<T>,
  owners: Cached<O>,
  owner: O,
  signal: AbortSignal,
  mayAdopt: (object: T) => boolean = () => true,
): Promise<T[]> {
  const selector = fromObject(owner.spec.selector);
  const { uid = '', namespace, name = '' } = owner.metadata;
  const claimed: T[] = [];
  for (const object of owned.store.byIndex(byController, uid)) {
    if (selector.matches(object.metadata.labels)) claimed.push(object);
    else if (!isTerminating(owner) && !isTerminating(object)) await release(owned, object, uid, signal);
  }
  if (isTerminating(owner)) return claimed;
  let canAdopt: boolean | undefined;
  for (const object of owned.store.byIndex(byController, orphans(namespace))) {
    const wanted = selector.matches(object.metadata.labels) && !isTerminating(object) && mayAdopt(object);
    if (!wanted) continue;
    canAdopt ??= await isAlive(owners, { namespace, name, uid }, signal);
    if (!canAdopt) return claimed;
    const { ownerReferences } = setControllerReference(object, owner).metadata;
    claimed.push(await owned.patch(object, { metadata: { ownerReferences } }, signal));
  }
  return claimed;
}

async function isAlive<O extends KubeObject>(
  owners: Cached<O>,
  { uid, ...key }: { readonly namespace: string | undefined; readonly name: string; readonly uid: string },
  signal: AbortSignal,
): Promise<boolean> {
  try {
    const fresh = await owners.client.get(key, { signal });
    return fresh.metadata.uid === uid && !isTerminating(fresh);
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

async function release<T extends KubeObject>(
  owned: Cached<T>,
  object: T,
  ownerUid: string,
  signal: AbortSignal,
): Promise<void> {
  const left = (object.metadata.ownerReferences ?? []).filter(({ uid }) => uid !== ownerUid);
  const ownerReferences = left.length === 0 ? null : left;
  await owned.patch(object, { metadata: { ownerReferences } }, signal);
}

/** A change of an object without a controller makes work for the owners that may adopt it. */
export function forOrphans<T extends KubeObject, O extends Owner>(owned: Store<T>, owners: Store<O>): Source {
  return mapped(owned, (object, event) => {
    if (controllerOf(object) !== undefined || event.type === 'deleted') return [];
    return owners.byIndex(byNamespace, object.metadata.namespace ?? '').flatMap((owner) => {
      const { namespace, name = '' } = owner.metadata;
      return fromObject(owner.spec.selector).matches(object.metadata.labels)
        ? [formatKey({ namespace, name })]
        : [];
    });
  });
}

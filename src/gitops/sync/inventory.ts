import type { ObjectKey } from '../../kube/resource-client.ts';
import { groupOf } from '../../machinery/group-version-kind.ts';
import type { KubeObject } from '../../machinery/object.ts';

/** One object that a sync has applied, as `status.inventory.entries` has it. */
export interface InventoryEntry {
  /** `NAMESPACE_NAME_GROUP_KIND`; a part may be empty. */
  readonly id: string;
  /** The version of the API, without the group. */
  readonly v: string;
}

/** Names one object of a cluster. */
export interface ObjectRef {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** Empty for kinds without namespaces. */
  readonly namespace: string;
  readonly name: string;
}

/** Names of RBAC objects may hold colons, which an id cannot. */
const rbacGroup = 'rbac.authorization.k8s.io';

export function entryOf({ group, version, kind, namespace, name }: ObjectRef): InventoryEntry {
  const encoded = group === rbacGroup ? name.replaceAll(':', '__') : name;
  return { id: `${namespace}_${encoded}_${group}_${kind}`, v: version };
}

/** The reverse of {@link entryOf}; undefined for an id that is none. */
export function refOf({ id, v }: InventoryEntry): ObjectRef | undefined {
  const kindAt = id.lastIndexOf('_');
  const groupAt = id.lastIndexOf('_', kindAt - 1);
  const nameAt = id.indexOf('_');
  if (nameAt < 0 || groupAt <= nameAt) return undefined;
  const group = id.slice(groupAt + 1, kindAt);
  const encoded = id.slice(nameAt + 1, groupAt);
  const name = group === rbacGroup ? encoded.replaceAll('__', ':') : encoded;
  const kind = id.slice(kindAt + 1);
  if (name === '' || kind === '') return undefined;
  return { group, version: v, kind, namespace: id.slice(0, nameAt), name };
}

/** @param namespace empty for kinds without namespaces */
export function refOfObject(object: KubeObject, namespace = object.metadata.namespace ?? ''): ObjectRef {
  const { apiVersion, kind, metadata } = object;
  const group = groupOf(apiVersion);
  const version = group === '' ? apiVersion : apiVersion.slice(group.length + 1);
  return { group, version, kind, namespace, name: metadata.name ?? '' };
}

/** Names the object among those of its kind. */
export function keyOf({ namespace, name }: ObjectRef): ObjectKey {
  return namespace === '' ? { name } : { namespace, name };
}

/** `Kind/namespace/name`, or `Kind/name`, as messages have it. */
export function formatRef({ kind, namespace, name }: ObjectRef): string {
  return namespace === '' ? `${kind}/${name}` : `${kind}/${namespace}/${name}`;
}

/** `first`, then what of `second` is not in it: an object is the same whatever its version. */
export function unionOf(
  first: readonly InventoryEntry[],
  second: readonly InventoryEntry[],
): readonly InventoryEntry[] {
  const ids = new Set(first.map(({ id }) => id));
  return [...first, ...second.filter(({ id }) => !ids.has(id))];
}

/** The entries of `from` that are not in `others`. */
export function without(
  from: readonly InventoryEntry[],
  others: readonly InventoryEntry[],
): readonly InventoryEntry[] {
  const ids = new Set(others.map(({ id }) => id));
  return from.filter(({ id }) => !ids.has(id));
}

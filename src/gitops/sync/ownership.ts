import { sha256 } from '../../base/hash.ts';
import type { JsonObject } from '../../machinery/json.ts';
import type { KubeObject, Unstructured } from '../../machinery/object.ts';

/** Whose objects they are: one policy of one Application. */
export interface SyncOwner {
  /** Unique in the namespace and on the cluster: `POLICY-KIND-CLUSTER`. */
  readonly name: string;
  /** Of the Application. */
  readonly namespace: string;
  readonly application: string;
  readonly policy: string;
}

/** On every object that a sync applies: caches select by it. */
export const applicationLabel = 'viridian.dev/application';
export const namespaceLabel = 'viridian.dev/namespace';
export const policyLabel = 'viridian.dev/policy';

// Flux's own: whoever looks for `kustomize.toolkit.fluxcd.io/name` finds what we applied, and two syncs agree on who
// has an object.
export const nameLabel = 'kustomize.toolkit.fluxcd.io/name';
const ownerNamespaceLabel = 'kustomize.toolkit.fluxcd.io/namespace';

/** What says of which policy of which Application an object is. */
export function policyLabels({
  application,
  namespace,
  policy,
}: SyncOwner): Readonly<Record<string, string>> {
  return {
    [applicationLabel]: labelValue(application),
    [namespaceLabel]: labelValue(namespace),
    [policyLabel]: labelValue(policy),
  };
}

function ownershipLabels(owner: SyncOwner): Readonly<Record<string, string>> {
  return {
    [nameLabel]: labelValue(owner.name),
    [ownerNamespaceLabel]: labelValue(owner.namespace),
    ...policyLabels(owner),
  };
}

/** A merge patch that makes an object another owner's. */
export function handoverPatch(
  { metadata: { resourceVersion = '' } }: KubeObject,
  heir: SyncOwner,
): JsonObject {
  return { metadata: { resourceVersion, labels: { ...ownershipLabels(heir) } } };
}

export function withOwnership<T extends KubeObject>(object: T, owner: SyncOwner): T {
  const labels = { ...object.metadata.labels, ...ownershipLabels(owner) };
  return { ...object, metadata: { ...object.metadata, labels } };
}

/** Whether the labels of a live object say that it is the owner's; another sync may have taken it over. */
export function isOwnedBy(object: KubeObject, owner: SyncOwner): boolean {
  return ownerKeyOf(object) === keyOfOwner(owner);
}

/** The {@link keyOfOwner} of another owner, where the labels of an object tell one. */
export function otherOwnerOf(object: KubeObject, owner: SyncOwner): string | undefined {
  const key = ownerKeyOf(object);
  return key === '/' || key === keyOfOwner(owner) ? undefined : key;
}

/** What tells owners apart. */
export function keyOfOwner({ namespace, name }: SyncOwner): string {
  return `${labelValue(namespace)}/${labelValue(name)}`;
}

/** The {@link keyOfOwner} that the labels of an object tell. */
function ownerKeyOf({ metadata: { labels = {} } }: KubeObject | Unstructured): string {
  return `${labels[ownerNamespaceLabel] ?? ''}/${labels[nameLabel] ?? ''}`;
}

/** Names may be longer than a label's value, or end as it must not: those end in a hash. */
function labelValue(name: string): string {
  if (/^[A-Za-z0-9](?:[-._A-Za-z0-9]{0,61}[A-Za-z0-9])?$/.test(name)) return name;
  const start = name
    .slice(0, 52)
    .replaceAll(/[^-._A-Za-z0-9]/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '');
  return `${start}${start === '' ? '' : '.'}${sha256(name).slice(0, 10)}`;
}

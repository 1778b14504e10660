import { TypedError } from '../../base/errors.ts';
import type { ResourceMapping } from '../../machinery/group-version-kind.ts';
import { isObject, jsonClone, type JsonObject, own } from '../../machinery/json.ts';
import { asJson, type Unstructured } from '../../machinery/object.ts';
import type { ResourceKind } from '../../kube/resource-client.ts';
import { compareForApply } from './apply-order.ts';
import { type ObjectRef, refOfObject } from './inventory.ts';
import { withOwnership } from './ownership.ts';
import type { SyncRequest } from './sync.ts';

/** An object that a sync wants, as it is sent. */
export interface SyncObject {
  readonly ref: ObjectRef;
  readonly desired: Unstructured;
}

/** Set by the server alone; a manifest that was read from a cluster has them. */
const serverFields = [
  'managedFields',
  'resourceVersion',
  'uid',
  'generation',
  'creationTimestamp',
  'selfLink',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
] as const;

/** The objects of a request in the order of the apply, with their namespaces and the marks of their owner. */
export function syncObjects(request: SyncRequest, mapping: ResourceMapping): readonly SyncObject[] {
  const defined = definedScopes(request.objects);
  const objects = request.objects.map((object): SyncObject => {
    const { group, kind, version } = refOfObject(object);
    const isNamespaced =
      mapping.byKind({ group, kind, version })?.namespaced ?? defined.get(`${group}/${kind}`);
    const namespace = isNamespaced === false ? '' : object.metadata.namespace || 'default';
    const desired = marked(request, object, namespace);
    return { ref: refOfObject(desired, namespace), desired };
  });
  return objects.sort((a, b) => compareForApply(a.ref, b.ref));
}

/** Whether the kinds that the objects themselves define have namespaces. */
function definedScopes(objects: readonly Unstructured[]): ReadonlyMap<string, boolean> {
  const scopes = new Map<string, boolean>();
  for (const object of objects) {
    const spec = object.kind === 'CustomResourceDefinition' ? own(asJson(object), 'spec') : undefined;
    const names = isObject(spec) ? own(spec, 'names') : undefined;
    if (!isObject(spec) || !isObject(names)) continue;
    const [group, kind] = [own(spec, 'group'), own(names, 'kind')];
    if (typeof group !== 'string' || typeof kind !== 'string') continue;
    scopes.set(`${group}/${kind}`, own(spec, 'scope') !== 'Cluster');
  }
  return scopes;
}

function marked(
  { owner, commonMetadata }: SyncRequest,
  object: Unstructured,
  namespace: string,
): Unstructured {
  const copy = jsonClone(object);
  const metadata: JsonObject = asJson(copy)['metadata'] as JsonObject;
  for (const field of serverFields) delete metadata[field];
  if (copy.kind !== 'CustomResourceDefinition') delete asJson(copy)['status'];
  if (namespace === '') delete metadata['namespace'];
  else metadata['namespace'] = namespace;
  const { labels, annotations } = commonMetadata ?? {};
  if (labels !== undefined) copy.metadata.labels = { ...copy.metadata.labels, ...labels };
  if (annotations !== undefined) copy.metadata.annotations = { ...copy.metadata.annotations, ...annotations };
  return withOwnership(copy, owner);
}

/** @throws TypedError `UnknownKind` */
export function kindOf(mapping: ResourceMapping, { group, version, kind }: ObjectRef): ResourceKind {
  const found = mapping.byKind({ group, version, kind });
  if (found !== undefined) return found;
  const apiVersion = group === '' ? version : `${group}/${version}`;
  const message = `no matches for kind "${kind}" in version "${apiVersion}"`;
  throw new TypedError(message, { code: 'UnknownKind', next: 'retry' });
}

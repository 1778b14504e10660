import { TypedError } from '../../base/errors.ts';
import type { ResourceMapping } from '../../machinery/group-version-kind.ts';
import { isObject, type Json, jsonClone, type JsonObject, own, setOwn } from '../../machinery/json.ts';
import { asJson, type Unstructured } from '../../machinery/object.ts';
import type { ResourceKind } from '../../kube/resource-client.ts';
import { compareForApply } from './apply-order.ts';
import { formatRef, type ObjectRef, refOfObject } from './inventory.ts';
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

/** Whether the kinds that the objects themselves define have namespaces, by `GROUP/KIND`. */
export function definedScopes(objects: readonly Unstructured[]): ReadonlyMap<string, boolean> {
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
  if (copy.kind === 'CustomResourceDefinition') dropEmptyBundle(asJson(copy));
  if (copy.kind === 'Secret' && copy.apiVersion === 'v1') encodeText(asJson(copy));
  if (namespace === '') delete metadata['namespace'];
  else metadata['namespace'] = namespace;
  const { labels, annotations } = commonMetadata ?? {};
  if (labels !== undefined) copy.metadata.labels = { ...copy.metadata.labels, ...labels };
  if (annotations !== undefined) copy.metadata.annotations = { ...copy.metadata.annotations, ...annotations };
  return withOwnership(copy, owner);
}

/**
 * `stringData` as the `data` that the server makes of it: nobody owns keys of `data` that came as text, and what git
 * drops would stay.
 */
function encodeText(secret: JsonObject): void {
  const { stringData, data } = secret;
  if (!isObject(stringData) || (data !== undefined && !isObject(data))) return;
  const encoded: JsonObject = { ...data };
  for (const [key, text] of Object.entries(stringData)) {
    // The server says what is wrong with it.
    if (typeof text !== 'string') return;
    setOwn(encoded, key, Buffer.from(text).toString('base64'));
  }
  secret['data'] = encoded;
  delete secret['stringData'];
}

/**
 * Takes away a `caBundle` of a conversion webhook that holds no certificate: it stands for one that something on the
 * cluster fills in, and servers refuse it since Kubernetes 1.31.
 */
function dropEmptyBundle(definition: JsonObject): void {
  const config = ['spec', 'conversion', 'webhook', 'clientConfig'].reduce<Json | undefined>(
    (value, key) => (isObject(value) ? own(value, key) : undefined),
    definition,
  );
  if (!isObject(config)) return;
  const { caBundle } = config;
  const pem = typeof caBundle === 'string' ? Buffer.from(caBundle, 'base64').toString() : '';
  if (!pem.includes('-----BEGIN CERTIFICATE-----')) delete config['caBundle'];
}

/** @throws TypedError `UnknownKind` */
export function kindOf(mapping: ResourceMapping, ref: ObjectRef): ResourceKind {
  const { group, version, kind } = ref;
  const found = mapping.byKind({ group, version, kind });
  if (found !== undefined) return found;
  const apiVersion = group === '' ? version : `${group}/${version}`;
  const message = `${formatRef(ref)} dry-run failed: no matches for kind "${kind}" in version "${apiVersion}"`;
  throw new TypedError(message, { code: 'UnknownKind', next: 'retry' });
}

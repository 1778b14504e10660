import { gvkOf, type GroupVersionKind } from '../machinery/group-version-kind.ts';
import { isObject, own, setOwn, type Json, type JsonObject } from '../machinery/json.ts';
import type { Budget } from './budget.ts';
import { buildError } from './build-error.ts';

const maxPreviousIds = 1000;

/** On an object that is to get a hash although it was not generated. */
export const hashAnnotation = 'internal.config.kubernetes.io/needsHashSuffix';

/** What identifies an object within a build. */
export interface ResourceId extends GroupVersionKind {
  readonly name: string;
  readonly namespace: string;
}

/** An object on its way through the levels of a build, with what it was called before. */
export interface Resource {
  object: JsonObject;
  /** Oldest first, without the current one. */
  previousIds: ResourceId[];
  readonly prefixes: string[];
  readonly suffixes: string[];
  /** A generated object: its name ends in a hash of its contents. */
  needsHash: boolean;
  /** Of `vars` that take their value from here. */
  readonly varNames: string[];
  /** For `buildMetadata: [originAnnotations]`: the file, or the generator. */
  origin: string;
}

/**
 * Kinds that are known not to live in a namespace, as kind or kind.group; all others count as namespaced, custom
 * resources too.
 *
 * Source: the schema that kustomize 5 embeds (Kubernetes 1.21), see kustomize's own documentation of `namespace`.
 */
const clusterScoped = new Set([
  'ComponentStatus.',
  'Namespace.',
  'Node.',
  'PersistentVolume.',
  'MutatingWebhookConfiguration.admissionregistration.k8s.io',
  'ValidatingWebhookConfiguration.admissionregistration.k8s.io',
  'CustomResourceDefinition.apiextensions.k8s.io',
  'APIService.apiregistration.k8s.io',
  'CertificateSigningRequest.certificates.k8s.io',
  'FlowSchema.flowcontrol.apiserver.k8s.io',
  'PriorityLevelConfiguration.flowcontrol.apiserver.k8s.io',
  'IngressClass.networking.k8s.io',
  'RuntimeClass.node.k8s.io',
  'PodSecurityPolicy.policy',
  'ClusterRole.rbac.authorization.k8s.io',
  'ClusterRoleBinding.rbac.authorization.k8s.io',
  'PriorityClass.scheduling.k8s.io',
  'CSIDriver.storage.k8s.io',
  'CSINode.storage.k8s.io',
  'StorageClass.storage.k8s.io',
  'VolumeAttachment.storage.k8s.io',
]);

export function isClusterScoped({ group, kind }: { readonly group: string; readonly kind: string }): boolean {
  return clusterScoped.has(`${kind}.${group}`);
}

/** @throws where `value` is no object of Kubernetes with a name */
export function newResource(value: Json, where: string): Resource {
  const object = namedObject(value, where);
  requireText(object, 'apiVersion', where);
  checkMetadata(object, where);
  return { object, previousIds: [], prefixes: [], suffixes: [], needsHash: false, varNames: [], origin: '' };
}

/** @throws where `value` does not say of which kind and name it is */
export function namedObject(value: Json, where: string): JsonObject {
  if (!isObject(value)) throw buildError(`${where}: not a Kubernetes object but ${describe(value)}`);
  requireText(value, 'kind', where);
  const metadata = own(value, 'metadata');
  const name = isObject(metadata) ? own(metadata, 'name') : undefined;
  if (typeof name !== 'string' || name === '') {
    throw buildError(`${where}: metadata.name is missing, of a ${textOf(own(value, 'kind'))}`);
  }
  return value;
}

function requireText(object: JsonObject, field: string, where: string): void {
  const text = own(object, field);
  if (typeof text !== 'string' || text === '') throw buildError(`${where}: ${field} is missing`);
}

function checkMetadata(object: JsonObject, where: string): void {
  const metadata = metadataOf(object);
  const namespace = own(metadata, 'namespace');
  if (namespace != null && typeof namespace !== 'string') {
    throw buildError(`${where}: metadata.namespace is not a string`);
  }
  for (const field of ['labels', 'annotations']) {
    const map = own(metadata, field);
    if (map == null) continue;
    if (!isObject(map)) throw buildError(`${where}: metadata.${field} is not a map`);
  }
}

function describe(value: Json): string {
  if (Array.isArray(value)) return 'a list';
  return value === null ? 'null' : `a ${typeof value}`;
}

export function metadataOf(object: JsonObject): JsonObject {
  const metadata = own(object, 'metadata');
  if (isObject(metadata)) return metadata;
  const made: JsonObject = {};
  object['metadata'] = made;
  return made;
}

export function nameOf(resource: Resource): string {
  return textOf(own(metadataOf(resource.object), 'name'));
}

export function namespaceOf(resource: Resource): string {
  return textOf(own(metadataOf(resource.object), 'namespace'));
}

/** `metadata.labels` or `metadata.annotations`. */
export function stringsOf(resource: Resource, field: 'labels' | 'annotations'): Record<string, string> {
  const map = own(metadataOf(resource.object), field);
  const strings: JsonObject = {};
  if (isObject(map)) for (const [key, value] of Object.entries(map)) setOwn(strings, key, textOf(value));
  return strings as Record<string, string>;
}

function textOf(value: Json | undefined): string {
  if (value == null) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

export function gvkOfResource({ object }: Resource): GroupVersionKind {
  return gvkOf({ apiVersion: textOf(object['apiVersion']), kind: textOf(object['kind']) });
}

export function idOf(resource: Resource): ResourceId {
  return { ...gvkOfResource(resource), name: nameOf(resource), namespace: namespaceOf(resource) };
}

export function allIdsOf(resource: Resource): readonly ResourceId[] {
  return [...resource.previousIds, idOf(resource)];
}

/** To be called before the name, the namespace or the kind changes. */
export function rememberId(resource: Resource): void {
  const id = idOf(resource);
  const last = resource.previousIds.at(-1);
  if (last !== undefined && last.namespace === id.namespace && last.name === id.name && isSameKind(last, id))
    return;
  if (resource.previousIds.length >= maxPreviousIds)
    throw buildError(`${formatId(id)}: renamed more than ${maxPreviousIds} times`);
  resource.previousIds.push(id);
}

function isSameKind(a: GroupVersionKind, b: GroupVersionKind): boolean {
  return a.kind === b.kind && a.group === b.group && a.version === b.version;
}

/** '' and `default` are one namespace; what has none at all is alike. */
export function effectiveNamespace(id: ResourceId): string {
  if (isClusterScoped(id)) return '_non_namespaceable_';
  return id.namespace === '' ? 'default' : id.namespace;
}

/** Two objects with the same key cannot be in one build. */
export function keyOf(id: ResourceId): string {
  return [id.group, id.version, id.kind, effectiveNamespace(id), id.name].join('|');
}

/** As the original writes ids in messages. */
export function formatId(id: ResourceId): string {
  const gvk = [id.kind || '[noKind]', id.version || '[noVer]', id.group || '[noGrp]'].join('.');
  return `${gvk}/${id.name || '[noName]'}.${id.namespace || '[noNs]'}`;
}

/** The objects of one level, in order, without two of the same id. */
export class ResourceList {
  #resources: Resource[] = [];
  readonly #keys = new Set<string>();
  /** Of the whole build. */
  readonly budget: Budget;

  constructor(budget: Budget) {
    this.budget = budget;
  }

  get all(): readonly Resource[] {
    return this.#resources;
  }

  add(resources: readonly Resource[]): void {
    this.budget.spendLooks(3 * resources.length, 'resources');
    for (const resource of resources) {
      const id = idOf(resource);
      const key = keyOf(id);
      if (this.#keys.has(key)) {
        throw buildError(`may not add resource with an already registered id: ${formatId(id)}`);
      }
      this.#keys.add(key);
      this.#resources.push(resource);
    }
  }

  remove(resource: Resource): void {
    this.budget.spendLooks(this.#resources.length, 'patches');
    this.#resources = this.#resources.filter((other) => other !== resource);
    this.#keys.delete(keyOf(idOf(resource)));
  }

  replace(old: Resource, by: Resource): void {
    this.#resources = this.#resources.map((other) => (other === old ? by : other));
    this.refresh('a generator');
  }

  /** After names, namespaces or kinds changed. */
  refresh(cause: string): void {
    this.budget.spendLooks(this.#resources.length, cause);
    this.#keys.clear();
    for (const resource of this.#resources) {
      const id = idOf(resource);
      const key = keyOf(id);
      if (this.#keys.has(key)) throw buildError(`${cause} leads to two objects with the id ${formatId(id)}`);
      this.#keys.add(key);
    }
  }
}

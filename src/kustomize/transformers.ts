import { isObject, own, setOwn } from '../machinery/json.ts';
import { sizeOf } from './budget.ts';
import { buildError } from './build-error.ts';
import { addToMap, changeField, type FieldSpec } from './field-spec.ts';
import type { Label, Replicas } from './kustomization.ts';
import { ownField, selectorFields, templateFields, templateLabels } from './label-fields.ts';
import {
  allIdsOf,
  gvkOfResource,
  isClusterScoped,
  metadataOf,
  nameOf,
  rememberId,
  type Resource,
  type ResourceList,
} from './resource.ts';

const keepsItsName = new Set(['CustomResourceDefinition', 'APIService', 'Namespace']);

/** Puts a text before or behind every name, except of kinds whose name means something else. */
export function affixNames(resources: ResourceList, prefix: string, suffix: string): void {
  if (prefix === '' && suffix === '') return;
  for (const resource of resources.all) {
    if (keepsItsName.has(gvkOfResource(resource).kind)) continue;
    if (prefix !== '') {
      resource.prefixes.push(prefix);
      rename(resource, `${prefix}${nameOf(resource)}`);
    }
    if (suffix !== '') {
      resource.suffixes.push(suffix);
      rename(resource, `${nameOf(resource)}${suffix}`);
    }
  }
  resources.refresh('namePrefix or nameSuffix');
}

function rename(resource: Resource, name: string): void {
  rememberId(resource);
  setOwn(metadataOf(resource.object), 'name', name);
}

const namespaceFields: readonly FieldSpec[] = [
  { path: 'metadata/name', kind: 'Namespace', create: true },
  { path: 'spec/service/namespace', group: 'apiregistration.k8s.io', kind: 'APIService', create: true },
  {
    path: 'spec/conversion/webhook/clientConfig/service/namespace',
    group: 'apiextensions.k8s.io',
    kind: 'CustomResourceDefinition',
  },
];

/** Moves every object that can live in a namespace; a Namespace itself is renamed. */
export function setNamespace(resources: ResourceList, namespace: string): void {
  for (const resource of resources.all) {
    rememberId(resource);
    const gvk = gvkOfResource(resource);
    if (!isClusterScoped(gvk)) setOwn(metadataOf(resource.object), 'namespace', namespace);
    for (const spec of namespaceFields)
      changeField(
        resource,
        spec,
        () => namespace,
        () => namespace,
      );
    if (gvk.kind === 'RoleBinding' || gvk.kind === 'ClusterRoleBinding')
      moveDefaultSubjects(resource, namespace);
  }
  resources.refresh(`namespace ${namespace}`);
}

/** Other service accounts are found by name, once all names are known. */
function moveDefaultSubjects({ object }: Resource, namespace: string): void {
  const subjects = own(object, 'subjects');
  for (const subject of Array.isArray(subjects) ? subjects : []) {
    if (!isObject(subject)) continue;
    if (own(subject, 'kind') === 'ServiceAccount' && own(subject, 'name') === 'default') {
      setOwn(subject, 'namespace', namespace);
    }
  }
}

/** Source: the fields that kustomize adds labels to, see label-fields.ts. */
export function addLabels(
  resources: ResourceList,
  { pairs, includeSelectors, includeTemplates, fields }: Label,
): void {
  const specs = [ownField('labels'), ...(fields ?? [])];
  if (includeSelectors === true) specs.push(...selectorFields, ...templateLabels());
  else if (includeTemplates === true) specs.push(...templateLabels());
  addAt(resources, specs, pairs ?? {});
}

export function addAnnotations(resources: ResourceList, annotations: Readonly<Record<string, string>>): void {
  addAt(resources, [ownField('annotations'), ...templateFields('annotations')], annotations);
}

/** Adds entries at the fields of all objects. */
export function addAt(
  resources: ResourceList,
  specs: readonly FieldSpec[],
  entries: Readonly<Record<string, string>>,
): void {
  if (Object.keys(entries).length === 0) return;
  const { all, budget } = resources;
  const size = sizeOf({ ...entries });
  for (const resource of all) {
    budget.spendWalks(sizeOf(resource.object), 1 + specs.length / 10, 'labels and annotations');
    budget.spendCopies(size, 1, 'labels and annotations');
    for (const spec of specs) addToMap(resource, spec, entries);
  }
}

const scalable = ['Deployment', 'ReplicationController', 'ReplicaSet', 'StatefulSet'];

/** @throws where nothing that can be scaled has, or had, the name */
export function setReplicas(resources: ResourceList, { name, count }: Replicas, where: string): void {
  resources.budget.spendLooks(resources.all.length, where);
  const targets = resources.all.filter(
    (resource) =>
      scalable.includes(gvkOfResource(resource).kind) && allIdsOf(resource).some((id) => id.name === name),
  );
  if (targets.length === 0) {
    throw buildError(
      `${where}: resource with name ${name} does not match a config with the following GVK [${scalable.join(' ')}]`,
    );
  }
  for (const resource of targets) {
    changeField(
      resource,
      { path: 'spec/replicas', create: true },
      () => count,
      () => count,
    );
  }
}

import { isObject, own, setOwn, type Json } from '../machinery/json.ts';
import { sizeOf } from './budget.ts';
import { buildError } from './build-error.ts';
import { addToMap, changeField, gvkMatches, type FieldSpec } from './field-spec.ts';
import type { Label, Replicas } from './kustomization.ts';
import { ownField, selectorFields, templateFields, templateLabels } from './label-fields.ts';
import {
  allIdsOf,
  gvkOfResource,
  isClusterScoped,
  metadataOf,
  nameOf,
  namespaceOf,
  rememberId,
  type Resource,
  type ResourceList,
} from './resource.ts';

const keepsItsName = new Set(['CustomResourceDefinition', 'APIService', 'Namespace']);
const nameField: FieldSpec = { path: 'metadata/name' };

/**
 * Puts a text before or behind every name, except of kinds whose name means something else.
 * @param specs other fields, or only some kinds
 */
export function affixNames(
  resources: ResourceList,
  prefix: string,
  suffix: string,
  specs: readonly FieldSpec[] = [nameField],
): void {
  if (prefix === '' && suffix === '') return;
  for (const resource of resources.all) {
    if (keepsItsName.has(gvkOfResource(resource).kind)) continue;
    for (const spec of specs) {
      if (spec.path !== nameField.path) {
        const affix = (value: Json): Json =>
          typeof value === 'string' ? `${prefix}${value}${suffix}` : value;
        changeField(resource, spec, () => '', affix);
      } else if (gvkMatches(spec, gvkOfResource(resource))) {
        affixName(resource, prefix, suffix);
      }
    }
  }
  resources.refresh('namePrefix or nameSuffix');
}

function affixName(resource: Resource, prefix: string, suffix: string): void {
  if (prefix !== '') {
    resource.prefixes.push(prefix);
    rename(resource, `${prefix}${nameOf(resource)}`);
  }
  if (suffix !== '') {
    resource.suffixes.push(suffix);
    rename(resource, `${nameOf(resource)}${suffix}`);
  }
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

export interface NamespaceOptions {
  /** Instead of those where a namespace is known to stand. */
  readonly fieldSpecs?: readonly FieldSpec[] | undefined;
  /** What has a namespace keeps it. */
  readonly unsetOnly?: boolean | undefined;
  /** Which subjects of role bindings move; others are found by name, once all names are known. */
  readonly setRoleBindingSubjects?: 'defaultOnly' | 'allServiceAccounts' | 'none' | undefined;
}

/** Moves every object that can live in a namespace; a Namespace itself is renamed. */
export function setNamespace(
  resources: ResourceList,
  namespace: string,
  { fieldSpecs = namespaceFields, unsetOnly, setRoleBindingSubjects }: NamespaceOptions = {},
): void {
  const change = (value: Json): Json => (unsetOnly === true && value !== '' ? value : namespace);
  for (const resource of resources.all) {
    rememberId(resource);
    const gvk = gvkOfResource(resource);
    if (!isClusterScoped(gvk))
      setOwn(metadataOf(resource.object), 'namespace', change(namespaceOf(resource)));
    for (const spec of fieldSpecs) {
      if (spec.path !== 'metadata/namespace') changeField(resource, spec, () => namespace, change);
    }
    if (
      setRoleBindingSubjects !== 'none' &&
      (gvk.kind === 'RoleBinding' || gvk.kind === 'ClusterRoleBinding')
    )
      moveSubjects(resource, change, setRoleBindingSubjects === 'allServiceAccounts');
  }
  resources.refresh(`namespace ${namespace}`);
}

function moveSubjects({ object }: Resource, change: (value: Json) => Json, all: boolean): void {
  const subjects = own(object, 'subjects');
  for (const subject of Array.isArray(subjects) ? subjects : []) {
    if (!isObject(subject) || own(subject, 'kind') !== 'ServiceAccount') continue;
    if (all || own(subject, 'name') === 'default')
      setOwn(subject, 'namespace', change(own(subject, 'namespace') ?? ''));
  }
}

/** Source: the fields that kustomize adds labels to, see label-fields.ts. */
export function addLabels(
  resources: ResourceList,
  { pairs, includeSelectors, includeTemplates, fields }: Label,
): void {
  const specs: FieldSpec[] = [...(fields ?? [])];
  if (includeSelectors === true) mergeSpecs(specs, [...selectorFields, ...templateLabels()]);
  else if (includeTemplates === true) mergeSpecs(specs, templateLabels());
  mergeSpecs(specs, [ownField('labels')]);
  addAt(resources, specs, pairs ?? {});
}

/**
 * Adds what is not there yet. A spec that is there for one kind keeps out the same path for all kinds, as in kustomize.
 * @throws where both are the same, but only one of them creates
 */
function mergeSpecs(specs: FieldSpec[], more: readonly FieldSpec[]): void {
  for (const spec of more) {
    const { group = '', version = '', kind = '' } = spec;
    const same = specs.find((one) => {
      const gvk = { group: one.group ?? '', version: one.version ?? '', kind: one.kind ?? '' };
      return one.path === spec.path && gvkMatches({ group, version, kind }, gvk);
    });
    if (same === undefined) specs.push(spec);
    else if ((same.create === true) !== (spec.create === true)) {
      throw buildError(`labels: fields: ${spec.path}: conflicting fieldspecs; set create as kustomize does`);
    }
  }
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

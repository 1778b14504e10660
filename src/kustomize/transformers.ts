import { isObject, own, setOwn, type Json } from '../machinery/json.ts';
import { sizeOf } from './budget.ts';
import { buildError } from './build-error.ts';
import { addToMap, changeField, gvkMatches, type FieldSpec } from './field-spec.ts';
import type { Label, Replicas } from './kustomization.ts';
import { ownField } from './label-fields.ts';
import {
  allIdsOf,
  gvkOfResource,
  idOf,
  isClusterScoped,
  metadataOf,
  nameOf,
  namespaceOf,
  rememberId,
  type Resource,
  type ResourceList,
} from './resource.ts';
import { mergeSpecs, type TransformerFields } from './transformer-configuration.ts';

const keepsItsName = new Set(['CustomResourceDefinition', 'APIService', 'Namespace']);
const nameField = 'metadata/name';

/**
 * Puts a text before or behind what the fields hold, except of kinds whose name means something else.
 */
export function affixNames(
  resources: ResourceList,
  prefix: string,
  suffix: string,
  specs: readonly FieldSpec[],
): void {
  if (prefix === '' && suffix === '') return;
  for (const resource of resources.all) {
    // The kind at first: a patch may have changed it.
    if (keepsItsName.has((resource.previousIds[0] ?? idOf(resource)).kind)) continue;
    for (const spec of specs) {
      if (spec.path !== nameField) {
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

export interface NamespaceOptions {
  /** Where a namespace stands, beside that of the object itself. */
  readonly fieldSpecs: readonly FieldSpec[];
  /** What has a namespace keeps it. */
  readonly unsetOnly?: boolean | undefined;
  /** Which subjects of role bindings move; others are found by name, once all names are known. */
  readonly setRoleBindingSubjects?: 'defaultOnly' | 'allServiceAccounts' | 'none' | undefined;
}

/** Moves every object that can live in a namespace; a Namespace itself is renamed. */
export function setNamespace(
  resources: ResourceList,
  namespace: string,
  { fieldSpecs, unsetOnly, setRoleBindingSubjects }: NamespaceOptions,
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

export function addLabels(resources: ResourceList, label: Label, fields: TransformerFields): void {
  const { pairs, includeSelectors, includeTemplates } = label;
  const where = 'labels: fields';
  let specs = mergeSpecs(label.fields ?? [], fields.labels, where);
  if (includeSelectors === true) specs = mergeSpecs(specs, fields.commonLabels, where);
  else if (includeTemplates === true) specs = mergeSpecs(specs, fields.templateLabels, where);
  addAt(resources, mergeSpecs(specs, [ownField('labels')], where), pairs ?? {});
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

/** @throws where nothing that can be scaled has, or had, the name */
export function setReplicas(
  resources: ResourceList,
  { name, count }: Replicas,
  specs: readonly FieldSpec[],
  where: string,
): void {
  resources.budget.spendLooks(resources.all.length * specs.length, where);
  let isFound = false;
  for (const resource of resources.all) {
    const ids = allIdsOf(resource).filter((id) => id.name === name);
    for (const spec of specs.filter((one) => ids.some((id) => gvkMatches(one, id)))) {
      isFound = true;
      changeField(
        resource,
        spec,
        () => count,
        () => count,
      );
    }
  }
  if (isFound) return;
  const kinds = specs.map(({ kind }) => kind ?? '').join(' ');
  throw buildError(
    `${where}: resource with name ${name} does not match a config with the following GVK [${kinds}]`,
  );
}

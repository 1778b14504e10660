import { errorMessage } from '../base/errors.ts';
import { jsonPatch } from '../machinery/json-patch.ts';
import { isObject, own, setOwn, type Json, type JsonObject } from '../machinery/json.ts';
import { sizeOf, type Budget } from './budget.ts';
import { buildError } from './build-error.ts';
import type { Patch } from './kustomization.ts';
import { manifestsOf, type Manifest } from './manifests.ts';
import { mergeShapeOf } from './merge-keys.ts';
import {
  allIdsOf,
  formatId,
  gvkOfResource,
  idOf,
  keyOf,
  metadataOf,
  namedObject,
  nameOf,
  namespaceOf,
  newResource,
  rememberId,
  type Resource,
  type ResourceList,
} from './resource.ts';
import { compileSelector } from './selector.ts';
import { mergeStrategically } from './strategic-merge.ts';
import { parseYamlDocuments } from './yaml-documents.ts';

/**
 * The text of a patch: inline, or of the file that it names.
 * @throws where it has both, or neither
 */
export function patchText(
  { path = '', patch = '' }: Pick<Patch, 'path' | 'patch'>,
  where: string,
  read: (path: string) => string,
): string {
  if ((path === '') === (patch === '')) throw buildError(`${where}: one of patch and path must be set`);
  return path === '' ? patch : read(path);
}

/**
 * Applies one entry of `patches`.
 * @param text of the patch, from a file or inline
 * @throws where it is neither a merge patch nor a list of operations, has no target, or does not apply
 */
export function applyPatch(resources: ResourceList, patch: Patch, text: string, where: string): void {
  const documents = parseYamlDocuments(text, where, resources.budget);
  const patched = documents.some((value) => Array.isArray(value))
    ? applyOperations(resources, patch, readOperations(text, documents, where, resources.budget), where)
    : applyMergePatches(resources, patch, manifestsOf(documents, where), where);
  if (patched > 0) resources.refresh(where);
}

/** Kustomize reads operations the way it reads its own files. */
function readOperations(text: string, documents: readonly Json[], where: string, budget: Budget): Json {
  if (documents.length > 1)
    throw buildError(`${where}: a list of operations must be the only document of a patch`);
  const [operations] = parseYamlDocuments(text, where, budget, 'kustomization');
  if (!Array.isArray(operations) || operations.length === 0)
    throw buildError(`${where}: there are no operations`);
  return operations;
}

function selected(resources: ResourceList, patch: Patch, where: string): readonly Resource[] {
  return resources.all.filter(compileSelector(patch.target ?? {}, `${where}: target`, resources.budget));
}

/** @returns how many objects it applied to */
function applyOperations(resources: ResourceList, patch: Patch, operations: Json, where: string): number {
  if (patch.target == null) throw buildError(`${where}: a JSON patch needs a target`);
  const size = sizeOf(operations);
  const targets = selected(resources, patch, where);
  for (const resource of targets) {
    rememberId(resource);
    try {
      const before = sizeOf(resource.object);
      resources.budget.spendCopies(before + size, 1, where);
      resources.budget.spendWalks(before, size / 1000, where);
      const result = jsonPatch(resource.object, operations);
      resource.object = newResource(result, where).object;
    } catch (error) {
      throw buildError(`${where}: ${formatId(idOf(resource))}: ${errorMessage(error)}`, error);
    }
  }
  return targets.length;
}

/** @returns how many objects they applied to */
function applyMergePatches(
  resources: ResourceList,
  patch: Patch,
  manifests: readonly Manifest[],
  where: string,
): number {
  const [first] = manifests;
  if (first === undefined) throw buildError(`${where}: the patch is empty`);
  if (patch.target == null) {
    for (const { value } of manifests) {
      const { object } = newResource(value, where);
      merge(resources, findTarget(resources, object, where), object, patch, where);
    }
    return manifests.length;
  }
  if (manifests.length > 1) throw buildError(`${where}: a patch with a target is a single document`);
  const object = namedObject(first.value, where);
  const targets = selected(resources, patch, where);
  for (const resource of targets) merge(resources, resource, object, patch, where);
  return targets.length;
}

/** The only object that a patch without target can mean, by its id now or at an earlier level. */
function findTarget(resources: ResourceList, patch: JsonObject, where: string): Resource {
  const id = idOf(newResource(patch, where));
  const key = keyOf(id);
  resources.budget.spendLooks(2 * resources.all.length, where);
  const found = resources.all.filter((resource) => allIdsOf(resource).some((other) => keyOf(other) === key));
  const [target] = found;
  if (target !== undefined && found.length === 1) return target;
  const text = formatId(id);
  const why =
    found.length === 0
      ? `no matches for Id ${text}; failed to find unique target for patch ${text}`
      : `multiple matches for Id ${text}; failed to find unique target for patch ${text}`;
  throw buildError(`${where}: no resource matches strategic merge patch ${JSON.stringify(text)}: ${why}`);
}

function merge(
  resources: ResourceList,
  resource: Resource,
  patch: JsonObject,
  { target, options }: Patch,
  where: string,
): void {
  const { object } = resource;
  resources.budget.spendCopies(sizeOf(object) + sizeOf(patch), 1, where);
  const [name, namespace] = [nameOf(resource), namespaceOf(resource)];
  const [mayRename, mayChangeKind] = [
    options?.['allowNameChange'] === true,
    options?.['allowKindChange'] === true,
  ];
  const before = { apiVersion: object['apiVersion'], kind: object['kind'] };
  // Kustomize does so: it replaces fields and lists, but no object.
  if (own(patch, '$patch') === 'replace') return;
  const merged = mergeStrategically(object, patch, mergeShapeOf(gvkOfResource(resource)));
  if (!isObject(merged) || Object.keys(merged).length === 0) {
    resources.remove(resource);
    return;
  }
  if (mayRename || mayChangeKind) rememberId(resource);
  resource.object = merged;
  if (!mayChangeKind) setOwn(merged, 'kind', before.kind ?? null);
  if (target != null) setOwn(merged, 'apiVersion', before.apiVersion ?? null);
  const metadata = metadataOf(merged);
  if (!mayRename || own(metadata, 'name') === undefined) setOwn(metadata, 'name', name);
  if (namespace === '') delete metadata['namespace'];
  else setOwn(metadata, 'namespace', namespace);
}

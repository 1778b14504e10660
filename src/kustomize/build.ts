import type { Unstructured } from '../machinery/object.ts';
import { isObject, setOwn } from '../machinery/json.ts';
import { Accumulator } from './accumulate.ts';
import { Budget } from './budget.ts';
import { buildError } from './build-error.ts';
import {
  findKustomization,
  isFolder,
  listManifests,
  readText,
  resolvePath,
  type FileTree,
} from './file-tree.ts';
import { kustomizationOf, readKustomization, type Kustomization } from './kustomization.ts';
import { nameHash } from './name-hash.ts';
import { fixNameReferences } from './name-references.ts';
import { sortLegacy } from './order.ts';
import { keepRenamedNamespaces, withOverlay, type KustomizationOverlay } from './overlay.ts';
import type { Referral } from './reference-fields.ts';
import { metadataOf, nameOf, rememberId, stringsOf, type Resource } from './resource.ts';
import { parseYamlDocuments } from './yaml-documents.ts';

/**
 * Builds the kustomization of a folder the way Flux does: a missing file is made up from the manifests below, what
 * is not known in the root file is left out, bases may lie anywhere in the tree, and objects come in the order in
 * which they were found. Nothing outside `files` is read.
 *
 * Source: Flux, pkg kustomize; kustomize 5.
 *
 * @param path of the folder, relative to the root of `files`
 * @param budget what it may cost at most
 * @throws InvalidInputError with code `BuildFailed`, `BuildUnsupported` or, from a patch, `TooDeep`
 */
export function build(
  files: FileTree,
  path: string,
  overlay: KustomizationOverlay = {},
  budget: Budget = new Budget(),
): readonly Unstructured[] {
  const folder = resolvePath('', path);
  if (!isFolder(files, folder)) throw buildError(`${path}: no such folder`);
  const file = findKustomization(files, folder);
  const kustomization =
    file === undefined
      ? { resources: listManifests(files, folder).slice() }
      : readRoot(files, file, 'drop', budget);
  const exists = (component: string): boolean => isFolder(files, resolvePath(folder, component));
  const accumulator = new Accumulator(files, 'anywhere', budget);
  const resources = accumulator.root(
    withOverlay(kustomization, overlay, exists),
    folder,
    file ?? resolvePath(folder, 'kustomization.yaml'),
  );
  if (overlay.targetNamespace !== undefined) keepRenamedNamespaces(resources);
  fixNames(resources, accumulator.referrals, budget);
  return sorted(resources, kustomization.sortOptions, 'fifo').filter(isForClusters);
}

/** A kustomization that was read as a manifest is none. */
function isForClusters({ apiVersion, kind }: Unstructured): boolean {
  return (
    !apiVersion.startsWith('kustomize.config.k8s.io/') || (kind !== 'Kustomization' && kind !== 'Component')
  );
}

/**
 * Builds the kustomization of a folder the way `kustomize build` does: the file must be there and hold nothing
 * unknown, files must lie below the folder of the kustomization that names them, and objects are sorted so that
 * what others need comes first.
 * @throws InvalidInputError as {@link build}
 */
export function kustomizeBuild(files: FileTree, path: string): readonly Unstructured[] {
  const folder = resolvePath('', path);
  const file = findKustomization(files, folder);
  if (file === undefined) {
    throw buildError(
      `${path}: unable to find one of 'kustomization.yaml', 'kustomization.yml' or 'Kustomization' in it`,
    );
  }
  const budget = new Budget();
  const kustomization = readRoot(files, file, 'reject', budget);
  const accumulator = new Accumulator(files, 'below', budget);
  const resources = accumulator.root(kustomization, folder, file);
  fixNames(resources, accumulator.referrals, budget);
  return sorted(resources, kustomization.sortOptions, 'legacy');
}

function readRoot(
  files: FileTree,
  file: string,
  unknownFields: 'reject' | 'drop',
  budget: Budget,
): Kustomization {
  const documents = parseYamlDocuments(readText(files, file), file, budget, 'last');
  return readKustomization(kustomizationOf(documents, file), file, unknownFields);
}

function fixNames(resources: readonly Resource[], referrals: readonly Referral[], budget: Budget): void {
  for (const resource of resources) {
    if (!resource.needsHash) continue;
    rememberId(resource);
    setOwn(metadataOf(resource.object), 'name', `${nameOf(resource)}-${nameHash(resource.object)}`);
  }
  fixNameReferences(resources, referrals, budget);
}

function sorted(
  resources: readonly Resource[],
  sortOptions: Kustomization['sortOptions'],
  defaultOrder: 'fifo' | 'legacy',
): readonly Unstructured[] {
  const kept = resources.filter((resource) => !isLocal(resource));
  const order = sortOptions?.order ?? (sortOptions == null ? defaultOrder : 'legacy');
  const inOrder = order === 'fifo' ? kept : sortLegacy(kept, sortOptions?.legacySortOptions);
  return inOrder.map(({ object }) => {
    const metadata = metadataOf(object);
    if (isEmptyMap(metadata['annotations'])) delete metadata['annotations'];
    return object as unknown as Unstructured;
  });
}

function isEmptyMap(value: unknown): boolean {
  return isObject(value) && Object.keys(value).length === 0;
}

/** For the build only, not for a cluster. */
function isLocal(resource: Resource): boolean {
  const annotation = stringsOf(resource, 'annotations')['config.kubernetes.io/local-config'];
  return annotation !== undefined && annotation !== 'false';
}

import type { Unstructured } from '../machinery/object.ts';
import { isObject, own, setOwn, type JsonObject } from '../machinery/json.ts';
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
import { resolveVars } from './vars.ts';
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
      : withOrigin(readRoot(files, file, 'drop', budget));
  const exists = (component: string): boolean => isFolder(files, resolvePath(folder, component));
  const accumulator = new Accumulator(files, 'anywhere', budget);
  const resources = accumulator.root(
    withOverlay(kustomization, overlay, exists),
    folder,
    file ?? resolvePath(folder, 'kustomization.yaml'),
  );
  if (overlay.targetNamespace !== undefined) keepRenamedNamespaces(resources);
  fixNames(resources, accumulator.referrals, budget);
  resolveVars(resources, accumulator.vars, accumulator.varReference, budget);
  return finished(resources, kustomization, 'fifo').filter(isForClusters);
}

/** Flux asks for the origin where there are no resources: kustomize does not take the file for empty then. */
function withOrigin(kustomization: Kustomization): Kustomization {
  return (kustomization.resources ?? []).length > 0
    ? kustomization
    : { ...kustomization, buildMetadata: ['originAnnotations'] };
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
  resolveVars(resources, accumulator.vars, accumulator.varReference, budget);
  return finished(resources, kustomization, 'legacy');
}

function readRoot(
  files: FileTree,
  file: string,
  unknownFields: 'reject' | 'drop',
  budget: Budget,
): Kustomization {
  const documents = parseYamlDocuments(readText(files, file), file, budget, 'kustomization');
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

function finished(
  resources: readonly Resource[],
  { sortOptions, buildMetadata }: Kustomization,
  defaultOrder: 'fifo' | 'legacy',
): readonly Unstructured[] {
  const kept = resources.filter((resource) => !isLocal(resource));
  const order = sortOptions?.order ?? defaultOrder;
  const inOrder = order === 'fifo' ? kept : sortLegacy(kept, sortOptions?.legacySortOptions);
  return inOrder.map((resource) => {
    dropBuildAnnotations(metadataOf(resource.object));
    addBuildMetadata(resource, buildMetadata ?? []);
    return resource.object as unknown as Unstructured;
  });
}

function addBuildMetadata(resource: Resource, wanted: readonly string[]): void {
  const add = (field: 'labels' | 'annotations', key: string, text: string): void =>
    setOwn(metadataOf(resource.object), field, { ...stringsOf(resource, field), [key]: text });
  // As kustomize calls itself inside of other programs.
  if (wanted.includes('managedByLabel')) add('labels', 'app.kubernetes.io/managed-by', 'kustomize-(devel)');
  if (wanted.includes('originAnnotations') && resource.origin !== '')
    add('annotations', 'config.kubernetes.io/origin', resource.origin);
}

/** Of kustomize itself, in manifests that another build has printed. */
const buildAnnotations = new Set([
  ...(
    'previousKinds previousNames previousNamespaces prefixes suffixes refBy generatorBehavior needsHashSuffix ' +
    'allowNameChange allowKindChange path index seqindent id'
  )
    .split(' ')
    .map((name) => `internal.config.kubernetes.io/${name}`),
  'config.kubernetes.io/path',
  'config.kubernetes.io/index',
  'config.kubernetes.io/origin',
  'config.k8s.io/id',
  'alpha.config.kubernetes.io/transformations',
]);

/** What is left is text, whatever a patch has put there. */
function dropBuildAnnotations(metadata: JsonObject): void {
  const annotations = own(metadata, 'annotations');
  if (isObject(annotations)) {
    for (const [key, value] of Object.entries(annotations)) {
      if (buildAnnotations.has(key)) delete annotations[key];
      else if (typeof value !== 'object') setOwn(annotations, key, String(value));
    }
    if (Object.keys(annotations).length > 0) return;
  }
  delete metadata['annotations'];
}

/** For the build only, not for a cluster. */
function isLocal(resource: Resource): boolean {
  const annotation = stringsOf(resource, 'annotations')['config.kubernetes.io/local-config'];
  return annotation !== undefined && annotation !== 'false';
}

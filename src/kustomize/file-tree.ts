import { buildError } from './build-error.ts';

/** Files by their path below the root: relative, with `/`, no `.` or `..` in it. Folders exist by what they hold. */
export type FileTree = ReadonlyMap<string, Uint8Array>;

const kustomizationNames = ['kustomization.yaml', 'kustomization.yml', 'Kustomization'];

/** More text in one file is refused; the largest bundles of CRDs in use have about 4 MiB. */
const maxFileBytes = 8 * 1024 * 1024;

/**
 * The path that `relative` names from inside `folder`, below the root of the tree; '' is the root itself.
 * @throws for absolute paths and for those that leave the tree
 */
export function resolvePath(folder: string, relative: string): string {
  if (relative.startsWith('/')) throw buildError(`${relative}: absolute paths are not allowed`);
  const parts = folder === '' ? [] : folder.split('/');
  for (const part of relative.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) {
      throw buildError(`${relative}, from ${folder === '' ? 'the root' : folder}, leads out of the tree`);
    }
  }
  return parts.join('/');
}

export function fileName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** @throws when it is not there, too large, or no UTF-8 */
export function readText(files: FileTree, path: string): string {
  const bytes = readBytes(files, path);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw buildError(`${path}: not UTF-8 text`, error);
  }
}

/** @throws when it is not there or too large */
export function readBytes(files: FileTree, path: string): Uint8Array {
  const bytes = files.get(path);
  if (bytes === undefined) throw buildError(`${path}: no such file`);
  if (bytes.length > maxFileBytes) throw buildError(`${path}: larger than ${maxFileBytes} bytes`);
  return bytes;
}

/**
 * The kustomization file of a folder, or undefined where it has none.
 * @throws when there is more than one
 */
export function findKustomization(files: FileTree, folder: string): string | undefined {
  const found = kustomizationNames.map((name) => resolvePath(folder, name)).filter((path) => files.has(path));
  if (found.length > 1) throw buildError(`multiple kustomization files: ${found.join(', ')}`);
  return found[0];
}

/** The folder itself, and everything above it, is a folder when any file lies below. */
export function isFolder(files: FileTree, folder: string): boolean {
  if (folder === '') return true;
  for (const path of files.keys()) if (path.startsWith(`${folder}/`)) return true;
  return false;
}

/**
 * What a kustomization would list that takes in a whole folder: its manifests in lexical order of the walk, and
 * those sub-folders that have a kustomization of their own. Relative to `folder`.
 *
 * Source: Flux, pkg kustomize, generation of a missing kustomization.yaml.
 */
export function listManifests(files: FileTree, folder: string): readonly string[] {
  const prefix = folder === '' ? '' : `${folder}/`;
  const below = [...files.keys()]
    .filter((path) => path.startsWith(prefix))
    .map((path) => path.slice(prefix.length).split('/'));
  const bases = new Set(
    below
      .filter((path) => path.length > 1 && isKustomization(path))
      .map((path) => path.slice(0, -1).join('/')),
  );
  const entries = new Map<string, readonly string[]>();
  for (const path of below) {
    const base = path.findIndex((_, depth) => bases.has(path.slice(0, depth).join('/')));
    const entry = base < 0 ? path : path.slice(0, base);
    if (base >= 0 || /\.ya?ml$/.test(path.at(-1) ?? '')) entries.set(entry.join('/'), entry);
  }
  return [...entries.values()].sort(comparePaths).map((path) => path.join('/'));
}

function isKustomization(path: readonly string[]): boolean {
  return kustomizationNames.includes(path.at(-1) ?? '');
}

/** The order of a walk: names are compared folder by folder. */
function comparePaths(a: readonly string[], b: readonly string[]): number {
  for (const [i, name] of a.entries()) {
    const other = b[i];
    if (other === undefined) return 1;
    if (name !== other) return name < other ? -1 : 1;
  }
  return a.length - b.length;
}

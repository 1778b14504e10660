import { isUtf8 } from 'node:buffer';
import type { Checkout } from './git-transport.ts';
import { checkPath, foldersOf, type TreeLimits } from './file-tree.ts';
import { checkoutError, commitError } from './source-error.ts';
import { selectFiles, sourceIgnoreFile } from './source-ignore.ts';

/** A regular file of a commit. */
interface Blob {
  readonly path: string;
  readonly id: string;
  readonly size: number;
  /** Otherwise its path is that of its bytes as Latin-1. */
  readonly isUtf8: boolean;
}

interface Listing {
  readonly blobs: readonly Blob[];
  readonly folders: ReadonlySet<string>;
}

/** Runs a git command in the repository and gives its output. */
type Ask = (args: readonly string[], stdin: string, maxBytes: number) => Promise<Buffer>;

/**
 * Reads the files of a commit out of git's object store. Nothing is checked out: no path and no link of the repository
 * ever meets a file system.
 *
 * @throws SourceError for paths that git would not check out, and above the limits
 */
export async function readTree(
  ask: Ask,
  commit: string,
  ignore: string | undefined,
  limits: TreeLimits,
): Promise<Checkout> {
  const maxListing = limits.entries * 256 + limits.pathBytes;
  const listing = parseListing(await ask(['ls-tree', '-r', '-l', '-z', commit], '', maxListing), limits);
  const byPath = new Map(listing.blobs.map((blob) => [blob.path, blob]));
  const ignoreFiles = await readBlobs(
    ask,
    listing.blobs.filter(({ path }) => path === sourceIgnoreFile || path.endsWith(`/${sourceIgnoreFile}`)),
    limits,
  );
  const { files, folders } = selectFiles([...byPath.keys()], listing.folders, ignoreFiles, ignore);
  const wanted = files.flatMap((path) => byPath.get(path) ?? []);
  const unreadable = wanted.find(({ isUtf8 }) => !isUtf8);
  if (unreadable !== undefined) {
    throw commitError(
      `a path is not UTF-8: ${JSON.stringify(unreadable.path)}; leave it out with gitRepository.ignore`,
    );
  }
  return { files: await readBlobs(ask, wanted, limits), folders };
}

const entry = /^(\d{6}) (\w+) ([0-9a-f]+) +(\d+|-)\t/;

/** Parses `git ls-tree -r -l -z`. Links are left out, as Flux does; a submodule is an empty folder. */
function parseListing(output: Buffer, limits: TreeLimits): Listing {
  const blobs: Blob[] = [];
  const empty: string[] = [];
  const paths = new Set<string>();
  for (let at = 0; at < output.length;) {
    const end = output.indexOf(0, at);
    const bytes = output.subarray(at, end === -1 ? output.length : end);
    const line = isUtf8(bytes) ? bytes.toString('utf8') : bytes.toString('latin1');
    at = end === -1 ? output.length : end + 1;
    const match = entry.exec(line);
    if (match === null) throw checkoutError('git ls-tree answers what cannot be understood');
    const [head, mode = '', type, id = '', size] = match;
    const path = checkPath(line.slice(head.length), limits);
    if (paths.has(path)) throw commitError(`the path ${JSON.stringify(path)} is there twice`);
    paths.add(path);
    if (paths.size > limits.entries) throw commitError(`the commit has more than ${limits.entries} files`);
    if (type === 'commit') empty.push(path);
    else if (type === 'blob' && mode.startsWith('100')) {
      blobs.push({ path, id, size: Number(size), isUtf8: isUtf8(bytes) });
    }
  }
  const folders = foldersOf(paths);
  for (const path of folders) {
    if (paths.has(path)) throw commitError(`${JSON.stringify(path)} is both a file and a folder`);
  }
  for (const path of empty) folders.add(path);
  return { blobs, folders };
}

async function readBlobs(
  ask: Ask,
  blobs: readonly Blob[],
  limits: TreeLimits,
): Promise<Map<string, Uint8Array>> {
  let total = 0;
  for (const { path, size } of blobs) {
    if (!(size <= limits.fileBytes)) {
      throw commitError(
        `${JSON.stringify(path)} has ${size} bytes, more than ${limits.fileBytes}; leave it out with gitRepository.ignore`,
      );
    }
    total += size;
  }
  if (total > limits.totalBytes) {
    throw commitError(
      `all files have ${total} bytes together, more than ${limits.totalBytes}; leave some out with gitRepository.ignore`,
    );
  }
  if (blobs.length === 0) return new Map();
  const ids = [...new Set(blobs.map(({ id }) => id))];
  const output = await ask(
    ['cat-file', '--batch', '--buffer'],
    `${ids.join('\n')}\n`,
    total + ids.length * 128,
  );
  const contents = new Map<string, Uint8Array>();
  let at = 0;
  for (const id of ids) {
    const end = output.indexOf('\n', at);
    const match = /^([0-9a-f]+) blob (\d+)$/.exec(output.toString('latin1', at, end));
    if (match?.[1] !== id) throw checkoutError(`unable to read object ${id}`);
    at = end + 1 + Number(match[2]);
    contents.set(id, output.subarray(end + 1, at));
    at += 1;
  }
  return new Map(blobs.map(({ path, id }) => [path, contents.get(id) ?? new Uint8Array()]));
}

import { commitError } from './source-error.ts';

/** What a source takes in at most. More is an error, not memory. */
export interface TreeLimits {
  /** Entries of the repository, ignored ones included. */
  readonly entries: number;
  /** Bytes of one file that is not ignored. */
  readonly fileBytes: number;
  /** Bytes of all files that are not ignored. */
  readonly totalBytes: number;
  /** Bytes of a path. */
  readonly pathBytes: number;
  /** Bytes of what git downloads for one commit. */
  readonly downloadBytes: number;
}

export const defaultTreeLimits: TreeLimits = {
  entries: 100_000,
  fileBytes: 10 * 2 ** 20,
  totalBytes: 64 * 2 ** 20,
  pathBytes: 1024,
  downloadBytes: 2 ** 30,
};

/**
 * A path that is safe to hand on. No file system is behind a tree of files, but a reader of one may resolve names.
 * @throws SourceError for a path that git itself would not check out
 */
export function checkPath(path: string, limits: TreeLimits): string {
  const invalid = path
    .split('/')
    .some((name) => name === '' || name === '.' || name === '..' || name.toLowerCase() === '.git');
  if (invalid || path.includes('\0')) throw commitError(`invalid path ${JSON.stringify(path)}`);
  if (Buffer.byteLength(path) > limits.pathBytes) {
    throw commitError(
      `a path is longer than ${limits.pathBytes} bytes: ${JSON.stringify(path.slice(0, 80))}…`,
    );
  }
  return path;
}

/** The folders that hold `paths`, without the root. */
export function foldersOf(paths: Iterable<string>): Set<string> {
  const folders = new Set<string>();
  for (const path of paths) {
    for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) {
      const folder = path.slice(0, at);
      if (folders.has(folder)) break;
      folders.add(folder);
    }
  }
  return folders;
}

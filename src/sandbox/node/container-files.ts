import { InvalidInputError } from '../../base/errors.ts';
import type { Files } from '../../base/program.ts';

/** A folder seen from inside a container, under `path`. */
export interface Mount {
  readonly path: string;
  readonly files: Files;
  /** A folder or a file in `files`: `/` is all of it. */
  readonly subPath: string;
  readonly readOnly: boolean;
}

/** The file system of a container: its own files, with volumes mounted over them. */
export class ContainerFiles implements Files {
  readonly #root: Files;
  /** The longest path first. */
  readonly #mounts: readonly Mount[];

  constructor(root: Files, mounts: readonly Mount[]) {
    this.#root = root;
    this.#mounts = mounts
      .map((mount) => ({ ...mount, path: normalize(mount.path) }))
      .sort((a, b) => b.path.length - a.path.length);
  }

  async read(path: string): Promise<Uint8Array> {
    const { files, inside } = this.#locate(normalize(path));
    try {
      return await files.read(inside);
    } catch (error) {
      if (!(error instanceof InvalidInputError) || error.code !== 'FileNotFound') throw error;
      throw new InvalidInputError(`${path}: no such file`, 'FileNotFound');
    }
  }

  async list(path: string): Promise<readonly string[]> {
    const folder = normalize(path);
    const { files, inside } = this.#locate(folder);
    const names = new Set(await files.list(inside));
    const prefix = folder === '/' ? '/' : `${folder}/`;
    for (const mount of this.#mounts) {
      const [name = ''] = mount.path.startsWith(prefix) ? mount.path.slice(prefix.length).split('/') : [];
      if (name !== '') names.add(name);
    }
    return [...names].sort();
  }

  async write(path: string, data: Uint8Array): Promise<void> {
    const { files, inside, readOnly } = this.#locate(normalize(path));
    if (readOnly) throw readOnlyError(path);
    await files.write(inside, data);
  }

  #locate(path: string): { files: Files; inside: string; readOnly: boolean } {
    for (const mount of this.#mounts) {
      if (path !== mount.path && !path.startsWith(mount.path === '/' ? '/' : `${mount.path}/`)) continue;
      const { files, readOnly } = mount;
      return { files, readOnly, inside: normalize(`${mount.subPath}/${path.slice(mount.path.length)}`) };
    }
    return { files: this.#root, inside: path, readOnly: false };
  }
}

/** The error of a write to what can only be read. */
export function readOnlyError(path: string): InvalidInputError {
  return new InvalidInputError(`${path}: read-only file system`);
}

/** Absolute, without `.`, `..` and empty parts. */
export function normalize(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}

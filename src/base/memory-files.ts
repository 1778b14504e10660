import { InvalidInputError } from './errors.ts';
import type { Files } from './program.ts';

/** Files in memory. */
export class MemoryFiles implements Files {
  readonly #files = new Map<string, Uint8Array>();

  constructor(files: Readonly<Record<string, string | Uint8Array>> = {}) {
    for (const [path, data] of Object.entries(files)) this.#files.set(path, toBytes(data));
  }

  async read(path: string): Promise<Uint8Array> {
    const data = this.#files.get(path);
    if (data === undefined) throw new InvalidInputError(`${path}: no such file`, 'FileNotFound');
    return data;
  }

  async list(path: string): Promise<readonly string[]> {
    const folder = path.endsWith('/') ? path : `${path}/`;
    const names = new Set<string>();
    for (const file of this.#files.keys()) {
      const [name] = file.startsWith(folder) ? file.slice(folder.length).split('/') : [];
      if (name !== undefined && name !== '') names.add(name);
    }
    return [...names].sort();
  }

  async write(path: string, data: Uint8Array): Promise<void> {
    this.#files.set(path, data);
  }

  remove(path: string): void {
    this.#files.delete(path);
  }
}

function toBytes(data: string | Uint8Array): Uint8Array {
  return typeof data === 'string' ? Buffer.from(data, 'utf8') : data;
}

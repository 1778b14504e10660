import { errorMessage, TypedError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Files } from '../base/program.ts';

/** Gates that are not the default are remembered; more than this is no use of gates. */
const mostOpen = 10_000;

/** Gates: closed unless somebody has opened them. What is open survives a restart, in a file. */
export class Gates {
  readonly #open: Set<string>;
  readonly #files: Files;
  readonly #path: string;
  #writing: Promise<void> = Promise.resolve();

  private constructor(open: Set<string>, files: Files, path: string) {
    this.#open = open;
    this.#files = files;
    this.#path = path;
  }

  /** What cannot be read counts as closed: a gate that opens by itself would let a rollout through. */
  static async load(files: Files, path: string, log: Log): Promise<Gates> {
    return new Gates(new Set(await readOpen(files, path, log)), files, path);
  }

  get size(): number {
    return this.#open.size;
  }

  isOpen(key: string): boolean {
    return this.#open.has(key);
  }

  /**
   * Takes effect at once, and resolves when it is stored.
   * @throws Error when it could not be stored, and so holds only until a restart
   */
  async set(key: string, open: boolean): Promise<void> {
    if (open && this.#open.size >= mostOpen && !this.#open.has(key)) {
      throw new Error(`${mostOpen} gates are open: close some`);
    }
    if (open) this.#open.add(key);
    else this.#open.delete(key);
    // One after the other, each with what is open by then.
    const before = this.#writing;
    const written = (async () => {
      await before.catch(() => {});
      const text = `${JSON.stringify({ open: [...this.#open].sort() })}\n`;
      await this.#files.write(this.#path, Buffer.from(text, 'utf8'));
    })();
    this.#writing = written;
    await written;
  }
}

async function readOpen(files: Files, path: string, log: Log): Promise<readonly string[]> {
  try {
    const stored: unknown = JSON.parse(Buffer.from(await files.read(path)).toString('utf8'));
    if (typeof stored === 'object' && stored !== null && 'open' in stored && Array.isArray(stored.open)) {
      return stored.open.filter((key) => typeof key === 'string').slice(0, mostOpen);
    }
    throw new Error('it does not list the open gates');
  } catch (error) {
    if (error instanceof TypedError && error.code === 'FileNotFound') return [];
    log.error('cannot read the gates, all are closed', { path, error: errorMessage(error) });
    return [];
  }
}

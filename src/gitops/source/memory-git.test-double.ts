import { sha256 } from '../../base/hash.ts';
import { abortError } from '../../base/abort.ts';
import { foldersOf } from './file-tree.ts';
import { chooseRef, emptyRepository } from './git-ref.ts';
import type { Checkout, GitRemote, GitTransport } from './git-transport.ts';
import { checkoutError } from './source-error.ts';
import { selectFiles, sourceIgnoreFile } from './source-ignore.ts';

/** Repositories in memory. Counts what is asked of it, and fails or waits on demand. */
export class MemoryGit implements GitTransport {
  readonly #refs = new Map<string, Map<string, string>>();
  readonly #commits = new Map<string, ReadonlyMap<string, Uint8Array>>();
  resolves = 0;
  fetches = 0;
  /** Thrown by every operation while set. */
  failure: Error | undefined;
  /** Called before every operation: may wait, or throw. */
  before: (operation: 'resolve' | 'fetch', signal: AbortSignal) => Promise<void> = async () => {};

  /** Points a reference of a repository to a new commit with these files. @returns the commit */
  push(url: string, ref: string, files: Readonly<Record<string, string>>): string {
    const commit = sha256(JSON.stringify([url, ref, files, this.#commits.size])).slice(0, 40);
    const tree = Object.entries(files).map(([path, text]) => [path, Buffer.from(text)] as const);
    this.#commits.set(commit, new Map(tree));
    const refs = this.#refs.get(url) ?? new Map<string, string>();
    this.#refs.set(url, refs.set(ref, commit));
    return commit;
  }

  async resolve(remote: GitRemote, ref: Parameters<GitTransport['resolve']>[1], signal: AbortSignal) {
    this.resolves += 1;
    await this.#enter('resolve', signal);
    const refs = this.#refs.get(remote.url);
    if (refs === undefined) throw emptyRepository();
    return chooseRef(refs, ref, remote.url);
  }

  async fetch(
    remote: GitRemote,
    { commit }: { readonly commit: string },
    ignore: string | undefined,
    signal: AbortSignal,
  ): Promise<Checkout> {
    this.fetches += 1;
    await this.#enter('fetch', signal);
    const all = this.#commits.get(commit);
    if (all === undefined) throw checkoutError(`unable to clone '${remote.url}': no commit ${commit}`);
    const ignoreFiles = new Map([...all].filter(([path]) => path.split('/').at(-1) === sourceIgnoreFile));
    const { files, folders } = selectFiles([...all.keys()], foldersOf(all.keys()), ignoreFiles, ignore);
    const kept = new Set(files);
    return { files: new Map([...all].filter(([path]) => kept.has(path))), folders };
  }

  async #enter(operation: 'resolve' | 'fetch', signal: AbortSignal): Promise<void> {
    await this.before(operation, signal);
    if (signal.aborted) throw abortError(signal);
    if (this.failure !== undefined) throw this.failure;
  }
}

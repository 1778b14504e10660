import type { FileTree } from '../../kustomize/file-tree.ts';
import type { Credentials } from './credentials.ts';
import type { GitRef, ResolvedRef } from './git-ref.ts';

export interface GitRemote {
  /** `http://`, `https://`; may hold user info, which is used when the credentials have none. */
  readonly url: string;
  readonly credentials: Credentials;
  /** For one operation, in milliseconds, from when its turn comes. */
  readonly timeoutMs: number;
}

/** The files of a commit, ignored ones left out. */
export interface Checkout {
  readonly files: FileTree;
  readonly folders: readonly string[];
}

/** How repositories are reached. Both operations may be called at the same time and heed their signal at once. */
export interface GitTransport {
  /**
   * Asks the remote which commit a reference names now; downloads nothing.
   * @throws SourceError
   */
  resolve(remote: GitRemote, ref: GitRef, signal: AbortSignal): Promise<ResolvedRef>;
  /**
   * Downloads a commit.
   * @param ignore `spec.ignore`
   * @throws SourceError
   */
  fetch(
    remote: GitRemote,
    resolved: ResolvedRef,
    ignore: string | undefined,
    signal: AbortSignal,
  ): Promise<Checkout>;
}

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { linkAbort } from '../../base/abort.ts';
import type { Clock } from '../../base/clock.ts';
import { TypedError } from '../../base/errors.ts';
import type { TreeLimits } from './file-tree.ts';
import type { ResolvedRef } from './git-ref.ts';
import { type GitSession, maxOutputBytes } from './git-session.ts';
import type { GitResult } from './run-git.ts';
import { checkoutError, commitError } from './source-error.ts';

export interface Bounds {
  readonly clock: Clock;
  readonly limits: TreeLimits;
}

const sizeCheckMs = 250;
const refusedCommit = /not our ref|unadvertised object/;
/** Of the commits behind the one that is wanted, only what says which they are. */
const commitsOnly = '--filter=tree:0';

/** Brings one commit without its history into the scratch repository. */
export async function download(
  session: GitSession,
  { commit, fullName }: Pick<ResolvedRef, 'commit' | 'fullName'>,
  bounds: Bounds,
): Promise<void> {
  await initialize(session, commit);
  let fetched = await fetch(session, bounds, ['--depth=1'], [`+${commit}:refs/all/wanted`]);
  // An old server gives only what a reference names: then by the reference, or everything to search in.
  if (fetched.code !== 0 && refusedCommit.test(fetched.stderr)) {
    fetched =
      fullName === undefined || fullName.startsWith('refs/heads/')
        ? await fetch(
            session,
            bounds,
            [],
            [`+${fullName ?? 'refs/heads/*'}:refs/all/${fullName === undefined ? '*' : 'one'}`],
          )
        : await fetch(session, bounds, ['--depth=1'], [`+${fullName}:refs/all/one`]);
  }
  if (fetched.code !== 0) throw session.failure(fetched.stderr, 'clone');
  const { code } = await session.git(['cat-file', '-e', `${commit}^{commit}`]);
  if (code !== 0) throw missing(commit, 'there is no such commit');
}

/**
 * Checks that a downloaded commit is one of its branch.
 * @throws SourceError when it is not, or there is no such branch
 */
export async function checkHistory(
  session: GitSession,
  { commit, fullName = '' }: ResolvedRef,
  bounds: Bounds,
): Promise<void> {
  const { code, stderr } = await fetch(session, bounds, [commitsOnly], [`+${fullName}:refs/all/branch`]);
  if (code !== 0) throw session.failure(stderr, 'clone');
  const found = await session.git(['merge-base', '--is-ancestor', commit, 'refs/all/branch']);
  if (found.code !== 0) throw missing(commit, `it is not in the history of ${fullName}`);
}

/**
 * When the commits were made that tags stand for.
 *
 * @param tags by commit
 * @returns seconds since the Unix epoch, by commit
 */
export async function commitTimes(
  session: GitSession,
  tags: ReadonlyMap<string, string>,
  bounds: Bounds,
): Promise<ReadonlyMap<string, number>> {
  const [first = ''] = tags.keys();
  await initialize(session, first);
  const names = [...tags.values()].map((tag) => `refs/tags/${tag}`);
  const { code, stderr } = await fetch(
    session,
    bounds,
    ['--depth=1', commitsOnly],
    names.map((name) => `+${name}:${name}`),
  );
  if (code !== 0) throw session.failure(stderr, 'clone');
  // The second one is that of what an annotated tag points to.
  const format = '%(refname) %(committerdate:unix)%(*committerdate:unix)';
  const { stdout } = await session.git(['for-each-ref', `--format=${format}`, 'refs/tags/']);
  const times = new Map<string, number>();
  for (const line of stdout.toString('utf8').split('\n')) {
    const [name = '', time] = line.split(' ');
    times.set(name, Number(time));
  }
  return new Map([...tags].map(([commit, tag]) => [commit, times.get(`refs/tags/${tag}`) ?? 0]));
}

function missing(commit: string, why: string): TypedError {
  return checkoutError(`unable to resolve commit object for '${commit}': ${why}`);
}

/** A question for references needs no repository; a download does, of the kind of its hashes. */
async function initialize(session: GitSession, commit: string): Promise<void> {
  const format = commit.length === 64 ? ['--object-format=sha256'] : [];
  await session.git(['init', '--quiet', '--bare', '--template=', ...format]);
}

async function fetch(
  session: GitSession,
  bounds: Bounds,
  how: readonly string[],
  refspecs: readonly string[],
): Promise<GitResult> {
  const args = ['fetch', '--quiet', ...how, '--no-tags', '--no-write-fetch-head', '--no-auto-maintenance'];
  return await bounded(session, bounds, (signal) =>
    session.git(
      [...args, '--stdin', '--end-of-options', session.url],
      `${refspecs.join('\n')}\n`,
      maxOutputBytes,
      signal,
    ),
  );
}

/** Ends a download that grows beyond the limit. */
async function bounded(
  session: GitSession,
  { clock, limits }: Bounds,
  work: (signal: AbortSignal) => Promise<GitResult>,
): Promise<GitResult> {
  using watched = linkAbort(session.signal);
  using done = linkAbort(session.signal);
  const check = async (): Promise<void> => {
    if ((await downloadedBytes(session.folder)) > limits.downloadBytes) {
      watched.abort(commitError(`the commit is larger than ${limits.downloadBytes} bytes`));
    }
  };
  const checking = clock.every(sizeCheckMs, check, done.signal);
  try {
    const result = await work(watched.signal);
    await check();
    if (watched.signal.aborted && watched.signal.reason instanceof TypedError) throw watched.signal.reason;
    return result;
  } finally {
    done.abort();
    await checking;
  }
}

async function downloadedBytes(folder: string): Promise<number> {
  const inside = join(folder, 'repository/objects');
  let total = 0;
  // Git moves files there while it works.
  const names = await readdir(inside, { recursive: true }).catch(() => []);
  for (const name of names) total += (await stat(join(inside, name)).catch(() => undefined))?.size ?? 0;
  return total;
}

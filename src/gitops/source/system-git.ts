import { LRUCache } from 'lru-cache';
import { defaultTreeLimits, type TreeLimits } from './file-tree.ts';
import { checkHistory, commitTimes, download } from './git-download.ts';
import { type Doing, operationError } from './git-failure.ts';
import {
  chooseRef,
  emptyRepository,
  type GitRef,
  parseRefs,
  pinnedCommit,
  type RemoteRefs,
  rivalTags,
  wantedNames,
} from './git-ref.ts';
import { type GitSession, type GitSessionOptions, inSession } from './git-session.ts';
import type { GitRemote, GitTransport } from './git-transport.ts';
import { parseRemote } from './parse-remote.ts';
import { readTree } from './read-tree.ts';
import { Slots } from './slots.ts';

export interface SystemGitOptions extends GitSessionOptions {
  readonly limits?: TreeLimits;
  /** Downloads at once from one server; default 2, and twice that from all. */
  readonly downloads?: number;
  /** Questions for references at once to one server; default 8, and twice that to all. */
  readonly listings?: number;
}

/** Repositories over HTTP(S) with the machine's git, which gets to see nothing but what it needs. */
export function systemGit(options: SystemGitOptions): GitTransport {
  const { clock, limits = defaultTreeLimits } = options;
  const bounds = { clock, limits };
  // A server that hangs leaves room for others.
  const { downloads: perServer = 2, listings: listingsPerServer = 8 } = options;
  const downloads = new Slots(2 * perServer, perServer);
  const listings = new Slots(2 * listingsPerServer, listingsPerServer);
  /** When commits were made, which never changes; in seconds since the Unix epoch. */
  const times = new LRUCache<string, number>({ max: 10_000 });
  const inTurn = <T>(
    slots: Slots,
    given: GitRemote,
    doing: Doing,
    signal: AbortSignal,
    work: (session: GitSession) => Promise<T>,
  ): Promise<T> => {
    const remote = parseRemote(given);
    const task = (): Promise<T> => clock.external(inSession(options, remote, doing, signal, work));
    return slots.run(task, signal, new URL(remote.url).host);
  };
  return {
    async resolve(given, ref, signal) {
      const { url } = parseRemote(given);
      const pinned = pinnedCommit(ref);
      if (pinned !== undefined) return pinned;
      const refs = await inTurn(listings, given, 'list', signal, (session) => listRefs(session, ref));
      const rivals = new Map([...rivalTags(refs, ref)].filter(([commit]) => !times.has(commit)));
      if (rivals.size > 0) {
        const found = await inTurn(downloads, given, 'clone', signal, (session) =>
          commitTimes(session, rivals, bounds),
        );
        for (const [commit, time] of found) times.set(commit, time);
      }
      return chooseRef(refs, ref, url, (commit) => times.get(commit) ?? 0);
    },
    async fetch(given, resolved, ignore, signal) {
      return await inTurn(downloads, given, 'clone', signal, async (session) => {
        await download(session, resolved, bounds);
        const ask = async (args: readonly string[], stdin: string, maxBytes: number): Promise<Buffer> => {
          const { code, stdout, stderr } = await session.git(args, stdin, maxBytes);
          if (code !== 0) throw session.failure(stderr, 'read');
          return stdout;
        };
        const checkout = await readTree(ask, resolved.commit, ignore, limits);
        // Last: it leaves a repository that would ask its remote for what is missing.
        if (resolved.isUnchecked === true) await checkHistory(session, resolved, bounds);
        return checkout;
      });
    },
  };
}

async function listRefs(session: GitSession, ref: GitRef): Promise<RemoteRefs> {
  const list = ['ls-remote', '--quiet'];
  const wanted = await session.git([...list, '--end-of-options', session.url, ...wantedNames(ref)]);
  if (wanted.code !== 0) throw session.failure(wanted.stderr, 'list');
  const refs = parseRefs(wanted.stdout.toString('utf8'));
  // Nothing of this name, or nothing at all?
  if (refs.size === 0) {
    const all = await session.git([...list, '--heads', '--tags', '--end-of-options', session.url]);
    if (all.code === 0 && all.stdout.length === 0) throw await withoutRefs(session);
  }
  return refs;
}

/** To git, a web page in one line is the list of references of an empty repository. A commit cannot be had from a page. */
async function withoutRefs(session: GitSession): Promise<Error> {
  await session.git(['init', '--quiet', '--bare', '--template=']);
  const { stderr } = await session.git([
    'fetch',
    '--quiet',
    '--depth=1',
    '--no-write-fetch-head',
    '--end-of-options',
    session.url,
    '1'.repeat(40),
  ]);
  return /dumb http transport/.test(stderr)
    ? operationError('list', session.url, 'the server answers, but not as a git server (smart HTTP)')
    : emptyRepository();
}

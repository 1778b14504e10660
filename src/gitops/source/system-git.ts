import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { linkAbort } from '../../base/abort.ts';
import type { Clock } from '../../base/clock.ts';
import { formatDuration } from '../../base/duration.ts';
import { errorMessage, TypedError } from '../../base/errors.ts';
import { authorization } from './credentials.ts';
import { defaultTreeLimits, type TreeLimits } from './file-tree.ts';
import { type Doing, gitFailure, operationError, redact } from './git-failure.ts';
import {
  chooseRef,
  emptyRepository,
  type GitRef,
  pinnedCommit,
  type RemoteRefs,
  type ResolvedRef,
  wantedNames,
} from './git-ref.ts';
import type { GitRemote, GitTransport } from './git-transport.ts';
import { parseRemote } from './parse-remote.ts';
import { readTree } from './read-tree.ts';
import type { GitResult, RunGit } from './run-git.ts';
import { Slots } from './slots.ts';
import { checkoutError } from './source-error.ts';

export interface SystemGitOptions {
  readonly clock: Clock;
  readonly run: RunGit;
  /** Folder for repositories that live as long as one operation. Must exist. */
  readonly scratchFolder: string;
  /** Where programs are looked for: PATH. */
  readonly path: string;
  readonly limits?: TreeLimits;
  /** Downloads at once; default 2. */
  readonly downloads?: number;
  /** Questions for references at once; default 8: they are small, and one that hangs must not delay many others. */
  readonly listings?: number;
}

const maxRefsBytes = 16 * 2 ** 20;
const sizeCheckMs = 250;

/** Settings of every command. What a repository, a machine or a user configures does not count. */
const settings = {
  'core.hooksPath': '/dev/null',
  'credential.helper': '',
  'http.followRedirects': 'false',
  'fetch.recurseSubmodules': 'false',
  'fetch.fsckObjects': 'false',
  'maintenance.auto': 'false',
  'gc.auto': '0',
  'core.fsync': 'none',
  // Larger ones are not held in memory: a pack of a few bytes can stand for a file of gigabytes.
  'core.bigFileThreshold': '16m',
};

/** Repositories over HTTP(S) with the machine's git, which gets to see nothing but what it needs. */
export function systemGit(options: SystemGitOptions): GitTransport {
  const { clock, limits = defaultTreeLimits } = options;
  const downloads = new Slots(options.downloads ?? 2);
  const listings = new Slots(options.listings ?? 8);
  const inTurn = <T>(
    slots: Slots,
    given: GitRemote,
    doing: Doing,
    signal: AbortSignal,
    work: (session: Session) => Promise<T>,
  ): Promise<T> => {
    const remote = parseRemote(given);
    return slots.run(() => clock.external(inTime(options, remote, doing, signal, work)), signal);
  };
  return {
    async resolve(given, ref, signal) {
      const { url } = parseRemote(given);
      const pinned = pinnedCommit(ref);
      if (pinned !== undefined) return pinned;
      return chooseRef(
        await inTurn(listings, given, 'list', signal, (session) => listRefs(session, ref)),
        ref,
        url,
      );
    },
    async fetch(given, resolved, ignore, signal) {
      return await inTurn(downloads, given, 'clone', signal, async (session) => {
        await download(session, resolved, clock, limits);
        const ask = async (args: readonly string[], stdin: string, maxBytes: number): Promise<Buffer> => {
          const { code, stdout, stderr } = await session.git(args, stdin, maxBytes);
          if (code !== 0) throw session.failure(stderr, 'read');
          return stdout;
        };
        return await readTree(ask, resolved.commit, ignore, limits);
      });
    },
  };
}

/** Git with a folder of its own for its repository. */
interface Session {
  readonly url: string;
  readonly folder: string;
  readonly signal: AbortSignal;
  git(args: readonly string[], stdin?: string, maxBytes?: number, signal?: AbortSignal): Promise<GitResult>;
  failure(stderr: string, doing: Doing): TypedError;
}

/** Ends a session that takes too long. Nothing of it is left when this rejects. */
async function inTime<T>(
  options: SystemGitOptions,
  remote: GitRemote,
  doing: Doing,
  signal: AbortSignal,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  using deadline = options.clock.timeout(remote.timeoutMs, signal);
  try {
    return await withSession(options, remote, deadline.signal, work);
  } catch (error) {
    if (signal.aborted || !deadline.signal.aborted) throw error;
    throw operationError(doing, remote.url, `not done within ${formatDuration(remote.timeoutMs)}`);
  }
}

async function withSession<T>(
  { run, scratchFolder, path }: SystemGitOptions,
  remote: GitRemote,
  signal: AbortSignal,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(scratchFolder, 'git-'));
  try {
    const { url, credentials } = remote;
    const env = environment(remote, folder, path);
    if (credentials.ca !== undefined)
      await writeFile(join(folder, 'ca.pem'), credentials.ca, { mode: 0o600 });
    const session: Session = {
      url,
      folder,
      signal,
      failure: (stderr, doing) => gitFailure(redact(stderr, credentials), url, doing),
      git: async (args, stdin = '', maxStdoutBytes = maxRefsBytes, stop = signal) => {
        try {
          return await run(
            { args: ['--git-dir', join(folder, 'repository'), ...args], env, stdin, maxStdoutBytes },
            stop,
          );
        } catch (error) {
          if (error instanceof TypedError) throw error;
          if (error instanceof RangeError)
            throw checkoutError(`the repository is too large: ${error.message}`);
          throw checkoutError(
            `unable to run git: ${redact(errorMessage(error), credentials)}`,
            'retry',
            error,
          );
        }
      },
    };
    return await work(session);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Credentials travel in the environment: every user of a machine can read arguments. */
function environment(remote: GitRemote, folder: string, path: string): Record<string, string> {
  const header = authorization(remote.credentials);
  const config = Object.entries({
    ...settings,
    // Should this process be killed, its git does not wait for a silent server for ever.
    'http.lowSpeedLimit': '1',
    'http.lowSpeedTime': String(Math.ceil(remote.timeoutMs / 1000) + 1),
    ...(header === undefined ? {} : { 'http.extraHeader': `Authorization: ${header}` }),
    ...(remote.credentials.ca === undefined ? {} : { 'http.sslCAInfo': join(folder, 'ca.pem') }),
  });
  const env: Record<string, string> = {
    PATH: path,
    // No .netrc, no .gitconfig.
    HOME: folder,
    XDG_CONFIG_HOME: folder,
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ALLOW_PROTOCOL: 'http:https',
    GIT_TERMINAL_PROMPT: '0',
    GIT_CONFIG_COUNT: String(config.length),
  };
  for (const [i, [key, value]] of config.entries()) {
    env[`GIT_CONFIG_KEY_${i}`] = key;
    env[`GIT_CONFIG_VALUE_${i}`] = value;
  }
  return env;
}

async function listRefs(session: Session, ref: GitRef): Promise<RemoteRefs> {
  const args = ['ls-remote', '--quiet', '--end-of-options', session.url];
  const wanted = await session.git([...args, ...wantedNames(ref)]);
  if (wanted.code !== 0) throw session.failure(wanted.stderr, 'list');
  const refs = parseRefs(wanted.stdout);
  // Nothing of this name, or nothing at all?
  if (refs.size === 0) {
    const all = await session.git(args);
    if (all.code === 0 && all.stdout.length === 0) throw emptyRepository();
  }
  return refs;
}

function parseRefs(output: Buffer): RemoteRefs {
  const refs = new Map<string, string>();
  for (const line of output.toString('utf8').split('\n')) {
    const match = /^([0-9a-f]{40})\t(\S+)$/.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined) refs.set(match[2], match[1]);
  }
  return refs;
}

const refusedCommit = /not our ref|unadvertised object/;

/** Brings one commit without its history into the scratch repository. */
async function download(
  session: Session,
  { commit, fullName }: ResolvedRef,
  clock: Clock,
  limits: TreeLimits,
): Promise<void> {
  const fetch = async (shallow: readonly string[], refs: readonly string[]): Promise<GitResult> => {
    const args = [
      'fetch',
      '--quiet',
      ...shallow,
      '--no-tags',
      '--no-write-fetch-head',
      '--no-auto-maintenance',
    ];
    return await bounded(session, clock, limits, (signal) =>
      session.git([...args, '--end-of-options', session.url, ...refs], '', maxRefsBytes, signal),
    );
  };
  // A question for references needs no repository.
  await session.git(['init', '--quiet', '--bare', '--template=']);
  let fetched = await fetch(['--depth=1'], [`+${commit}:refs/heads/wanted`]);
  // An old server gives only what a reference names: then by the reference, or everything to search in.
  if (fetched.code !== 0 && refusedCommit.test(fetched.stderr)) {
    fetched =
      fullName === undefined || fullName.startsWith('refs/heads/')
        ? await fetch([], [`+${fullName ?? 'refs/heads/*'}:refs/all/${fullName === undefined ? '*' : 'one'}`])
        : await fetch(['--depth=1'], [`+${fullName}:refs/all/one`]);
  }
  if (fetched.code !== 0) throw session.failure(fetched.stderr, 'clone');
  const { code } = await session.git(['cat-file', '-e', `${commit}^{commit}`]);
  if (code !== 0) throw checkoutError(`unable to resolve commit object for '${commit}': object not found`);
}

/** Ends a download that grows beyond the limit. */
async function bounded(
  session: Session,
  clock: Clock,
  limits: TreeLimits,
  work: (signal: AbortSignal) => Promise<GitResult>,
): Promise<GitResult> {
  using watched = linkAbort(session.signal);
  using done = linkAbort(session.signal);
  const check = async (): Promise<void> => {
    if ((await downloadedBytes(session.folder)) > limits.downloadBytes) {
      watched.abort(checkoutError(`the commit is larger than ${limits.downloadBytes} bytes`));
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
  let total = 0;
  for (const objects of ['repository/objects', 'repository/objects/pack']) {
    const inside = join(folder, objects);
    try {
      for (const name of await readdir(inside)) total += (await stat(join(inside, name))).size;
    } catch {
      // Git moves files there while it works.
    }
  }
  return total;
}

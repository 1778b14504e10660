import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { formatDuration } from '../../base/duration.ts';
import { errorMessage, TypedError } from '../../base/errors.ts';
import { authorization } from './credentials.ts';
import { type Doing, gitFailure, operationError, redact } from './git-failure.ts';
import type { GitRemote } from './git-transport.ts';
import type { GitResult, RunGit } from './run-git.ts';
import { checkoutError, commitError } from './source-error.ts';

export interface GitSessionOptions {
  readonly clock: Clock;
  readonly run: RunGit;
  /** Folder for repositories that live as long as one operation. Must exist. */
  readonly scratchFolder: string;
  /** Where programs are looked for: PATH. */
  readonly path: string;
}

/** Of a command, where nothing else is said: some 60,000 references. */
export const maxOutputBytes = 4 * 2 ** 20;

const maxSilenceSeconds = 86_400;

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
  // Within the memory that a git gets, however many processors there are.
  'core.deltaBaseCacheLimit': '32m',
  'core.packedGitWindowSize': '16m',
  'core.packedGitLimit': '64m',
  'pack.threads': '1',
};

/** Git with a folder of its own for its repository. */
export interface GitSession {
  readonly url: string;
  readonly folder: string;
  readonly signal: AbortSignal;
  git(args: readonly string[], stdin?: string, maxBytes?: number, signal?: AbortSignal): Promise<GitResult>;
  failure(stderr: string, doing: Doing): TypedError;
}

/** Ends a session that takes too long. Nothing of it is left when this rejects. */
export async function inSession<T>(
  options: GitSessionOptions,
  remote: GitRemote,
  doing: Doing,
  signal: AbortSignal,
  work: (session: GitSession) => Promise<T>,
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
  { run, scratchFolder, path }: GitSessionOptions,
  remote: GitRemote,
  signal: AbortSignal,
  work: (session: GitSession) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(scratchFolder, 'git-'));
  try {
    const { url, credentials } = remote;
    const env = environment(remote, folder, path);
    if (credentials.ca !== undefined)
      await writeFile(join(folder, 'ca.pem'), credentials.ca, { mode: 0o600 });
    const session: GitSession = {
      url,
      folder,
      signal,
      failure: (stderr, doing) => gitFailure(redact(stderr, credentials), url, doing),
      git: async (args, stdin = '', maxStdoutBytes = maxOutputBytes, stop = signal) => {
        try {
          return await run(
            { args: ['--git-dir', join(folder, 'repository'), ...args], env, stdin, maxStdoutBytes },
            stop,
          );
        } catch (error) {
          if (error instanceof TypedError) throw error;
          if (error instanceof RangeError) throw commitError(`the repository is too large: ${error.message}`);
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
    'http.lowSpeedTime': String(Math.min(Math.ceil(remote.timeoutMs / 1000) + 1, maxSilenceSeconds)),
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

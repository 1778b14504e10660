import type { Clock } from '../../base/clock.ts';
import { CancelledError, errorMessage, nextStep } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import { formatTime } from '../../base/time.ts';
import { aborted } from '../../kube/aborted.ts';
import { Backoff } from '../../kube/backoff.ts';
import { packArtifact } from './artifact.ts';
import type { FileTree } from '../../kustomize/file-tree.ts';
import type { GitRef, ResolvedRef } from './git-ref.ts';
import type { GitRemote, GitTransport } from './git-transport.ts';
import { withoutUserInfo } from './parse-remote.ts';
import { type FetchFailedReason, SourceError } from './source-error.ts';

export interface SourceArtifact {
  readonly revision: string;
  readonly commit: string;
  /** `sha256:<hex>` */
  readonly digest: string;
  /** Compressed, in bytes. */
  readonly size: number;
  /** RFC 3339, when it was packed. */
  readonly lastUpdateTime: string;
  readonly files: FileTree;
}

export interface SourceFailure {
  readonly reason: FetchFailedReason;
  readonly message: string;
  /** It is not tried again by itself: a person must change something. */
  readonly isStalled: boolean;
}

/** What is known of a source. A new object for every change. */
export interface SourceState {
  /** The last good one; a later failure does not take it away. */
  readonly artifact?: SourceArtifact;
  /** Why the last try failed. */
  readonly error?: SourceFailure;
  /** Looking for the first time, or downloading. */
  readonly fetching: boolean;
  /** The revision that is being downloaded. */
  readonly upcoming?: string;
}

/** The state of a source that could not be tried at all: a missing secret, say. */
export function failedState(error: unknown): SourceState {
  return { error: failureOf(error), fetching: false };
}

export interface GitSourceOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly transport: GitTransport;
}

export interface GitSourceSpec {
  readonly remote: GitRemote;
  readonly ref: GitRef;
  readonly ignore: string | undefined;
}

/** Between the beginnings of two polls, however often somebody asks. */
const shortestGapMs = 1000;
const firstRetryMs = 1000;
/** Longest wait between retries where no interval says another. */
const longestRetryMs = 15 * 60_000;

/** Follows one reference of one repository, for everybody who wants its files. */
export class GitSource {
  readonly #spec: GitSourceSpec;
  readonly #options: GitSourceOptions;
  readonly #listeners = new Set<() => void>();
  #state: SourceState = { fetching: true };
  #intervalMs: number;
  /** A commit that cannot be used. It is not downloaded again. */
  #refused: { readonly revision: string; readonly error: unknown } | undefined;
  /** Somebody asked for a poll that has not begun. */
  #isAsked = false;
  #wake = new AbortController();

  /** @param intervalMs between polls; 0: only when asked */
  constructor(spec: GitSourceSpec, intervalMs: number, options: GitSourceOptions) {
    this.#spec = spec;
    this.#intervalMs = intervalMs;
    this.#options = options;
  }

  get state(): SourceState {
    return this.#state;
  }

  /**
   * Calls `listener` after every change of the state, until the returned function is called.
   * A listener must not throw.
   */
  subscribe(listener: () => void): () => void {
    // Its own identity: the same function may subscribe twice.
    const own = (): void => listener();
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  /** Polls at once, or once more after the poll that is going on; never more than once a second. */
  pollNow(): void {
    this.#isAsked = true;
    this.#wake.abort();
  }

  /** Changes the time between polls; one that is due by it comes at once. */
  setInterval(intervalMs: number): void {
    if (intervalMs === this.#intervalMs) return;
    this.#intervalMs = intervalMs;
    this.#wake.abort();
  }

  /** Polls until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options;
    // ±5 % keeps the sources of a manager that has just started apart.
    const stretch = (): number => 0.95 + random.next() / 10;
    let backoff = this.#backoff();
    while (!signal.aborted) {
      this.#isAsked = false;
      const startedAt = clock.monotonic();
      const failure = await this.#poll(signal);
      if (failure === undefined) {
        backoff = this.#backoff();
        const factor = stretch();
        await this.#pause(
          startedAt,
          () => (this.#intervalMs > 0 ? this.#intervalMs * factor : Infinity),
          signal,
        );
      } else {
        const wait = failure.isStalled ? Infinity : backoff.next();
        await this.#pause(clock.monotonic(), () => Math.min(wait, this.#longestWaitMs(failure)), signal);
      }
      const rest = startedAt + shortestGapMs - clock.monotonic();
      if (rest > 0 && !signal.aborted) await clock.sleep(rest, signal).catch(() => {});
    }
  }

  #backoff(): Backoff {
    return new Backoff({
      random: this.#options.random,
      initialMs: firstRetryMs,
      maxMs: Math.max(firstRetryMs, this.#intervalMs > 0 ? this.#intervalMs : longestRetryMs),
    });
  }

  #longestWaitMs({ isStalled }: SourceFailure): number {
    if (isStalled) return Infinity;
    return Math.max(firstRetryMs, this.#intervalMs > 0 ? this.#intervalMs : longestRetryMs);
  }

  /** Waits until `waitMs()` after `since`; less when somebody asks. */
  async #pause(since: number, waitMs: () => number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!this.#isAsked && !signal.aborted) {
      const left = since + waitMs() - clock.monotonic();
      if (left <= 0) return;
      this.#wake = new AbortController();
      const stop = (): void => this.#wake.abort();
      signal.addEventListener('abort', stop, { once: true });
      try {
        if (left === Infinity) await aborted(this.#wake.signal);
        else await clock.sleep(left, this.#wake.signal);
      } catch (error) {
        if (!(error instanceof CancelledError)) throw error;
      } finally {
        signal.removeEventListener('abort', stop);
      }
    }
  }

  /** @returns why it failed */
  async #poll(signal: AbortSignal): Promise<SourceFailure | undefined> {
    const { log } = this.#options;
    try {
      const artifact = await this.#update(signal);
      this.#set({ artifact, fetching: false });
      return undefined;
    } catch (error) {
      // The end of the manager, or of the last one who wants this.
      if (signal.aborted) return undefined;
      const failure = failureOf(error);
      const { artifact } = this.#state;
      this.#set({ ...(artifact === undefined ? {} : { artifact }), error: failure, fetching: false });
      log.warn('a git source cannot be fetched', {
        url: this.#url,
        reason: failure.reason,
        message: failure.message,
      });
      return failure;
    }
  }

  /** The artifact of what the remote has now: the one that is there, if that has not moved. */
  async #update(signal: AbortSignal): Promise<SourceArtifact> {
    const { clock, transport, log } = this.#options;
    const { remote, ref, ignore } = this.#spec;
    const resolved = await transport.resolve(remote, ref, signal);
    const { artifact, error } = this.#state;
    if (artifact?.revision === resolved.revision) return artifact;
    if (this.#refused?.revision === resolved.revision) throw this.#refused.error;
    this.#set({
      ...(artifact === undefined ? {} : { artifact }),
      ...(error === undefined ? {} : { error }),
      fetching: true,
      upcoming: resolved.revision,
    });
    try {
      const { files, folders } = await transport.fetch(remote, resolved, ignore, signal);
      const packed = await packArtifact(files, folders, () => clock.sleep(0, signal));
      log.info('stored an artifact', { url: this.#url, revision: resolved.revision, digest: packed.digest });
      return artifactOf(resolved, packed.digest, packed.size, clock.now(), files);
    } catch (error) {
      if (nextStep(error) === 'wait') this.#refused = { revision: resolved.revision, error };
      throw error;
    }
  }

  get #url(): string {
    return withoutUserInfo(this.#spec.remote.url);
  }

  #set(state: SourceState): void {
    const { artifact, error, fetching, upcoming } = this.#state;
    const isSame =
      artifact === state.artifact &&
      error?.reason === state.error?.reason &&
      error?.message === state.error?.message &&
      fetching === state.fetching &&
      upcoming === state.upcoming;
    if (isSame) return;
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}

function artifactOf(
  { revision, commit }: ResolvedRef,
  digest: string,
  size: number,
  now: number,
  files: FileTree,
): SourceArtifact {
  return { revision, commit, digest, size, lastUpdateTime: formatTime(now), files };
}

function failureOf(error: unknown): SourceFailure {
  return {
    reason: error instanceof SourceError ? error.reason : 'GitOperationFailed',
    message:
      error instanceof SourceError
        ? error.message
        : `failed to checkout and determine revision: ${errorMessage(error)}`,
    isStalled: nextStep(error) === 'stalled',
  };
}

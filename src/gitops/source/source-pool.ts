import { parseDuration } from '../../base/duration.ts';
import { canonicalJson, sha256 } from '../../base/hash.ts';
import { noCredentials, parseCredentials } from './credentials.ts';
import { decisivePart, type GitRef, pinnedCommit, wantedNames } from './git-ref.ts';
import { GitSource, type GitSourceOptions, type GitSourceSpec, type SourceState } from './git-source.ts';
import { parseRemote } from './parse-remote.ts';
import { checkoutError } from './source-error.ts';

/** `spec.source.gitRepository` of an Application, as far as it is about fetching. */
export interface GitRepositorySpec {
  readonly url: string;
  readonly interval: string;
  /** Default `60s`. */
  readonly timeout?: string | undefined;
  readonly ref?: GitRef | undefined;
  readonly ignore?: string | undefined;
  readonly recurseSubmodules?: boolean | undefined;
  readonly include?: readonly unknown[] | undefined;
  readonly verify?: unknown;
}

export interface SourceSecret {
  /** `<namespace>/<name>`, for messages. */
  readonly name: string;
  /** Decoded. */
  readonly data: ReadonlyMap<string, Uint8Array>;
}

/** One user's hold on a source. */
export interface SourceHandle extends Disposable {
  readonly state: SourceState;
  /** Calls `listener` after every change, until the returned function is called or the handle is disposed. */
  subscribe(listener: () => void): () => void;
  pollNow(): void;
}

interface Shared {
  readonly source: GitSource;
  readonly stop: AbortController;
  /** The interval of everybody who holds it, in milliseconds. */
  readonly intervals: Map<symbol, number>;
  ended: Promise<void>;
}

/**
 * The sources of a manager. Who wants the same reference of the same repository with the same credentials shares one:
 * one poll (at the shortest of their intervals) and one copy of the files.
 */
export class SourcePool implements AsyncDisposable {
  readonly #options: GitSourceOptions;
  readonly #shared = new Map<string, Shared>();
  readonly #ending = new Set<Promise<void>>();
  #isClosed = false;

  constructor(options: GitSourceOptions) {
    this.#options = options;
  }

  /** Sources that somebody holds. */
  get size(): number {
    return this.#shared.size;
  }

  /**
   * Starts to follow a repository, or joins who does already. Dispose the handle to stop.
   *
   * @throws SourceError for a spec or a secret that cannot work; `failedState` makes a state of it
   */
  acquire(spec: GitRepositorySpec, secret?: SourceSecret): SourceHandle {
    if (this.#isClosed) throw checkoutError('the manager is shutting down', 'terminal');
    refuseUnsupported(spec);
    const credentials = secret === undefined ? noCredentials : parseCredentials(secret.data, secret.name);
    const intervalMs = parseDuration(spec.interval);
    const wanted = {
      remote: parseRemote({ url: spec.url, credentials, timeoutMs: timeoutMs(spec) }),
      ref: decisivePart(spec.ref ?? {}),
      ignore: spec.ignore,
    };
    // Kept to ourselves: a weak password could be guessed from it.
    const key = sha256(canonicalJson(wanted));
    const shared = this.#shared.get(key) ?? this.#start(key, wanted, intervalMs);
    const holder = Symbol('holder');
    shared.intervals.set(holder, intervalMs);
    shared.source.setInterval(shortest(shared));
    const unsubscribe = new Set<() => void>();
    return {
      get state() {
        return shared.source.state;
      },
      subscribe(listener) {
        if (!shared.intervals.has(holder)) return () => {};
        const stop = shared.source.subscribe(listener);
        unsubscribe.add(stop);
        return () => {
          unsubscribe.delete(stop);
          stop();
        };
      },
      pollNow: () => shared.source.pollNow(),
      [Symbol.dispose]: () => {
        for (const stop of unsubscribe) stop();
        unsubscribe.clear();
        this.#release(key, shared, holder);
      },
    };
  }

  /** Stops all sources; resolves when none of their processes is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    for (const [key, shared] of this.#shared) this.#stop(key, shared);
    await Promise.all(this.#ending);
  }

  #start(key: string, wanted: GitSourceSpec, intervalMs: number): Shared {
    const random = this.#options.random.stream(key);
    const source = new GitSource(wanted, intervalMs, { ...this.#options, random });
    const stop = new AbortController();
    const shared: Shared = { source, stop, intervals: new Map(), ended: source.run(stop.signal) };
    this.#shared.set(key, shared);
    return shared;
  }

  #release(key: string, shared: Shared, holder: symbol): void {
    if (!shared.intervals.delete(holder)) return;
    if (shared.intervals.size > 0) shared.source.setInterval(shortest(shared));
    else this.#stop(key, shared);
  }

  #stop(key: string, shared: Shared): void {
    if (this.#shared.get(key) === shared) this.#shared.delete(key);
    shared.stop.abort();
    this.#ending.add(shared.ended);
    void shared.ended.finally(() => this.#ending.delete(shared.ended));
  }
}

function timeoutMs({ timeout }: GitRepositorySpec): number {
  return parseDuration(timeout ?? '60s');
}

/** The shortest interval that asks for polls at all. */
function shortest({ intervals }: Shared): number {
  const polling = [...intervals.values()].filter((ms) => ms > 0);
  return polling.length === 0 ? 0 : Math.min(...polling);
}

function refuseUnsupported(spec: GitRepositorySpec): void {
  const { url, ref = {}, recurseSubmodules = false, include = [], verify } = spec;
  // Both throw for what can never work.
  parseRemote({ url, credentials: noCredentials, timeoutMs: timeoutMs(spec) });
  if (pinnedCommit(ref) === undefined) wantedNames(ref);
  const unsupported = [
    ...(recurseSubmodules ? ['recurseSubmodules'] : []),
    ...(include.length > 0 ? ['include'] : []),
    // To go on without would pass off an unsigned commit as a verified one.
    ...(verify === undefined || verify === null ? [] : ['verify']),
  ];
  if (unsupported.length > 0) {
    throw checkoutError(`${unsupported.join(', ')}: not supported yet`, 'stalled');
  }
}

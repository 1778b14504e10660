import { abortError } from '../../base/abort.ts';
import type { Clock } from '../../base/clock.ts';
import { errorMessage } from '../../base/errors.ts';
import { type Fetch, FetchError } from '../../base/fetch.ts';
import type { Log } from '../../base/log.ts';
import {
  defaultExpositionLimits,
  type Exposition,
  type ExpositionLimits,
  type Metadata,
  readExposition,
} from './exposition.ts';
import { Labels } from './promql/labels.ts';
import { TargetSeries } from './target-series.ts';
import { detached, type Tsdb } from './tsdb.ts';

/** What is scraped. Two targets with one URL and the same labels are one. */
export interface Target {
  /** Labels that every sample of it gets; `job` and `instance` among them. */
  readonly labels: Readonly<Record<string, string>>;
  readonly url: string;
  /** What service discovery knew about it, for people who look. */
  readonly discoveredLabels?: Readonly<Record<string, string>> | undefined;
}

export type TargetHealth = 'unknown' | 'up' | 'down';

/** A target and how its last scrape went. */
export interface TargetStatus {
  readonly target: Target;
  readonly labels: Labels;
  readonly health: TargetHealth;
  /** Empty after a good scrape. */
  readonly lastError: string;
  readonly lastScrapeMs: number | undefined;
  readonly lastDurationMs: number;
  readonly metadata: ReadonlyMap<string, Readonly<Metadata>>;
}

export interface ScraperOptions {
  readonly clock: Clock;
  readonly fetch: Fetch;
  readonly log: Log;
  readonly tsdb: Tsdb;
  /** The targets there are now; asked for at every turn. */
  readonly targets: () => readonly Target[];
  /** Milliseconds. */
  readonly intervalMs?: number;
  /** Milliseconds. */
  readonly timeoutMs?: number;
  readonly limits?: ExpositionLimits;
}

/** Scrapes this much late count as on time: evenly spaced samples take far less memory. Milliseconds. */
const timeTolerance = 2;

const accept = 'text/plain;version=0.0.4;q=1,*/*;q=0.1';

interface State {
  target: Target;
  readonly labels: Labels;
  readonly series: TargetSeries;
  health: TargetHealth;
  lastError: string;
  lastScrapeMs: number | undefined;
  lastDurationMs: number;
  metadata: ReadonlyMap<string, Readonly<Metadata>>;
  busy: boolean;
  gone: boolean;
}

/** Reads the metrics of all targets, again and again. No target waits for another one. */
export class Scraper {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly #options: ScraperOptions;
  readonly #limits: ExpositionLimits;
  readonly #states = new Map<string, State>();

  constructor(options: ScraperOptions) {
    this.#options = options;
    this.intervalMs = options.intervalMs ?? 1_000;
    this.timeoutMs = options.timeoutMs ?? this.intervalMs;
    this.#limits = options.limits ?? defaultExpositionLimits;
  }

  get statuses(): readonly TargetStatus[] {
    return [...this.#states.values()];
  }

  /** Scrapes every interval until `signal` aborts. */
  run(signal: AbortSignal): Promise<void> {
    return this.#options.clock.every(this.intervalMs, () => void this.scrapeAll(signal), signal);
  }

  /**
   * Scrapes every target once, but for those whose last scrape is still going on; what is no target any more ends.
   * Resolves when all are done; never rejects.
   */
  async scrapeAll(signal?: AbortSignal): Promise<void> {
    const nowMs = this.#options.clock.now();
    try {
      this.#follow(this.#options.targets(), nowMs);
    } catch (error) {
      this.#options.log.error('the targets are unknown; those of the last turn are scraped', { error });
    }
    await Promise.all([...this.#states.values()].map((state) => this.#scrapeGuarded(state, nowMs, signal)));
  }

  #follow(targets: readonly Target[], nowMs: number): void {
    const current = new Set<string>();
    for (const target of targets) {
      const labels = Labels.of(Object.entries(target.labels));
      const key = `${target.url} ${labels.key}`;
      current.add(key);
      const known = this.#states.get(key);
      if (known === undefined) this.#states.set(key, newState(target, labels, this.#options.tsdb));
      else known.target = target;
    }
    for (const [key, state] of this.#states) {
      if (current.has(key)) continue;
      state.gone = true;
      state.series.end(nowMs);
      this.#states.delete(key);
    }
  }

  async #scrapeGuarded(state: State, nowMs: number, signal: AbortSignal | undefined): Promise<void> {
    if (state.busy) return;
    state.busy = true;
    try {
      await this.#scrape(state, nowMs, signal);
    } catch (error) {
      this.#options.log.error('a scrape failed in an unexpected way', { url: state.target.url, error });
    } finally {
      state.busy = false;
    }
  }

  async #scrape(state: State, nowMs: number, signal: AbortSignal | undefined): Promise<void> {
    const { clock, log } = this.#options;
    const startedMs = clock.monotonic();
    let error = '';
    let exposition: Exposition | undefined;
    try {
      exposition = await this.#read(state.target.url, signal);
    } catch (thrown) {
      error = errorMessage(thrown);
    }
    if (state.gone || signal?.aborted) return;
    const durationMs = clock.monotonic() - startedMs;
    const timeMs = onTime(nowMs, state.lastScrapeMs, this.intervalMs);
    try {
      state.series.store(exposition?.samples ?? [], { timeMs, durationMs, up: exposition !== undefined });
    } catch (thrown) {
      error = errorMessage(thrown);
      state.series.store([], { timeMs, durationMs, up: false });
    }
    if (error !== '' && error !== state.lastError)
      log.debug('scrape failed', { url: state.target.url, error });
    state.lastError = error;
    state.health = error === '' ? 'up' : 'down';
    state.lastScrapeMs = timeMs;
    state.lastDurationMs = durationMs;
    if (exposition !== undefined) state.metadata = renewed(state.metadata, exposition.metadata);
  }

  /** @throws FetchError, InvalidInputError, DeadlineError */
  async #read(url: string, signal: AbortSignal | undefined): Promise<Exposition> {
    using deadline = this.#options.clock.timeout(this.timeoutMs, signal);
    const work = this.#request(url, deadline.signal);
    return await unlessAborted(work, deadline.signal);
  }

  async #request(url: string, signal: AbortSignal): Promise<Exposition> {
    const response = await this.#options.fetch(url, { headers: { accept }, signal });
    if (signal.aborted) {
      response.cancel();
      throw abortError(signal);
    }
    if (response.status !== 200) {
      response.cancel();
      throw new FetchError('MalformedBody', `server returned HTTP status ${response.status}`);
    }
    try {
      return await readExposition(response.body(), this.#limits);
    } catch (error) {
      response.cancel();
      throw error;
    }
  }
}

function newState(target: Target, labels: Labels, tsdb: Tsdb): State {
  return {
    target,
    labels,
    series: new TargetSeries(tsdb, labels),
    health: 'unknown',
    lastError: '',
    lastScrapeMs: undefined,
    lastDurationMs: 0,
    metadata: new Map(),
    busy: false,
    gone: false,
  };
}

type AllMetadata = ReadonlyMap<string, Readonly<Metadata>>;

/** The newer of the two; a copy, and only where something changed: its texts are cut out of the page. */
function renewed(known: AllMetadata, now: AllMetadata): AllMetadata {
  const same = ([name, { type, help }]: [string, Readonly<Metadata>]): boolean => {
    const before = known.get(name);
    return before?.type === type && before.help === help;
  };
  if (known.size === now.size && [...now].every(same)) return known;
  return new Map([...now].map(([name, { type, help }]) => [detached(name), { type, help: detached(help) }]));
}

/** The moment to write to the samples: the one at which the scrape was due, where it is close to that. */
function onTime(nowMs: number, lastMs: number | undefined, intervalMs: number): number {
  if (lastMs === undefined) return nowMs;
  const dueMs = lastMs + Math.max(1, Math.round((nowMs - lastMs) / intervalMs)) * intervalMs;
  return Math.abs(dueMs - nowMs) <= timeTolerance ? dueMs : nowMs;
}

/** Settles like `work`, or rejects once `signal` aborts: not every server in this process listens to signals. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(abortError(signal));
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

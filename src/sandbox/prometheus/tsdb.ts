import { type Chunk, chunkLength, lastNotAfter, OpenChunk, readChunk } from './chunk.ts';
import { Labels } from './promql/labels.ts';
import type { Matcher } from './promql/matcher.ts';
import type { Points, Queryable, SeriesReader } from './promql/series.ts';

export interface TsdbOptions {
  /** How long samples are kept, in milliseconds. */
  readonly retentionMs: number;
  /** Series beyond this are refused. */
  readonly maxSeries: number;
}

const defaultTsdbOptions: TsdbOptions = { retentionMs: 3_600_000, maxSeries: 100_000 };

/** One stored series. Samples come in order of time. */
export class Series implements SeriesReader {
  readonly labels: Labels;
  /** Series are listed in the order in which they came. */
  readonly id: number;
  readonly #sealed: Chunk[] = [];
  #open = new OpenChunk();

  constructor(id: number, labels: Labels) {
    this.id = id;
    this.labels = labels;
  }

  /** Milliseconds; minus infinity for a series without samples. */
  get lastMs(): number {
    return this.#open.length > 0
      ? this.#open.lastMs
      : (this.#sealed.at(-1)?.lastMs ?? Number.NEGATIVE_INFINITY);
  }

  /** False, and nothing is stored, for a sample that is not newer than the last one. */
  append(timeMs: number, value: number): boolean {
    return this.#append(timeMs, value, false);
  }

  /** Says that the series has ended: queries do not see its last sample from here on. */
  markStale(timeMs: number): boolean {
    return this.#append(timeMs, 0, true);
  }

  #append(timeMs: number, value: number, stale: boolean): boolean {
    if (timeMs <= this.lastMs) return false;
    if (this.#open.length === chunkLength) {
      this.#sealed.push(this.#open.seal());
      this.#open = new OpenChunk();
    }
    this.#open.append(timeMs, value, stale);
    return true;
  }

  /** Forgets whole chunks that ended before `timeMs`. */
  dropBefore(timeMs: number): void {
    const kept = this.#sealed.findIndex((chunk) => chunk.lastMs >= timeMs);
    this.#sealed.splice(0, kept === -1 ? this.#sealed.length : kept);
    if (this.#open.lastMs < timeMs) this.#open = new OpenChunk();
  }

  latest(fromMs: number, toMs: number): { readonly timeMs: number; readonly value: number } | undefined {
    const chunk = this.#open.firstMs <= toMs ? this.#open : this.#sealed[this.#lastBegunBy(toMs)];
    if (chunk === undefined) return undefined;
    const index = lastNotAfter(chunk, toMs);
    const timeMs = chunk.timeAt(index);
    if (timeMs < fromMs || chunk.isStale(index)) return undefined;
    return { timeMs, value: chunk.valueAt(index) };
  }

  read(fromMs: number, toMs: number, points: Points): void {
    for (let i = Math.max(0, this.#lastBegunBy(fromMs)); i < this.#sealed.length; i++) {
      const chunk = this.#sealed[i];
      if (chunk === undefined || chunk.firstMs > toMs) return;
      readChunk(chunk, fromMs, toMs, points);
    }
    readChunk(this.#open, fromMs, toMs, points);
  }

  /** True where a sample, or the mark of an end, lies in the range. */
  overlaps(fromMs: number, toMs: number): boolean {
    return [...this.#sealed, this.#open].some(
      (chunk) => chunk.length > 0 && chunk.firstMs <= toMs && chunk.lastMs >= fromMs,
    );
  }

  /** The index of the last sealed chunk that begins at or before `timeMs`; -1 where none does. */
  #lastBegunBy(timeMs: number): number {
    let low = 0;
    let high = this.#sealed.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#sealed[middle]?.firstMs ?? Number.POSITIVE_INFINITY) <= timeMs) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

/** The samples of the last hour or so, in memory. */
export class Tsdb implements Queryable {
  readonly #options: TsdbOptions;
  readonly #byKey = new Map<string, Series>();
  /** Label name, then value, to series: what selectors are looked up in. */
  readonly #index = new Map<string, Map<string, Set<Series>>>();
  readonly #texts = new Map<string, string>();
  #nextId = 0;

  constructor(options: Partial<TsdbOptions> = {}) {
    this.#options = { ...defaultTsdbOptions, ...options };
  }

  get seriesCount(): number {
    return this.#byKey.size;
  }

  /**
   * The series of these labels, made where there is none yet; undefined where there are too many.
   * @param always even where there are too many
   */
  series(labels: Labels, always = false): Series | undefined {
    const known = this.#byKey.get(labels.key);
    if (known !== undefined) return known;
    if (this.#byKey.size >= this.#options.maxSeries && !always) return undefined;
    const own = Labels.of(labels.pairs.map(([name, value]) => [this.#intern(name), this.#intern(value)]));
    const made = new Series(this.#nextId++, own);
    this.#byKey.set(own.key, made);
    for (const [name, value] of own.pairs) this.#postings(name, value).add(made);
    return made;
  }

  /** Forgets what is older than the retention, and series of which nothing is left. */
  dropOld(nowMs: number): void {
    const beforeMs = nowMs - this.#options.retentionMs;
    for (const series of this.#byKey.values()) {
      series.dropBefore(beforeMs);
      this.dropEmpty(series);
    }
    // Texts in use are known to the series; here they only wait to be shared.
    if (this.#texts.size > 4 * this.#options.maxSeries) this.#texts.clear();
  }

  /** Forgets a series that has no samples. */
  dropEmpty(series: Series): void {
    if (series.lastMs !== Number.NEGATIVE_INFINITY) return;
    if (!this.#byKey.delete(series.labels.key)) return;
    for (const [name, value] of series.labels.pairs) this.#unlink(name, value, series);
  }

  select(matchers: readonly Matcher[]): Series[] {
    const [demanding, permissive] = [
      matchers.filter((matcher) => !matcher.matches('')),
      matchers.filter((matcher) => matcher.matches('')),
    ];
    let found: Iterable<Series> = this.#byKey.values();
    for (const [i, matcher] of demanding.entries()) {
      const matching = this.#matching(matcher);
      found = i === 0 ? matching : matching.intersection(new Set(found));
    }
    return [...found]
      .filter(({ labels }) => permissive.every((matcher) => matcher.matches(labels.get(matcher.name))))
      .sort((a, b) => a.id - b.id);
  }

  labelNames(): string[] {
    return [...this.#index.keys()].sort();
  }

  labelValues(name: string): string[] {
    return [...(this.#index.get(name)?.keys() ?? [])].sort();
  }

  /** The series that have the label and whose value matches. */
  #matching(matcher: Matcher): Set<Series> {
    const byValue = this.#index.get(matcher.name);
    if (byValue === undefined) return new Set();
    if (matcher.operator === '=') return byValue.get(matcher.value) ?? new Set();
    const found = new Set<Series>();
    for (const [known, series] of byValue) {
      if (matcher.matches(known)) for (const one of series) found.add(one);
    }
    return found;
  }

  #postings(name: string, value: string): Set<Series> {
    const byValue = this.#index.get(name) ?? new Map<string, Set<Series>>();
    this.#index.set(name, byValue);
    const series = byValue.get(value) ?? new Set<Series>();
    byValue.set(value, series);
    return series;
  }

  #unlink(name: string, value: string, series: Series): void {
    const byValue = this.#index.get(name);
    const same = byValue?.get(value);
    same?.delete(series);
    if (same?.size === 0) byValue?.delete(value);
    if (byValue?.size === 0) this.#index.delete(name);
  }

  #intern(text: string): string {
    let own = this.#texts.get(text);
    if (own === undefined) {
      own = detached(text);
      this.#texts.set(own, own);
    }
    return own;
  }
}

/** A copy: a text cut out of a scrape's answer would keep the whole answer in memory. */
export function detached(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8');
}

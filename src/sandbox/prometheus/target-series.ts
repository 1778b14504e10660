import { InvalidInputError } from '../../base/errors.ts';
import { type ExpositionSample, parseSeries } from './exposition.ts';
import { type LabelPair, Labels, metricNameLabel } from './promql/labels.ts';
import { detached, type Series, type Tsdb } from './tsdb.ts';

/** What is known about a scrape beside its samples. */
export interface ScrapeReport {
  readonly timeMs: number;
  readonly durationMs: number;
  readonly up: boolean;
}

interface Entry {
  readonly text: string;
  readonly series: Series;
  /** The scrape that had it last. */
  scrape: number;
  /** It comes with times of its own: only the target knows when it ends. */
  ownTimes: boolean;
}

/** The series of one target: finds them by their text, and notices those that are no longer there. */
export class TargetSeries {
  readonly #tsdb: Tsdb;
  readonly #labels: Labels;
  readonly #entries = new Map<string, Entry>();
  readonly #reports = new Map<string, Series>();
  /** The entries of the last scrape, line by line: pages keep their order, and comparing is faster than hashing. */
  #lines: readonly Entry[] = [];
  #scrape = 0;

  constructor(tsdb: Tsdb, labels: Labels) {
    this.#tsdb = tsdb;
    this.#labels = labels;
  }

  /**
   * Stores a scrape. Series of the last one that are missing are marked as ended.
   * @throws InvalidInputError before anything is stored, for labels that are none and for too many series
   */
  store(samples: readonly ExpositionSample[], report: ScrapeReport): void {
    this.#scrape += 1;
    const before = this.#entries.size;
    const found = this.#find(samples);
    const added = this.#entries.size - before;
    for (const [i, { value, timeMs }] of samples.entries()) {
      const entry = found[i];
      if (entry === undefined) continue;
      entry.scrape = this.#scrape;
      entry.ownTimes = timeMs !== undefined;
      // Of two lines for one series the first counts; times that go back do not.
      entry.series.append(timeMs ?? report.timeMs, value);
    }
    this.#endMissing(report.timeMs);
    this.#report('up', report.timeMs, report.up ? 1 : 0);
    this.#report('scrape_duration_seconds', report.timeMs, report.durationMs / 1000);
    this.#report('scrape_samples_scraped', report.timeMs, samples.length);
    this.#report('scrape_samples_post_metric_relabeling', report.timeMs, samples.length);
    this.#report('scrape_series_added', report.timeMs, added);
  }

  /** The target is gone: all its series end. */
  end(timeMs: number): void {
    this.#scrape += 1;
    this.#endMissing(timeMs);
    for (const series of this.#reports.values()) series.markStale(timeMs);
    this.#reports.clear();
  }

  #endMissing(timeMs: number): void {
    for (const [text, entry] of this.#entries) {
      if (entry.scrape === this.#scrape) continue;
      this.#entries.delete(text);
      if (!entry.ownTimes) entry.series.markStale(timeMs);
    }
  }

  /** Finds or makes all, or none. */
  #find(samples: readonly ExpositionSample[]): readonly Entry[] {
    try {
      this.#lines = samples.map(({ series }, i) => {
        const expected = this.#lines[i];
        return expected?.text === series ? expected : this.#entry(series);
      });
      return this.#lines;
    } catch (error) {
      for (const [text, { series }] of this.#entries) {
        if (series.lastMs !== Number.NEGATIVE_INFINITY) continue;
        this.#entries.delete(text);
        this.#tsdb.dropEmpty(series);
      }
      throw error;
    }
  }

  #entry(text: string): Entry {
    const known = this.#entries.get(text);
    if (known !== undefined) return known;
    const labels = withTargetLabels(parseSeries(text), this.#labels);
    const entry: Entry = {
      text: detached(text),
      series: this.#make(labels),
      scrape: this.#scrape,
      ownTimes: false,
    };
    this.#entries.set(entry.text, entry);
    return entry;
  }

  #make(labels: Labels): Series {
    const series = this.#tsdb.series(labels);
    if (series === undefined) {
      throw new InvalidInputError(
        `too many series: ${this.#tsdb.seriesCount} are stored`,
        'InvalidExposition',
      );
    }
    return series;
  }

  #report(name: string, timeMs: number, value: number): void {
    const series =
      this.#reports.get(name) ?? this.#tsdb.series(this.#labels.with(metricNameLabel, name), true);
    if (series === undefined) return;
    this.#reports.set(name, series);
    series.append(timeMs, value);
  }
}

/** A target's labels win; what a sample says under the same name is kept as `exported_…`. */
function withTargetLabels(pairs: readonly LabelPair[], target: Labels): Labels {
  const taken = new Map<string, string>([...pairs, ...target.pairs]);
  for (const [name, value] of pairs) {
    if (target.get(name) === '' || value === '') continue;
    let exported = `exported_${name}`;
    while (taken.has(exported)) exported = `exported_${exported}`;
    taken.set(exported, value);
  }
  return Labels.of(taken);
}

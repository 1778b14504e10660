import type { Clock } from '../../base/clock.ts';
import type { Fetch } from '../../base/fetch.ts';
import type { Log } from '../../base/log.ts';
import type { HttpHandler } from '../../base/network.ts';
import { prometheusApi } from './api.ts';
import { Scraper, type Target } from './scrape.ts';
import { Tsdb, type TsdbOptions } from './tsdb.ts';

export interface PrometheusOptions {
  readonly clock: Clock;
  readonly fetch: Fetch;
  readonly log: Log;
  /** The targets there are now; asked for at every turn. */
  readonly targets: () => readonly Target[];
  /** Milliseconds between scrapes. */
  readonly scrapeIntervalMs?: number;
  readonly storage?: Partial<TsdbOptions>;
}

/** How often what is too old is dropped, in milliseconds. */
const dropEveryMs = 60_000;

/** A Prometheus in this process: scrapes, keeps an hour, answers. */
export interface Prometheus {
  readonly tsdb: Tsdb;
  readonly scraper: Scraper;
  readonly http: HttpHandler;
  /** Scrapes until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
}

export function createPrometheus(options: PrometheusOptions): Prometheus {
  const { clock, fetch, log, targets } = options;
  const tsdb = new Tsdb(options.storage);
  const scraper = new Scraper({
    clock,
    fetch,
    log,
    tsdb,
    targets,
    intervalMs: options.scrapeIntervalMs ?? 1_000,
  });
  return {
    tsdb,
    scraper,
    http: prometheusApi({ clock, tsdb, scraper }),
    run: async (signal) => {
      const dropping = clock.every(dropEveryMs, () => tsdb.dropOld(clock.now()), signal);
      await Promise.all([scraper.run(signal), dropping]);
    },
  };
}

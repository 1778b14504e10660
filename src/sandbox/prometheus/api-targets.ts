import { formatTime } from '../../base/time.ts';
import { formatDuration } from '../../base/duration.ts';
import type { Params } from './api-params.ts';
import type { Scraper, TargetStatus } from './scrape.ts';

type Targets = Pick<Scraper, 'statuses' | 'intervalMs' | 'timeoutMs'>;

/** The data of `/targets`. Nothing is relabelled here, so no target is ever dropped. */
export function targetsOf(scraper: Targets, params: Params): unknown {
  const state = params.text('state').toLowerCase();
  const pool = params.text('scrapePool');
  const shown = ['', 'any', 'active'].includes(state) ? scraper.statuses : [];
  return {
    activeTargets: shown
      .filter(({ labels }) => pool === '' || labels.get('job') === pool)
      .map((status) => targetOf(status, scraper)),
    droppedTargets: [],
  };
}

function targetOf(status: TargetStatus, { intervalMs, timeoutMs }: Targets): unknown {
  const { target, labels } = status;
  return {
    discoveredLabels: target.discoveredLabels ?? {},
    labels: labels.toJSON(),
    scrapePool: labels.get('job'),
    scrapeUrl: target.url,
    globalUrl: target.url,
    lastError: status.lastError,
    lastScrape: goTime(status.lastScrapeMs),
    lastScrapeDuration: status.lastDurationMs / 1000,
    health: status.health,
    scrapeInterval: formatDuration(intervalMs),
    scrapeTimeout: formatDuration(timeoutMs),
  };
}

/** As Go's time.Time in JSON: a fraction without zeros at its end. Go's zero time stands for never. */
function goTime(ms: number | undefined): string {
  if (ms === undefined) return '0001-01-01T00:00:00Z';
  const fraction = (((ms % 1000) + 1000) % 1000).toString().padStart(3, '0').replace(/0+$/, '');
  return fraction === '' ? formatTime(ms) : `${formatTime(ms).slice(0, -1)}.${fraction}Z`;
}

interface MetricMetadata {
  readonly type: string;
  readonly help: string;
  readonly unit: string;
}

/** The data of `/metadata`: by metric, what the targets say about it, each opinion once. */
export function metadataOf(scraper: Targets, params: Params): unknown {
  const limit = params.limit() ?? Number.POSITIVE_INFINITY;
  const wanted = params.text('metric');
  const found = new Map<string, Map<string, MetricMetadata>>();
  for (const { metadata } of scraper.statuses) {
    for (const [name, { type, help }] of metadata) {
      if (wanted !== '' && name !== wanted) continue;
      const opinions = found.get(name) ?? new Map<string, MetricMetadata>();
      found.set(name, opinions);
      opinions.set(JSON.stringify([type, help]), { type, help, unit: '' });
    }
  }
  const listed = [...found]
    .slice(0, limit)
    .map(([name, opinions]) => [name, [...opinions.values()]] as const);
  return Object.fromEntries(listed);
}

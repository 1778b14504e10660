import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../../base/clock.ts';
import { type Fetch, FetchError, type FetchResponse, headersOf } from '../../base/fetch.ts';
import { silentLog } from '../../base/log.ts';
import { createPrometheus, type Prometheus } from './prometheus.ts';
import { parseExpr } from './promql/parse.ts';
import { queryInstant } from './promql/query.ts';
import type { Target } from './scrape.ts';

const target = (instance: string): Target => ({
  labels: { job: 'pods', instance },
  url: `http://${instance}/metrics`,
});

function page(status: number, text: string): FetchResponse {
  return {
    status,
    headers: headersOf({}),
    async *body() {
      yield Buffer.from(text);
    },
    text: async () => text,
    json: async () => text,
    async *jsonLines() {},
    cancel() {},
  };
}

/** A Prometheus on virtual time. `pages` answers by instance; it and `targets` may change at any time. */
class World {
  readonly clock = new VirtualClock(0);
  readonly pages = new Map<string, () => Promise<FetchResponse> | string>();
  targets: Target[] = [];
  readonly prometheus: Prometheus;
  readonly stop = new AbortController();

  constructor() {
    const fetch: Fetch = async (url) => {
      const answer = this.pages.get(new URL(url).host)?.();
      if (answer === undefined) throw new FetchError('Unreachable', 'connection refused');
      return typeof answer === 'string' ? page(200, answer) : answer;
    };
    this.prometheus = createPrometheus({
      clock: this.clock,
      fetch,
      log: silentLog,
      targets: () => this.targets,
      storage: { maxSeries: 20 },
    });
    void this.prometheus.run(this.stop.signal);
  }

  ask(query: string): Record<string, number> {
    const result = queryInstant(this.prometheus.tsdb, parseExpr(query), this.clock.now());
    if (result.type !== 'vector') throw new Error(result.type);
    return Object.fromEntries(result.samples.map(({ labels, value }) => [labels.toString(), value]));
  }

  status(instance: string) {
    return this.prometheus.scraper.statuses.find(({ labels }) => labels.get('instance') === instance);
  }
}

function worldOf(...instances: string[]): World {
  const world = new World();
  world.targets = instances.map(target);
  for (const instance of instances)
    world.pages.set(instance, () => `requests_total{code="200"} ${world.clock.now()}\n`);
  return world;
}

describe('scraping', () => {
  test('every second, with the labels of the target and a report of each scrape', async () => {
    const world = worldOf('a:1');
    await world.clock.advance(10_000);
    expect(world.ask('requests_total')).toEqual({
      '{__name__="requests_total", code="200", instance="a:1", job="pods"}': 10_000,
    });
    expect(world.ask('count_over_time(requests_total[1m])')).toEqual({
      '{code="200", instance="a:1", job="pods"}': 10,
    });
    expect(world.ask('{__name__=~"up|scrape_.*"}')).toEqual(
      Object.fromEntries(
        [
          ['scrape_duration_seconds', 0],
          ['scrape_samples_post_metric_relabeling', 1],
          ['scrape_samples_scraped', 1],
          ['scrape_series_added', 0],
          ['up', 1],
        ].map(([name, value]) => [`{__name__="${name}", instance="a:1", job="pods"}`, value]),
      ),
    );
  });

  test('a label that the target has as well is kept under another name', async () => {
    const world = worldOf('a:1');
    world.pages.set('a:1', () => 'a{job="own",exported_job="x",instance=""} 1\n');
    await world.clock.advance(1_000);
    expect(world.ask('a')).toEqual({
      '{__name__="a", exported_exported_job="own", exported_job="x", instance="a:1", job="pods"}': 1,
    });
  });

  test('lines may change their order, and of two lines for one series the first counts', async () => {
    const world = worldOf('a:1');
    world.pages.set('a:1', () => (world.clock.now() % 2_000 === 0 ? 'a 1\nb 2\na 3\n' : 'b 2\na 1\n'));
    await world.clock.advance(9_000);
    for (const [name, value] of [
      ['a', 1],
      ['b', 2],
    ] as const) {
      const labels = '{instance="a:1", job="pods"}';
      expect(world.ask(`avg_over_time(${name}[1m])`)).toEqual({ [labels]: value });
      expect(world.ask(`count_over_time(${name}[1m])`)).toEqual({ [labels]: 9 });
    }
  });

  test('samples may bring times of their own, and are then not ended', async () => {
    const world = worldOf('a:1');
    world.pages.set('a:1', () => (world.clock.now() > 2_000 ? 'b 1\n' : 'a 1 500\n'));
    await world.clock.advance(5_000);
    expect(world.ask('timestamp(a)')).toEqual({ '{instance="a:1", job="pods"}': 0.5 });
  });
});

describe('what ends', () => {
  test('a series that a target no longer has is gone at the next scrape', async () => {
    const world = worldOf('a:1');
    world.pages.set('a:1', () => (world.clock.now() > 3_000 ? 'b 1\n' : 'a 1\nb 1\n'));
    await world.clock.advance(3_000);
    expect(Object.keys(world.ask('a'))).toHaveLength(1);
    await world.clock.advance(1_000);
    expect(world.ask('a')).toEqual({});
    expect(Object.keys(world.ask('b'))).toHaveLength(1);
  });

  test('a target that cannot be reached has no series any more, but for up', async () => {
    const world = worldOf('a:1', 'b:1');
    await world.clock.advance(2_000);
    world.pages.delete('a:1');
    await world.clock.advance(1_000);
    expect(world.ask('up')).toEqual({
      '{__name__="up", instance="a:1", job="pods"}': 0,
      '{__name__="up", instance="b:1", job="pods"}': 1,
    });
    expect(world.ask('count(requests_total)')).toEqual({ '{}': 1 });
    expect(world.status('a:1')).toMatchObject({ health: 'down', lastError: 'connection refused' });
  });

  test('a target that is no target any more ends with all it had', async () => {
    const world = worldOf('a:1', 'b:1');
    await world.clock.advance(2_000);
    world.targets = [target('b:1')];
    await world.clock.advance(1_000);
    expect(world.ask('count by (instance) ({job="pods"})')).toEqual({ '{instance="b:1"}': 6 });
    expect(world.prometheus.scraper.statuses).toHaveLength(1);
  });
});

describe('a target that misbehaves', () => {
  test.each([
    ['sends nonsense', '<html>', /expected a metric name/],
    ['has a broken label', 'a{b="c",b="d"} 1', /not unique/],
    ['has too many series', Array.from({ length: 50 }, (_, i) => `a${i} 1\n`).join(''), /too many series/],
  ])('%s: is down, and nothing of the page counts', async (_, text, error) => {
    const world = worldOf('a:1');
    world.pages.set('a:1', () => `good 1\n${text}`);
    await world.clock.advance(1_000);
    expect(world.status('a:1')?.lastError).toMatch(error);
    expect(world.ask('up')).toEqual({ '{__name__="up", instance="a:1", job="pods"}': 0 });
    expect(world.ask('good')).toEqual({});
  });

  test('answers with a status: is down', async () => {
    const world = worldOf('a:1');
    world.pages.set('a:1', async () => page(503, 'a 1\n'));
    await world.clock.advance(1_000);
    expect(world.status('a:1')?.lastError).toBe('server returned HTTP status 503');
  });

  test('hangs: is cut off after the timeout, and holds up nobody', async () => {
    const world = worldOf('a:1', 'b:1');
    world.pages.set('a:1', () => new Promise(() => {}));
    await world.clock.advance(5_500);
    expect(world.ask('up')).toEqual({
      '{__name__="up", instance="a:1", job="pods"}': 0,
      '{__name__="up", instance="b:1", job="pods"}': 1,
    });
    expect(world.ask('count_over_time(up[10s])')).toMatchObject({ '{instance="b:1", job="pods"}': 5 });
  });

  test('comes back', async () => {
    const world = worldOf('a:1');
    const good = world.pages.get('a:1')!;
    world.pages.delete('a:1');
    await world.clock.advance(2_000);
    world.pages.set('a:1', good);
    await world.clock.advance(1_000);
    expect(world.status('a:1')).toMatchObject({ health: 'up', lastError: '' });
    expect(Object.keys(world.ask('requests_total'))).toHaveLength(1);
  });
});

test('it keeps an hour, and ends without leaving a timer', async () => {
  const world = worldOf('a:1');
  await world.clock.advance(2 * 3_600_000);
  const [count] = Object.values(world.ask('count_over_time(requests_total[1d])'));
  expect(count).toBeGreaterThanOrEqual(3_600);
  expect(count).toBeLessThan(3_600 + 200);
  world.stop.abort();
  await world.clock.settle();
  expect(world.clock.pending).toBe(0);
});

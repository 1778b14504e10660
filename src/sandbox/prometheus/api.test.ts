import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../../base/clock.ts';
import { MemoryNetwork } from '../../base/memory-network.ts';
import { prometheusApi } from './api.ts';
import { Labels } from './promql/labels.ts';
import type { TargetStatus } from './scrape.ts';
import { Tsdb } from './tsdb.ts';

const up: TargetStatus = {
  target: { labels: {}, url: 'http://a:1/metrics', discoveredLabels: { __address__: 'a:1' } },
  labels: Labels.of([
    ['job', 'pods'],
    ['instance', 'a:1'],
  ]),
  health: 'up',
  lastError: '',
  lastScrapeMs: 10_250,
  lastDurationMs: 5,
  metadata: new Map([['g', { type: 'gauge', help: 'A gauge.' }]]),
};

async function served() {
  const clock = new VirtualClock(10_000);
  const tsdb = new Tsdb();
  for (const [job, value] of [
    ['api', 1.5],
    ['web', 1e21],
  ] as const) {
    const series = tsdb.series(
      Labels.of([
        ['__name__', 'g'],
        ['job', job],
      ]),
    )!;
    series.append(5_000, 0);
    series.append(10_000, value);
  }
  const scraper = { statuses: [up], intervalMs: 1_000, timeoutMs: 1_000 };
  const network = new MemoryNetwork();
  await network.host('10.0.0.1').listen(9090, { http: prometheusApi({ clock, tsdb, scraper }) });
  const { fetch } = network.host('10.0.0.2');
  const ask = async (path: string, form?: string): Promise<{ status: number; body: unknown }> => {
    const response = await fetch(
      `http://10.0.0.1:9090${path}`,
      form === undefined
        ? {}
        : { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: form },
    );
    return { status: response.status, body: await response.json() };
  };
  return { ask, fetch };
}

const success = (data: unknown) => ({ status: 200, body: { status: 'success', data } });
const failure = (status: number, errorType: string, error: unknown) => ({
  status,
  body: { status: 'error', errorType, error },
});

describe('queries', () => {
  const vector = success({
    resultType: 'vector',
    result: [
      { metric: { __name__: 'g', job: 'api' }, value: [10, '1.5'] },
      { metric: { __name__: 'g', job: 'web' }, value: [10, '1e+21'] },
    ],
  });

  test('at a moment: now, if none is named', async () => {
    const { ask } = await served();
    expect(await ask('/api/v1/query?query=g')).toEqual(vector);
    expect(await ask('/api/v1/query', 'query=g&stats=all')).toEqual(vector);
    expect(await ask('/api/v1/query?query=g&time=10')).toEqual(vector);
    expect(await ask('/api/v1/query?query=nothing')).toEqual(success({ resultType: 'vector', result: [] }));
    expect(await ask('/api/v1/query?query=1%2B1&time=1.5')).toEqual(
      success({ resultType: 'scalar', result: [1.5, '2'] }),
    );
  });

  test('over a range', async () => {
    const { ask } = await served();
    expect(
      await ask('/api/v1/query_range', 'query=sum(g*0)&start=5&end=1970-01-01T00:00:10.5Z&step=2500ms'),
    ).toEqual(
      success({
        resultType: 'matrix',
        result: [
          {
            metric: {},
            values: [
              [5, '0'],
              [7.5, '0'],
              [10, '0'],
            ],
          },
        ],
      }),
    );
  });

  test('what is wrong has a type and a reason', async () => {
    const { ask } = await served();
    expect(await ask('/api/v1/query?query=g{')).toEqual(
      failure(
        400,
        'bad_data',
        'invalid parameter "query": 1:3: parse error: unexpected end of input inside braces',
      ),
    );
    expect(await ask('/api/v1/query?query=g%2Bon()g')).toEqual(failure(422, 'execution', expect.any(String)));
    expect(await ask('/api/v1/query?query=sum_over_time(g[100y:1ms])')).toEqual(
      failure(
        422,
        'execution',
        'query processing would load too many samples into memory in query execution',
      ),
    );
    expect(await ask('/api/v1/query?query=g&timeout=-1')).toEqual(
      failure(503, 'timeout', 'query timed out in expression evaluation'),
    );
    expect(await ask('/api/v1/query_range?query=g&start=0&end=11001&step=1')).toEqual(
      failure(400, 'bad_data', expect.stringContaining('11,000 points')),
    );
    expect(await ask('/api/v1/query', `query=${'a'.repeat(2_000_000)}`)).toEqual(
      failure(400, 'bad_data', expect.stringContaining('error parsing form values')),
    );
  });
});

test('series, labels and their values', async () => {
  const { ask } = await served();
  expect(await ask('/api/v1/series?match[]=g{job="api"}')).toEqual(success([{ __name__: 'g', job: 'api' }]));
  expect(await ask('/api/v1/series', 'match[]=g&end=4')).toEqual(success([]));
  expect(await ask('/api/v1/labels')).toEqual(success(['__name__', 'job']));
  expect(await ask('/api/v1/label/job/values')).toEqual(success(['api', 'web']));
  expect(await ask('/api/v1/label/job/values?match[]=g{job!="api"}')).toEqual(success(['web']));
});

test('targets, and what they say about their metrics', async () => {
  const { ask } = await served();
  expect(await ask('/api/v1/targets?state=active')).toEqual(
    success({
      activeTargets: [
        {
          discoveredLabels: { __address__: 'a:1' },
          labels: { instance: 'a:1', job: 'pods' },
          scrapePool: 'pods',
          scrapeUrl: 'http://a:1/metrics',
          globalUrl: 'http://a:1/metrics',
          lastError: '',
          lastScrape: '1970-01-01T00:00:10.25Z',
          lastScrapeDuration: 0.005,
          health: 'up',
          scrapeInterval: '1s',
          scrapeTimeout: '1s',
        },
      ],
      droppedTargets: [],
    }),
  );
  expect(await ask('/api/v1/metadata')).toEqual(
    success({ g: [{ type: 'gauge', help: 'A gauge.', unit: '' }] }),
  );
  expect(await ask('/api/v1/metadata?metric=h')).toEqual(success({}));
  expect(await ask('/api/v1/metadata?limit=0')).toEqual(success({}));
});

test('who it is, and how it is', async () => {
  const { ask, fetch } = await served();
  expect(await ask('/api/v1/status/buildinfo')).toMatchObject(success({ version: '2.42.0' }));
  const healthy = await fetch('http://10.0.0.1:9090/-/healthy');
  expect(await healthy.text()).toBe('Prometheus Server is Healthy.\n');
  const ready = await fetch('http://10.0.0.1:9090/-/ready');
  expect(await ready.text()).toBe('Prometheus Server is Ready.\n');
  expect((await fetch('http://10.0.0.1:9090/api/v1/admin/tsdb/snapshot', { method: 'POST' })).status).toBe(
    404,
  );
  expect((await fetch('http://10.0.0.1:9090/api/v1/query', { method: 'DELETE' })).status).toBe(405);
});

import { describe, expect, test } from 'vitest';
import { Tsdb } from '../tsdb.ts';
import { PromqlCancelledError, PromqlExecutionError, PromqlTimeoutError } from './errors.ts';
import { Labels } from './labels.ts';
import { parseExpr } from './parse.ts';
import { defaultQueryOptions, queryInstant, type QueryOptions, queryRange } from './query.ts';

const second = 1_000;

/** A store with series that have a value every second, from the epoch on. */
function storeOf(
  series: Readonly<Record<string, (second: number) => number | undefined>>,
  seconds = 120,
): Tsdb {
  const tsdb = new Tsdb();
  for (const [text, valueAt] of Object.entries(series)) {
    const [, name = '', list = ''] = /^(\w+)(?:\{(.*)\})?$/.exec(text) ?? [];
    const pairs = [...list.matchAll(/(\w+)="([^"]*)"/g)].map(
      ([, key = '', value = '']) => [key, value] as const,
    );
    const stored = tsdb.series(Labels.of([['__name__', name], ...pairs]))!;
    for (let at = 0; at <= seconds; at++) {
      const value = valueAt(at);
      if (value !== undefined) stored.append(at * second, value);
    }
  }
  return tsdb;
}

function values(tsdb: Tsdb, query: string, atMs: number, options?: QueryOptions): Record<string, number> {
  const result = queryInstant(tsdb, parseExpr(query), atMs, options);
  if (result.type !== 'vector') throw new Error(`a ${result.type}`);
  return Object.fromEntries(result.samples.map(({ labels, value }) => [labels.toString(), value]));
}

describe("the canary analysis's own queries", () => {
  const requests = (workload: string, code: string, rate: number, reporter = 'destination') =>
    [
      `istio_requests_total{reporter="${reporter}",destination_workload_namespace="test",` +
        `destination_workload="${workload}",response_code="${code}"}`,
      (at: number) => at * rate,
    ] as const;
  const bucket = (le: string, rate: number) =>
    [
      `istio_request_duration_milliseconds_bucket{reporter="destination",destination_workload_namespace="test",` +
        `destination_workload="podinfo",response_code="200",le="${le}"}`,
      (at: number) => at * rate,
    ] as const;
  const tsdb = storeOf(
    Object.fromEntries([
      requests('podinfo', '200', 9),
      requests('podinfo', '404', 0.5),
      requests('podinfo', '503', 0.5),
      // Neither the primary nor what the gateway saw may count.
      requests('podinfo-primary', '503', 100),
      requests('podinfo', '503', 100, 'source'),
      bucket('10', 50),
      bucket('100', 90),
      bucket('1000', 100),
      bucket('+Inf', 100),
    ]),
  );
  const success =
    ' sum( rate( istio_requests_total{ reporter="destination", destination_workload_namespace="test", destination_workload=~"podinfo", response_code!~"5.*" }[1m] ) ) / sum( rate( istio_requests_total{ reporter="destination", destination_workload_namespace="test", destination_workload=~"podinfo" }[1m] ) ) * 100';
  const duration =
    ' histogram_quantile( 0.99, sum( rate( istio_request_duration_milliseconds_bucket{ reporter="destination", destination_workload_namespace="test", destination_workload=~"podinfo" }[1m] ) ) by (le) )';

  test('the success rate is the share of answers that are not 5xx', () => {
    expect(values(tsdb, success, 120 * second)['{}']).toBeCloseTo(95, 9);
  });

  test('the duration is the 99th percentile, between the bounds of its bucket', () => {
    expect(values(tsdb, duration, 120 * second)['{}']).toBeCloseTo(910, 9);
  });

  test('without traffic there is no value, or NaN, and no error', () => {
    const idle = storeOf(Object.fromEntries([requests('podinfo', '200', 0)]));
    expect(values(idle, success, 120 * second)).toEqual({ '{}': Number.NaN });
    expect(values(idle, duration, 120 * second)).toEqual({});
    expect(values(new Tsdb(), success, 120 * second)).toEqual({});
  });

  test.each([
    ' sum( rate( http_request_duration_seconds_count{ kubernetes_namespace="test", kubernetes_pod_name=~"podinfo-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)", status!~"5.*" }[1m] ) ) / sum( rate( http_request_duration_seconds_count{ kubernetes_namespace="test", kubernetes_pod_name=~"podinfo-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)" }[1m] ) ) * 100',
  ])('by pod: %s', (query) => {
    const pod = (name: string, status: string, rate: number) =>
      [
        `http_request_duration_seconds_count{kubernetes_namespace="test",kubernetes_pod_name="${name}",status="${status}"}`,
        (at: number) => at * rate,
      ] as const;
    const pods = storeOf(
      Object.fromEntries([
        pod('podinfo-6d7f-abc', '200', 3),
        pod('podinfo-6d7f-abc', '500', 1),
        pod('podinfo-primary-6d7f-abc', '500', 50),
      ]),
    );
    expect(values(pods, query, 120 * second)['{}']).toBeCloseTo(75, 9);
  });
});

describe('staleness', () => {
  test('a sample is seen for five minutes', () => {
    const tsdb = storeOf({ a: (at) => (at === 0 ? 1 : undefined) });
    expect(values(tsdb, 'a', 300 * second)).toEqual({ '{__name__="a"}': 1 });
    expect(values(tsdb, 'a', 300 * second + 1)).toEqual({});
  });

  test('a series marked as ended is gone at once, and comes back with its next sample', () => {
    const tsdb = storeOf({ a: (at) => (at < 10 ? at : undefined) });
    const [series] = tsdb.select([]);
    series!.markStale(10 * second);
    expect(values(tsdb, 'a', 10 * second)).toEqual({});
    expect(values(tsdb, 'count_over_time(a[1m])', 10 * second)).toEqual({ '{}': 10 });
    series!.append(12 * second, 5);
    expect(values(tsdb, 'a', 11 * second)).toEqual({});
    expect(values(tsdb, 'a', 12 * second)).toEqual({ '{__name__="a"}': 5 });
  });
});

test('rates are extrapolated to the ends of the range, but not below zero', () => {
  const tsdb = storeOf({ a: (at) => (at >= 30 ? at - 30 : undefined) });
  expect(values(tsdb, 'increase(a[1m])', 90 * second)).toEqual({ '{}': 60 });
  expect(values(tsdb, 'increase(a[1m])', 60 * second)['{}']).toBe(30);
  expect(values(tsdb, 'rate(a[1m])', 30 * second)).toEqual({});
});

describe('over a range', () => {
  test('each step has its value; steps without one are left out', () => {
    const tsdb = storeOf({ a: (at) => (at < 3 ? at : undefined) });
    const range = { startMs: 1_000, endMs: 400_000, stepMs: 100_000 };
    expect(queryRange(tsdb, parseExpr('a'), range)).toEqual([
      {
        labels: expect.anything() as Labels,
        points: { times: [1_000, 101_000, 201_000, 301_000], values: [1, 2, 2, 2] },
      },
    ]);
  });

  test('@ start() and @ end() are the ends of the query', () => {
    const tsdb = storeOf({ a: (at) => at });
    const range = { startMs: 10_000, endMs: 30_000, stepMs: 10_000 };
    const [found] = queryRange(tsdb, parseExpr('a @ end() - a @ start()'), range);
    expect(found?.points.values).toEqual([20, 20, 20]);
  });

  test('two series that lose what tells them apart are an error even when they are never there together', () => {
    const tsdb = storeOf({ a: (at) => (at < 5 ? at : undefined), b: (at) => (at > 100 ? at : undefined) });
    const range = { startMs: 4_000, endMs: 120_000, stepMs: 10_000 };
    expect(() => queryRange(tsdb, parseExpr('rate({__name__=~"a|b"}[5s])'), range)).toThrow(/same labelset/);
  });
});

describe('a query has limits', () => {
  const tsdb = storeOf({ a: (at) => at });

  test('samples', () => {
    const options = { ...defaultQueryOptions, maxSamples: 100 };
    expect(() => values(tsdb, 'rate(a[2m])', 120 * second, options)).toThrow(PromqlExecutionError);
    expect(() => values(tsdb, 'sum_over_time(a[1d:1ms])', 0, options)).toThrow(/too many samples/);
  });

  test('time', () => {
    const options = { ...defaultQueryOptions, expired: () => true };
    expect(() => values(tsdb, 'a', 0, options)).toThrow(PromqlTimeoutError);
  });

  test('the interest of the caller', () => {
    const options = { ...defaultQueryOptions, signal: AbortSignal.abort() };
    expect(() => values(tsdb, 'a', 0, options)).toThrow(PromqlCancelledError);
  });
});

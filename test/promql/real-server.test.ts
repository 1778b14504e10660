import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { VirtualClock } from '../../src/base/clock.ts';
import type { HttpHandler } from '../../src/base/network.ts';
import { prometheusApi } from '../../src/sandbox/prometheus/api.ts';
import { compareLabels, Labels } from '../../src/sandbox/prometheus/promql/labels.ts';
import { defaultQueryOptions } from '../../src/sandbox/prometheus/promql/query.ts';
import { testData, testQuery } from './generate.ts';
import { promtoolVersion, type TestData } from './promtool.ts';
import { type RealServer, startRealServer } from './real-server.ts';
import { load, near } from './test-store.ts';

const seed = Number(process.env['PROMQL_SEED'] ?? 2042);
const count = Number(process.env['PROMQL_QUERIES'] ?? 300);

const version = promtoolVersion();
const comparable = version?.startsWith('2.42.') === true;
if (!comparable) {
  console.log(
    `The HTTP API is not compared with the real Prometheus: ${version ?? 'no promtool'} is here, not 2.42`,
  );
}

interface Reply {
  readonly status: number;
  readonly body: unknown;
}

let real: RealServer;
let api: HttpHandler;

beforeAll(async () => {
  if (!comparable) return;
  const [sampled] = fc.sample(testData, { seed, numRuns: 1 });
  const data: TestData = {
    ...sampled!,
    series: sampled!.series
      .map(({ labels, values }) => ({
        labels,
        values: values.map((value) => (value === 'stale' ? 'missing' : value)),
      }))
      // As a block of the real store has them: sums depend on the order in their last digits.
      .sort((a, b) =>
        compareLabels(Labels.of(Object.entries(a.labels)), Labels.of(Object.entries(b.labels))),
      ),
  };
  real = await startRealServer(data);
  api = prometheusApi({
    clock: new VirtualClock(0),
    tsdb: load(data),
    scraper: { statuses: [], intervalMs: 15_000, timeoutMs: 10_000 },
    query: { ...defaultQueryOptions, defaultStepMs: data.evaluationMs },
  });
});

afterAll(() => real?.stop());

async function askReal(path: string): Promise<Reply> {
  const response = await fetch(real.url + path);
  return { status: response.status, body: await response.json() };
}

async function askOurs(path: string): Promise<Reply> {
  const response = await api({
    method: 'GET',
    url: path,
    headers: {},
    remoteAddress: '',
    signal: new AbortController().signal,
    async *body() {},
  });
  return { status: response.status, body: JSON.parse(await response.text()) as unknown };
}

/** Equal JSON, where `"1.5"` in place of a value may differ in its last digits. */
function alike(ours: unknown, theirs: unknown): boolean {
  if (typeof ours === 'string' && typeof theirs === 'string') {
    if (ours === theirs || (ours !== '' && near(Number(ours), Number(theirs)))) return true;
    const kind = (text: string): string => text.replace(/(parse error: unexpected|duplicate series).*/, '$1');
    return kind(ours) === kind(theirs);
  }
  if (Array.isArray(ours) && Array.isArray(theirs)) {
    return ours.length === theirs.length && ours.every((item, i) => alike(item, theirs[i]));
  }
  if (typeof ours === 'object' && typeof theirs === 'object' && ours !== null && theirs !== null) {
    const [a, b] = [Object.entries(ours), new Map<string, unknown>(Object.entries(theirs))];
    return a.length === b.size && a.every(([key, value]) => b.has(key) && alike(value, b.get(key)));
  }
  return Object.is(ours, theirs);
}

async function difference(path: string): Promise<string[]> {
  const [ours, theirs] = [inOrder(await askOurs(path)), inOrder(await askReal(path))];
  if (alike(ours, theirs)) return [];
  return [
    `${decodeURIComponent(path)}\n  ours   ${JSON.stringify(ours)}\n  theirs ${JSON.stringify(theirs)}`,
  ];
}

/** Instant vectors and lists of series come in no order. */
function inOrder(reply: Reply): Reply {
  const { body } = reply as { body: { data?: { resultType?: string; result?: unknown } } };
  if (Array.isArray(body.data)) sortByText(body.data);
  if (['vector', 'matrix'].includes(body.data?.resultType ?? '')) sortByText(body.data?.result);
  return reply;
}

function sortByText(list: unknown): void {
  if (!Array.isArray(list)) return;
  const text = (item: unknown): string => JSON.stringify((item as { metric?: unknown }).metric ?? item);
  list.sort((a, b) => (text(a) < text(b) ? -1 : 1));
}

describe.skipIf(!comparable)('the HTTP API beside a real Prometheus', () => {
  test('generated queries over ranges: series, order of points and texts of values are the same', async () => {
    const ranges = fc.record({
      query: testQuery,
      startMs: fc.integer({ min: 0, max: 900_000 }),
      steps: fc.integer({ min: 0, max: 20 }),
      stepMs: fc.constantFrom(1_000, 7_500, 15_000, 30_000, 60_000),
    });
    const found: string[] = [];
    for (const { query, startMs, steps, stepMs } of fc.sample(ranges, { seed, numRuns: count })) {
      if (/^(top|bottom)k/.test(query.expr)) continue;
      const params = new URLSearchParams({
        query: query.expr,
        start: String(startMs / 1000),
        end: String((startMs + steps * stepMs) / 1000),
        step: String(stepMs / 1000),
      });
      found.push(...(await difference(`/api/v1/query_range?${params.toString()}`)));
    }
    expect(found.join('\n')).toBe('');
  });

  test('generated queries at moments: the answers are the same', async () => {
    const found: string[] = [];
    for (const { expr, timeMs } of fc.sample(testQuery, { seed, numRuns: count })) {
      if (/^(top|bottom)k/.test(expr)) continue;
      const params = new URLSearchParams({ query: expr, time: String(timeMs / 1000) });
      found.push(...(await difference(`/api/v1/query?${params.toString()}`)));
    }
    expect(found.join('\n')).toBe('');
  });

  test.each([
    'query?query=g[1m]&time=300',
    'query?query="text"&time=300',
    'query?query=(1)&time=1970-01-01T00:05:00.5Z',
    'query?query=1e21&time=0',
    'query?query=123456789012345678901&time=0',
    'query?query=0.0000001&time=0',
    'query?query=1e-6&time=0',
    'query?query=1/0&time=0',
    'query?query=-1/0&time=0',
    'query?query=0/0&time=0',
    'query?query=1e300*10&time=0',
    'query?query=&time=0',
    'query?query=1&time=never',
    'query?query=1&timeout=soon',
    'query?query=rate(g)&time=0',
    'query?query=rate(g[5m],1)&time=0',
    'query?query=round()&time=0',
    'query?query=clamp(g)&time=0',
    'query?query=sum(1)&time=0',
    'query?query=topk(g,1)&time=0',
    'query?query=count_values(1,g)&time=0',
    'query?query=1==1&time=0',
    'query?query=1%2Bbool 1&time=0',
    'query?query=1 and g&time=0',
    'query?query=g and on(a) group_left() g&time=0',
    'query?query=g %2B on(a) group_left(a) g&time=0',
    'query?query=g %2B on(a) 1&time=0',
    'query?query=g[5m] %2B 1&time=0',
    'query?query=-g[5m]&time=0',
    'query?query=-"a"&time=0',
    'query?query=g[5m:1m][2m:1m]&time=0',
    'query?query=g[5m] offset 1m offset 2m&time=0',
    'query?query=1 offset 5m&time=0',
    'query?query=1 @ 5&time=0',
    'query?query=g @ 1 @ 2&time=0',
    'query?query=sum()&time=0',
    'query?query=sum(g,g)&time=0',
    'query?query={}&time=0',
    'query?query={a=""}&time=0',
    'query?query=g{__name__="h"}&time=0',
    'query?query=nosuch(g)&time=0',
    'query?query=g[0s]&time=0',
    'query?query=label_replace(g,"a b","x","job","y")&time=0',
    'query?query=label_replace(g,"a","x","job","(")&time=0',
    'query?query=label_join(g,"a b","x","job")&time=0',
    'query?query=label_join(g,"a","x","a b")&time=0',
    'query?query=count_values("a b",g)&time=300',
    'query?query=topk(Inf,g)&time=300',
    'query?query=g{job=~"("}&time=0',
    'query_range?query=g&start=0&end=100&step=0',
    'query_range?query=g&start=0&end=100&step=x',
    'query_range?query=g&start=100&end=0&step=1',
    'query_range?query=g&start=0&end=11001&step=1',
    'query_range?query=g&start=0&end=10&step=1m',
    'query_range?query=g[1m]&start=0&end=10&step=1m',
    'query_range?query="a"&start=0&end=10&step=1m',
    'query_range?query=(&start=0&end=10&step=1m',
    'query_range?query=1&start=0.0005&end=2&step=0.5',
    'series?match[]=g',
    'series?match[]=g&match[]={job="api"}',
    'series?match[]=g&start=0&end=1000',
    'series',
    'series?match[]={}',
    'series?match[]=(',
    'series?match[]=g&start=x',
    'labels',
    'labels?match[]=g',
    'label/job/values',
    'label/nope/values',
    'label/instance/values?match[]=info',
    'label/a-b/values',
    'metadata',
    'metadata?limit=x',
  ])('%s', async (path) => {
    expect(
      (await difference(`/api/v1/${encodeURI(decodeURI(path)).replaceAll('%252B', '%2B')}`)).join('\n'),
    ).toBe('');
  });
});

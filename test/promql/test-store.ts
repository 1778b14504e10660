import { Labels } from '../../src/sandbox/prometheus/promql/labels.ts';
import { Tsdb } from '../../src/sandbox/prometheus/tsdb.ts';
import type { TestData } from './promtool.ts';

/** The embedded store with the test data in it. */
export function load({ intervalMs, series }: TestData): Tsdb {
  const tsdb = new Tsdb();
  for (const { labels, values } of series) {
    const stored = tsdb.series(Labels.of(Object.entries(labels)))!;
    for (const [i, value] of values.entries()) {
      if (value === 'stale') stored.markStale(i * intervalMs);
      else if (value !== 'missing') stored.append(i * intervalMs, value);
    }
  }
  return tsdb;
}

/** Go and JavaScript may differ in the last bit of transcendental functions, and sum up in different orders. */
export function near(a: number, b: number): boolean {
  if (Object.is(a, b) || a === b) return true;
  return Math.abs(a - b) <= 1e-9 * Math.max(Math.abs(a), Math.abs(b), 1);
}

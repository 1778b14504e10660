import { PromqlExecutionError } from './errors.ts';
import { parseFloatText } from './go-values.ts';
import { bucketLabel, type Labels, metricNameLabel } from './labels.ts';
import type { Sample } from './series.ts';

/** The φ-quantile of values, between two of them by linear interpolation. */
export function quantile(phi: number, values: readonly number[]): number {
  if (values.length === 0 || Number.isNaN(phi)) return Number.NaN;
  if (phi < 0) return Number.NEGATIVE_INFINITY;
  if (phi > 1) return Number.POSITIVE_INFINITY;
  const sorted = values.toSorted(nanFirst);
  const rank = phi * (sorted.length - 1);
  const lower = Math.max(0, Math.floor(rank));
  const upper = Math.min(sorted.length - 1, lower + 1);
  const weight = rank - Math.floor(rank);
  return (sorted[lower] ?? Number.NaN) * (1 - weight) + (sorted[upper] ?? Number.NaN) * weight;
}

/** Ascending, NaN before everything. */
export function nanFirst(a: number, b: number): number {
  if (Number.isNaN(a)) return Number.isNaN(b) ? 0 : -1;
  if (Number.isNaN(b)) return 1;
  return a === b ? 0 : a - b;
}

interface Bucket {
  readonly upperBound: number;
  readonly count: number;
}

/** `histogram_quantile` over classic buckets. Samples without a readable `le` are left out. */
export function histogramQuantile(phi: number, samples: readonly Sample[]): Sample[] {
  const groups = new Map<string, { readonly labels: Labels; readonly buckets: Bucket[] }>();
  for (const { labels, value } of samples) {
    const upperBound = parseFloatText(labels.get(bucketLabel));
    if (upperBound === undefined) continue;
    const { key } = labels.without([bucketLabel]);
    const group = groups.get(key) ?? { labels: labels.without([metricNameLabel, bucketLabel]), buckets: [] };
    groups.set(key, group);
    group.buckets.push({ upperBound, count: value });
  }
  return [...groups.values()].map(({ labels, buckets }) => ({ labels, value: bucketQuantile(phi, buckets) }));
}

function bucketQuantile(phi: number, unsorted: readonly Bucket[]): number {
  if (Number.isNaN(phi)) return Number.NaN;
  if (phi < 0) return Number.NEGATIVE_INFINITY;
  if (phi > 1) return Number.POSITIVE_INFINITY;
  const sorted = unsorted.toSorted((a, b) => nanFirst(a.upperBound, b.upperBound));
  if (sorted.at(-1)?.upperBound !== Number.POSITIVE_INFINITY) return Number.NaN;
  const buckets = monotonic(coalesced(sorted));
  const last = buckets.length - 1;
  const observations = buckets[last]?.count ?? 0;
  if (last < 1 || observations === 0) return Number.NaN;
  const rank = phi * observations;
  const found = firstReaching(buckets, rank, last);
  const { upperBound, count } = bucketAt(buckets, found);
  if (found === last) return bucketAt(buckets, last - 1).upperBound;
  if (found === 0) return upperBound <= 0 ? upperBound : upperBound * (rank / count);
  const below = bucketAt(buckets, found - 1);
  return below.upperBound + (upperBound - below.upperBound) * ((rank - below.count) / (count - below.count));
}

function bucketAt(buckets: readonly Bucket[], index: number): Bucket {
  const bucket = buckets[index];
  if (bucket === undefined) throw new PromqlExecutionError('histogram without buckets');
  return bucket;
}

/** The first of `end` buckets whose count reaches `rank`, by bisection (counts may be NaN); else `end`. */
function firstReaching(buckets: readonly Bucket[], rank: number, end: number): number {
  let low = 0;
  let high = end;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (bucketAt(buckets, middle).count >= rank) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Buckets of one bound made one. */
function coalesced(sorted: readonly Bucket[]): Bucket[] {
  const merged: Bucket[] = [];
  for (const bucket of sorted) {
    const last = merged.at(-1);
    if (last !== undefined && last.upperBound === bucket.upperBound) {
      merged[merged.length - 1] = { ...last, count: last.count + bucket.count };
    } else {
      merged.push(bucket);
    }
  }
  return merged;
}

/** Counts that never fall: scrapes that raced with updates, and rates, can leave small dents. */
function monotonic(buckets: readonly Bucket[]): Bucket[] {
  let max = buckets[0]?.count ?? 0;
  return buckets.map((bucket, i) => {
    if (i > 0 && bucket.count > max) max = bucket.count;
    return i > 0 && bucket.count < max ? { ...bucket, count: max } : bucket;
  });
}

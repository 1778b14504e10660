import { quantile } from './quantile.ts';
import type { Points } from './series.ts';

/** What one series holds in a range: at least one point. */
export interface Window {
  readonly points: Points;
  /** The ends of the range, both included: left-open ranges are Prometheus 3. */
  readonly fromMs: number;
  readonly toMs: number;
  /** The moment of evaluation; differs from `toMs` under `offset` and `@`. */
  readonly atMs: number;
}

/** Undefined: the series has no value here. */
export type RangeFunction = (window: Window, parameter: number) => number | undefined;

/** The functions of one range; `parameter` is the scalar argument of those that take one. */
export const rangeFunctions: ReadonlyMap<string, RangeFunction> = new Map<string, RangeFunction>([
  ['rate', (window) => extrapolated(window, { counter: true, perSecond: true })],
  ['increase', (window) => extrapolated(window, { counter: true, perSecond: false })],
  ['delta', (window) => extrapolated(window, { counter: false, perSecond: false })],
  ['irate', (window) => lastStep(window, true)],
  ['idelta', (window) => lastStep(window, false)],
  ['deriv', deriv],
  ['predict_linear', predictLinear],
  ['changes', ({ points: { values } }) => countPairs(values, (a, b) => a !== b && !(isNaN(a) && isNaN(b)))],
  ['resets', ({ points: { values } }) => countPairs(values, (a, b) => b < a)],
  ['avg_over_time', ({ points: { values } }) => average(values)],
  ['sum_over_time', ({ points: { values } }) => sum(values)],
  ['min_over_time', ({ points: { values } }) => extreme(values, (value, best) => value < best)],
  ['max_over_time', ({ points: { values } }) => extreme(values, (value, best) => value > best)],
  ['count_over_time', ({ points: { values } }) => values.length],
  ['last_over_time', ({ points: { values } }) => values.at(-1)],
  ['present_over_time', () => 1],
  ['stdvar_over_time', ({ points: { values } }) => variance(values)],
  ['stddev_over_time', ({ points: { values } }) => Math.sqrt(variance(values))],
  ['quantile_over_time', ({ points: { values } }, phi) => quantile(phi, values)],
]);

const { isNaN } = Number;

/**
 * The increase over the whole range, from the samples in it: the part before the first and behind the last sample is
 * extrapolated, by at most half an average interval where the series seems to begin or end there.
 */
function extrapolated(
  { points: { times, values }, fromMs, toMs }: Window,
  { counter, perSecond }: { readonly counter: boolean; readonly perSecond: boolean },
): number | undefined {
  const last = values.length - 1;
  const firstValue = values[0] ?? 0;
  if (last < 1) return undefined;
  let increase = (values[last] ?? 0) - firstValue;
  if (counter) {
    let previous = firstValue;
    for (const value of values) {
      if (value < previous) increase += previous;
      previous = value;
    }
  }
  const firstMs = times[0] ?? 0;
  const lastMs = times[last] ?? 0;
  let toStart = (firstMs - fromMs) / 1000;
  const toEnd = (toMs - lastMs) / 1000;
  const sampled = (lastMs - firstMs) / 1000;
  const interval = sampled / last;
  if (counter && increase > 0 && firstValue >= 0) {
    // A counter was not below zero: do not extrapolate past the moment at which it would have been.
    const toZero = sampled * (firstValue / increase);
    if (toZero < toStart) toStart = toZero;
  }
  const threshold = interval * 1.1;
  let covered = sampled;
  covered += toStart < threshold ? toStart : interval / 2;
  covered += toEnd < threshold ? toEnd : interval / 2;
  let factor = covered / sampled;
  if (perSecond) factor /= (toMs - fromMs) / 1000;
  return increase * factor;
}

/** The difference of the last two samples. */
function lastStep({ points: { times, values } }: Window, perSecond: boolean): number | undefined {
  const last = values.length - 1;
  if (last < 1) return undefined;
  const value = values[last] ?? 0;
  const previous = values[last - 1] ?? 0;
  const seconds = ((times[last] ?? 0) - (times[last - 1] ?? 0)) / 1000;
  if (seconds === 0) return undefined;
  if (!perSecond) return value - previous;
  return (value < previous ? value : value - previous) / seconds;
}

function countPairs(values: readonly number[], counts: (a: number, b: number) => boolean): number {
  let count = 0;
  for (let i = 1; i < values.length; i++) if (counts(values[i - 1] ?? 0, values[i] ?? 0)) count += 1;
  return count;
}

function extreme(values: readonly number[], better: (value: number, best: number) => boolean): number {
  let best = values[0] ?? Number.NaN;
  for (const value of values) if (better(value, best) || isNaN(best)) best = value;
  return best;
}

/** A sum that also adds up what rounding loses (Kahan's, with Neumaier's correction). */
class Total {
  sum = 0;
  compensation = 0;

  add(value: number): void {
    const next = this.sum + value;
    this.compensation +=
      Math.abs(this.sum) >= Math.abs(value) ? this.sum - next + value : value - next + this.sum;
    this.sum = next;
  }

  get value(): number {
    return this.sum + this.compensation;
  }
}

function isInfinite(value: number): boolean {
  return Math.abs(value) === Number.POSITIVE_INFINITY;
}

function sum(values: readonly number[]): number {
  const total = new Total();
  for (const value of values) total.add(value);
  return isInfinite(total.sum) ? total.sum : total.value;
}

function average(values: readonly number[]): number {
  const mean = new Total();
  let count = 0;
  for (const value of values) {
    count += 1;
    // An infinite mean stays, unless its opposite or NaN comes.
    if (isInfinite(mean.sum) && (value === mean.sum || Number.isFinite(value))) continue;
    mean.add(value / count - mean.sum / count);
  }
  return isInfinite(mean.sum) ? mean.sum : mean.value;
}

function variance(values: readonly number[]): number {
  const mean = new Total();
  const squares = new Total();
  let count = 0;
  for (const value of values) {
    count += 1;
    const delta = value - mean.value;
    mean.add(delta / count);
    squares.add(delta * (value - mean.value));
  }
  return squares.value / count;
}

/** Least squares: slope per second, and the value at `interceptMs`. */
function regression(
  { times, values }: Points,
  interceptMs: number,
): { readonly slope: number; readonly intercept: number } {
  const first = values[0] ?? Number.NaN;
  if (values.every((value, i) => i === 0 || value === first)) {
    return isInfinite(first) ? { slope: Number.NaN, intercept: Number.NaN } : { slope: 0, intercept: first };
  }
  const [sumX, sumY, sumXY, sumXX] = [new Total(), new Total(), new Total(), new Total()];
  for (const [i, y] of values.entries()) {
    const x = ((times[i] ?? 0) - interceptMs) / 1e3;
    sumX.add(x);
    sumY.add(y);
    sumXY.add(x * y);
    sumXX.add(x * x);
  }
  const n = values.length;
  const covariance = sumXY.value - (sumX.value * sumY.value) / n;
  const slope = covariance / (sumXX.value - (sumX.value * sumX.value) / n);
  return { slope, intercept: sumY.value / n - (slope * sumX.value) / n };
}

function deriv({ points }: Window): number | undefined {
  return points.values.length < 2 ? undefined : regression(points, points.times[0] ?? 0).slope;
}

function predictLinear({ points, atMs }: Window, seconds: number): number | undefined {
  if (points.values.length < 2) return undefined;
  const { slope, intercept } = regression(points, atMs);
  return slope * seconds + intercept;
}

import type { Aggregate, AggregateOperator } from './ast.ts';
import { PromqlExecutionError } from './errors.ts';
import { formatDecimal, formatValue } from './go-values.ts';
import { isLabelName, type Labels, metricNameLabel } from './labels.ts';
import { quantile } from './quantile.ts';
import type { Sample } from './series.ts';
import { topK } from './top-k.ts';

interface Group {
  readonly labels: Labels;
  readonly samples: Sample[];
}

/**
 * @param group gives the labels of the group that a series belongs to; remembers them from step to step
 * @throws PromqlExecutionError for a parameter out of range
 */
export function aggregate(
  { operator, grouping, without }: Aggregate,
  parameter: number | string,
  samples: readonly Sample[],
  group: (labels: Labels) => Labels,
): Sample[] {
  if (operator === 'count_values') {
    return countValues(String(parameter), samples, { grouping, without });
  }
  if (operator === 'topk' || operator === 'bottomk') {
    const count = Number(parameter);
    if (!(count >= -(2 ** 63) && count <= 2 ** 63)) {
      throw new PromqlExecutionError(`Scalar value ${formatValue(count)} overflows int64`);
    }
    const k = Math.trunc(count);
    if (k < 1) return [];
    return groups(samples, group).flatMap((found) => topK(found.samples, k, operator === 'topk'));
  }
  return groups(samples, group).map(({ labels, samples: members }) => ({
    labels,
    value: reduce(operator, Number(parameter), members),
  }));
}

/** The labels of a group. */
export function groupLabels(labels: Labels, grouping: readonly string[], without: boolean): Labels {
  return without ? labels.without([metricNameLabel, ...grouping]) : labels.only(grouping);
}

function groups(samples: readonly Sample[], group: (labels: Labels) => Labels): Group[] {
  const found = new Map<string, Group>();
  for (const sample of samples) {
    const labels = group(sample.labels);
    const known = found.get(labels.key);
    if (known === undefined) found.set(labels.key, { labels, samples: [sample] });
    else known.samples.push(sample);
  }
  return [...found.values()];
}

function countValues(
  label: string,
  samples: readonly Sample[],
  { grouping, without }: Pick<Aggregate, 'grouping' | 'without'>,
): Sample[] {
  if (!isLabelName(label)) throw new PromqlExecutionError(`invalid label name ${JSON.stringify(label)}`);
  const marked = samples.map(({ labels, value }) => ({
    labels: labels.with(label, formatDecimal(value)),
    value,
  }));
  const names = without ? grouping : [...grouping, label];
  return groups(marked, (labels) => groupLabels(labels, names, without)).map(
    ({ labels, samples: members }) => ({
      labels,
      value: members.length,
    }),
  );
}

function reduce(
  operator: Exclude<AggregateOperator, 'topk' | 'bottomk' | 'count_values'>,
  parameter: number,
  samples: readonly Sample[],
): number {
  switch (operator) {
    case 'sum':
      return samples.reduce((sum, { value }) => sum + value, 0);
    case 'min':
      return samples
        .map(({ value }) => value)
        .reduce((best, value) => (best > value || Number.isNaN(best) ? value : best));
    case 'max':
      return samples
        .map(({ value }) => value)
        .reduce((best, value) => (best < value || Number.isNaN(best) ? value : best));
    case 'avg':
      return average(samples);
    case 'count':
      return samples.length;
    case 'group':
      return 1;
    case 'stdvar':
      return variance(samples);
    case 'stddev':
      return Math.sqrt(variance(samples));
    default:
      return quantile(
        parameter,
        samples.map(({ value }) => value),
      );
  }
}

function average(samples: readonly Sample[]): number {
  let mean = 0;
  for (const [i, { value }] of samples.entries()) {
    if (i === 0) {
      mean = value;
      continue;
    }
    // An infinite mean stays, unless its opposite or NaN comes.
    const infinite = Math.abs(mean) === Number.POSITIVE_INFINITY;
    if (infinite && (value === mean || Number.isFinite(value))) continue;
    mean += value / (i + 1) - mean / (i + 1);
  }
  return mean;
}

/** Welford's. */
function variance(samples: readonly Sample[]): number {
  let mean = 0;
  let squares = 0;
  for (const [i, { value }] of samples.entries()) {
    if (i === 0) {
      mean = value;
      continue;
    }
    const delta = value - mean;
    mean += delta / (i + 1);
    squares += delta * (value - mean);
  }
  return squares / samples.length;
}

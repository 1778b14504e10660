import { type Expr, typeOf } from './ast.ts';
import { documentedType } from './check-types.ts';
import { PromqlParseError } from './errors.ts';
import { collect, Evaluation, type EvaluationOptions } from './evaluation.ts';
import { compareLabels, Labels } from './labels.ts';
import { type Points, type PointSeries, type Queryable, type Sample } from './series.ts';

export type QueryOptions = EvaluationOptions;

/** Prometheus's defaults, but for the number of samples: here a query runs on the event loop of everybody. */
export const defaultQueryOptions: QueryOptions = {
  lookbackMs: 300_000,
  defaultStepMs: 60_000,
  maxSamples: 10_000_000,
};

export type InstantResult =
  | { readonly type: 'vector'; readonly samples: readonly Sample[] }
  | { readonly type: 'matrix'; readonly series: readonly PointSeries[] }
  | { readonly type: 'scalar'; readonly value: number }
  | { readonly type: 'string'; readonly value: string };

/**
 * The value of a query at one moment.
 * @throws PromqlExecutionError, PromqlTimeoutError, PromqlCancelledError
 */
export function queryInstant(
  storage: Queryable,
  expr: Expr,
  timeMs: number,
  options: QueryOptions = defaultQueryOptions,
): InstantResult {
  const evaluation = new Evaluation(storage, timeMs, timeMs, options);
  const type = typeOf(expr);
  switch (type) {
    case 'vector':
      return { type, samples: evaluation.vector(expr, timeMs) };
    case 'scalar':
      return { type, value: evaluation.scalar(expr, timeMs) };
    case 'matrix':
      return { type, series: evaluation.matrix(expr, timeMs) };
    default:
      return { type, value: stringValue(expr) };
  }
}

function stringValue(expr: Expr): string {
  if (expr.kind === 'paren') return stringValue(expr.expr);
  return expr.kind === 'string' ? expr.value : '';
}

/**
 * The values of a query from `startMs` to `endMs`, both included, every `stepMs`; series in the order of their labels.
 * @throws PromqlParseError for a query whose values are neither scalars nor instant vectors
 * @throws PromqlExecutionError, PromqlTimeoutError, PromqlCancelledError
 */
export function queryRange(
  storage: Queryable,
  expr: Expr,
  { startMs, endMs, stepMs }: { readonly startMs: number; readonly endMs: number; readonly stepMs: number },
  options: QueryOptions = defaultQueryOptions,
): PointSeries[] {
  const type = typeOf(expr);
  if (type !== 'vector' && type !== 'scalar') {
    throw new PromqlParseError(
      `invalid expression type "${documentedType(type)}" for range query, must be Scalar or instant Vector`,
    );
  }
  const evaluation = new Evaluation(storage, startMs, endMs, options);
  const series = new Map<string, { readonly labels: Labels; readonly points: Points }>();
  for (let timeMs = startMs; timeMs <= endMs; timeMs += stepMs) {
    evaluation.budget.checkTime();
    const samples =
      type === 'vector'
        ? evaluation.vector(expr, timeMs)
        : [{ labels: Labels.empty, value: evaluation.scalar(expr, timeMs) }];
    evaluation.budget.charge(samples.length);
    collect(series, samples, timeMs);
  }
  return [...series.values()].sort((a, b) => compareLabels(a.labels, b.labels));
}

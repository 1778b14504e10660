import { aggregate, groupLabels } from './aggregate.ts';
import {
  type Aggregate,
  type Binary,
  type Call,
  type Expr,
  isSetOperator,
  type MatrixSelector,
  type Shift,
  type Subquery,
  typeOf,
  unwrapParens,
  type VectorSelector,
} from './ast.ts';
import { matchLabels, scalarBinary, setBinary, vectorBinary, vectorScalarBinary } from './binary.ts';
import { Budget, type Limits } from './budget.ts';
import { PromqlExecutionError } from './errors.ts';
import { callVector, type Relabelling, sampleTimes, takesRange } from './functions.ts';
import type { Labels } from './labels.ts';
import { rangeFunctions } from './range-functions.ts';
import {
  noPoints,
  type Points,
  type PointSeries,
  type Queryable,
  type Sample,
  type SeriesReader,
} from './series.ts';

export interface EvaluationOptions extends Limits {
  /** How far back an instant selector looks for a sample. */
  readonly lookbackMs: number;
  /** The step of subqueries that name none. */
  readonly defaultStepMs: number;
}

/** One series in one range. */
export interface RangeSeries extends PointSeries {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Samples that could be read in the time that it takes to evaluate one part of a query at one moment. */
const evaluationCost = 20;
/** The same for looking up the newest sample of a series. */
const lookupCost = 2;

function sameLabelset(): PromqlExecutionError {
  return new PromqlExecutionError('vector cannot contain metrics with the same labelset');
}

/**
 * The evaluation of one query: values at one moment at a time. What does not depend on the moment (which series a
 * selector selects, how labels change) is computed once.
 */
export class Evaluation {
  readonly budget: Budget;
  readonly #storage: Queryable;
  readonly #options: EvaluationOptions;
  readonly #startMs: number;
  readonly #endMs: number;
  readonly #selected = new Map<VectorSelector, readonly SeriesReader[]>();
  readonly #derived = new Map<Expr, Relabelling>();
  readonly #claims = new Map<Expr, Map<string, string>>();
  readonly #subqueries = new Map<Subquery, Map<number, readonly Sample[]>>();

  /** @param startMs,endMs the range of the query, for `@ start()` and `@ end()` */
  constructor(storage: Queryable, startMs: number, endMs: number, options: EvaluationOptions) {
    this.#storage = storage;
    this.#startMs = startMs;
    this.#endMs = endMs;
    this.#options = options;
    this.budget = new Budget(options);
  }

  scalar(expr: Expr, atMs: number): number {
    switch (expr.kind) {
      case 'number':
        return expr.value;
      case 'paren':
        return this.scalar(expr.expr, atMs);
      case 'unary': {
        const value = this.scalar(expr.expr, atMs);
        return expr.operator === '-' ? -value : value;
      }
      case 'binary':
        return scalarBinary(expr.operator, this.scalar(expr.left, atMs), this.scalar(expr.right, atMs));
      case 'call':
        return this.#scalarCall(expr, atMs);
      default:
        throw new PromqlExecutionError(`${expr.kind} is no scalar`);
    }
  }

  vector(expr: Expr, atMs: number): readonly Sample[] {
    this.budget.charge(evaluationCost);
    switch (expr.kind) {
      case 'vectorSelector':
        return this.#instant(expr, atMs);
      case 'paren':
        return this.vector(expr.expr, atMs);
      case 'unary':
        return this.#negated(expr, expr.expr, expr.operator, atMs);
      case 'binary':
        return this.#binary(expr, atMs);
      case 'aggregate':
        return this.#aggregate(expr, atMs);
      case 'call':
        return this.#vectorCall(expr, atMs);
      default:
        throw new PromqlExecutionError(`${expr.kind} is no instant vector`);
    }
  }

  /** The series of a range vector that have points at all. */
  matrix(expr: Expr, atMs: number): RangeSeries[] {
    switch (expr.kind) {
      case 'paren':
        return this.matrix(expr.expr, atMs);
      case 'matrixSelector':
        return this.#range(expr, atMs);
      case 'subquery':
        return this.#subquery(expr, atMs);
      default:
        throw new PromqlExecutionError(`${expr.kind} is no range vector`);
    }
  }

  /** A function of labels that belongs to one part of the query: made once, and computed once for each series. */
  derive(part: Expr, make: () => Relabelling): Relabelling {
    const known = this.#derived.get(part);
    if (known !== undefined) return known;
    const compute = make();
    const results = new WeakMap<Labels, Labels>();
    const relabel: Relabelling = (labels) => {
      let result = results.get(labels);
      if (result === undefined) {
        result = compute(labels);
        results.set(labels, result);
      }
      return result;
    };
    this.#derived.set(part, relabel);
    return relabel;
  }

  /** The moment that a selector means: `@` replaces that of the evaluation, `offset` goes back from there. */
  #moment({ at, offsetMs }: Shift, atMs: number): number {
    switch (at?.kind) {
      case 'time':
        return at.ms - offsetMs;
      case 'start':
        return this.#startMs - offsetMs;
      case 'end':
        return this.#endMs - offsetMs;
      default:
        return atMs - offsetMs;
    }
  }

  #select(selector: VectorSelector): readonly SeriesReader[] {
    let series = this.#selected.get(selector);
    if (series === undefined) {
      series = this.#storage.select(selector.matchers);
      this.#selected.set(selector, series);
    }
    return series;
  }

  #instant(selector: VectorSelector, atMs: number): (Sample & { readonly timeMs: number })[] {
    const momentMs = this.#moment(selector, atMs);
    const samples: (Sample & { readonly timeMs: number })[] = [];
    const series = this.#select(selector);
    this.budget.charge(series.length * lookupCost);
    for (const reader of series) {
      const found = reader.latest(momentMs - this.#options.lookbackMs, momentMs);
      if (found !== undefined) {
        samples.push({ labels: reader.labels, timeMs: found.timeMs, value: found.value });
      }
    }
    return samples;
  }

  #range({ selector, rangeMs }: MatrixSelector, atMs: number): RangeSeries[] {
    const toMs = this.#moment(selector, atMs);
    const fromMs = toMs - rangeMs;
    const found: RangeSeries[] = [];
    for (const reader of this.#select(selector)) {
      const points = noPoints();
      reader.read(fromMs, toMs, points);
      this.budget.charge(1 + points.times.length);
      if (points.times.length > 0) found.push({ labels: reader.labels, points, fromMs, toMs });
    }
    return found;
  }

  #subquery(subquery: Subquery, atMs: number): RangeSeries[] {
    const toMs = this.#moment(subquery, atMs);
    const fromMs = toMs - subquery.rangeMs;
    const stepMs = subquery.stepMs ?? this.#options.defaultStepMs;
    const known = this.#subqueries.get(subquery) ?? new Map<number, readonly Sample[]>();
    this.#subqueries.set(subquery, known);
    // Moments only go on: what lies before this range will hardly be asked for again.
    for (const timeMs of known.keys()) {
      if (timeMs >= fromMs) break;
      known.delete(timeMs);
    }
    const collected = new Map<string, { readonly labels: Labels; readonly points: Points }>();
    for (let timeMs = Math.ceil(fromMs / stepMs) * stepMs; timeMs <= toMs; timeMs += stepMs) {
      const samples = known.get(timeMs) ?? this.vector(subquery.expr, timeMs);
      known.set(timeMs, samples);
      this.budget.charge(1 + samples.length);
      collect(collected, samples, timeMs);
    }
    return [...collected.values()].map((series) => ({ ...series, fromMs, toMs }));
  }

  #negated(part: Expr, expr: Expr, operator: '+' | '-', atMs: number): readonly Sample[] {
    const samples = this.vector(expr, atMs);
    if (operator === '+') return samples;
    return samples.map(({ labels, value }) => {
      this.#claim(part, labels.withoutMetricName(), labels);
      return { labels: labels.withoutMetricName(), value: -value };
    });
  }

  /** Two series must not become one, not even at different moments. */
  #claim(part: Expr, result: Labels, source: Labels): void {
    if (result === source) return;
    const claims = this.#claims.get(part) ?? new Map<string, string>();
    this.#claims.set(part, claims);
    const owner = claims.get(result.key);
    if (owner === undefined) claims.set(result.key, source.key);
    else if (owner !== source.key) throw sameLabelset();
  }

  #binary(expr: Binary, atMs: number): readonly Sample[] {
    const { operator, bool, matching, left, right } = expr;
    if (isSetOperator(operator)) {
      const signature = this.derive(expr, () => (labels) => matchLabels(labels, matching));
      return setBinary(operator, this.vector(left, atMs), this.vector(right, atMs), signature);
    }
    if (typeOf(left) === 'scalar') {
      const scalar = this.scalar(left, atMs);
      return distinct(vectorScalarBinary(operator, bool, this.vector(right, atMs), scalar, true));
    }
    if (typeOf(right) === 'scalar') {
      return distinct(
        vectorScalarBinary(operator, bool, this.vector(left, atMs), this.scalar(right, atMs), false),
      );
    }
    const signature = this.derive(expr, () => (labels) => matchLabels(labels, matching));
    const operation = { operator, bool, matching };
    return distinct(vectorBinary(operation, this.vector(left, atMs), this.vector(right, atMs), signature));
  }

  #aggregate(expr: Aggregate, atMs: number): readonly Sample[] {
    const parameter = expr.parameter === undefined ? undefined : unwrapParens(expr.parameter);
    const value =
      parameter === undefined
        ? Number.NaN
        : parameter.kind === 'string'
          ? parameter.value
          : this.scalar(parameter, atMs);
    const group = this.derive(expr, () => (labels) => groupLabels(labels, expr.grouping, expr.without));
    return aggregate(expr, value, this.vector(expr.expr, atMs), group);
  }

  #scalarCall({ signature, args: [arg] }: Call, atMs: number): number {
    switch (signature.name) {
      case 'time':
        return atMs / 1000;
      case 'pi':
        return Math.PI;
      default: {
        const [only, ...others] = arg === undefined ? [] : this.vector(arg, atMs);
        return only === undefined || others.length > 0 ? Number.NaN : only.value;
      }
    }
  }

  #vectorCall(call: Call, atMs: number): readonly Sample[] {
    if (takesRange(call.signature)) return this.#rangeCall(call, atMs);
    const { signature, args } = call;
    const selector = args[0] === undefined ? undefined : unwrapParens(args[0]);
    if (signature.name === 'timestamp' && selector?.kind === 'vectorSelector') {
      return distinct(sampleTimes(this.#instant(selector, atMs)));
    }
    return distinct(callVector(this, call, atMs));
  }

  #rangeCall(call: Call, atMs: number): readonly Sample[] {
    const { signature, args } = call;
    const rangeIndex = signature.parameters.indexOf('matrix');
    const range = args[rangeIndex];
    const compute = rangeFunctions.get(signature.name);
    if (range === undefined) throw new PromqlExecutionError(`${signature.name} without a range`);
    if (compute === undefined) return callVector(this, call, atMs);
    const ranges = this.matrix(range, atMs);
    const other = args[1 - rangeIndex];
    const parameter = other === undefined ? Number.NaN : this.scalar(other, atMs);
    // It acts like an offset: the values keep their name.
    const keepsName = signature.name === 'last_over_time';
    const result: Sample[] = [];
    for (const series of ranges) {
      const value = compute({ ...series, atMs }, parameter);
      if (value === undefined) continue;
      const labels = keepsName ? series.labels : series.labels.withoutMetricName();
      this.#claim(call, labels, series.labels);
      result.push({ labels, value });
    }
    return result;
  }
}

/** Adds the values of one moment to series. */
export function collect(
  series: Map<string, { readonly labels: Labels; readonly points: Points }>,
  samples: readonly Sample[],
  timeMs: number,
): void {
  for (const { labels, value } of samples) {
    const known = series.get(labels.key) ?? { labels, points: noPoints() };
    series.set(labels.key, known);
    known.points.times.push(timeMs);
    known.points.values.push(value);
  }
}

function distinct(samples: readonly Sample[]): readonly Sample[] {
  if (new Set(samples.map(({ labels }) => labels.key)).size < samples.length) throw sameLabelset();
  return samples;
}

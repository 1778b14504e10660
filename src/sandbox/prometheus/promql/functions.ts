import { mathFunctions, maximum, minimum } from './arithmetic.ts';
import { type Call, type Expr, unwrapParens } from './ast.ts';
import { dateFunctions } from './date-functions.ts';
import { PromqlExecutionError } from './errors.ts';
import { labelJoiner, labelReplacer } from './label-functions.ts';
import { Labels, metricNameLabel } from './labels.ts';
import type { Matcher } from './matcher.ts';
import { histogramQuantile, nanFirst } from './quantile.ts';
import type { Sample } from './series.ts';
import type { Signature } from './signatures.ts';

/** What the functions need of the evaluation that calls them. */
export interface Evaluator {
  scalar(expr: Expr, atMs: number): number;
  vector(expr: Expr, atMs: number): readonly Sample[];
  matrix(expr: Expr, atMs: number): readonly unknown[];
  derive(part: Expr, make: () => Relabelling): Relabelling;
}

export type Relabelling = (labels: Labels) => Labels;

export function takesRange(signature: Signature): boolean {
  return signature.parameters.includes('matrix');
}

/** The moments of the samples themselves, as seconds. */
export function sampleTimes(samples: readonly (Sample & { readonly timeMs: number })[]): Sample[] {
  return samples.map(({ labels, timeMs }) => ({ labels: labels.withoutMetricName(), value: timeMs / 1000 }));
}

/** A function that gives an instant vector, but for those of one range. */
export function callVector(evaluator: Evaluator, call: Call, atMs: number): readonly Sample[] {
  const { name } = call.signature;
  const [first] = call.args;
  const math = mathFunctions.get(name);
  if (math !== undefined && first !== undefined) return mapped(evaluator.vector(first, atMs), math);
  const date = dateFunctions.get(name);
  if (date !== undefined) {
    if (first !== undefined) return mapped(evaluator.vector(first, atMs), date);
    return [{ labels: Labels.empty, value: date(Math.trunc(atMs / 1000)) }];
  }
  if (first === undefined) throw new PromqlExecutionError(`${name} without arguments`);
  return callNamed(evaluator, call, first, atMs);
}

function callNamed(evaluator: Evaluator, call: Call, first: Expr, atMs: number): readonly Sample[] {
  const [, second, third] = call.args;
  const vector = (): readonly Sample[] => evaluator.vector(first, atMs);
  const scalar = (expr: Expr | undefined, absent: number): number =>
    expr === undefined ? absent : evaluator.scalar(expr, atMs);
  switch (call.signature.name) {
    case 'absent':
      return vector().length > 0 ? [] : [{ labels: absentLabels(first), value: 1 }];
    case 'absent_over_time':
      return evaluator.matrix(first, atMs).length > 0 ? [] : [{ labels: absentLabels(first), value: 1 }];
    case 'clamp': {
      const [samples, low, high] = [vector(), scalar(second, 0), scalar(third, 0)];
      return high < low ? [] : mapped(samples, (value) => maximum(low, minimum(high, value)));
    }
    case 'clamp_min': {
      const [samples, low] = [vector(), scalar(second, 0)];
      return mapped(samples, (value) => maximum(low, value));
    }
    case 'clamp_max': {
      const [samples, high] = [vector(), scalar(second, 0)];
      return mapped(samples, (value) => minimum(high, value));
    }
    case 'round': {
      const [samples, inverse] = [vector(), 1 / scalar(second, 1)];
      return mapped(samples, (value) => Math.floor(value * inverse + 0.5) / inverse);
    }
    case 'sort':
      return vector().toSorted((a, b) => nanLast(a.value, b.value, 1));
    case 'sort_desc':
      return vector().toSorted((a, b) => nanLast(a.value, b.value, -1));
    case 'timestamp':
      return mapped(vector(), () => atMs / 1000);
    case 'vector':
      return [{ labels: Labels.empty, value: evaluator.scalar(first, atMs) }];
    case 'histogram_quantile':
      return second === undefined
        ? []
        : histogramQuantile(evaluator.scalar(first, atMs), evaluator.vector(second, atMs));
    case 'label_replace':
    case 'label_join': {
      const relabel = evaluator.derive(call, () => relabeller(call));
      return vector().map(({ labels, value }) => ({ labels: relabel(labels), value }));
    }
    default:
      throw new PromqlExecutionError(`function "${call.signature.name}" is not supported`);
  }
}

function mapped(samples: readonly Sample[], compute: (value: number) => number): Sample[] {
  return samples.map(({ labels, value }) => ({ labels: labels.withoutMetricName(), value: compute(value) }));
}

function nanLast(a: number, b: number, direction: 1 | -1): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return -nanFirst(a, b);
  return direction * nanFirst(a, b);
}

function relabeller({ signature, args }: Call): Relabelling {
  const [target = '', second = '', ...rest] = args.slice(1).map((arg) => {
    const literal = unwrapParens(arg);
    return literal.kind === 'string' ? literal.value : '';
  });
  if (signature.name === 'label_join') return labelJoiner(target, second, rest);
  const [source = '', pattern = ''] = rest;
  return labelReplacer(target, second, source, pattern);
}

/** The labels that a selector pins down: what its series would have, were there one. */
function absentLabels(expr: Expr): Labels {
  const matchers = selectorMatchers(unwrapParens(expr));
  const pinned = new Map<string, string>();
  const seen = new Set<string>();
  for (const { name, operator, value } of matchers) {
    if (name === metricNameLabel) continue;
    if (operator === '=' && !seen.has(name)) {
      seen.add(name);
      pinned.set(name, value);
    } else {
      pinned.delete(name);
    }
  }
  return Labels.of(pinned);
}

function selectorMatchers(expr: Expr): readonly Matcher[] {
  switch (expr.kind) {
    case 'vectorSelector':
      return expr.matchers;
    case 'matrixSelector':
      return expr.selector.matchers;
    default:
      return [];
  }
}

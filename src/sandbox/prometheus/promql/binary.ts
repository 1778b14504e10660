import { calculate, compare } from './arithmetic.ts';
import {
  type ArithmeticOperator,
  type BinaryOperator,
  type ComparisonOperator,
  isComparison,
  isSetOperator,
  type Matching,
} from './ast.ts';
import { PromqlExecutionError } from './errors.ts';
import { type Labels, metricNameLabel } from './labels.ts';
import type { Sample } from './series.ts';

/** Which series go together: equal for samples that match. */
export function matchLabels(labels: Labels, { on, labels: names }: Matching): Labels {
  return on ? labels.only(names) : labels.without([metricNameLabel, ...names]);
}

export function scalarBinary(operator: BinaryOperator, a: number, b: number): number {
  if (isComparison(operator)) return compare(operator, a, b) ? 1 : 0;
  if (isSetOperator(operator))
    throw new PromqlExecutionError(`operator "${operator}" not allowed for scalars`);
  return calculate(operator, a, b);
}

/** Undefined: the comparison drops the element. A comparison keeps the value of its left side. */
function elementBinary(operator: BinaryOperator, bool: boolean, a: number, b: number): number | undefined {
  if (!isComparison(operator)) return scalarBinary(operator, a, b);
  const holds = compare(operator, a, b);
  if (bool) return holds ? 1 : 0;
  return holds ? a : undefined;
}

/** The name says what a value is; after arithmetic it would lie. (Of atan2 Prometheus 2.42 does not think so.) */
function dropsName(operator: ComparisonOperator | ArithmeticOperator, bool: boolean): boolean {
  return bool || (!isComparison(operator) && operator !== 'atan2');
}

/** @param scalarFirst the scalar stands on the left */
export function vectorScalarBinary(
  operator: ComparisonOperator | ArithmeticOperator,
  bool: boolean,
  vector: readonly Sample[],
  scalar: number,
  scalarFirst: boolean,
): Sample[] {
  const result: Sample[] = [];
  for (const { labels, value: element } of vector) {
    const [a, b] = scalarFirst ? [scalar, element] : [element, scalar];
    const computed = elementBinary(operator, bool, a, b);
    if (computed === undefined) continue;
    // A filter keeps the vector's value, on whichever side it stands.
    const value = isComparison(operator) && !bool ? element : computed;
    result.push({ labels: dropsName(operator, bool) ? labels.withoutMetricName() : labels, value });
  }
  return result;
}

/** Gives the labels by which a sample is matched; remembers them from step to step. */
export type Signature = (labels: Labels) => Labels;

export function setBinary(
  operator: 'and' | 'or' | 'unless',
  left: readonly Sample[],
  right: readonly Sample[],
  signature: Signature,
): Sample[] {
  const keys = (side: readonly Sample[]): Set<string> =>
    new Set(side.map(({ labels }) => signature(labels).key));
  if (operator === 'or') {
    const known = keys(left);
    return [...left, ...right.filter(({ labels }) => !known.has(signature(labels).key))];
  }
  const known = keys(right);
  return left.filter(({ labels }) => known.has(signature(labels).key) === (operator === 'and'));
}

export interface VectorOperation {
  readonly operator: ComparisonOperator | ArithmeticOperator;
  readonly bool: boolean;
  readonly matching: Matching;
}

/** @throws PromqlExecutionError where a sample matches several and the query does not allow it */
export function vectorBinary(
  operation: VectorOperation,
  left: readonly Sample[],
  right: readonly Sample[],
  signature: Signature,
): Sample[] {
  const { operator, bool, matching } = operation;
  if (left.length === 0 || right.length === 0) return [];
  const [many, one] = matching.many === 'right' ? [right, left] : [left, right];
  const ones = uniqueByMatch(one, signature, matching.many === 'right' ? 'left' : 'right');
  const matched = new Map<string, Set<string>>();
  const result: Sample[] = [];
  for (const sample of many) {
    const { key } = signature(sample.labels);
    const other = ones.get(key);
    if (other === undefined) continue;
    const [a, b] = matching.many === 'right' ? [other.value, sample.value] : [sample.value, other.value];
    const value = elementBinary(operator, bool, a, b);
    if (value === undefined) continue;
    const labels = resultLabels(operation, sample.labels, other.labels);
    const before = matched.get(key);
    if (before !== undefined && matching.many === undefined) {
      throw new PromqlExecutionError(
        'multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)',
      );
    }
    if (before?.has(labels.key)) {
      throw new PromqlExecutionError(
        'multiple matches for labels: grouping labels must ensure unique matches',
      );
    }
    matched.set(key, (before ?? new Set()).add(labels.key));
    result.push({ labels, value });
  }
  return result;
}

function uniqueByMatch(side: readonly Sample[], signature: Signature, name: string): Map<string, Sample> {
  const byMatch = new Map<string, Sample>();
  for (const sample of side) {
    const group = signature(sample.labels);
    const twin = byMatch.get(group.key);
    if (twin !== undefined) {
      throw new PromqlExecutionError(
        `found duplicate series for the match group ${group.toString()} on the ${name} hand-side of the operation: ` +
          `[${sample.labels.toString()}, ${twin.labels.toString()}];many-to-many matching not allowed: ` +
          'matching labels must be unique on one side',
      );
    }
    byMatch.set(group.key, sample);
  }
  return byMatch;
}

function resultLabels({ operator, bool, matching }: VectorOperation, many: Labels, one: Labels): Labels {
  let labels = dropsName(operator, false) ? many.withoutMetricName() : many;
  if (matching.many === undefined) {
    labels = matching.on ? labels.only(matching.labels) : labels.without(matching.labels);
  }
  for (const name of matching.include) labels = labels.with(name, one.get(name));
  return bool ? labels.withoutMetricName() : labels;
}

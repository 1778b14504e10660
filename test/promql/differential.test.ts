import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PromqlExecutionError, PromqlParseError } from '../../src/sandbox/prometheus/promql/errors.ts';
import { parseExpr } from '../../src/sandbox/prometheus/promql/parse.ts';
import { defaultQueryOptions, queryInstant } from '../../src/sandbox/prometheus/promql/query.ts';
import type { Tsdb } from '../../src/sandbox/prometheus/tsdb.ts';
import { testData, testQuery } from './generate.ts';
import { type Answer, askPromtool, promtoolVersion, type TestData, type TestQuery } from './promtool.ts';
import { load, near } from './test-store.ts';

// PROMQL_SEED and PROMQL_QUERIES widen the search by hand.
const seed = Number(process.env['PROMQL_SEED'] ?? 2042);
const count = Number(process.env['PROMQL_QUERIES'] ?? 600);

const version = promtoolVersion();
const reason = missing(version);
if (reason !== undefined) console.log(`PromQL is not compared with the real Prometheus: ${reason}`);

function missing(found: string | undefined): string | undefined {
  if (found === undefined) return 'there is no promtool here (apt-get install prometheus)';
  return found.startsWith('2.42.') ? undefined : `promtool is ${found}; the language here is that of 2.42`;
}

function answer(tsdb: Tsdb, { evaluationMs }: TestData, { expr, timeMs }: TestQuery): Answer {
  try {
    const options = { ...defaultQueryOptions, defaultStepMs: evaluationMs };
    const result = queryInstant(tsdb, parseExpr(expr), timeMs, options);
    if (result.type === 'scalar') return { values: new Map([['{}', result.value]]) };
    if (result.type !== 'vector') return { error: 'rule result is not a vector or scalar' };
    return { values: new Map(result.samples.map(({ labels, value }) => [labels.toString(), value])) };
  } catch (error) {
    if (error instanceof PromqlExecutionError || error instanceof PromqlParseError)
      return { error: error.message };
    throw error;
  }
}

/** What differs, or nothing. Texts of errors may name series in another order, so only their beginning counts. */
function difference(expr: string, ours: Answer, theirs: Answer): string | undefined {
  const shown = (one: Answer): string =>
    'error' in one
      ? `error: ${one.error}`
      : JSON.stringify([...one.values].map(([labels, value]) => `${labels} ${value}`).sort());
  const both = `\n  ours   ${shown(ours)}\n  theirs ${shown(theirs)}`;
  if ('error' in ours || 'error' in theirs) {
    if (!('error' in ours && 'error' in theirs)) return both;
    return kindOf(ours.error) === kindOf(theirs.error) ? undefined : both;
  }
  if (/^(top|bottom)k/.test(expr)) {
    // Of equal series any may stay.
    const [a, b] = [sorted(ours.values), sorted(theirs.values)];
    return a.length === b.length && a.every((value, i) => near(value, b[i]!)) ? undefined : both;
  }
  const same =
    ours.values.size === theirs.values.size &&
    [...ours.values].every(([labels, value]) => {
      const other = theirs.values.get(labels);
      return other !== undefined && near(value, other);
    });
  return same ? undefined : both;
}

function sorted(values: ReadonlyMap<string, number>): number[] {
  return [...values.values()].sort((a, b) => (Number.isNaN(a) ? 1 : Number.isNaN(b) ? -1 : a - b));
}

/** Errors of syntax are worded more simply here; those of types and of execution are not. */
function kindOf(error: string): string {
  return /parse error: unexpected/.test(error) ? 'syntax' : error.slice(0, 40);
}

async function differences(data: TestData, queries: readonly TestQuery[]): Promise<string[]> {
  const theirs = await askPromtool(data, queries);
  const tsdb = load(data);
  return queries.flatMap((query, i) => {
    const found = difference(query.expr, answer(tsdb, data, query), theirs[i]!);
    return found === undefined ? [] : [`${query.expr}  at ${query.timeMs} ms${found}`];
  });
}

test.skipIf(reason !== undefined)(
  'generated queries over generated series: every value is that of the real Prometheus',
  async () => {
    const [data] = fc.sample(testData, { seed, numRuns: 1 });
    const queries = fc.sample(testQuery, { seed, numRuns: count });
    const found = await differences(data!, queries);
    expect(found.join('\n')).toBe('');
  },
);

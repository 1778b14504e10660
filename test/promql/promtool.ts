import { execFile, execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';

/** A series of the test data: a value every {@link TestData.intervalMs}, from the epoch on. */
export interface TestSeries {
  readonly labels: Readonly<Record<string, string>>;
  readonly values: readonly (number | 'missing' | 'stale')[];
}

export interface TestData {
  readonly intervalMs: number;
  /** The step of subqueries without one. */
  readonly evaluationMs: number;
  readonly series: readonly TestSeries[];
}

export interface TestQuery {
  readonly expr: string;
  readonly timeMs: number;
}

/** What came out: values by the text of their labels, or the error. */
export type Answer = { readonly values: ReadonlyMap<string, number> } | { readonly error: string };

/** The version of the promtool on this machine, or undefined. */
export function promtoolVersion(): string | undefined {
  try {
    const output = execFileSync('promtool', ['--version'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return /version (\d+\.\d+\.\d+)/.exec(output)?.[1];
  } catch {
    return undefined;
  }
}

/**
 * Asks the real Prometheus, all queries in one call of `promtool test rules`. A test that expects nothing fails for
 * every query that has an answer, and prints it: that is where the answers come from.
 */
export async function askPromtool(data: TestData, queries: readonly TestQuery[]): Promise<Answer[]> {
  const folder = await mkdtemp(join(tmpdir(), 'promql-'));
  try {
    const file = join(folder, 'test.yaml');
    await writeFile(file, testFile(data, queries));
    return readAnswers(await run(file), queries.length);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function testFile({ intervalMs, evaluationMs, series }: TestData, queries: readonly TestQuery[]): string {
  const length = Math.max(0, ...series.map(({ values }) => values.length));
  // All samples up to the last query are loaded: this one makes it see all there are.
  const end = {
    expr: 'vector(0) == 1',
    timeMs: Math.ceil((length * intervalMs) / evaluationMs) * evaluationMs,
  };
  return stringify({
    evaluation_interval: `${evaluationMs}ms`,
    tests: [
      {
        interval: `${intervalMs}ms`,
        input_series: series.map(({ labels, values }) => ({
          series: `{${Object.entries(labels)
            .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
            .join(',')}}`,
          values: values.map(seriesValue).join(' '),
        })),
        promql_expr_test: [
          ...queries.map(({ expr, timeMs }, i) => ({ expr: `${expr} # ${i}`, timeMs })),
          end,
        ].map(({ expr, timeMs }) => ({ expr, eval_time: `${timeMs}ms` })),
      },
    ],
  });
}

function seriesValue(value: number | 'missing' | 'stale'): string {
  if (value === 'missing') return '_';
  if (value === 'stale') return 'stale';
  return Number.isNaN(value) ? 'NaN' : String(value).replace('Infinity', 'Inf');
}

function run(file: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile('promtool', ['test', 'rules', file], { maxBuffer: 2 ** 30 }, (error, _, stderr) => {
      if (error !== null && !stderr.includes('FAILED:')) reject(error);
      else resolve(stderr);
    });
  });
}

function readAnswers(output: string, count: number): Answer[] {
  const answers: Answer[] = Array.from({ length: count }, () => ({ values: new Map() }));
  const failure =
    / {4}expr: "(?:[^"\\]|\\.)* # (\d+)", time: \w+,(?: err: (.*)|\n {8}exp: nil\n {8}got: (.*))/g;
  for (const [, index, error, got] of output.matchAll(failure)) {
    answers[Number(index)] = error === undefined ? { values: readSamples(got ?? '') } : { error };
  }
  return answers;
}

/** `{a="b"} 1.5E+00, {} NaN`. Label values of the test data have no quotes. */
function readSamples(text: string): Map<string, number> {
  const values = new Map<string, number>();
  for (const [, name = '', labels = '', value = ''] of text.matchAll(/([\w:]*)(\{[^}]*\}) ([-+\w.]+)/g)) {
    const inside = labels.slice(1, -1);
    const named = name === '' ? inside : `__name__="${name}"${inside === '' ? '' : `, ${inside}`}`;
    values.set(`{${named}}`, Number(value.replace('Inf', 'Infinity')));
  }
  return values;
}

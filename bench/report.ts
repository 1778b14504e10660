import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { getHeapSpaceStatistics } from 'node:v8';

/** One measured value and what it must be. */
export interface Measurement {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** The promise: at least, or at most, this much. */
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** A suite measures one part of the product. */
export type Suite = () => Promise<readonly Measurement[]>;

const number = new Intl.NumberFormat('en', { maximumFractionDigits: 2 });

function holds({ value, atLeast, atMost }: Measurement): boolean {
  return (atLeast === undefined || value >= atLeast) && (atMost === undefined || value <= atMost);
}

function baselineFile(suite: string): URL {
  return new URL(`baselines/${suite}.json`, import.meta.url);
}

function readBaseline(suite: string): Record<string, number> {
  const file = baselineFile(suite);
  if (!existsSync(file)) return {};
  return (JSON.parse(readFileSync(file, 'utf8')) as { values: Record<string, number> }).values;
}

/** Prints a suite's table beside its saved baseline. Returns whether every promise holds. */
export function report(suite: string, measurements: readonly Measurement[]): boolean {
  const baseline = readBaseline(suite);
  const rows = measurements.map((m) => {
    const before = baseline[m.name];
    const bound =
      m.atLeast === undefined ? `≤ ${number.format(m.atMost ?? 0)}` : `≥ ${number.format(m.atLeast)}`;
    return [
      m.name,
      `${number.format(m.value)} ${m.unit}`,
      m.atLeast === undefined && m.atMost === undefined ? '' : bound,
      before === undefined || before === 0 ? '' : `${number.format((m.value / before - 1) * 100)} %`,
      holds(m) ? 'ok' : 'MISSED',
    ];
  });
  const header = [suite, 'measured', 'promise', 'against baseline', ''];
  const widths = header.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd();
  console.log([line(header), line(widths.map((width) => '─'.repeat(width))), ...rows.map(line)].join('\n'));
  console.log(`on ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}\n`);
  return measurements.every(holds);
}

/** Makes these values the baseline that later runs are compared with. */
export function saveBaseline(suite: string, measurements: readonly Measurement[]): void {
  const values = Object.fromEntries(
    measurements.map(({ name, value }) => [name, Number(value.toPrecision(4))]),
  );
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}`;
  writeFileSync(baselineFile(suite), `${JSON.stringify({ machine, values }, undefined, 2)}\n`);
}

/** Bytes of objects after collection; code that the engine compiles as it goes is not counted. Needs `--expose-gc`. */
export async function heapUsed(): Promise<number> {
  if (globalThis.gc === undefined) throw new Error('run with --expose-gc: npm run bench does');
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    globalThis.gc();
  }
  return getHeapSpaceStatistics()
    .filter(({ space_name: name }) => !/^(code|trusted|shared_trusted)/.test(name))
    .reduce((bytes, space) => bytes + space.space_used_size, 0);
}

/** Seconds that `work` takes. */
export async function seconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

/** Least squares: what the samples rise by, from one to the next. */
export function slope(samples: readonly number[]): number {
  const middle = (samples.length - 1) / 2;
  const mean = samples.reduce((a, b) => a + b, 0) / samples.length;
  const up = samples.reduce((sum, value, i) => sum + (i - middle) * (value - mean), 0);
  return up / samples.reduce((sum, _, i) => sum + (i - middle) ** 2, 0);
}

import { check } from './checks.ts';
import type { WatchedLine } from './kubectl-watch.ts';

/** One status of a Canary, as a watch tells of it. */
export interface CanaryRow {
  readonly phase: string;
  readonly weight: number;
  readonly failedChecks: number;
  readonly iterations: number;
  /** `lastTransitionTime` in milliseconds since the Unix epoch. */
  readonly time: number;
  /** When the line came. */
  readonly at: number;
}

/** The columns that make a {@link CanaryRow}, for `-o custom-columns`. */
export const canaryColumns =
  'PHASE:.status.phase,WEIGHT:.status.canaryWeight,FAILED:.status.failedChecks,ITERATIONS:.status.iterations,TIME:.status.lastTransitionTime';

/** Rows of a watch with {@link canaryColumns}. A write that leaves the status alone makes no row. */
export function canaryRows(lines: readonly WatchedLine[]): readonly CanaryRow[] {
  const rows: CanaryRow[] = [];
  for (const { at, cells } of lines) {
    const [phase = '', weight, failedChecks, iterations, time = ''] = cells;
    if (phase === 'PHASE' || phase === '<none>') continue;
    const row = {
      phase,
      weight: Number(weight),
      failedChecks: Number(failedChecks),
      iterations: Number(iterations),
      time: Date.parse(time),
      at,
    };
    const last = rows.at(-1);
    if (last === undefined || told({ ...last, at: 0 }) !== told({ ...row, at: 0 })) rows.push(row);
  }
  return rows;
}

function told(row: CanaryRow): string {
  return JSON.stringify(row);
}

/** The rows of the latest rollout: from what was before it. */
export function lastRun(rows: readonly CanaryRow[]): readonly CanaryRow[] {
  const start = rows.findLastIndex(
    ({ phase }, i) => phase === 'Progressing' && rows[i - 1]?.phase !== 'Progressing',
  );
  return start < 0 ? [] : rows.slice(Math.max(0, start - 1));
}

/** `Initialized, Progressing×5, Promoting`. */
export function phasesOf(rows: readonly CanaryRow[]): string {
  const runs: { phase: string; count: number }[] = [];
  for (const { phase } of rows) {
    const last = runs.at(-1);
    if (last?.phase === phase) last.count += 1;
    else runs.push({ phase, count: 1 });
  }
  return runs.map(({ phase, count }) => (count === 1 ? phase : `${phase}×${count}`)).join(', ');
}

export interface ExpectedRun {
  readonly analysisTimes: number;
  readonly intervalMs: number;
}

/** Beside the interval itself, in milliseconds: what the reference allows. */
const toleranceMs = 2000;
/** Times are whole seconds. */
const secondMs = 1000;

/**
 * Checks a blue/green rollout that has been promoted.
 *
 * @param rows from the one before it to `Succeeded`
 * @returns how it went
 */
export function checkPromotion(rows: readonly CanaryRow[], expected: ExpectedRun): string {
  const said = phasesOf(rows);
  const [before, ...run] = rows;
  check(
    before !== undefined && ['Initialized', 'Succeeded', 'Failed'].includes(before.phase),
    `it begins with ${before?.phase ?? 'nothing'}: ${said}`,
  );
  const progressing = run.filter(({ phase }) => phase === 'Progressing');
  const failed = Math.max(0, ...progressing.map(({ failedChecks }) => failedChecks));
  const k = expected.analysisTimes + 2 + failed;
  const phases = run.map(({ phase }) => phase);
  const wanted = [...Array.from({ length: k }, () => 'Progressing'), 'Promoting', 'Finalising', 'Succeeded'];
  check(
    phases.join() === wanted.join(),
    `the phases are ${said}, not Progressing×${k}, Promoting, Finalising, Succeeded with ${failed} failed checks`,
  );
  check(
    run.every(({ weight }) => weight === 0),
    `WEIGHT is not 0 in every row: ${run.map(({ weight }) => weight).join()}`,
  );
  const spaces = checkPace(progressing, expected.intervalMs);
  return `${said}; ${failed} failed checks; spacing ${spaces}`;
}

/**
 * Checks that rows of an analysis come every interval.
 *
 * The first is written when the new version is noticed; the next when its pods are ready. From then on the interval
 * counts.
 */
function checkPace(progressing: readonly CanaryRow[], intervalMs: number): string {
  const spaces = progressing.slice(2).map(({ time }, i) => time - (progressing[i + 1]?.time ?? NaN));
  check(
    spaces.every((space) => Math.abs(space - intervalMs) <= toleranceMs + secondMs),
    `rows are ${spaces.map(seconds).join(', ')} apart, not ${seconds(intervalMs)} ± 2 s`,
  );
  return spaces.map(seconds).join(', ');
}

/**
 * Checks a blue/green rollout that has been taken back.
 *
 * @param rows from the one before it to `Failed`
 * @param threshold failed checks that take it back
 */
export function checkRollback(rows: readonly CanaryRow[], threshold: number, intervalMs: number): string {
  const said = phasesOf(rows);
  const run = rows.slice(1);
  const progressing = run.filter(({ phase }) => phase === 'Progressing');
  const iterations = Math.max(0, ...progressing.map(({ iterations }) => iterations));
  // The new version is noticed, each iteration that passed, each check that failed.
  const k = 1 + iterations + threshold;
  const wanted = [...Array.from({ length: k }, () => 'Progressing'), 'Failed'];
  check(
    run.map(({ phase }) => phase).join() === wanted.join(),
    `the phases are ${said}, not Progressing×${k}, Failed after ${iterations} iterations`,
  );
  const last = run.at(-1);
  check(
    last?.failedChecks === 0 && last.iterations === 0 && last.weight === 0,
    'Failed does not reset failedChecks, iterations and weight',
  );
  return `${said}; spacing ${checkPace(progressing, intervalMs)}`;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`;
}

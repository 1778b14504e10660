import type { Report, StepResult } from './demo-report.ts';
import { lost } from './demo-traffic.ts';

/** One row of the live table. */
export interface MemberRow {
  readonly name: string;
  readonly phase: string;
  readonly iterations: number;
  readonly failedChecks: number;
  /** `100/0`: to the primary, and to the version under test. */
  readonly split: string;
  /** What the analysis sees of the version under test. 0 to 1, milliseconds. */
  readonly tested: Measured;
  /** What users see. */
  readonly users: Measured;
  /** Who answered a user last. */
  readonly version: string;
}

interface Measured {
  readonly successRate: number | undefined;
  readonly p99: number | undefined;
}

/** Marks text for a terminal, or leaves it alone. */
export interface Style {
  good(text: string): string;
  bad(text: string): string;
  faint(text: string): string;
  strong(text: string): string;
}

const asIs = (text: string): string => text;
export const plainStyle: Style = { good: asIs, bad: asIs, faint: asIs, strong: asIs };
const colour =
  (code: number) =>
  (text: string): string =>
    `\u001B[${code}m${text}\u001B[0m`;
export const colourStyle: Style = { good: colour(32), bad: colour(31), faint: colour(2), strong: colour(1) };

const dash = '-';

function percent(rate: number | undefined): string {
  return rate === undefined ? dash : `${(Math.floor(rate * 10_000) / 100).toFixed(2)} %`;
}

function milliseconds(ms: number | undefined): string {
  return ms === undefined ? dash : `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

const header = [
  'CLUSTER',
  'PHASE',
  'ITERATION',
  'FAILED CHECKS',
  'SPLIT',
  'TESTED OK',
  'P99',
  'USERS OK',
  'P99',
  'SERVED BY',
];

function cellsOf({
  name,
  phase,
  iterations,
  failedChecks,
  split,
  tested,
  users,
  version,
}: MemberRow): string[] {
  return [
    name,
    phase,
    String(iterations),
    String(failedChecks),
    split,
    percent(tested.successRate),
    milliseconds(tested.p99),
    percent(users.successRate),
    milliseconds(users.p99),
    version,
  ];
}

/** Lines of a table whose columns are as wide as their widest cell. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => (row[i] ?? '').length)));
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** The members as they are now. @param width longer lines are cut: one that wraps could not be redrawn */
export function memberLines(members: readonly MemberRow[], style: Style, width: number): string[] {
  if (members.length === 0) return [];
  const all = table([header, ...members.map(cellsOf)]);
  const [first = '', ...lines] = all.map((line) => line.slice(0, width));
  return [
    style.faint(first),
    ...lines.map((line, i) => (members[i]?.phase === 'Failed' ? style.bad(line) : line)),
  ];
}

/** What is worth a line of its own where nothing is redrawn: not what changes all the time. */
export function newsOf(row: MemberRow): string {
  const { name, phase, iterations, failedChecks, split } = row;
  return `${name} ${phase}, iteration ${iterations}, failed checks ${failedChecks}, split ${split}`;
}

export function stepLine({ id, ok, detail, ms }: StepResult, style: Style): string {
  const mark = ok ? style.good('ok  ') : style.bad('FAIL');
  return `${mark}  ${id.padEnd(15)}  ${seconds(ms).padStart(7)}  ${detail}`;
}

/** The end: what happened, and what users had of it. */
export function resultLines({ steps, traffic }: Report, style: Style): string[] {
  const causes = Object.entries(traffic.failed).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const gone = lost(traffic);
  return [
    ...table([
      ['STEP', 'RESULT', 'TIME', 'WHAT WAS SEEN'],
      ...steps.map(({ id, ok, ms, detail }) => [id, ok ? 'ok' : 'FAILED', seconds(ms), detail]),
    ]),
    '',
    `${traffic.sent} requests of users, ${gone === 0 ? style.good('none lost') : style.bad(`${gone} lost`)}`,
    ...causes.map(([cause, count]) => `  ${count}  ${cause}`),
  ];
}

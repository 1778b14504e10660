import { writeFile } from 'node:fs/promises';
import type { AcceptanceOptions } from './options.ts';
import type { Result, Row } from './row.ts';
import { runRows } from './run.ts';
import { lineOf, type Screen, summaryOf } from './screen.ts';
import type { World } from './world.ts';

/**
 * Runs rows, tells of each on the screen and in the report, and sums up.
 *
 * @param report a file for the results so far, written after each row
 * @returns whether no row has failed
 * @throws Error when the report cannot be written, or the reason of the signal
 */
export async function accept<W extends Pick<World, 'managerLog'>>(
  rows: readonly Row<W>[],
  world: W,
  { report }: Pick<AcceptanceOptions, 'report'>,
  screen: Screen,
  signal: AbortSignal,
): Promise<boolean> {
  const results: Result[] = [];
  for await (const result of runRows(rows, world, (row) => screen.begins(row), signal)) {
    results.push(result);
    screen.say(lineOf(result));
    if (report !== undefined) await writeReport(report, results);
  }
  const hasFailed = results.some(({ outcome }) => outcome === 'FAIL');
  // The summary last: it is what people see.
  if (hasFailed) screen.say(lastLines(world.managerLog()));
  screen.say(summaryOf(results));
  return !hasFailed;
}

/** @throws Error when it cannot be written */
export async function writeReport(file: string, rows: readonly Result[]): Promise<void> {
  await writeFile(file, `${JSON.stringify({ rows }, null, 2)}\n`);
}

function lastLines(log: string): string {
  if (log === '') return '';
  const lines = log.trimEnd().split('\n').slice(-20);
  return `\nthe manager has said:\n${lines.map((line) => line.slice(0, 400)).join('\n')}`;
}

import { type Result, type Row, Skip } from './row.ts';
import type { World } from './world.ts';

/**
 * Which rows are meant, and those that bring about what they look at; in the order of the list.
 *
 * @param only ids and groups in any case; empty: all
 * @throws Error for one that is not in the list
 */
export function selectRows(rows: readonly Row[], only: readonly string[]): readonly Row[] {
  if (only.length === 0) return rows;
  const wanted = new Set<string>();
  const add = (id: string): void => {
    if (wanted.has(id)) return;
    wanted.add(id);
    for (const need of rows.find((row) => row.id === id)?.needs ?? []) add(need);
  };
  for (const name of only) {
    const meant = rows.filter(
      ({ id }) =>
        id.toUpperCase() === name.toUpperCase() ||
        (id.startsWith(name.toUpperCase()) && /^[A-Z]$/i.test(name)),
    );
    if (meant.length === 0)
      throw new Error(`there is no row or group ${name}: rows are ${rows.map(({ id }) => id).join(', ')}`);
    for (const { id } of meant) add(id);
  }
  return rows.filter(({ id }) => wanted.has(id));
}

/** Runs rows one after the other. Those whose needs do not hold are left out, with the reason. */
export async function runRows(
  rows: readonly Row[],
  world: World,
  tell: (result: Result) => void,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  for (const row of rows) {
    const result = await runRow(row, world, results);
    results.push(result);
    tell(result);
  }
  return results;
}

async function runRow(
  { id, title, needs, run }: Row,
  world: World,
  before: readonly Result[],
): Promise<Result> {
  const start = performance.now();
  const result = (outcome: Result['outcome'], detail: string): Result => ({
    id,
    title,
    outcome,
    detail,
    ms: Math.round(performance.now() - start),
  });
  const missing = before.find((other) => needs.includes(other.id) && other.outcome !== 'ok');
  if (missing !== undefined) {
    return result(
      'skip',
      `needs ${missing.id}, which ${missing.outcome === 'FAIL' ? 'failed' : 'was skipped'}`,
    );
  }
  try {
    return result('ok', await run(world));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return error instanceof Skip ? result('skip', message) : result('FAIL', message);
  }
}

export function lineOf({ id, title, outcome, detail, ms }: Result): string {
  const line = `${outcome.padEnd(4)} ${id.padEnd(3)} ${title} (${ms} ms)`;
  return detail === '' ? line : `${line} ${detail.replaceAll(/\s*\n\s*/g, ' ')}`;
}

export function summaryOf(results: readonly Result[]): string {
  const count = (outcome: Result['outcome']): number =>
    results.filter((result) => result.outcome === outcome).length;
  return `${results.length} rows: ${count('ok')} ok, ${count('skip')} skipped, ${count('FAIL')} failed`;
}

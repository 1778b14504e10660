import { type Result, type Row, Skip } from './row.ts';

/**
 * Which rows are meant, and those that bring about what they look at; in the order of the list.
 *
 * @param only ids and groups in any case; empty: all
 * @throws Error for one that is not in the list
 */
export function selectRows<W>(rows: readonly Row<W>[], only: readonly string[]): readonly Row<W>[] {
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

/**
 * Runs rows one after the other. Those whose needs do not hold are left out, with the reason.
 *
 * @param begins is told of each row before it runs
 * @throws the signal's reason; the row that runs is given up then
 */
export async function* runRows<W>(
  rows: readonly Row<W>[],
  world: W,
  begins: (row: Row<W>) => void,
  signal: AbortSignal,
): AsyncGenerator<Result> {
  /** Why rows cannot run that need this one. */
  const missing = new Map<string, string>();
  for (const row of rows) {
    signal.throwIfAborted();
    begins(row);
    const { id, title, needs } = row;
    const start = performance.now();
    const reason = needs.map((need) => missing.get(need)).find((found) => found !== undefined);
    const seen =
      reason === undefined ? await look(row, world, signal) : ({ outcome: 'skip', detail: reason } as const);
    if (seen.outcome !== 'ok') {
      missing.set(id, reason ?? `needs ${id}, which ${seen.outcome === 'FAIL' ? 'failed' : 'was skipped'}`);
    }
    yield { id, title, ...seen, ms: Math.round(performance.now() - start) };
  }
}

async function look<W>(
  { run }: Row<W>,
  world: W,
  signal: AbortSignal,
): Promise<Pick<Result, 'outcome' | 'detail'>> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason);
  signal.addEventListener('abort', abort);
  try {
    return { outcome: 'ok', detail: await Promise.race([aborted, run(world)]) };
  } catch (error) {
    signal.throwIfAborted();
    const detail = error instanceof Error ? error.message : String(error);
    return { outcome: error instanceof Skip ? 'skip' : 'FAIL', detail };
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

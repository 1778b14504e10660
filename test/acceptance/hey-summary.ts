/** What the summary of `hey` tells of a load. */
export interface HeySummary {
  /** Answers by status. */
  readonly statuses: ReadonlyMap<number, number>;
  /** Requests without an answer. */
  readonly errors: number;
}

/** @param text as hey prints it */
export function parseHeySummary(text: string): HeySummary {
  const statuses = new Map<number, number>();
  let errors = 0;
  let isInErrors = false;
  for (const line of text.split('\n')) {
    if (line.startsWith('Error distribution:')) isInErrors = true;
    const [, key, count] = /^\s+\[(\d+)\]\s+(.*)$/.exec(line) ?? [];
    if (key === undefined || count === undefined) continue;
    if (isInErrors) errors += Number(key);
    else statuses.set(Number(key), Number.parseInt(count, 10));
  }
  return { statuses, errors };
}

/** Requests that were not answered well. */
export function lostOf({ statuses, errors }: HeySummary): number {
  let lost = errors;
  for (const [status, count] of statuses) if (status >= 400) lost += count;
  return lost;
}

export function sentOf({ statuses, errors }: HeySummary): number {
  return [...statuses.values()].reduce((sum, count) => sum + count, errors);
}

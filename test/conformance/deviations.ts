import { readFileSync } from 'node:fs';

/** A recording that is not replayed against our own bare cluster. */
export interface Deviation {
  readonly kind: 'case' | 'kubectl';
  /** A case, a group of commands, or `GROUP › COMMAND`. */
  readonly name: string;
  readonly reason: string;
}

/** The list in deviations.md: `- case NAME: REASON`, names in backticks. */
export function readDeviations(): Deviation[] {
  const text = readFileSync(new URL('./deviations.md', import.meta.url), 'utf8');
  const found: Deviation[] = [];
  for (const line of text.split('\n')) {
    const [, kind, name, reason] = /^- (case|kubectl) `(.+)`: (.+)$/.exec(line) ?? [];
    if (kind === undefined || name === undefined || reason === undefined) continue;
    found.push({ kind: kind === 'case' ? 'case' : 'kubectl', name, reason });
  }
  return found;
}

export function setAsideNames(deviations: readonly Deviation[], kind: Deviation['kind']): string[] {
  return deviations.filter((deviation) => deviation.kind === kind).map(({ name }) => name);
}

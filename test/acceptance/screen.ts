import type { Result, Row } from './row.ts';

/** Where lines go. */
export interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** What a person sees while rows run: a line per row, and on a terminal the row that runs now. */
export class Screen {
  readonly #terminal: Terminal;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  say(line: string): void {
    this.#terminal.write(`${this.#terminal.isTTY === true ? '\r\u001b[2K' : ''}${line}\n`);
  }

  /** A line that the next one takes the place of. */
  begins({ id, title }: Pick<Row, 'id' | 'title'>): void {
    const { isTTY, columns = 80 } = this.#terminal;
    if (isTTY !== true) return;
    this.#terminal.write(`\r\u001b[2K${`…    ${id.padEnd(3)}          ${title}`.slice(0, columns - 1)}`);
  }
}

export function lineOf(result: Result): string {
  const { id, title, outcome, detail, ms } = result;
  const line = `${outcome.padEnd(4)} ${id.padEnd(3)} ${seconds(ms).padStart(8)}  ${title}`;
  return detail === '' ? line : `${line}: ${detail.replaceAll(/\s*\n\s*/g, ' ')}`;
}

/** What is left to say: the counts, why rows were left out, and again what has failed. */
export function summaryOf(results: readonly Result[]): string {
  const of = (outcome: Result['outcome']): readonly Result[] =>
    results.filter((result) => result.outcome === outcome);
  const ms = results.reduce((sum, result) => sum + result.ms, 0);
  const left = Map.groupBy(of('skip'), ({ detail }) => detail);
  const counts = `${of('ok').length} ok, ${of('skip').length} skipped, ${of('FAIL').length} failed`;
  return [
    `\n${results.length} rows in ${seconds(ms)}: ${counts}`,
    ...[...left].map(([reason, rows]) => `skip ${rows.map(({ id }) => id).join(', ')}: ${reason}`),
    ...of('FAIL').map(({ id, title, detail }) => `\nFAIL ${id} ${title}\n${indented(detail)}`),
  ].join('\n');
}

function indented(text: string): string {
  return text
    .trim()
    .split('\n')
    .map((line) => `     ${line}`)
    .join('\n');
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

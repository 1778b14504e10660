/** The cells of a line that kubectl prints; those of our tables have no blanks in them. */
export function cellsOf(line: string): readonly string[] {
  return line.trim().split(/\s+/);
}

export interface Table {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** What `kubectl get` prints. */
export function parseTable(text: string): Table {
  const [header = [], ...rows] = text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map(cellsOf);
  return { header, rows };
}

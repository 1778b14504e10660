import { bounded } from './streams.ts';

const maxVariables = 10_000;

/** The state of a shell that its commands change. */
export class ShellState {
  readonly #values: Map<string, string>;
  readonly #exported: Set<string>;
  folder: string;
  /** `$?` */
  status = 0;
  /** `$0`, `$1`, … */
  positional: readonly string[];
  /** `set -e` */
  exitOnError = false;

  constructor(
    env: Iterable<readonly [string, string]>,
    exported: Iterable<string>,
    folder: string,
    positional: readonly string[],
  ) {
    this.#values = new Map(env);
    this.#exported = new Set(exported);
    this.folder = folder;
    this.positional = positional;
  }

  /** What a subshell starts with. */
  copy(): ShellState {
    const copy = new ShellState(this.#values, this.#exported, this.folder, this.positional);
    copy.status = this.status;
    copy.exitOnError = this.exitOnError;
    return copy;
  }

  get(name: string): string | undefined {
    if (name === '?') return String(this.status);
    if (name === '$') return '1';
    if (name === '#') return String(this.positional.length - 1);
    if (name === '@' || name === '*') return this.positional.slice(1).join(' ');
    if (/^\d+$/.test(name)) return this.positional[Number(name)];
    return this.#values.get(name);
  }

  set(name: string, value: string): void {
    if (this.#values.size >= maxVariables && !this.#values.has(name)) return;
    this.#values.set(name, bounded(value));
  }

  unset(name: string): void {
    this.#values.delete(name);
    this.#exported.delete(name);
  }

  export(name: string): void {
    this.#exported.add(name);
  }

  /** What commands see. */
  get env(): Record<string, string> {
    const env: [string, string][] = [];
    for (const name of this.#exported) {
      const value = this.#values.get(name);
      if (value !== undefined) env.push([name, value]);
    }
    return Object.fromEntries(env);
  }

  get all(): readonly (readonly [string, string])[] {
    return [...this.#values].sort(([a], [b]) => (a < b ? -1 : 1));
  }
}

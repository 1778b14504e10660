import type { World } from './world.ts';

/** One line of the acceptance list. */
export interface Row<W = World> {
  /** As in the list: a letter for the group, and a number. */
  readonly id: string;
  readonly title: string;
  /** Rows that bring about what this one looks at. */
  readonly needs: readonly string[];
  /**
   * Looks whether it holds.
   *
   * @returns what was seen, for people
   * @throws Skip where these clusters cannot show it; any other error when it does not hold
   */
  readonly run: (world: W) => Promise<string>;
}

export type Outcome = 'ok' | 'FAIL' | 'skip';

export interface Result {
  readonly id: string;
  readonly title: string;
  readonly outcome: Outcome;
  readonly detail: string;
  readonly ms: number;
}

/** These clusters cannot show it. */
export class Skip extends Error {}

export function skip(reason: string): never {
  throw new Skip(reason);
}

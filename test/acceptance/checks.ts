import { isDeepStrictEqual } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { Skip } from './row.ts';

/** Fails the row unless `holds`. */
export function check(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Error(otherwise);
}

export function checkSame(what: string, actual: unknown, expected: unknown): void {
  check(isDeepStrictEqual(actual, expected), `${what} is ${show(actual)}, not ${show(expected)}`);
}

export function checkMatch(what: string, actual: unknown, pattern: RegExp): void {
  check(
    typeof actual === 'string' && pattern.test(actual),
    `${what} is ${show(actual)}, not like ${pattern}`,
  );
}

/** For people, and short. */
export function show(value: unknown): string {
  const text = value === undefined ? 'absent' : JSON.stringify(value);
  return text.length <= 300 ? text : `${text.slice(0, 300)}…`;
}

/**
 * Tries until it holds.
 *
 * @param ms from now on
 * @throws Error of the last try
 */
export async function eventually<T>(ms: number, attempt: () => Promise<T>, pauseMs = 400): Promise<T> {
  const deadline = Date.now() + ms;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (error instanceof Skip) throw error;
      const message = error instanceof Error ? error.message : String(error);
      if (Date.now() >= deadline) throw new Error(`after ${ms / 1000} s: ${message}`, { cause: error });
    }
    await sleep(pauseMs);
  }
}

/** Holds again and again, until the time is over. */
export async function throughout(ms: number, attempt: () => Promise<void>, pauseMs = 1000): Promise<void> {
  const deadline = Date.now() + ms;
  while (Date.now() < deadline) {
    await attempt();
    await sleep(Math.min(pauseMs, Math.max(0, deadline - Date.now())));
  }
  await attempt();
}

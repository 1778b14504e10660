import { isDeepStrictEqual } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { isObject, type JsonObject, own } from '../../src/machinery/json.ts';
import { Skip } from './row.ts';

/** Fails the row unless `holds`. */
export function check(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Error(otherwise);
}

/** Fails the row with the first place where they differ. */
export function checkSame(what: string, actual: unknown, expected: unknown): void {
  if (isDeepStrictEqual(actual, expected)) return;
  if (isObject(actual) && isObject(expected)) {
    for (const key of Object.keys({ ...expected, ...actual }))
      checkSame(`${what}.${key}`, own(actual, key), own(expected, key));
  } else if (areObjects(actual) && areObjects(expected) && actual.length === expected.length) {
    for (const [i, item] of actual.entries()) checkSame(`${what}[${i}]`, item, expected[i]);
  }
  throw new Error(`${what} is ${show(actual)}, not ${show(expected)}`);
}

function areObjects(value: unknown): value is readonly JsonObject[] {
  return Array.isArray(value) && value.every(isObject);
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

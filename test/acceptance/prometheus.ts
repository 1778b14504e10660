import { check, show } from './checks.ts';
import type { Kubectl } from './kubectl.ts';
import { at, listAt } from './values.ts';

/**
 * Asks a member's Prometheus from a pod of the test loader.
 *
 * @returns the value of the first series
 * @throws Error when there is none
 */
export async function queryFrom(kubectl: Kubectl, pod: string, query: string): Promise<number> {
  const url = `http://prometheus.istio-system:9090/api/v1/query?query=${encodeURIComponent(query)}`;
  const answer = JSON.parse(
    await kubectl.text(['exec', '-n', 'webapp', pod, '--', 'curl', '-s', url]),
  ) as unknown;
  return firstValue(answer, query);
}

/**
 * @param answer of Prometheus to an instant query
 * @throws Error when no series has a number
 */
export function firstValue(answer: unknown, query: string): number {
  const [series] = listAt(answer, 'data', 'result');
  const value = Number(at(series, 'value', 1));
  check(Number.isFinite(value), `Prometheus says ${show(answer)} to ${query}`);
  return value;
}

import { z } from 'zod';
import type { Clock } from '../../base/clock.ts';
import type { Fetch } from '../../base/fetch.ts';
import { observerOf } from '../../rollout/metrics/builtin-queries.ts';
import { renderQuery } from '../../rollout/metrics/query-template.ts';

/** What the analysis judges the version under test by. */
export interface Verdict {
  /** 0 to 1. */
  readonly successRate: number | undefined;
  /** Milliseconds. */
  readonly p99: number | undefined;
}

const answer = z.object({
  data: z.object({ result: z.array(z.object({ value: z.tuple([z.number(), z.string()]) })) }),
});

const timeoutMs = 1000;

/** The queries that an agent asks a member's Prometheus, once. @param interval seconds */
export async function measure(
  { clock, fetch }: { readonly clock: Clock; readonly fetch: Fetch },
  prometheus: string,
  interval: number,
): Promise<Verdict> {
  const observer = observerOf('istio', 'Deployment');
  if (observer === undefined) return { successRate: undefined, p99: undefined };
  using deadline = clock.timeout(timeoutMs);
  const model = {
    name: 'backend',
    namespace: 'webapp',
    target: 'backend',
    service: 'backend',
    ingress: '',
    route: '',
    interval: `${interval}s`,
    variables: {},
  };
  const ask = async (template: string): Promise<number | undefined> => {
    try {
      const query = encodeURIComponent(renderQuery(template, model));
      const response = await fetch(`${prometheus}/api/v1/query?query=${query}`, { signal: deadline.signal });
      const { success, data } = answer.safeParse(await response.json());
      const value = success ? Number(data.data.result[0]?.value[1]) : Number.NaN;
      return Number.isFinite(value) ? value : undefined;
    } catch {
      // The screen shows a dash; the analysis itself tells of trouble.
      return undefined;
    }
  };
  const [percent, p99] = await Promise.all([ask(observer.successRate), ask(observer.duration)]);
  return { successRate: percent === undefined ? undefined : percent / 100, p99 };
}

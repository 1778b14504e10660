import type { Clock } from '../../src/base/clock.ts';
import { type Fetch, FetchError, type FetchInit, jsonResponse } from '../../src/base/fetch.ts';
import type { FaultKind, FaultPlan } from './faults.ts';
import { hookUrls } from './scenario.ts';
import { qualityOf } from './workload-view.ts';

/** What people have told the hooks; above 0: yes. */
export interface Switches {
  gatesClosed: number;
  rollbackAsked: number;
}

export interface OutsideOptions {
  readonly clock: Clock;
  readonly plan: FaultPlan;
  /** The version that serves on the canary's side; undefined: nobody does. */
  readonly canary: () => string | undefined;
  readonly switches: Switches;
  readonly onFault: (kind: FaultKind, request: string) => void;
}

const prometheusFaults = [
  'prometheus empty',
  'prometheus late',
  'prometheus down',
  'prometheus hangs',
] as const;
const hookFaults = ['hook fails', 'hook slow'] as const;

/**
 * Prometheus and the webhooks. The canary is always under load: what it serves is known as a rate, without a single
 * request.
 */
export function outside(options: OutsideOptions): Fetch {
  return (url, init = {}) =>
    new URL(url).hostname.startsWith('prometheus')
      ? prometheus(options, url, init)
      : hook(options, url, init);
}

async function prometheus(
  { clock, plan, canary, onFault }: OutsideOptions,
  url: string,
  init: FetchInit,
): ReturnType<Fetch> {
  const query = new URL(url).searchParams.get('query') ?? '';
  const fault = plan.drawOutside(prometheusFaults);
  if (fault !== undefined) onFault(fault, query.slice(0, 20));
  if (fault === 'prometheus down') throw new FetchError('Unreachable', 'connection refused');
  if (fault === 'prometheus hangs') await clock.sleep(60_000, init.signal);
  if (fault === 'prometheus late') await clock.sleep(plan.ms(4000), init.signal);
  if (query === 'vector(1)') return vector('1');
  const version = canary();
  if (fault === 'prometheus empty' || version === undefined) return vector(undefined);
  const isDuration = query.includes('histogram_quantile');
  const isGood = qualityOf(version) === 'good';
  return vector(isDuration ? '0.01' : isGood ? '100' : '60');
}

function vector(value: string | undefined): Awaited<ReturnType<Fetch>> {
  const result = value === undefined ? [] : [{ metric: {}, value: [0, value] }];
  return jsonResponse(200, { status: 'success', data: { resultType: 'vector', result } });
}

async function hook(
  { clock, plan, switches, onFault }: OutsideOptions,
  url: string,
  init: FetchInit,
): ReturnType<Fetch> {
  const fault = plan.drawOutside(hookFaults);
  if (fault !== undefined) onFault(fault, url);
  if (fault === 'hook slow') await clock.sleep(plan.ms(15_000), init.signal);
  const isNo =
    (url === hookUrls.gate && switches.gatesClosed > 0) ||
    (url === hookUrls.rollback && switches.rollbackAsked === 0);
  return jsonResponse(fault === 'hook fails' ? 500 : isNo ? 403 : 200, {});
}

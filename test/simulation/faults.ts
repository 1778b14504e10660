import type { Clock } from '../../src/base/clock.ts';
import {
  type Fetch,
  FetchError,
  type FetchInit,
  type FetchResponse,
  jsonResponse,
} from '../../src/base/fetch.ts';
import type { Random } from '../../src/base/random.ts';
import { isObject, own } from '../../src/machinery/json.ts';
import { at, textAt } from './state.ts';

const apiFaults = [
  'crash before',
  'crash after',
  '409',
  '429',
  '500',
  'unreachable',
  'timeout',
  'lost answer',
  'stale list',
  'watch gap',
  'watch late',
  'watch duplicate',
  'watch 410',
] as const;
const outsideFaults = [
  'prometheus empty',
  'prometheus late',
  'prometheus down',
  'prometheus hangs',
  'hook fails',
  'hook slow',
] as const;
export type FaultKind = (typeof apiFaults)[number] | (typeof outsideFaults)[number];

/** Decides, by a seed, what goes wrong; and counts it. */
export class FaultPlan {
  readonly counts = new Map<FaultKind, number>();
  readonly #random: Random;
  readonly #rate: number;
  #left: number;
  /** Whether Prometheus and hooks fail as well. */
  outside: boolean;

  /** @param rate per request; @param budget faults at most */
  constructor(random: Random, rate: number, budget: number, outside: boolean) {
    this.#random = random;
    this.#rate = rate;
    this.#left = budget;
    this.outside = outside;
  }

  /** One of `kinds`, or, mostly, nothing. */
  draw<K extends FaultKind>(kinds: readonly K[]): K | undefined {
    if (this.#left === 0 || kinds.length === 0 || this.#random.next() >= this.#rate) return undefined;
    const kind = kinds[this.#random.int(kinds.length)];
    if (kind !== undefined) this.#count(kind);
    return kind;
  }

  ms(max: number): number {
    return this.#random.int(max);
  }

  #count(kind: FaultKind): void {
    this.#left -= 1;
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
  }

  static none(random: Random): FaultPlan {
    return new FaultPlan(random, 0, 0, false);
  }
}

export interface FaultyOptions {
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly plan: FaultPlan;
  /** Kills the engine. */
  readonly crash: () => void;
  readonly onFault: (kind: FaultKind, request: string) => void;
}

/** The way to an API server on which anything can go wrong. */
export function faulty(options: FaultyOptions): Fetch {
  const { plan, onFault } = options;
  const lists = new Map<string, unknown>();
  return async (url, init = {}) => {
    const { method = 'GET' } = init;
    const { pathname, searchParams } = new URL(url);
    const isWatch = searchParams.has('watch');
    const isList = method === 'GET' && !isWatch && searchParams.has('limit');
    const kind = plan.draw(possible(method, isWatch, isList && lists.has(url)));
    if (kind !== undefined) onFault(kind, `${method} ${pathname}`);
    if (isWatch) return watched(options, kind, url, init);
    if (kind === 'stale list') return jsonResponse(200, lists.get(url));
    const response = await spoilt(options, kind, url, init);
    if (!isList || response.status !== 200) return response;
    const list = await response.json();
    if (!lists.has(url)) lists.set(url, list);
    return jsonResponse(200, list);
  };
}

function possible(method: string, isWatch: boolean, canBeStale: boolean): readonly FaultKind[] {
  const anywhere = ['crash before', 'crash after', '429', '500', 'unreachable', 'timeout'] as const;
  if (isWatch) return ['watch gap', 'watch late', 'watch duplicate', 'watch 410', ...anywhere];
  if (method === 'GET') return canBeStale ? ['stale list', ...anywhere] : anywhere;
  return [...anywhere, '409', 'lost answer', 'crash after'];
}

async function spoilt(
  { fetch, clock, crash }: FaultyOptions,
  kind: FaultKind | undefined,
  url: string,
  init: FetchInit,
): Promise<FetchResponse> {
  switch (kind) {
    case 'crash before':
      crash();
      throw new FetchError('Unreachable', 'killed');
    case 'crash after':
      await fetch(url, init);
      crash();
      throw new FetchError('Unreachable', 'killed');
    case '409':
      return refusal(409, 'Conflict', 'the object has been modified');
    case '429':
      return refusal(429, 'TooManyRequests', 'too many requests', { 'retry-after': '1' });
    case '500':
      return refusal(500, 'InternalError', 'internal error');
    case 'unreachable':
      throw new FetchError('Unreachable', 'connection refused');
    case 'lost answer':
      (await fetch(url, init)).cancel();
      throw new FetchError('Unreachable', 'connection reset');
    case 'timeout':
      await clock.sleep(10_000, init.signal);
      throw new FetchError('Unreachable', 'timed out');
    default:
      return fetch(url, init);
  }
}

function refusal(
  code: number,
  reason: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): FetchResponse {
  const status = { apiVersion: 'v1', kind: 'Status', status: 'Failure', code, reason, message };
  return jsonResponse(code, status, headers);
}

async function watched(
  options: FaultyOptions,
  kind: FaultKind | undefined,
  url: string,
  init: FetchInit,
): Promise<FetchResponse> {
  const response = await spoilt(options, kind, url, init);
  return response.status === 200
    ? { ...response, jsonLines: () => events(options, kind, response) }
    : response;
}

/** The events of a watch, of which each may be late, come twice, or be the last. */
async function* events(
  { plan, clock, onFault }: FaultyOptions,
  first: FaultKind | undefined,
  response: FetchResponse,
): AsyncGenerator {
  let fault = first;
  for await (const event of response.jsonLines()) {
    const drawn = fault ?? plan.draw(['watch gap', 'watch late', 'watch duplicate', 'watch 410']);
    if (fault === undefined && drawn !== undefined) onFault(drawn, nameOf(event));
    fault = undefined;
    if (drawn === 'watch gap') {
      response.cancel();
      return;
    }
    if (drawn === 'watch 410') {
      yield { type: 'ERROR', object: { kind: 'Status', status: 'Failure', code: 410, reason: 'Expired' } };
      response.cancel();
      return;
    }
    if (drawn === 'watch late') await clock.sleep(plan.ms(5000));
    yield event;
    if (drawn === 'watch duplicate') yield event;
  }
}

function nameOf(event: unknown): string {
  const object = isObject(event) ? own(event, 'object') : undefined;
  if (!isObject(event) || !isObject(object)) return 'event';
  const name = textAt(at(object, 'metadata'), 'name');
  return `${textAt(event, 'type')} ${textAt(object, 'kind')} ${name}`;
}

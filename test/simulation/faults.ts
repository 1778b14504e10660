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
  'late',
  'crash, then late',
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
  'git down',
  'git slow',
] as const;
export type FaultKind = (typeof apiFaults)[number] | (typeof outsideFaults)[number];

export interface FaultPlanOptions {
  readonly random: Random;
  /** Of each request, that something goes wrong with it. */
  readonly rate: number;
  /** How much may go wrong by that rate. */
  readonly budget: number;
  /** What goes wrong beside that with the n-th write of the engine. */
  readonly writes?: ReadonlyMap<number, FaultKind>;
}

/** Decides, by a seed, what goes wrong; and counts it. */
export class FaultPlan {
  readonly counts = new Map<FaultKind, number>();
  readonly #options: FaultPlanOptions;
  #left: number;
  #writes = 0;
  #isOutsideFine = false;
  #isOver = false;

  constructor(options: FaultPlanOptions) {
    this.#options = options;
    this.#left = options.budget;
  }

  static none(random: Random): FaultPlan {
    return new FaultPlan({ random, rate: 0, budget: 0 });
  }

  /** Whether nothing ever fails. */
  get isFaultless(): boolean {
    const { rate, writes } = this.#options;
    return rate === 0 && (writes?.size ?? 0) === 0;
  }

  /** From now on Prometheus and hooks do not fail. */
  mendOutside(): void {
    this.#isOutsideFine = true;
  }

  /** From now on nothing fails. */
  end(): void {
    this.#isOver = true;
  }

  /** One of `kinds`, or, mostly, nothing. @param share of the rate */
  draw<K extends FaultKind>(kinds: readonly K[], share = 1): K | undefined {
    const { random, rate } = this.#options;
    if (this.#isOver || this.#left === 0 || random.next() >= rate * share) return undefined;
    const kind = kinds[random.int(kinds.length)];
    if (kind === undefined) return undefined;
    this.#left -= 1;
    this.#count(kind);
    return kind;
  }

  /** The same for the next write. */
  drawForWrite(kinds: readonly FaultKind[]): FaultKind | undefined {
    this.#writes += 1;
    const planned = this.#isOver ? undefined : this.#options.writes?.get(this.#writes);
    if (planned === undefined) return this.draw(kinds);
    this.#count(planned);
    return planned;
  }

  /** The same for whoever is not the API server. */
  drawOutside<K extends FaultKind>(kinds: readonly K[]): K | undefined {
    // There are far fewer of these requests than of the others.
    return this.#isOutsideFine ? undefined : this.draw(kinds, 3);
  }

  ms(max: number): number {
    return this.#options.random.int(max);
  }

  #count(kind: FaultKind): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
  }
}

/**
 * Some faults by a rate, and some at writes that are sure to come.
 *
 * @param writes of the process, when nothing fails
 * @param most how many at writes, and how many by the rate
 */
export function drawPlan(
  { draw, random }: { readonly draw: Random; readonly random: Random },
  writes: number,
  most: { readonly planned: number; readonly drawn: number },
): FaultPlan {
  const planned = Array.from({ length: draw.int(most.planned + 1) }, (): [number, FaultKind] => [
    1 + draw.int(Math.max(1, Math.ceil(writes * 1.2))),
    writeFaults[draw.int(writeFaults.length)] ?? '409',
  ]);
  return new FaultPlan({
    random,
    rate: [0, 0.02, 0.05, 0.2][draw.int(4)] ?? 0.05,
    budget: 5 + draw.int(most.drawn),
    writes: new Map(planned),
  });
}

export interface FaultyOptions {
  readonly fetch: Fetch;
  /** The same, for what is on its way when the engine dies. */
  readonly onItsWay: Fetch;
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
    const kind =
      method === 'GET'
        ? plan.draw(readFaults(isWatch, isList && lists.has(url)), 0.3)
        : plan.drawForWrite(writeFaults);
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

const anywhere = ['crash before', 'crash after', '429', '500', 'unreachable', 'timeout'] as const;
/** What can go wrong with a write. */
const writeFaults: readonly FaultKind[] = [
  ...anywhere,
  '409',
  'lost answer',
  'crash after',
  'late',
  'crash, then late',
];

function readFaults(isWatch: boolean, canBeStale: boolean): readonly FaultKind[] {
  if (isWatch) return ['watch gap', 'watch late', 'watch duplicate', 'watch 410', ...anywhere];
  return canBeStale ? ['stale list', 'stale list', 'stale list', ...anywhere] : anywhere;
}

/** After so long nobody waits for an answer, in milliseconds. */
const timeoutMs = 10_000;

async function spoilt(
  { fetch, onItsWay, clock, plan, crash }: FaultyOptions,
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
      await clock.sleep(timeoutMs, init.signal);
      throw new FetchError('Unreachable', 'timed out');
    case 'late':
      carryOutLater(clock, onItsWay, timeoutMs + plan.ms(10_000), url, init);
      await clock.sleep(timeoutMs, init.signal);
      throw new FetchError('Unreachable', 'timed out');
    case 'crash, then late':
      carryOutLater(clock, onItsWay, plan.ms(20_000), url, init);
      crash();
      throw new FetchError('Unreachable', 'killed');
    default:
      return fetch(url, init);
  }
}

/** Nobody hears what becomes of it. */
function carryOutLater(clock: Clock, fetch: Fetch, ms: number, url: string, init: FetchInit): void {
  const { signal: _signal, ...rest } = init;
  const work = clock.sleep(ms).then(() => fetch(url, rest));
  work.then(
    (response) => response.cancel(),
    () => {},
  );
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

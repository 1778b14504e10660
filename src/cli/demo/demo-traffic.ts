import type { Clock } from '../../base/clock.ts';
import { errorMessage } from '../../base/errors.ts';
import type { Fetch } from '../../base/fetch.ts';

/** Requests a second through one gateway. More than the 50 that are promised: a late turn must not make it less. */
const perSecond = 55;
const tickMs = 20;
/** After a pause of the process, what is overdue is sent in bursts of this. */
const mostAtOnce = 25;
/** A user gives up. */
const patienceMs = 5000;
/** A pause of the process this long explains a request that was given up. */
const longPauseMs = 1000;

/** Statuses that proxies make; podinfo's errors have others. */
const ofProxies: ReadonlySet<number> = new Set([502, 503, 504]);

/** What a user sees of one request. */
export interface Answer {
  /** undefined: there was none. */
  readonly status: number | undefined;
  /** Whether a pod made it, not a proxy on the way. */
  readonly isOfPod: boolean;
  /** What came instead of 200. */
  readonly text: string;
}

/** What went on meanwhile. */
export interface Circumstances {
  /** The versions under test that users were routed to, when it was sent and when it was answered. */
  readonly routedTo: readonly (string | undefined)[];
  /** How late the event loop of this process was, at worst. */
  readonly lagMs: number;
}

/** Errors that the version itself makes while it is tested on users: the only ones that are allowed. */
export const faultyCause = 'made by the faulty version, while users were routed to it';

/**
 * Who is to blame for a request that failed.
 *
 * @param faulty the version that fails by itself
 * @returns undefined for one that did not fail
 */
export function causeOf(
  { status, isOfPod, text }: Answer,
  { routedTo, lagMs }: Circumstances,
  faulty: string,
): string | undefined {
  if (status !== undefined && status >= 200 && status < 300) return undefined;
  if (isOfPod && routedTo.includes(faulty)) return faultyCause;
  const late =
    lagMs >= longPauseMs ? `, while this process stood still for ${(lagMs / 1000).toFixed(1)} s` : '';
  if (status === undefined) return `lost: ${text}${late}`;
  if (isOfPod) return `lost: ${status} from a pod, while nothing that fails was tested on users${late}`;
  return `lost: ${status} from a proxy${text === '' ? '' : `, ${text}`}${late}`;
}

export interface TrafficCount {
  readonly sent: number;
  /** By cause. */
  readonly failed: Readonly<Record<string, number>>;
}

/** Requests that failed although nobody tested anything on them. */
export function lost({ failed }: TrafficCount): number {
  return Object.entries(failed).reduce(
    (sum, [cause, count]) => (cause === faultyCause ? sum : sum + count),
    0,
  );
}

/** The latest seconds, as users saw them. */
export interface Recent {
  /** 0 to 1; undefined without requests. */
  readonly successRate: number | undefined;
  /** Milliseconds. */
  readonly p99: number | undefined;
  /** That answered last. */
  readonly version: string | undefined;
}

interface Sample {
  readonly at: number;
  readonly ms: number;
  readonly isGood: boolean;
}

const windowMs = 5000;

/** The answers of the latest five seconds. */
export class RecentAnswers {
  readonly #samples: Sample[] = [];
  #version: string | undefined;

  add(sample: Sample, version: string | undefined): void {
    this.#samples.push(sample);
    if (version !== undefined) this.#version = version;
    this.#forget(sample.at);
  }

  /** @param now monotonic milliseconds */
  summary(now: number): Recent {
    this.#forget(now);
    const samples = this.#samples;
    if (samples.length === 0) return { successRate: undefined, p99: undefined, version: this.#version };
    const times = samples.map(({ ms }) => ms).sort((a, b) => a - b);
    return {
      successRate: samples.filter(({ isGood }) => isGood).length / samples.length,
      p99: times[Math.ceil(times.length * 0.99) - 1],
      version: this.#version,
    };
  }

  #forget(now: number): void {
    const first = this.#samples.findIndex(({ at }) => at > now - windowMs);
    this.#samples.splice(0, first < 0 ? this.#samples.length : first);
  }
}

export interface UsersOptions {
  readonly clock: Clock;
  readonly fetch: Fetch;
  /** `http://127.0.0.1:PORT` of the ingress gateway. */
  readonly gateway: string;
  readonly host: string;
  readonly faulty: string;
  /** The version under test, where users are routed to it. */
  readonly routedTo: () => string | undefined;
  /** The worst of the last seconds, in milliseconds. */
  readonly lag: () => number;
}

/** Users of one member, who come in through its gateway. */
export class Users {
  readonly #options: UsersOptions;
  readonly #recent = new RecentAnswers();
  readonly #open = new Set<Promise<void>>();
  readonly #failed: Record<string, number> = {};
  readonly #stop = new AbortController();
  #load: Promise<void> | undefined;
  #sent = 0;
  #startedAt = 0;
  #endedAt: number | undefined;

  constructor(options: UsersOptions) {
    this.#options = options;
  }

  get count(): TrafficCount {
    return { sent: this.#sent, failed: { ...this.#failed } };
  }

  /** Requests a second, from the beginning to the end; 0 before it. */
  get rate(): number {
    if (this.#load === undefined) return 0;
    const seconds = ((this.#endedAt ?? this.#options.clock.monotonic()) - this.#startedAt) / 1000;
    return seconds > 0 ? this.#sent / seconds : 0;
  }

  recent(): Recent {
    return this.#recent.summary(this.#options.clock.monotonic());
  }

  start(): void {
    const { clock } = this.#options;
    this.#startedAt = clock.monotonic();
    const tick = (): void => {
      const due = Math.ceil(((clock.monotonic() - this.#startedAt) / 1000) * perSecond) - this.#sent;
      for (let i = 0; i < Math.min(due, mostAtOnce); i += 1) this.#request();
    };
    this.#load = clock.every(tickMs, tick, this.#stop.signal);
  }

  /** No new requests; resolves when all that are under way have ended. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#endedAt ??= this.#options.clock.monotonic();
    await this.#load;
    await Promise.all(this.#open);
  }

  #request(): void {
    this.#sent += 1;
    const work: Promise<void> = this.#send().finally(() => this.#open.delete(work));
    this.#open.add(work);
  }

  async #send(): Promise<void> {
    const { clock, routedTo, lag, faulty } = this.#options;
    const sentAt = clock.monotonic();
    const before = routedTo();
    const { version, ...answer } = await this.#ask();
    const at = clock.monotonic();
    const cause = causeOf(answer, { routedTo: [before, routedTo()], lagMs: lag() }, faulty);
    if (cause !== undefined) this.#failed[cause] = (this.#failed[cause] ?? 0) + 1;
    this.#recent.add({ at, ms: at - sentAt, isGood: cause === undefined }, version);
  }

  async #ask(): Promise<Answer & { readonly version?: string | undefined }> {
    const { clock, fetch, gateway, host } = this.#options;
    using deadline = clock.timeout(patienceMs);
    try {
      const response = await fetch(`${gateway}/version`, { headers: { host }, signal: deadline.signal });
      const { status, headers } = response;
      const text = (await response.text()).trim();
      const isOfPod = headers.get('x-envoy-upstream-service-time') !== null && !ofProxies.has(status);
      const [, version] = /"version": *"([^"]+)"/.exec(text) ?? [];
      return { status, isOfPod, text: text.slice(0, 80), version };
    } catch (error) {
      const text = deadline.signal.aborted ? `no answer in ${patienceMs / 1000} s` : errorMessage(error);
      return { status: undefined, isOfPod: false, text };
    }
  }
}

/** All users together. */
export function totalOf(users: readonly Pick<Users, 'count'>[]): TrafficCount {
  const failed: Record<string, number> = {};
  let sent = 0;
  for (const { count } of users) {
    sent += count.sent;
    for (const [cause, n] of Object.entries(count.failed)) failed[cause] = (failed[cause] ?? 0) + n;
  }
  return { sent, failed };
}

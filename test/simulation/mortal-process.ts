import type { VirtualClock } from '../../src/base/clock.ts';
import { type Fetch, FetchError } from '../../src/base/fetch.ts';
import type { Random } from '../../src/base/random.ts';
import { type FaultPlan, faulty } from './faults.ts';
import type { Trace } from './trace.ts';

/** One life of a process: nothing that it still has in flight when it ends reaches the world. */
export interface Life {
  readonly signal: AbortSignal;
  readonly random: Random;
  /** The way somewhere, until it dies. */
  readonly fenced: (fetch: Fetch) => Fetch;
  /** The way to an API server, on which anything can go wrong. @param to which one, for the trace */
  readonly wayTo: (fetch: Fetch, to?: string) => Fetch;
}

export interface MortalProcessOptions {
  readonly name: string;
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly plan: FaultPlan;
  readonly trace: Trace;
  /** More requests in one instant are made only by who goes round in circles. */
  readonly mostAtOnce: number;
  /** Works until the signal aborts. */
  readonly live: (life: Life) => Promise<void>;
}

/** A process that dies, and comes back after a while. */
export class MortalProcess {
  /** When it last asked or wrote something, watches apart, on the monotonic clock. */
  lastRequestAt = 0;
  writes = 0;
  /** Errors that nobody expected: bugs of the process or of the simulation. */
  readonly errors: string[] = [];
  readonly #options: MortalProcessOptions;
  /** Ends it for good. */
  #stop = new AbortController();
  #crash = new AbortController();
  #isDead = true;
  #isMortal = false;
  #lives = 0;
  #atOnce = 0;
  #running: Promise<void> = Promise.resolve();

  constructor(options: MortalProcessOptions) {
    this.#options = options;
  }

  /** Begins to live, and goes on after each crash. */
  run(): void {
    this.#stop = new AbortController();
    this.#running = this.#keepAlive(this.#stop.signal);
  }

  /** Dies, and does not come back. */
  async end(): Promise<void> {
    this.crash();
    this.#stop.abort();
    await this.#running;
  }

  /** Kills it as it stands. */
  crash(): void {
    if (this.#isDead) return;
    this.#isDead = true;
    this.#options.trace.add('fault', `the ${this.#options.name} dies`);
    this.#crash.abort();
  }

  /** From now on a crash is the end. */
  bury(): void {
    this.#isMortal = true;
  }

  async #keepAlive(stop: AbortSignal): Promise<void> {
    const { name, clock, random, live } = this.#options;
    while (!stop.aborted) {
      this.#crash = new AbortController();
      this.#isDead = false;
      this.#lives += 1;
      const { signal } = this.#crash;
      try {
        await live(this.#life(signal));
        if (!signal.aborted) this.errors.push(`the ${name} ended`);
      } catch (error) {
        if (!signal.aborted) this.errors.push(`the ${name} ended: ${String(error)}`);
      }
      if (stop.aborted || this.#isMortal) return;
      await clock.sleep(500 + random.int(10_000), stop).catch(() => {});
    }
  }

  #life(signal: AbortSignal): Life {
    const { clock, plan, random, trace } = this.#options;
    const fenced =
      (fetch: Fetch): Fetch =>
      (url, init) =>
        signal.aborted ? Promise.reject(new FetchError('Unreachable', 'killed')) : fetch(url, init);
    const wayTo = (onItsWay: Fetch, to = ''): Fetch => {
      const fetch = faulty({
        fetch: fenced(onItsWay),
        onItsWay,
        clock,
        plan,
        crash: () => this.crash(),
        onFault: (kind, request) => trace.add('fault', `${kind}: ${to}${to === '' ? '' : ' '}${request}`),
      });
      return this.#counted(fenced(fetch));
    };
    return { signal, random: random.stream(`life ${this.#lives}`), fenced, wayTo };
  }

  /** Virtual time stands still for whoever never waits: that is found here, or never. */
  #counted(fetch: Fetch): Fetch {
    const { name, clock, mostAtOnce } = this.#options;
    return (url, init = {}) => {
      if (new URL(url).searchParams.has('watch')) return fetch(url, init);
      const now = clock.monotonic();
      this.#atOnce = now === this.lastRequestAt ? this.#atOnce + 1 : 1;
      this.lastRequestAt = now;
      if ((init.method ?? 'GET') !== 'GET') this.writes += 1;
      if (this.#atOnce <= mostAtOnce) return fetch(url, init);
      this.errors.push(
        `more than ${mostAtOnce} requests at ${now / 1000} s: the ${name} goes round in circles`,
      );
      this.bury();
      this.crash();
      return Promise.reject(new FetchError('Unreachable', 'killed'));
    };
  }
}

import type { VirtualClock } from '../../../src/base/clock.ts';
import { type Fetch, FetchError } from '../../../src/base/fetch.ts';
import { silentLog } from '../../../src/base/log.ts';
import type { Random } from '../../../src/base/random.ts';
import { applicationControllers } from '../../../src/fleet/application/application-controllers.ts';
import { MemberRollouts } from '../../../src/fleet/application/member-rollout.ts';
import { fleetControllers } from '../../../src/fleet/fleet-controllers.ts';
import type { GitTransport } from '../../../src/gitops/source/git-transport.ts';
import { SourcePool } from '../../../src/gitops/source/source-pool.ts';
import { SyncCluster } from '../../../src/gitops/sync/sync-cluster.ts';
import type { Credentials } from '../../../src/kube/credentials.ts';
import { createClient, type RestClient } from '../../../src/kube/rest-client.ts';
import { inProcessServer } from '../../../src/sandbox/apiserver/cluster.ts';
import { type FaultPlan, faulty } from '../faults.ts';
import type { Trace } from '../trace.ts';

/** Requests of the manager in one instant. */
const mostAtOnce = 1500;

export interface ManagerOptions {
  readonly clock: VirtualClock;
  readonly random: Random;
  /** Of what happens to it. */
  readonly plan: FaultPlan;
  readonly trace: Trace;
  readonly git: GitTransport;
  /** The way to the host (`host`) and to the members. */
  readonly ways: ReadonlyMap<string, Fetch>;
}

/** One life of the manager: nothing that it still has in flight when it ends reaches the world. */
interface Life {
  readonly stop: AbortController;
  ended: boolean;
}

/** A manager that dies and comes back. */
export class Manager {
  /** When it last asked or wrote something, watches apart, on the monotonic clock. */
  lastRequestAt = 0;
  writes = 0;
  /** Errors that nobody expected. */
  readonly errors: string[] = [];
  readonly #options: ManagerOptions;
  readonly #stop = new AbortController();
  #life: Life | undefined;
  #lives = 0;
  #atOnce = 0;
  #isMortal = false;
  #running: Promise<void> = Promise.resolve();

  constructor(options: ManagerOptions) {
    this.#options = options;
  }

  run(): void {
    this.#running = this.#keepAlive();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#life?.stop.abort();
    await this.#running;
  }

  /** Kills it as it stands. */
  crash(): void {
    const life = this.#life;
    if (life === undefined || life.ended) return;
    life.ended = true;
    this.#options.trace.add('fault', 'the manager dies');
    life.stop.abort();
  }

  /** From now on a crash is the end. */
  bury(): void {
    this.#isMortal = true;
  }

  async #keepAlive(): Promise<void> {
    const { clock, random } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const life: Life = { stop: new AbortController(), ended: false };
      this.#life = life;
      this.#lives += 1;
      try {
        await this.#live(life);
        if (!life.ended && !signal.aborted) this.errors.push('the manager ended');
      } catch (error) {
        if (!life.ended && !signal.aborted) this.errors.push(`the manager ended: ${String(error)}`);
      }
      if (signal.aborted || this.#isMortal) return;
      await clock.sleep(500 + random.int(10_000), signal).catch(() => {});
    }
  }

  async #live(life: Life): Promise<void> {
    const { clock, git } = this.#options;
    const random = this.#options.random.stream(`life ${this.#lives}`);
    const seams = { clock, log: silentLog };
    const client = this.#client(life, 'host', { authorize: async () => ({}) });
    const image = 'ghcr.io/viridian-rollout/viridian:test';
    await using sources = new SourcePool({ ...seams, random: random.stream('sources'), transport: git });
    const fleet = fleetControllers({
      ...seams,
      random: random.stream('fleet'),
      client,
      image,
      connectMember: (config) => ({
        client: this.#client(life, new URL(config.server).hostname, config),
        close: async () => {},
      }),
    });
    const applications = applicationControllers({
      ...seams,
      ...fleet,
      random: random.stream('applications'),
      client,
      image,
      sources,
      makeSync: (options) => new SyncCluster(options),
      makeRollouts: (options) => new MemberRollouts(options),
    });
    await fleet.run(life.stop.signal, applications);
  }

  #client(life: Life, to: string, credentials: Credentials): RestClient {
    const { clock, plan, trace, ways } = this.#options;
    const onItsWay = ways.get(to) ?? (() => Promise.reject(new FetchError('Unreachable', `no way to ${to}`)));
    const fenced =
      (fetch: Fetch): Fetch =>
      (url, init) =>
        life.ended ? Promise.reject(new FetchError('Unreachable', 'killed')) : fetch(url, init);
    const fetch = faulty({
      fetch: fenced(onItsWay),
      onItsWay,
      clock,
      plan,
      crash: () => this.crash(),
      onFault: (kind, request) => trace.add('fault', `manager, ${kind}: ${to} ${request}`),
    });
    return createClient({
      fetch: this.#counted(fenced(fetch)),
      server: inProcessServer,
      clock,
      userAgent: 'simulation',
      credentials,
    });
  }

  /** Virtual time stands still for whoever never waits: that is found here, or never. */
  #counted(fetch: Fetch): Fetch {
    return (url, init = {}) => {
      if (new URL(url).searchParams.has('watch')) return fetch(url, init);
      const now = this.#options.clock.monotonic();
      this.#atOnce = now === this.lastRequestAt ? this.#atOnce + 1 : 1;
      this.lastRequestAt = now;
      if ((init.method ?? 'GET') !== 'GET') this.writes += 1;
      if (this.#atOnce <= mostAtOnce) return fetch(url, init);
      this.errors.push(
        `more than ${mostAtOnce} requests at ${now / 1000} s: the manager goes round in circles`,
      );
      this.bury();
      this.crash();
      return Promise.reject(new FetchError('Unreachable', 'killed'));
    };
  }
}

import { fleetDefinitions } from '../../../src/api/custom-resource-definitions.ts';
import type { VirtualClock } from '../../../src/base/clock.ts';
import { type Fetch, FetchError, jsonResponse } from '../../../src/base/fetch.ts';
import { isObject, own } from '../../../src/machinery/json.ts';
import { silentLog } from '../../../src/base/log.ts';
import type { Random } from '../../../src/base/random.ts';
import { MemoryGit } from '../../../src/gitops/source/memory-git.test-double.ts';
import { checkoutError } from '../../../src/gitops/source/source-error.ts';
import { ensureCustomResourceDefinitions } from '../../../src/kube/custom-resource-definitions.ts';
import type { RestClient } from '../../../src/kube/rest-client.ts';
import { type Cluster, startCluster } from '../../../src/sandbox/apiserver/cluster.ts';
import { ApiDoor } from '../../../src/sandbox/faults.ts';
import { FaultPlan } from '../faults.ts';
import type { MortalProcess } from '../mortal-process.ts';
import type { Trace } from '../trace.ts';
import { mortalManager } from './manager.ts';
import { ManagerInvariants } from './manager-invariants.ts';
import { Member } from './member.ts';
import { type MemberName, memberNames } from './scenario.ts';

/** What happens to each of the processes. */
export interface FleetPlans {
  readonly manager: FaultPlan;
  readonly agents: Readonly<Record<MemberName, FaultPlan>>;
}

export function noPlans(random: Random): FleetPlans {
  const none = (): FaultPlan => FaultPlan.none(random);
  return { manager: none(), agents: { member1: none(), member2: none() } };
}

export function allPlans({ manager, agents }: FleetPlans): readonly FaultPlan[] {
  return [manager, ...Object.values(agents)];
}

export interface FleetWorldOptions {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly plans: FleetPlans;
  readonly trace: Trace;
}

/** A host, two members, a git server, and the processes that die and come back. */
export class FleetWorld {
  readonly git = new MemoryGit();
  readonly clock: VirtualClock;
  readonly manager: MortalProcess;
  readonly members: ReadonlyMap<MemberName, Member>;
  readonly invariants: readonly ManagerInvariants[];
  readonly #host: Cluster;

  private constructor(
    { clock, random, plans, trace }: FleetWorldOptions,
    host: Cluster,
    members: ReadonlyMap<MemberName, Member>,
  ) {
    this.#host = host;
    this.clock = clock;
    this.members = members;
    this.invariants = [...members].map(
      ([name, { world }]) => new ManagerInvariants(name, world.state, clock),
    );
    const upgrade = (): Promise<never> => Promise.reject(new FetchError('Unreachable', 'no sockets here'));
    const door = new ApiDoor('host', { fetch: told(host.fetch, trace.of('host')), upgrade }, undefined);
    const ways = new Map<string, Fetch>([['host', door.for('manager').fetch]]);
    for (const [name, member] of members) ways.set(name, member.door.for('manager').fetch);
    const { git } = this;
    git.before = async (operation, signal) => {
      const fault = plans.manager.drawOutside(['git down', 'git slow']);
      if (fault !== undefined) trace.add('fault', `${fault}: ${operation}`);
      if (fault === 'git slow') await clock.sleep(plans.manager.ms(30_000), signal);
      if (fault === 'git down') throw checkoutError('the server does not answer');
    };
    this.manager = mortalManager({
      clock,
      random: random.stream('manager'),
      plan: plans.manager,
      trace,
      git,
      ways,
    });
  }

  static async start(options: FleetWorldOptions): Promise<FleetWorld> {
    const { clock, random, plans, trace } = options;
    const seams = { clock, random: random.stream('host'), log: silentLog };
    const host = await startCluster(seams);
    const definitions = Object.values(fleetDefinitions);
    const { signal } = new AbortController();
    await ensureCustomResourceDefinitions({ ...seams, client: host.client(), definitions, signal });
    const members = new Map<MemberName, Member>();
    for (const name of memberNames) {
      const member = {
        name,
        clock,
        random: random.stream(name),
        plan: plans.agents[name],
        trace: trace.of(name),
      };
      members.set(name, await Member.start(member));
    }
    return new FleetWorld(options, host, members);
  }

  get host(): RestClient {
    return this.#host.client();
  }

  member(name: MemberName): Member {
    const member = this.members.get(name);
    if (member === undefined) throw new RangeError(`no such member: ${name}`);
    return member;
  }

  /** When anybody under test last asked or wrote something, watches apart, on the monotonic clock. */
  get lastRequestAt(): number {
    const members = [...this.members.values()].map(({ world }) => world.engine.lastRequestAt);
    return Math.max(this.manager.lastRequestAt, ...members);
  }

  /** What went wrong on the way. */
  get failures(): readonly string[] {
    const members = [...this.members].flatMap(([name, { world, violations }]) =>
      [...world.engine.errors, ...world.invariants.violations, ...violations].map(
        (failure) => `${name}: ${failure}`,
      ),
    );
    return [...this.manager.errors, ...members, ...this.invariants.flatMap(({ violations }) => violations)];
  }

  async close(): Promise<void> {
    await this.manager.end();
    for (const member of this.members.values()) await member.close();
    await this.#host.close();
  }
}

/** Tells what the manager writes. */
function told(fetch: Fetch, trace: Trace): Fetch {
  return async (url, init = {}) => {
    const response = await fetch(url, init);
    if ((init.method ?? 'GET') === 'GET' || url.includes('/events') || response.status >= 300)
      return response;
    const answer = await response.json();
    const status = isObject(answer) ? JSON.stringify(own(answer, 'status') ?? {}).slice(0, 700) : '';
    trace.add('manager', `${init.method} ${new URL(url).pathname} ${status}`);
    const type = response.headers.get('content-type') ?? 'application/json';
    return jsonResponse(response.status, answer, { 'content-type': type });
  };
}

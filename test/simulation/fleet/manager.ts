import type { VirtualClock } from '../../../src/base/clock.ts';
import { type Fetch, FetchError } from '../../../src/base/fetch.ts';
import { silentLog } from '../../../src/base/log.ts';
import type { Random } from '../../../src/base/random.ts';
import { runManager } from '../../../src/fleet/manager/assemble-manager.ts';
import type { GitTransport } from '../../../src/gitops/source/git-transport.ts';
import type { Credentials } from '../../../src/kube/credentials.ts';
import { createClient, type RestClient } from '../../../src/kube/rest-client.ts';
import { inProcessServer } from '../../../src/sandbox/apiserver/cluster.ts';
import type { FaultPlan } from '../faults.ts';
import { type Life, MortalProcess } from '../mortal-process.ts';
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

/** The manager as `viridian manager` puts it together: a process that dies and comes back. */
export function mortalManager(options: ManagerOptions): MortalProcess {
  return new MortalProcess({ ...options, name: 'manager', mostAtOnce, live: (life) => live(options, life) });
}

function live({ clock, git, ways }: ManagerOptions, life: Life): Promise<void> {
  const connect = (to: string, credentials: Credentials): RestClient =>
    createClient({
      fetch: life.wayTo(
        ways.get(to) ?? (() => Promise.reject(new FetchError('Unreachable', `no way to ${to}`))),
        to,
      ),
      server: inProcessServer,
      clock,
      userAgent: 'simulation',
      credentials,
    });
  return runManager(
    {
      client: connect('host', { authorize: async () => ({}) }),
      clock,
      random: life.random,
      log: silentLog,
      git,
      connectMember: (config) => ({
        client: connect(new URL(config.server).hostname, config),
        close: async () => {},
      }),
      image: 'ghcr.io/viridian-rollout/viridian:test',
    },
    life.signal,
  );
}

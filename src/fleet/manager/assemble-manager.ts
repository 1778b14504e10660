import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import type { GitTransport } from '../../gitops/source/git-transport.ts';
import { SourcePool } from '../../gitops/source/source-pool.ts';
import { SyncCluster } from '../../gitops/sync/sync-cluster.ts';
import type { Metrics } from '../../kube/metrics.ts';
import type { RestClient } from '../../kube/rest-client.ts';
import { applicationControllers } from '../application/application-controllers.ts';
import { MemberRollouts } from '../application/member-rollout.ts';
import { fleetControllers } from '../fleet-controllers.ts';
import type { ConnectMember } from '../members.ts';

export interface ManagerParts {
  /** Of the host. */
  readonly client: RestClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics?: Metrics | undefined;
  /** How repositories are reached. */
  readonly git: GitTransport;
  /** How members are reached; default: over sockets. */
  readonly connectMember?: ConnectMember | undefined;
  /** Of agents and test loaders. */
  readonly image: string;
  /** Where to look for fleets, clusters and Applications; absent = all namespaces. */
  readonly namespace?: string | undefined;
  /** The shortest interval of an analysis, for agents; as in `10s`. */
  readonly minInterval?: string | undefined;
  /** How long what is to be removed may not answer before it is given up, in milliseconds. */
  readonly abandonAfterMs?: number | undefined;
}

/** All controllers of a host, with all that they do their work with. Works until `signal` aborts. */
export async function runManager(parts: ManagerParts, signal: AbortSignal): Promise<void> {
  const { git, namespace, connectMember, minInterval, ...shared } = parts;
  const { clock, random, log } = shared;
  await using sources = new SourcePool({ clock, random: random.stream('sources'), log, transport: git });
  const fleet = fleetControllers({ ...shared, namespace, connectMember, minInterval });
  const applications = applicationControllers({
    ...shared,
    ...fleet,
    random: random.stream('applications'),
    sources,
    makeSync: (seams) => new SyncCluster(seams),
    makeRollouts: (seams) => new MemberRollouts(seams),
  });
  await fleet.run(signal, applications);
}

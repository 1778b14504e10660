import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { KubeEvent } from '../kube/event-correlator.ts';
import { EventRecorder, eventKind } from '../kube/event-recorder.ts';
import type { Metrics } from '../kube/metrics.ts';
import type { Client } from '../kube/resource-client.ts';
import { AttachedClusterController } from './attached-cluster-controller.ts';
import { FleetController } from './fleet-controller.ts';
import { type HostCaches, hostCaches } from './host-caches.ts';
import { type ConnectMember, MemberConnections } from './members.ts';
import { PluginController } from './plugin/plugin-controller.ts';
import { PluginReports } from './plugin/plugin-reports.ts';

export interface FleetControllersOptions {
  /** Of the host. */
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics?: Metrics | undefined;
  /** Where to look for fleets and clusters; absent = all namespaces. */
  readonly namespace?: string | undefined;
  /** How members are reached; default: over sockets. */
  readonly connectMember?: ConnectMember | undefined;
  /** Of agent and test loader. */
  readonly image: string;
  /** The shortest interval of an analysis, for agents; as in `10s`. Default: the agent's. */
  readonly minInterval?: string | undefined;
  /** See {@link FleetController}. */
  readonly abandonAfterMs?: number | undefined;
}

export interface Runnable {
  run(signal: AbortSignal): Promise<void>;
}

/** What else works on fleets shares these. */
export interface FleetControllers {
  readonly caches: HostCaches;
  readonly members: MemberConnections;
  readonly events: EventRecorder;
  /**
   * Works until `signal` aborts; resolves when all has ended and all connections are closed. Runs once.
   *
   * @param others work with the same caches and connections, which are there for as long as any of them works
   */
  run(signal: AbortSignal, ...others: readonly Runnable[]): Promise<void>;
}

/** The controllers of AttachedClusters, Fleets and their plugins. One process of a host may run them: the leader. */
export function fleetControllers(options: FleetControllersOptions): FleetControllers {
  const { client, random } = options;
  const caches = hostCaches(options);
  const members = new MemberConnections({ ...options, random: random.stream('members') });
  const reports = new PluginReports(options.log);
  const events = new EventRecorder({
    ...options,
    client: client.resource<KubeEvent>(eventKind),
    component: 'viridian-manager',
  });
  const shared = { ...options, caches, members, reports, events };
  const controllers = [
    new AttachedClusterController({ ...shared, random: random.stream('attachedcluster') }),
    new FleetController({ ...shared, random: random.stream('fleet') }),
    new PluginController({ ...shared, random: random.stream('plugin') }),
  ];
  return {
    caches,
    members,
    events,
    run: async (signal, ...others) => {
      try {
        await Promise.all([...controllers, ...others].map((controller) => controller.run(signal)));
      } finally {
        await members.close();
        await events.stop();
      }
    },
  };
}

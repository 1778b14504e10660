import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { silentLog } from '../base/log.ts';
import type { Listener } from '../base/network.ts';
import type { Random } from '../base/random.ts';
import { listenEdge } from './edge.ts';
import { EventLoopLag } from './event-loop-lag.ts';
import type { FaultHook } from './faults.ts';
import type { ImageCatalogue } from './node/images.ts';
import type { Shell } from './node/shell.ts';
import type { OutsideServers } from './outside.ts';
import { type SandboxCluster, startSandboxCluster } from './sandbox-cluster.ts';

export interface SandboxOptions {
  readonly clock: Clock;
  /** Everything random in the sandbox: the same seed on virtual time gives the same run. */
  readonly random: Random;
  readonly log?: Log | undefined;
  /** Clusters beside the host; default 2. */
  readonly members?: number | undefined;
  /** What the containers of pods run, beside Istio and Prometheus. */
  readonly images: ImageCatalogue;
  /** What `exec`, probes and hooks run in a container. */
  readonly shell: Shell;
  /** Nodes per cluster; default 2. */
  readonly nodes?: number | undefined;
  /** Install nothing: no Istio, no Prometheus. */
  readonly bare?: boolean | undefined;
  /** Ports of 127.0.0.1. Without it there is no socket at all. */
  readonly listen?: EdgeOptions | undefined;
  /** Called before each request between parts of the sandbox. */
  readonly faults?: FaultHook | undefined;
  /** Servers of this machine that pods can reach at port 80, by name. */
  readonly outside?: OutsideServers | undefined;
}

export interface EdgeOptions {
  /**
   * The first of the ports, which follow each other: API servers (host, members), then per member its gateway and its
   * Prometheus. Default: free ones.
   */
  readonly portBase?: number | undefined;
}

export interface Sandbox {
  readonly host: SandboxCluster;
  readonly members: readonly SandboxCluster[];
  readonly edges: ReadonlyMap<SandboxCluster, MemberEdge>;
  readonly lag: EventLoopLag;
  /** Ends everything: no timer, socket or request is left. */
  close(): Promise<void>;
}

/** Where a member is found on this machine. */
export interface MemberEdge {
  /** `http://127.0.0.1:PORT` */
  readonly gateway: string;
  readonly prometheus: string;
}

/**
 * Starts a fleet in this process: a host and member clusters, each with its API server, controllers and nodes, and members
 * with a mesh and Prometheus. Resolves when what is installed is ready.
 *
 * ```ts
 * const sandbox = await startSandbox({ clock: realClock(), random: systemRandom(), images, shell, listen: {} });
 * await sandbox.close();
 * ```
 *
 * @throws FetchError `Unreachable` when a port cannot be had; nothing is left running then
 */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { clock, random, log = silentLog, members = 2, nodes = 2, faults, outside = new Map() } = options;
  const lag = new EventLoopLag();
  const ports = portNumbers(options.listen);
  const stop = new AbortController();
  const clusters: SandboxCluster[] = [];
  const listeners: Listener[] = [];
  const close = async (): Promise<void> => {
    stop.abort();
    // Their clients are cut off, as when a machine goes down.
    await Promise.all(listeners.map((listener) => listener.close(AbortSignal.abort())));
    await Promise.all(clusters.map((cluster) => cluster.close()));
  };
  const start = async (name: string, mesh: boolean): Promise<SandboxCluster> => {
    const { images, shell } = options;
    const shared = { clock, random, log, images, shell, nodes, faults, lag, outside };
    const cluster = await startSandboxCluster({ ...shared, name, mesh, port: ports?.() });
    clusters.push(cluster);
    return cluster;
  };
  try {
    void lag.run(clock, stop.signal);
    const host = await start('kurator-host', false);
    const started: SandboxCluster[] = [];
    for (let i = 1; i <= members; i++) started.push(await start(`kurator-member${i}`, options.bare !== true));
    const edges = new Map<SandboxCluster, MemberEdge>();
    for (const member of started) {
      if (ports === undefined) continue;
      const gateway = await listenEdge(ports(), member.gateway, false);
      listeners.push(gateway);
      const prometheus = await listenEdge(ports(), member.prometheus, true);
      listeners.push(prometheus);
      edges.set(member, { gateway: urlOf(gateway), prometheus: urlOf(prometheus) });
    }
    await Promise.all(started.map((member) => member.ready()));
    return { host, members: started, edges, lag, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function urlOf({ address, port }: Listener): string {
  return `http://${address}:${port}`;
}

/** The next port to listen at. @returns undefined where nothing is to listen */
function portNumbers(edge: EdgeOptions | undefined): (() => number) | undefined {
  if (edge === undefined) return undefined;
  let next = edge.portBase ?? 0;
  return () => (next === 0 ? 0 : next++);
}

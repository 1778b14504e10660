import type { Clock } from '../../base/clock.ts';
import { linkAbort } from '../../base/abort.ts';
import type { Log } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import { aborted } from '../../kube/aborted.ts';
import { formatKey } from '../../kube/object-key.ts';
import type { RestClient } from '../../kube/rest-client.ts';
import type { HostCaches } from '../host-caches.ts';
import type { MemberConnections } from '../members.ts';
import type { ClusterRollouts, ClusterSync } from './member-engine.ts';
import type { ClusterRef } from './wanted-placements.ts';

/** What an engine is made with. */
export interface EngineOptions {
  readonly client: RestClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface MemberEnginesOptions extends EngineOptions {
  /** `client` is that of the host. */
  readonly client: RestClient;
  readonly caches: HostCaches;
  readonly members: MemberConnections;
  readonly makeSync: (options: EngineOptions) => ClusterSync;
  readonly makeRollouts: (options: EngineOptions) => ClusterRollouts;
  /** Called when a Canary on a cluster has changed. */
  readonly onCanary: (cluster: string, canary: { readonly namespace: string; readonly name: string }) => void;
}

/** A cluster that answers. */
export interface Reachable {
  readonly sync: ClusterSync;
  /** Starts to watch rollouts there when it is called for the first time. */
  readonly rollouts: () => ClusterRollouts;
  /** Aborts when the cluster does not answer any more. */
  readonly signal: AbortSignal;
}

/** Why nothing can be done on a cluster now. */
export interface Obstacle {
  /** `Connecting`: it is not known yet whether it answers. */
  readonly reason: 'ClusterMissing' | 'ClusterNotReady' | 'Connecting';
  readonly message: string;
}

const connecting: Obstacle = { reason: 'Connecting', message: 'connecting to the cluster' };

/** A connection, and what works over it. */
interface Link {
  readonly client: RestClient;
  /** Of the connection: another one may take its place. */
  readonly closed: AbortSignal;
  /** Of the time that the cluster answers. */
  awake: AbortController;
  readonly syncs: Map<string, { readonly sync: ClusterSync; readonly stop: AbortController }>;
  rollouts: ClusterRollouts | undefined;
}

/**
 * What works on clusters for Applications. Everything is made for one connection and ends with it: what is made anew
 * for the next one starts from what the cluster has.
 */
export class MemberEngines {
  readonly #options: MemberEnginesOptions;
  readonly #links = new Map<string, Link>();
  readonly #running = new Set<Promise<void>>();
  readonly #stop = new AbortController();

  constructor(options: MemberEnginesOptions) {
    this.#options = options;
  }

  /** Follows the clusters until `signal` aborts, and resolves when nothing runs any more. */
  async run(signal: AbortSignal): Promise<void> {
    const { members } = this.#options;
    const unsubscribe = members.subscribe((key) => this.#look(key));
    await aborted(signal);
    unsubscribe();
    this.#stop.abort();
    await Promise.all(this.#running);
  }

  /** @param application its key, `NAMESPACE/NAME` */
  reach(application: string, namespace: string | undefined, cluster: ClusterRef): Reachable | Obstacle {
    const key = clusterKey(namespace, cluster);
    const obstacle = this.obstacle(namespace, cluster);
    if (obstacle !== undefined) return obstacle;
    const link = this.#link(key, cluster);
    if (link === undefined) return connecting;
    return {
      sync: this.#sync(key, application, link),
      rollouts: () => this.#rollouts(key, link),
      signal: link.awake.signal,
    };
  }

  obstacle(namespace: string | undefined, cluster: ClusterRef): Obstacle | undefined {
    if (cluster.kind === 'currentCluster') return undefined;
    const { caches, members } = this.#options;
    const { name } = cluster;
    const object = caches.attachedClusters.get({ namespace, name });
    if (object === undefined || object.metadata.deletionTimestamp !== undefined) {
      const what = object === undefined ? 'there is no AttachedCluster' : 'somebody deletes AttachedCluster';
      return { reason: 'ClusterMissing', message: `${what} ${name}` };
    }
    const status = members.status(formatKey({ namespace, name }));
    if (status?.ready === true) return undefined;
    if (status?.ready === undefined) return connecting;
    const { reason, message } = status;
    return { reason: 'ClusterNotReady', message: `cluster ${name}: ${reason}: ${message}` };
  }

  /** Forgets what an Application had there; its watches end. */
  release(application: string, namespace: string | undefined, cluster: ClusterRef): void {
    const syncs = this.#links.get(clusterKey(namespace, cluster))?.syncs;
    syncs?.get(application)?.stop.abort();
    syncs?.delete(application);
  }

  /** Work on a cluster that has gone silent is given up: it would only wait for its deadline. */
  #look(key: string): void {
    const link = this.#links.get(key);
    if (link === undefined) return;
    if (link.closed.aborted) this.#links.delete(key);
    else if (this.#options.members.status(key)?.ready === true) return;
    link.awake.abort();
  }

  #link(key: string, cluster: ClusterRef): Link | undefined {
    const isHost = cluster.kind === 'currentCluster';
    const member = isHost
      ? { client: this.#options.client, signal: this.#stop.signal }
      : this.#options.members.get(key);
    if (member === undefined || member.signal.aborted || this.#stop.signal.aborted) return undefined;
    const known = this.#links.get(key);
    if (known !== undefined && known.closed === member.signal) {
      if (known.awake.signal.aborted) known.awake = new AbortController();
      return known;
    }
    const link: Link = {
      client: member.client,
      closed: member.signal,
      awake: new AbortController(),
      syncs: new Map(),
      rollouts: undefined,
    };
    this.#links.set(key, link);
    return link;
  }

  #sync(key: string, application: string, link: Link): ClusterSync {
    const known = link.syncs.get(application);
    if (known !== undefined) return known.sync;
    const sync = this.#options.makeSync(this.#seams(link, `${key} ${application}`));
    const stop = new AbortController();
    link.syncs.set(application, { sync, stop });
    this.#start(sync, link, stop.signal);
    return sync;
  }

  #rollouts(key: string, link: Link): ClusterRollouts {
    if (link.rollouts !== undefined) return link.rollouts;
    const rollouts = this.#options.makeRollouts(this.#seams(link, `${key} rollouts`));
    link.rollouts = rollouts;
    rollouts.subscribe((canary) => this.#options.onCanary(key, canary));
    this.#start(rollouts, link);
    return rollouts;
  }

  #seams({ client }: Link, name: string): EngineOptions {
    const { clock, random, log } = this.#options;
    return { client, clock, random: random.stream(name), log: log.child({ cluster: name.split(' ')[0] }) };
  }

  #start(engine: { run(signal: AbortSignal): Promise<void> }, link: Link, stop?: AbortSignal): void {
    const abort = linkAbort(this.#stop.signal, link.closed, stop);
    const running: Promise<void> = engine
      .run(abort.signal)
      .catch((error: unknown) => this.#options.log.error('what works on a cluster has failed', { error }))
      .finally(() => {
        abort[Symbol.dispose]();
        this.#running.delete(running);
      });
    this.#running.add(running);
  }
}

/** Tells clusters apart; for an AttachedCluster its key. */
export function clusterKey(namespace: string | undefined, { kind, name }: ClusterRef): string {
  return kind === 'currentCluster' ? name : formatKey({ namespace, name });
}

import type { AttachedCluster } from '../api/attached-cluster.ts';
import { type Fleet, fleetFinalizer, fleetNameLabel } from '../api/fleet.ts';
import { parseTime } from '../base/time.ts';
import { Controller, type ControllerOptions, type Reconcile } from '../kube/controller.ts';
import type { EventRecorder } from '../kube/event-recorder.ts';
import { ensureFinalizer, removeFinalizer } from '../kube/finalizers.ts';
import { formatKey, parseKey } from '../kube/object-key.ts';
import type { Client } from '../kube/resource-client.ts';
import { forObject, mapped } from '../kube/sources.ts';
import { getCondition } from '../machinery/conditions.ts';
import { fleetOfCluster, isDeleting, memberNames } from './fleet-members.ts';
import { abandonAnnotation, fleetStatus, type FleetVerdict } from './fleet-status.ts';
import type { HostCaches } from './host-caches.ts';
import { fleetKind } from './kinds.ts';
import type { PluginReports } from './plugin/plugin-reports.ts';

export interface FleetControllerOptions extends Pick<
  ControllerOptions,
  'clock' | 'random' | 'log' | 'metrics'
> {
  readonly client: Client;
  readonly caches: HostCaches;
  readonly reports: PluginReports;
  readonly events: EventRecorder;
  /**
   * How long a fleet that is being deleted waits for clusters that do not answer, in milliseconds; default 10 minutes.
   */
  readonly abandonAfterMs?: number | undefined;
}

const defaultAbandonMs = 600_000;

/**
 * Keeps the status of fleets, the labels of their clusters, and the list of where their plugins are. It asks no member
 * anything: see {@link PluginController}.
 */
export class FleetController {
  readonly #options: FleetControllerOptions;
  readonly #controller: Controller;

  constructor(options: FleetControllerOptions) {
    this.#options = options;
    const { attachedClusters, fleets } = options.caches;
    this.#controller = new Controller({
      ...options,
      name: 'fleet',
      sources: [
        forObject(fleets.store),
        mapped(attachedClusters.store, (cluster) => this.#fleetsOf(cluster)),
      ],
      reconcile: this.#reconcile,
      concurrency: 4,
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const unsubscribe = this.#options.reports.subscribe((fleet) => this.#controller.enqueue(fleet));
    try {
      await this.#controller.run(signal);
    } finally {
      unsubscribe();
    }
  }

  /** Fleets that list the cluster, have claimed it, or have something on it. */
  #fleetsOf(cluster: AttachedCluster): readonly string[] {
    const { namespace, name = '' } = cluster.metadata;
    return this.#fleetsIn(namespace)
      .filter(
        (fleet) =>
          memberNames(fleet).includes(name) ||
          fleetOfCluster(cluster) === fleet.metadata.name ||
          (fleet.status?.plugins ?? []).some((entry) => entry.cluster === name),
      )
      .map((fleet) => formatKey({ namespace, name: fleet.metadata.name ?? '' }));
  }

  #fleetsIn(namespace: string | undefined): readonly Fleet[] {
    return this.#options.caches.fleets.store
      .list()
      .filter(({ metadata }) => metadata.namespace === namespace);
  }

  readonly #reconcile: Reconcile = async (key, { signal }) => {
    const { caches, client, clock, random } = this.#options;
    const cached = caches.fleets.get(parseKey(key));
    if (cached === undefined) return undefined;
    const fleet = isDeleting(cached)
      ? cached
      : await ensureFinalizer(client.resource<Fleet>(fleetKind), cached, fleetFinalizer, {
          clock,
          random,
          signal,
        });
    await this.#label(fleet, signal);
    const verdict = this.#judge(key, fleet);
    const written = await this.#write(key, fleet, verdict, signal);
    if (!isDeleting(fleet)) return undefined;
    if (verdict.status.plugins !== undefined) return { requeueAfterMs: this.#patienceMs(fleet) };
    // No cluster has anything of it any more.
    await removeFinalizer(client.resource<Fleet>(fleetKind), written, fleetFinalizer, {
      clock,
      random,
      signal,
    });
    return undefined;
  };

  #judge(key: string, fleet: Fleet): FleetVerdict {
    const { caches, clock, reports, abandonAfterMs = defaultAbandonMs } = this.#options;
    const { namespace } = fleet.metadata;
    return fleetStatus({
      fleet,
      clusterOf: (name) => caches.attachedClusters.get({ namespace, name }),
      reportOf: (cluster) => reports.get(key, cluster),
      abandons:
        fleet.metadata.annotations?.[abandonAnnotation] === 'true' ||
        (isDeleting(fleet) && this.#waitedMs(fleet) >= abandonAfterMs),
      now: clock.now(),
    });
  }

  async #write(key: string, fleet: Fleet, verdict: FleetVerdict, signal: AbortSignal): Promise<Fleet> {
    const { caches, events, reports } = this.#options;
    const { status, removed, abandoned } = verdict;
    const { changed, object } = await caches.fleets.patchStatus(fleet, status, { signal });
    for (const cluster of [...removed, ...abandoned]) reports.forget(key, cluster);
    for (const cluster of changed ? abandoned : []) {
      const message = `what the rollout plugin has put on cluster ${cluster} stays there: the cluster cannot be reached`;
      events.record(fleet, 'Warning', 'PluginAbandoned', message);
    }
    const before = getCondition(fleet.status?.conditions, 'Ready');
    const after = getCondition(status.conditions, 'Ready');
    if (after !== undefined && before?.reason !== after.reason) {
      const isTrouble = after.status === 'False' && !isDeleting(fleet);
      events.record(fleet, isTrouble ? 'Warning' : 'Normal', after.reason, after.message);
    }
    return object;
  }

  #waitedMs({ metadata }: Fleet): number {
    return this.#options.clock.now() - parseTime(metadata.deletionTimestamp ?? '');
  }

  /** When to look at a deletion again, although nothing has happened. */
  #patienceMs(fleet: Fleet): number {
    const { abandonAfterMs = defaultAbandonMs } = this.#options;
    return Math.max(10_000, abandonAfterMs - this.#waitedMs(fleet));
  }

  /** A cluster belongs to one fleet at a time: the one whose label it has, as long as that one lists it. */
  async #label(fleet: Fleet, signal: AbortSignal): Promise<void> {
    const { attachedClusters } = this.#options.caches;
    const { namespace, name = '' } = fleet.metadata;
    const listed = isDeleting(fleet) ? [] : memberNames(fleet);
    for (const cluster of attachedClusters.store.list()) {
      if (cluster.metadata.namespace !== namespace) continue;
      const owner = fleetOfCluster(cluster);
      const isListed = listed.includes(cluster.metadata.name ?? '');
      if (isListed && owner !== name && !this.#isHeld(cluster, owner)) {
        await this.#setLabel(cluster, name, signal);
      } else if (!isListed && owner === name) {
        await this.#setLabel(cluster, null, signal);
      }
    }
  }

  #isHeld(cluster: AttachedCluster, owner: string | undefined): boolean {
    if (owner === undefined) return false;
    const fleet = this.#options.caches.fleets.get({ namespace: cluster.metadata.namespace, name: owner });
    if (fleet === undefined || isDeleting(fleet)) return false;
    return memberNames(fleet).includes(cluster.metadata.name ?? '');
  }

  async #setLabel(cluster: AttachedCluster, fleet: string | null, signal: AbortSignal): Promise<void> {
    const { namespace, name = '', resourceVersion = '' } = cluster.metadata;
    const metadata = { resourceVersion, labels: { [fleetNameLabel]: fleet } };
    await this.#options.caches.attachedClusters.patch({ namespace, name }, 'merge', { metadata }, { signal });
  }
}

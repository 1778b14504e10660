import { Handlers } from '../../kube/handlers.ts';
import type { Log } from '../../base/log.ts';

/** How a plugin of a fleet stands on one cluster. */
export interface PluginReport {
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

/** Nothing of the plugin is left on the cluster. */
export const removed: PluginReport = { status: 'False', reason: 'Removed', message: 'removed' };

/** The reason while the agent has something to do before it goes. */
export const rolloutsLeft = 'RolloutsLeft';

/** What those who work on clusters tell those who write the status of fleets. Lives in memory: it is found out anew. */
export class PluginReports {
  readonly #reports = new Map<string, Map<string, PluginReport>>();
  readonly #handlers: Handlers<string>;

  constructor(log: Log) {
    this.#handlers = new Handlers((error) => log.error('a handler of plugin reports failed', { error }));
  }

  /** @param fleet `NAMESPACE/NAME` @param cluster the name of the cluster object */
  get(fleet: string, cluster: string): PluginReport | undefined {
    return this.#reports.get(fleet)?.get(cluster);
  }

  set(fleet: string, cluster: string, report: PluginReport): void {
    const { status, reason, message } = this.get(fleet, cluster) ?? {};
    if (status === report.status && reason === report.reason && message === report.message) return;
    const reports = this.#reports.get(fleet) ?? new Map<string, PluginReport>();
    this.#reports.set(fleet, reports.set(cluster, report));
    this.#handlers.emit(fleet);
  }

  forget(fleet: string, cluster: string): void {
    const reports = this.#reports.get(fleet);
    reports?.delete(cluster);
    if (reports?.size === 0) this.#reports.delete(fleet);
  }

  /** Calls `handler` with the key of a fleet whenever a report about it has changed. @returns how to unsubscribe */
  subscribe(handler: (fleet: string) => void): () => void {
    return this.#handlers.add(handler);
  }
}

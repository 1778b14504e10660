import type { Clock } from '../../base/clock.ts';
import { DeadlineError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import { withoutManagedFields } from '../../kube/projections.ts';
import type { ResourceKind } from '../../kube/resource-client.ts';
import type { RestClient } from '../../kube/rest-client.ts';
import { Store } from '../../kube/store.ts';
import type { KubeObject, Unstructured } from '../../machinery/object.ts';

export interface WatchesOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** What is known of clusters by watching them, and waits for what is to become of it. */
export class Watches {
  readonly #options: WatchesOptions;
  readonly #stop = new AbortController();
  readonly #looks = new Set<() => void>();
  readonly #running: Promise<void>[] = [];

  constructor(options: WatchesOptions) {
    this.#options = options;
  }

  /** Watches one kind from now on. Resolves when all that is there is known. @param namespace default: all */
  async open<T extends KubeObject = Unstructured>(
    client: RestClient,
    kind: ResourceKind,
    signal: AbortSignal,
    namespace?: string,
  ): Promise<Store<T>> {
    const { random } = this.#options;
    const store = new Store<T>({
      ...this.#options,
      random: random.stream(kind.resource),
      client: client.resource<T>(kind),
      project: withoutManagedFields,
      namespace,
    });
    store.subscribe(() => this.#look());
    this.#running.push(store.run(this.#stop.signal));
    await store.synced(signal);
    return store;
  }

  /**
   * Resolves when nothing is missing.
   *
   * @param missing what is, as a sentence; undefined: nothing. Asked again after each change
   * @throws DeadlineError that tells what was missing in the end
   */
  async until(missing: () => string | undefined, timeoutMs: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let last: string | undefined;
    const look = (): void => {
      try {
        last = missing();
        if (last === undefined) resolve();
      } catch (error) {
        reject(error);
      }
    };
    using deadline = this.#options.clock.timeout(timeoutMs, signal);
    const giveUp = (): void =>
      reject(
        signal.aborted
          ? signal.reason
          : new DeadlineError(`${last ?? ''}, after ${Math.round(timeoutMs / 1000)} s`),
      );
    deadline.signal.addEventListener('abort', giveUp, { once: true });
    this.#looks.add(look);
    try {
      if (deadline.signal.aborted) giveUp();
      look();
      await promise;
    } finally {
      this.#looks.delete(look);
      deadline.signal.removeEventListener('abort', giveUp);
    }
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running);
  }

  #look(): void {
    for (const look of this.#looks) look();
  }
}

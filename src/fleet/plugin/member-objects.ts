import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import { CachedResource } from '../../kube/cached-resource.ts';
import type { ResourceKind } from '../../kube/resource-client.ts';
import { Store } from '../../kube/store.ts';
import type { KubeObject, Unstructured } from '../../machinery/object.ts';
import {
  clusterRoleBindingKind,
  clusterRoleKind,
  deploymentKind,
  serviceAccountKind,
  serviceKind,
} from '../kinds.ts';
import type { Member } from '../member.ts';
import { pluginLabel, pluginName } from './plugin-objects.ts';

/** Owns what the plugin puts on members. */
export const pluginFieldManager = 'viridian-plugin';

/** The reverse of the order in which they are made: what a pod needs goes after the pod. */
const kinds = [deploymentKind, serviceKind, clusterRoleBindingKind, clusterRoleKind, serviceAccountKind];

interface Seams {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** What the plugin has on one member, watched for as long as it has something there. */
export class MemberObjects {
  readonly member: Member;
  /** Whether the definitions of the engine's kinds were seen to on this connection. */
  hasDefinitions = false;
  readonly #resources: ReadonlyMap<string, CachedResource>;
  readonly #end = new AbortController();

  /** @param onChange called for every change of an object, and when all have been listed */
  constructor(member: Member, seams: Seams, onChange: () => void) {
    this.member = member;
    const cached = (kind: ResourceKind): [string, CachedResource] => {
      const client = member.client.resource(kind);
      const store = new Store({
        ...seams,
        client,
        random: seams.random.stream(kind.resource),
        selection: { labelSelector: `${pluginLabel}=${pluginName}` },
      });
      return [kind.kind, new CachedResource({ store, client, fieldManager: pluginFieldManager })];
    };
    this.#resources = new Map(kinds.map(cached));
    for (const { store } of this.#resources.values()) {
      store.subscribe(onChange);
      void store.run(this.#end.signal);
    }
    const close = (): void => this.close();
    member.signal.addEventListener('abort', close, { once: true, signal: this.#end.signal });
    void this.#synced(onChange);
  }

  get hasSynced(): boolean {
    return this.#resources.values().every(({ store }) => store.hasSynced);
  }

  /** Why they cannot be listed. */
  get trouble(): string | undefined {
    for (const { store } of this.#resources.values()) {
      const { connected, lastError } = store.status;
      if (!store.hasSynced && !connected && lastError !== undefined) return lastError.message;
    }
    return undefined;
  }

  /** All objects of the plugin, whichever fleet they were made for; first what must go first. */
  list(): readonly Unstructured[] {
    return [...this.#resources.values()].flatMap(({ store }) => store.list());
  }

  get(object: KubeObject): Unstructured | undefined {
    const { namespace, name = '' } = object.metadata;
    return this.#of(object).get({ namespace, name });
  }

  async apply(object: Unstructured, signal: AbortSignal): Promise<void> {
    await this.#of(object).apply(object, { signal });
  }

  async delete(object: KubeObject, signal: AbortSignal): Promise<void> {
    const { namespace, name = '', uid } = object.metadata;
    await this.#of(object).delete({ namespace, name }, { signal, preconditions: { uid } });
  }

  close(): void {
    this.#end.abort();
  }

  #of({ kind }: KubeObject): CachedResource {
    const resource = this.#resources.get(kind);
    if (resource === undefined) throw new RangeError(`the plugin has no objects of kind ${kind}`);
    return resource;
  }

  async #synced(then: () => void): Promise<void> {
    try {
      await Promise.all(this.#resources.values().map(({ store }) => store.synced(this.#end.signal)));
      then();
    } catch {
      // Closed before: nobody waits.
    }
  }
}

import type { Rollout } from '../../api/application.ts';
import type { Canary } from '../../api/canary.ts';
import type { CanaryStatus } from '../../api/canary-status.ts';
import { orAbort } from '../../base/abort.ts';
import { aborted } from '../../kube/aborted.ts';
import type { CachedResource } from '../../kube/cached-resource.ts';
import { Handlers } from '../../kube/handlers.ts';
import { formatKey } from '../../kube/object-key.ts';
import type { StoreEvent } from '../../kube/store.ts';
import type { KubeObject, Unstructured } from '../../machinery/object.ts';
import type { ClusterRollouts, InstalledRollout } from './member-engine.ts';
import {
  namespaceOf,
  renderCanary,
  renderMetricTemplates,
  renderTestLoader,
  type RolloutPlace,
  testLoaderSuffix,
} from './render-rollout.ts';
import {
  type EngineObjects,
  RolloutCaches,
  type RolloutCachesOptions,
  type Surroundings,
} from './rollout-caches.ts';
import { missingEngine } from './rollout-errors.ts';
import { concerns } from './rollout-events.ts';
import { keepInjection, withdrawInjection } from './rollout-namespace.ts';
import { isOfARollout, isOurs, placeOfOwner } from './rollout-ownership.ts';
import { checkRoom } from './rollout-preconditions.ts';
import { restoreWorkload } from './rollout-removal.ts';
import { targetPortOf } from './target-port.ts';

interface WantedRollout {
  readonly rollout: Rollout;
  readonly place: RolloutPlace;
}

interface CanaryKey {
  readonly namespace: string;
  readonly name: string;
}

/** What installing a rollout will have put on a member; to be remembered before it begins. */
export function plannedRollout(rollout: Rollout): InstalledRollout {
  const { workload, serviceName, trafficRoutingProvider, rolloutPolicy } = rollout;
  const metrics = (rolloutPolicy.trafficAnalysis.metrics ?? []).flatMap(({ name, customMetric }) =>
    customMetric === undefined ? [] : [name],
  );
  return {
    namespace: namespaceOf(rollout),
    kind: kindOf(workload.kind),
    name: workload.name,
    serviceName,
    provider: trafficRoutingProvider,
    ...(metrics.length === 0 ? {} : { metrics }),
  };
}

/** Whether one becomes the other in place: otherwise the first must be removed before the second is installed. */
export function isSameRollout(one: InstalledRollout, other: InstalledRollout): boolean {
  const keys = ['namespace', 'kind', 'name', 'serviceName', 'provider'] as const;
  return keys.every((key) => one[key] === other[key]);
}

function kindOf(kind: string): 'Deployment' | 'DaemonSet' {
  return kind.toLowerCase() === 'daemonset' ? 'DaemonSet' : 'Deployment';
}

/**
 * The rollouts of all policies on one member. It writes nothing where nothing differs, and is told by watches what
 * others change; everything can be interrupted anywhere and done again.
 */
export class MemberRollouts implements ClusterRollouts {
  readonly #options: RolloutCachesOptions;
  readonly #caches: RolloutCaches;
  readonly #listeners: Handlers<CanaryKey>;
  /** By the key of their Canary. */
  readonly #wanted = new Map<string, WantedRollout>();
  /** The end of the work that is under way, by the key of its Canary. */
  readonly #work = new Map<string, Promise<void>>();

  constructor(options: RolloutCachesOptions) {
    this.#options = options;
    this.#caches = new RolloutCaches(options, (event) => this.#heard(event));
    this.#listeners = new Handlers((error) => options.log.error('a listener of rollouts failed', { error }));
  }

  /** Watches what is needed until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await aborted(signal);
    await this.#caches.close();
  }

  /**
   * Makes sure that pods of the namespace get sidecars, before there are any: makes the Namespace where it is missing.
   *
   * @throws TypedError `InjectionDisabled`, `NamespaceMissing` (being deleted): both `wait`
   */
  async prepare(rollout: Rollout, place: RolloutPlace, signal: AbortSignal): Promise<void> {
    const installed = plannedRollout(rollout);
    await this.#alone(installed, signal, async () => {
      this.#wanted.set(formatKey(installed), { rollout, place });
      const { namespaces } = await this.#caches.surroundings(installed.namespace, signal);
      await keepInjection(namespaces, installed, place, { create: true, signal });
    });
  }

  /**
   * Brings the member in line with the rollout block. Checks first: with an error of what is missing or of another
   * owner (`wait`: {@link subscribe} tells when it is worth another try) nothing has been written.
   *
   * @returns {@link plannedRollout}
   */
  async install(rollout: Rollout, place: RolloutPlace, signal: AbortSignal): Promise<InstalledRollout> {
    const installed = plannedRollout(rollout);
    return this.#alone(installed, signal, async () => {
      this.#wanted.set(formatKey(installed), { rollout, place });
      const engine = await this.#caches.engine(signal);
      if (engine === undefined) throw missingEngine(place.cluster);
      const around = await this.#caches.surroundings(installed.namespace, signal);
      checkRoom({ rollout, installed, place, engine, around });
      await this.#removeFormer(installed, place, engine, signal);
      await keepInjection(around.namespaces, installed, place, { create: false, signal });
      await this.#testLoader(rollout, installed, place, around, signal);
      const templates = renderMetricTemplates(rollout, place);
      for (const template of templates) await engine.metricTemplates.apply(template, { signal });
      const canary = renderCanary(rollout, place, this.#targetPort(rollout, installed, engine, around));
      await engine.canaries.apply(canary as Unstructured & Canary, { signal });
      const kept = new Set(templates.map(({ metadata }) => metadata.name));
      await removeTemplates(engine, installed, place, ({ metadata }) => !kept.has(metadata.name), signal);
      return installed;
    });
  }

  /**
   * Takes a rollout away: the workload serves again first, then all the rest goes. Nothing is an error that is gone
   * already.
   *
   * @returns false where another policy has taken it over
   * @throws TypedError `RolloutNotRestored` (retry) when the agent does not do its part within a minute
   */
  async remove(installed: InstalledRollout, place: RolloutPlace, signal: AbortSignal): Promise<boolean> {
    return this.#alone(installed, signal, async () => {
      const { namespace } = installed;
      const key = formatKey(installed);
      if (this.#isWantedBy(key, place)) this.#wanted.delete(key);
      const engine = await this.#caches.engine(signal);
      const canary = engine?.canaries.get(installed);
      const isOurOwn = canary === undefined || isOurs(canary, place);
      await this.#takeAway(installed, place, engine, signal);
      const isLast = (): boolean => !this.#isNamespaceInUse(namespace, engine);
      if (!isLast()) return isOurOwn;
      const { namespaces } = await this.#caches.surroundings(namespace, signal);
      if (isLast()) await withdrawInjection(namespaces, namespace, signal);
      if (isLast()) this.#caches.leave(namespace);
      return isOurOwn;
    });
  }

  /** Watches Canaries, where the cluster serves them, although nothing is to be done about any. */
  async follow(signal: AbortSignal): Promise<void> {
    await this.#caches.engine(signal);
  }

  canaryStatus(namespace: string, name: string): CanaryStatus | undefined {
    const canary = this.#caches.canary(namespace, name);
    const place = this.#wanted.get(formatKey({ namespace, name }))?.place;
    const isMeant =
      canary !== undefined && (place === undefined ? isOfARollout(canary) : isOurs(canary, place));
    return isMeant ? canary.status : undefined;
  }

  /**
   * Calls `listener` with the key of a Canary when it has changed, or anything else that its rollout needs: its status
   * may be new, and {@link install} may have something to do.
   *
   * @returns how to unsubscribe
   */
  subscribe(listener: (canary: CanaryKey) => void): () => void {
    return this.#listeners.add(listener);
  }

  #heard(event: StoreEvent<KubeObject>): void {
    if (event.object.kind === 'Canary') {
      const { namespace = '', name = '' } = event.object.metadata;
      this.#listeners.emit({ namespace, name });
      return;
    }
    for (const { rollout } of this.#wanted.values()) {
      const installed = plannedRollout(rollout);
      if (concerns(event, installed)) this.#listeners.emit(installed);
    }
  }

  /** Work on one Canary goes one after the other: two policies that want the same one must see each other's. */
  async #alone<T>(installed: InstalledRollout, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const key = formatKey(installed);
    const before = this.#work.get(key) ?? Promise.resolve();
    const done = Promise.withResolvers<void>();
    this.#work.set(key, done.promise);
    try {
      await orAbort(before, signal);
      return await work();
    } finally {
      void before.then(() => {
        if (this.#work.get(key) === done.promise) this.#work.delete(key);
        done.resolve();
      });
    }
  }

  #isWantedBy(key: string, place: RolloutPlace): boolean {
    const wanted = this.#wanted.get(key)?.place.labels;
    return (
      wanted !== undefined && Object.entries(place.labels).every(([name, value]) => wanted[name] === value)
    );
  }

  #isNamespaceInUse(namespace: string, engine: EngineObjects | undefined): boolean {
    const isIn = (rollout: Rollout): boolean => namespaceOf(rollout) === namespace;
    if (this.#wanted.values().some(({ rollout }) => isIn(rollout))) return true;
    const canaries = engine?.canaries.store.list() ?? [];
    return canaries.some((canary) => canary.metadata.namespace === namespace && isOfARollout(canary));
  }

  #targetPort(
    rollout: Rollout,
    { namespace, serviceName }: InstalledRollout,
    { canaries }: EngineObjects,
    { services }: Surroundings,
  ): string | number | undefined {
    const service = services.get({ namespace, name: serviceName });
    if (service === undefined) return undefined;
    return targetPortOf(rollout, service, canaries.get({ namespace, name: rollout.workload.name }));
  }

  /** What an earlier version of the block led to: another workload, or the same one behind another Service. */
  async #removeFormer(
    installed: InstalledRollout,
    place: RolloutPlace,
    engine: EngineObjects,
    signal: AbortSignal,
  ): Promise<void> {
    for (const canary of engine.canaries.store.list()) {
      const former = rolloutOf(canary);
      const owner = placeOfOwner(canary, place);
      const isInTheWay = former.namespace === installed.namespace && former.name === installed.name;
      // The workloads of other policies are theirs to restore.
      if (owner === undefined || !(isInTheWay || isOurs(canary, place))) continue;
      const isGoing = canary.metadata.deletionTimestamp !== undefined;
      if (isSameRollout(former, installed) && !isGoing) continue;
      await this.#takeAway(former, owner, engine, signal);
    }
  }

  async #takeAway(
    installed: InstalledRollout,
    place: RolloutPlace,
    engine: EngineObjects | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock } = this.#options;
    if (engine !== undefined) await restoreWorkload(engine.canaries, installed, place, { clock, signal });
    const { namespace, name } = installed;
    const around = await this.#caches.surroundings(namespace, signal);
    const loader = { namespace, name: `${name}${testLoaderSuffix}` };
    await removeOurs(around.deployments, loader, place, signal);
    await removeOurs(around.services, loader, place, signal);
    if (engine !== undefined) await removeTemplates(engine, installed, place, () => true, signal);
  }

  /** Its own, where it is wanted, and none that was wanted earlier. */
  async #testLoader(
    rollout: Rollout,
    { namespace }: InstalledRollout,
    place: RolloutPlace,
    { deployments, services }: Surroundings,
    signal: AbortSignal,
  ): Promise<void> {
    const wanted = rollout.testLoader === true ? renderTestLoader(rollout, place) : [];
    for (const resource of [deployments, services]) {
      const object = wanted.find(({ kind }) => kind === resource.kind.kind);
      if (object !== undefined) await resource.apply(object, { signal });
      for (const { metadata } of resource.store.list()) {
        const { name = '' } = metadata;
        if (name === object?.metadata.name || !name.endsWith(testLoaderSuffix)) continue;
        await removeOurs(resource, { namespace, name }, place, signal);
      }
    }
  }
}

/** What a Canary of ours tells of its rollout. */
function rolloutOf({ metadata, spec }: Canary): InstalledRollout {
  return {
    namespace: metadata.namespace ?? '',
    kind: spec.targetRef.kind,
    name: metadata.name ?? '',
    serviceName: spec.service?.name ?? metadata.name ?? '',
    provider: spec.provider ?? '',
  };
}

async function removeOurs(
  resource: CachedResource,
  key: { readonly namespace: string | undefined; readonly name: string },
  place: RolloutPlace,
  signal: AbortSignal,
): Promise<void> {
  const live = resource.get(key);
  if (live === undefined || live.metadata.deletionTimestamp !== undefined || !isOurs(live, place)) return;
  await resource.delete(key, { signal, preconditions: { uid: live.metadata.uid } });
}

/** By label, and not by what is remembered: that may be newer than what is there. */
async function removeTemplates(
  { metricTemplates }: EngineObjects,
  { namespace }: InstalledRollout,
  place: RolloutPlace,
  isLeft: (template: Unstructured) => boolean,
  signal: AbortSignal,
): Promise<void> {
  for (const template of metricTemplates.store.list()) {
    const { namespace: home, name = '' } = template.metadata;
    if (home !== namespace || !isLeft(template)) continue;
    await removeOurs(metricTemplates, { namespace, name }, place, signal);
  }
}

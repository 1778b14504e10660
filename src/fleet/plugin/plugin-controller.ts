import type { Application } from '../../api/application.ts';
import type { AttachedCluster } from '../../api/attached-cluster.ts';
import { rolloutDefinitions } from '../../api/custom-resource-definitions.ts';
import type { Fleet } from '../../api/fleet.ts';
import type { FlaggerPlugin } from '../../api/fleet-plugins.ts';
import { errorMessage, nextStep } from '../../base/errors.ts';
import { Controller, type ControllerOptions, type Reconcile } from '../../kube/controller.ts';
import { ensureCustomResourceDefinitions } from '../../kube/custom-resource-definitions.ts';
import { isAlreadyExists, isNotFound } from '../../kube/api-error.ts';
import { formatKey, parseKey } from '../../kube/object-key.ts';
import { forObject, mapped } from '../../kube/sources.ts';
import { computeStatus } from '../../machinery/conditions.ts';
import { asJson, type KubeObject, type Unstructured } from '../../machinery/object.ts';
import { pluginTask } from '../fleet-members.ts';
import type { HostCaches } from '../host-caches.ts';
import { deploymentKind, namespaceKind } from '../kinds.ts';
import type { Member } from '../member.ts';
import type { MemberConnections } from '../members.ts';
import { foreignEngines, replaceForeignAnnotation } from './foreign-engine.ts';
import { MemberObjects, pluginFieldManager } from './member-objects.ts';
import { belongsTo, pluginLabel, pluginName, pluginObjects, providerNamespace } from './plugin-objects.ts';
import { type PluginReport, type PluginReports, removed, rolloutsLeft } from './plugin-reports.ts';

export interface PluginControllerOptions extends Pick<
  ControllerOptions,
  'clock' | 'random' | 'log' | 'metrics'
> {
  readonly caches: HostCaches;
  readonly members: MemberConnections;
  readonly reports: PluginReports;
  /** Of agent and test loader. */
  readonly image: string;
  /** The shortest interval of an analysis, for agents; as in `10s`. */
  readonly minInterval?: string | undefined;
}

/** How often a foreign engine is looked for again, in milliseconds. */
const foreignMs = 60_000;

/** When to try again what no event will tell of: rights that were missing, say. In milliseconds. */
const troubleMs = 60_000;

/** When to see whether the first lists have failed, in milliseconds. */
const listMs = 5000;

interface Work {
  readonly fleet: Fleet;
  readonly cluster: AttachedCluster;
  readonly objects: MemberObjects;
  readonly signal: AbortSignal;
}

/**
 * Puts the rollout plugin of fleets on their members, and takes it away. Works on one cluster at a time, so that none
 * waits for another. Where to look is in the status of fleets: an entry is written there before anything is put on a
 * cluster, and removed only after all is gone. A cluster that does not answer is left as it is.
 */
export class PluginController {
  readonly #options: PluginControllerOptions;
  readonly #controller: Controller;
  readonly #objects = new Map<string, MemberObjects>();

  constructor(options: PluginControllerOptions) {
    this.#options = options;
    const { applications, attachedClusters, fleets } = options.caches;
    this.#controller = new Controller({
      ...options,
      name: 'plugin',
      sources: [
        forObject(attachedClusters.store),
        mapped(fleets.store, (fleet) => clustersOf(fleet)),
        mapped(applications.store, (application) => rolloutClustersOf(application)),
      ],
      reconcile: this.#reconcile,
      concurrency: 32,
      timeoutMs: 120_000,
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const unsubscribe = this.#options.members.subscribe((key) => this.#controller.enqueue(key));
    try {
      await this.#controller.run(signal);
    } finally {
      unsubscribe();
      for (const key of this.#objects.keys()) this.#release(key);
    }
  }

  readonly #reconcile: Reconcile = async (key, { signal }) => {
    const { caches, members } = this.#options;
    const { namespace, name } = parseKey(key);
    const cluster = caches.attachedClusters.get({ namespace, name });
    const concerned = caches.fleets.store
      .list()
      .filter((fleet) => fleet.metadata.namespace === namespace && clustersOf(fleet).includes(key));
    const member = members.get(key);
    if (concerned.length === 0 || cluster === undefined || member === undefined) {
      this.#release(key);
      return undefined;
    }
    if (member.status.ready !== true) return undefined;
    const objects = this.#objectsOf(key, member);
    // Once they are listed, they make work for this key.
    if (!objects.hasSynced) {
      const { trouble } = objects;
      if (trouble === undefined) return { requeueAfterMs: listMs };
      for (const fleet of concerned) this.#report(fleet, name, failure(pluginTask(fleet, cluster), trouble));
      return { requeueAfterMs: troubleMs };
    }
    const settled = await Promise.allSettled(
      concerned.map((fleet) => this.#workOn({ fleet, cluster, objects, signal })),
    );
    const outcomes = settled.map((outcome) => {
      if (outcome.status === 'rejected') throw outcome.reason;
      return outcome.value;
    });
    if (signal.aborted || member.signal.aborted) return undefined;
    const again = outcomes.filter((ms) => ms !== undefined);
    return again.length === 0 ? undefined : { requeueAfterMs: Math.min(...again) };
  };

  /** @returns when to look again although nothing has happened, in milliseconds */
  async #workOn(work: Work): Promise<number | undefined> {
    const { fleet, cluster, objects, signal } = work;
    const { name = '' } = cluster.metadata;
    const task = pluginTask(fleet, cluster);
    if (task === 'leave') return undefined;
    if (task === 'install') this.#takeBack(fleet, name);
    const held = task === 'remove' ? this.#rolloutsOn(cluster) : [];
    if (held.length > 0) {
      // An event of the Application tells when it is done.
      this.#report(fleet, name, waitsFor(held));
      return undefined;
    }
    try {
      const report = await (task === 'install' ? this.#install(work) : this.#remove(work));
      this.#report(fleet, name, report);
      return report.reason === 'ForeignEngine' ? foreignMs : undefined;
    } catch (error) {
      // What a lost connection breaks is taken up by the next one.
      if (signal.aborted || objects.member.signal.aborted) throw error;
      this.#report(fleet, name, failure(task, errorMessage(error)));
      if (nextStep(error) === 'retry') throw error;
      return troubleMs;
    }
  }

  /** Applications that have rollouts on a cluster: to give their workloads back is the agent's work. */
  #rolloutsOn({ metadata }: AttachedCluster): readonly string[] {
    const { store } = this.#options.caches.applications;
    return store
      .list()
      .filter((application) => rolloutClustersOf(application).includes(keyOf({ metadata })))
      .map(keyOf);
  }

  /** From here on, nobody may think that nothing is left on the cluster. */
  #takeBack({ metadata }: Fleet, cluster: string): void {
    const { reports } = this.#options;
    const key = formatKey({ namespace: metadata.namespace, name: metadata.name ?? '' });
    if (reports.get(key, cluster)?.reason === removed.reason) reports.forget(key, cluster);
  }

  #report({ metadata }: Fleet, cluster: string, report: PluginReport): void {
    const key = formatKey({ namespace: metadata.namespace, name: metadata.name ?? '' });
    this.#options.reports.set(key, cluster, report);
  }

  /** The objects as seen over the present connection. */
  #objectsOf(key: string, member: Member): MemberObjects {
    const known = this.#objects.get(key);
    if (known !== undefined && known.member === member) return known;
    this.#release(key);
    const { clock, random, log } = this.#options;
    const objects = new MemberObjects(
      member,
      { clock, random: random.stream(key), log: log.child({ cluster: key }) },
      () => this.#controller.enqueue(key),
    );
    this.#objects.set(key, objects);
    return objects;
  }

  #release(key: string): void {
    this.#objects.get(key)?.close();
    this.#objects.delete(key);
  }

  async #remove({ fleet, cluster, objects, signal }: Work): Promise<PluginReport> {
    for (const object of objects.list()) {
      if (belongsTo(object, fleet, cluster.metadata.name ?? '')) await objects.delete(object, signal);
    }
    return removed;
  }

  async #install(work: Work): Promise<PluginReport> {
    const { fleet, cluster, objects, signal } = work;
    const plugin = fleet.spec.plugin?.flagger;
    if (plugin === undefined) return removed;
    if (plugin.trafficRoutingProvider !== 'istio') {
      await this.#remove(work);
      const message = `provider ${plugin.trafficRoutingProvider} is not supported; istio is`;
      return { status: 'False', reason: 'UnsupportedProvider', message };
    }
    const { image, minInterval } = this.#options;
    const place = { fleet, cluster: cluster.metadata.name ?? '', image, minInterval };
    const wanted = pluginObjects(plugin, place);
    const refusal = otherFleet(work, wanted) ?? (await this.#foreignEngine(work, wanted));
    if (refusal !== undefined) return refusal;
    await this.#ensureDefinitions(objects, signal);
    await this.#apply(plugin, wanted, objects, signal);
    await prune(work, wanted);
    return this.#progress(wanted, objects);
  }

  async #ensureDefinitions(objects: MemberObjects, signal: AbortSignal): Promise<void> {
    if (objects.hasDefinitions) return;
    const { clock, random } = this.#options;
    const definitions = Object.values(rolloutDefinitions);
    const { client, key } = objects.member;
    const log = this.#options.log.child({ cluster: key });
    await ensureCustomResourceDefinitions({ client, clock, random, log, definitions, signal });
    objects.hasDefinitions = true;
  }

  async #apply(
    plugin: FlaggerPlugin,
    wanted: readonly Unstructured[],
    objects: MemberObjects,
    signal: AbortSignal,
  ): Promise<void> {
    const all = async (): Promise<void> => {
      for (const object of wanted) await objects.apply(object, signal);
    };
    try {
      await all();
    } catch (error) {
      // The first object that is in a namespace tells that there is none yet.
      if (!isNotFound(error)) throw error;
      await createNamespace(objects, providerNamespace(plugin), signal);
      await all();
    }
  }

  /** Looked for before ours is there for the first time. */
  async #foreignEngine(
    { fleet, cluster, objects, signal }: Work,
    wanted: readonly Unstructured[],
  ): Promise<PluginReport | undefined> {
    const ours = wanted.filter(({ kind }) => kind === 'Deployment');
    if (ours.every((deployment) => objects.get(deployment) !== undefined)) return undefined;
    const client = objects.member.client.resource(deploymentKind);
    const { items } = await client.listAll({ signal });
    const foreign = foreignEngines(items, new Set(ours.map(keyOf)));
    if (foreign.length === 0) return undefined;
    const mayReplace = [fleet, cluster].some(
      (object) => object.metadata.annotations?.[replaceForeignAnnotation] === 'true',
    );
    if (!mayReplace) {
      const message =
        `${foreign.map((engine) => `Deployment ${keyOf(engine)}`).join(', ')} is here already and is left alone. ` +
        `To replace it, annotate the fleet or the cluster with ${replaceForeignAnnotation}=true`;
      return { status: 'False', reason: 'ForeignEngine', message };
    }
    for (const engine of foreign) {
      const { namespace, name = '', uid } = engine.metadata;
      const key = { namespace, name };
      const inTheWay = ours.some((deployment) => keyOf(deployment) === keyOf(engine));
      if (inTheWay) await client.delete(key, { signal, preconditions: { uid } });
      else {
        const options = { signal, fieldManager: pluginFieldManager };
        await client.patch(key, 'merge', { metadata: { uid }, spec: { replicas: 0 } }, options);
      }
    }
    return undefined;
  }

  #progress(wanted: readonly Unstructured[], objects: MemberObjects): PluginReport {
    const now = this.#options.clock.now();
    const waiting = wanted
      .filter(({ kind }) => kind === 'Deployment')
      .flatMap((deployment) => {
        const live = objects.get(deployment);
        const { status, message } = computeStatus(live && asJson(live), now);
        return status === 'Current' ? [] : [{ status, deployment, message }];
      });
    if (waiting.length === 0) return { status: 'True', reason: 'Running', message: 'the agent runs' };
    const message = waiting.map((one) => `Deployment ${keyOf(one.deployment)}: ${one.message}`).join('; ');
    const failed = waiting.find(({ status }) => status === 'Failed');
    if (failed === undefined) return { status: 'Unknown', reason: 'Progressing', message };
    const { namespace = '', name = '' } = failed.deployment.metadata;
    const advice = `On the member, kubectl -n ${namespace} describe pods -l app.kubernetes.io/instance=${name} tells more`;
    return { status: 'False', reason: 'InstallFailed', message: `${message}. ${advice}` };
  }
}

function failure(task: ReturnType<typeof pluginTask>, message: string): PluginReport {
  if (task !== 'install') return { status: 'False', reason: 'RemovalFailed', message };
  const advice =
    'fix spec.plugin.flagger of the Fleet, or the rights that the kubeconfig of the cluster gives';
  return { status: 'False', reason: 'InstallFailed', message: `${message}. Next: ${advice}` };
}

/** Keys of the clusters where a fleet has, or is about to have, something. */
function clustersOf({ metadata, status }: Fleet): readonly string[] {
  const { namespace } = metadata;
  return (status?.plugins ?? []).flatMap(({ plugin, cluster }) =>
    plugin === pluginName ? [formatKey({ namespace, name: cluster })] : [],
  );
}

/** Where an Application has rollouts. */
function rolloutClustersOf({ metadata, status }: Application): readonly string[] {
  const { namespace } = metadata;
  return (status?.inventory ?? []).flatMap(({ clusterKind, clusterName, rollout }) =>
    clusterKind === 'AttachedCluster' && rollout !== undefined
      ? [formatKey({ namespace, name: clusterName })]
      : [],
  );
}

function waitsFor(applications: readonly string[]): PluginReport {
  const message =
    `the agent stays as long as Application ${applications.join(', ')} has rollouts there, which it gives back to ` +
    'their workloads when they are removed';
  return { status: 'False', reason: rolloutsLeft, message };
}

function keyOf({ metadata: { namespace, name = '' } }: Pick<KubeObject, 'metadata'>): string {
  return formatKey({ namespace, name });
}

/** Another fleet, of another namespace or host, has its plugin there under the same names. */
function otherFleet(
  { fleet, cluster, objects }: Work,
  wanted: readonly Unstructured[],
): PluginReport | undefined {
  const { name = '' } = cluster.metadata;
  const taken = wanted
    .map((object) => objects.get(object))
    .find((live) => live?.metadata.labels?.[pluginLabel] === pluginName && !belongsTo(live, fleet, name));
  if (taken === undefined) return undefined;
  const message = `${taken.kind} ${keyOf(taken)} was put there by another fleet`;
  return { status: 'False', reason: 'OtherFleet', message };
}

async function prune(
  { fleet, cluster, objects, signal }: Work,
  wanted: readonly Unstructured[],
): Promise<void> {
  const { name = '' } = cluster.metadata;
  const kept = new Set(wanted.map((object) => `${object.kind} ${keyOf(object)}`));
  for (const object of objects.list()) {
    if (belongsTo(object, fleet, name) && !kept.has(`${object.kind} ${keyOf(object)}`)) {
      await objects.delete(object, signal);
    }
  }
}

async function createNamespace(objects: MemberObjects, name: string, signal: AbortSignal): Promise<void> {
  const namespaces = objects.member.client.resource(namespaceKind);
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
  try {
    await namespaces.create(namespace, { signal, fieldManager: pluginFieldManager });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}

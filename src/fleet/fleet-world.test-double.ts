import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import { fleetDefinitions } from '../api/custom-resource-definitions.ts';
import type { AttachedCluster } from '../api/attached-cluster.ts';
import type { Fleet } from '../api/fleet.ts';
import { VirtualClock } from '../base/clock.ts';
import { type Fetch, FetchError } from '../base/fetch.ts';
import { type Log, silentLog } from '../base/log.ts';
import { seededRandom } from '../base/random.ts';
import { isNotFound } from '../kube/api-error.ts';
import type { Credentials } from '../kube/credentials.ts';
import { ensureCustomResourceDefinitions } from '../kube/custom-resource-definitions.ts';
import type { KubeEvent } from '../kube/event-correlator.ts';
import { eventKind } from '../kube/event-recorder.ts';
import type { ResourceKind } from '../kube/resource-client.ts';
import { createClient, type RestClient } from '../kube/rest-client.ts';
import { getCondition } from '../machinery/conditions.ts';
import type { Unstructured } from '../machinery/object.ts';
import { type Cluster, inProcessServer, startCluster } from '../sandbox/apiserver/cluster.ts';
import { ApiDoor } from '../sandbox/faults.ts';
import {
  type FleetControllers,
  fleetControllers,
  type FleetControllersOptions,
  type Runnable,
} from './fleet-controllers.ts';
import {
  attachedClusterKind,
  clusterRoleBindingKind,
  clusterRoleKind,
  deploymentKind,
  fleetKind,
  secretKind,
  serviceAccountKind,
  serviceKind,
} from './kinds.ts';

export const crdKind: ResourceKind = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  resource: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
};

export const names = ['kurator-member1', 'kurator-member2'] as const;
const pluginKinds = [
  deploymentKind,
  serviceKind,
  serviceAccountKind,
  clusterRoleKind,
  clusterRoleBindingKind,
];

/** Of the process that the controllers are in. */
class Life {
  #isOver = false;

  end(): void {
    this.#isOver = true;
  }

  check(): void {
    if (this.#isOver) throw new FetchError('Unreachable', 'the process was killed');
  }
}

/** A host and two members, and the controllers on the host, in this process and on virtual time. */
export class FleetWorld {
  readonly clock = new VirtualClock();
  readonly clusters = new Map<string, Cluster>();
  readonly #doors = new Map<string, ApiDoor>();
  /** Requests that the controllers make, without the watches. */
  requests: string[] = [];
  /** Watches that they begin. */
  watches: string[] = [];
  closed = 0;
  /** What the controllers' requests to a cluster wait for, watches too. */
  readonly silence = new Map<string, Promise<void>>();
  /** Of the controllers. */
  log: Log = silentLog;
  /** Called before each of them; it waits for what this returns. */
  onRequest: (request: string) => void | Promise<void> = () => {};
  /** Called after each of them, before its answer is heard. */
  onAnswer: (request: string) => void | Promise<void> = () => {};
  #life = new Life();
  #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  async open(): Promise<this> {
    for (const name of ['host', ...names]) {
      const seams = { clock: this.clock, random: seededRandom(name), log: silentLog };
      const cluster = await this.run(startCluster(seams));
      this.clusters.set(name, cluster);
      this.#doors.set(name, new ApiDoor(name, cluster, () => this.silence.get(name)));
    }
    const definitions = Object.values(fleetDefinitions);
    const { signal } = new AbortController();
    const seams = { clock: this.clock, random: seededRandom('crds'), log: silentLog };
    await this.run(ensureCustomResourceDefinitions({ ...seams, client: this.host, definitions, signal }));
    return this;
  }

  get host(): RestClient {
    return this.member('host');
  }

  member(name: string): RestClient {
    const cluster = this.clusters.get(name);
    if (cluster === undefined) throw new RangeError(`no such cluster: ${name}`);
    return cluster.client();
  }

  /** The controllers' way to a cluster. */
  door(name: string): ApiDoor {
    const door = this.#doors.get(name);
    if (door === undefined) throw new RangeError(`no such cluster: ${name}`);
    return door;
  }

  run<T>(work: Promise<T>): Promise<T> {
    return this.clock.run(work);
  }

  /** Passes time until nothing that is due is left. */
  async settle(ms = 5000): Promise<void> {
    await this.clock.advance(ms);
  }

  #client(name: string, credentials: Credentials): RestClient {
    const door = this.door(name).for('manager');
    const life = this.#life;
    const fetch: Fetch = async (url, init) => {
      if (url.includes('watch=')) {
        this.watches.push(`${name} ${new URL(url).pathname}`);
        return door.fetch(url, init);
      }
      const request = `${init?.method ?? 'GET'} ${name} ${new URL(url).pathname}`;
      life.check();
      this.requests.push(request);
      await this.onRequest(request);
      life.check();
      const response = await door.fetch(url, init);
      await this.onAnswer(request);
      life.check();
      return response;
    };
    return createClient({
      fetch,
      server: inProcessServer,
      clock: this.clock,
      userAgent: 'test',
      credentials,
    });
  }

  /** What works beside the controllers of fleets. */
  protected others(_fleet: FleetControllers, _client: RestClient): readonly Runnable[] {
    return [];
  }

  start(options: Partial<FleetControllersOptions> = {}) {
    this.#stop = new AbortController();
    this.#life = new Life();
    const client = this.#client('host', { authorize: async () => ({}) });
    const controllers = fleetControllers({
      client,
      clock: this.clock,
      random: seededRandom('controllers'),
      log: this.log,
      image: 'ghcr.io/viridian-rollout/viridian:test',
      connectMember: (config) => ({
        client: this.#client(new URL(config.server).hostname, config),
        close: async () => {
          this.closed += 1;
        },
      }),
      ...options,
    });
    this.#running = controllers.run(this.#stop.signal, ...this.others(controllers, client));
    return controllers;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.run(this.#running);
  }

  /** From now on, nothing that the controllers do has an effect: as after SIGKILL. */
  kill(): void {
    this.#life.end();
    this.#stop.abort();
  }

  async close(): Promise<void> {
    await this.stop();
    for (const cluster of this.clusters.values()) await this.run(cluster.close());
  }

  // What a person does.

  /** @param change what is different from a good kubeconfig */
  async secret(name: string, change: object = {}): Promise<void> {
    const kubeconfig = {
      'current-context': name,
      clusters: [{ name, cluster: { server: `https://${name}:6443` } }],
      users: [{ name, user: {} }],
      contexts: [{ name, context: { cluster: name, user: name } }],
      ...change,
    };
    const data = { [`${name}.config`]: Buffer.from(JSON.stringify(kubeconfig)).toString('base64') };
    await this.run(
      this.host
        .resource(secretKind)
        .apply(
          { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'default' }, data },
          { fieldManager: 'person', force: true },
        ),
    );
  }

  /** The walkthrough's manifests. */
  async apply(file: string): Promise<void> {
    const text = readFileSync(new URL(`../../examples/fleet/${file}`, import.meta.url), 'utf8');
    for (const document of parseAllDocuments(text)) {
      const object = document.toJS() as Unstructured;
      const kind = object.kind === 'Fleet' ? fleetKind : attachedClusterKind;
      await this.run(this.host.resource(kind).apply(object, { fieldManager: 'person' }));
    }
  }

  patch(kind: ResourceKind, name: string, patch: object): Promise<unknown> {
    return this.run(this.host.resource(kind).patch({ namespace: 'default', name }, 'merge', patch));
  }

  // What a person sees.

  async attached(name: string): Promise<[ready: boolean | undefined, reason: string, message: string]> {
    const clusters = this.host.resource<AttachedCluster>(attachedClusterKind);
    const { status } = await this.run(clusters.get({ namespace: 'default', name }));
    const { reason = '', message = '' } = getCondition(status?.conditions, 'Ready') ?? {};
    return [status?.ready, reason, message];
  }

  fleet(): Promise<Fleet> {
    return this.run(this.host.resource<Fleet>(fleetKind).get({ namespace: 'default', name: 'quickstart' }));
  }

  async plugin(cluster: string): Promise<string | undefined> {
    const { status } = await this.fleet();
    return status?.plugins?.find((entry) => entry.cluster === cluster)?.reason;
  }

  async events(name: string): Promise<readonly string[]> {
    const { items } = await this.run(this.host.resource<KubeEvent>(eventKind).listAll());
    return items
      .filter(({ involvedObject }) => involvedObject.name === name)
      .map(({ type, reason }) => `${type} ${reason}`);
  }

  /** What the plugin has on a member. */
  async installed(name: string): Promise<readonly string[]> {
    const labelSelector = 'fleet.kurator.dev/plugin=flagger';
    const lists = await Promise.all(
      pluginKinds.map((kind) => this.run(this.member(name).resource(kind).listAll({ labelSelector }))),
    );
    return lists
      .flatMap(({ items }) => items.map(({ kind, metadata }) => `${kind} ${metadata.name}`))
      .toSorted();
  }

  /** Makes all Deployments of a member run. */
  async runPods(...members: readonly string[]): Promise<void> {
    for (const name of members) {
      const deployments = this.member(name).resource(deploymentKind);
      const { items } = await this.run(deployments.listAll());
      for (const { metadata } of items) {
        const status = {
          observedGeneration: metadata.generation,
          replicas: 1,
          updatedReplicas: 1,
          readyReplicas: 1,
          availableReplicas: 1,
          conditions: [
            { type: 'Available', status: 'True' },
            { type: 'Progressing', status: 'True', reason: 'NewReplicaSetAvailable' },
          ],
        };
        const key = { namespace: metadata.namespace, name: metadata.name ?? '' };
        await this.run(deployments.patch(key, 'merge', { status }, { subresource: 'status' }));
      }
    }
    await this.settle();
  }

  /** The walkthrough up to a fleet that is ready. */
  async prepare(): Promise<void> {
    for (const name of names) await this.secret(name);
    await this.apply('attachedclusters.yaml');
    await this.apply('fleet.yaml');
    this.start();
    await this.settle();
    await this.runPods(...names);
  }

  async isGone(kind: ResourceKind, name: string): Promise<boolean> {
    try {
      await this.run(this.host.resource(kind).get({ namespace: 'default', name }));
      return false;
    } catch (error) {
      if (isNotFound(error)) return true;
      throw error;
    }
  }
}

/** All that the plugin of the walkthrough has on a member. */
export const whole = (name: string): string[] => [
  `ClusterRole istio-system-flagger-${name}`,
  `ClusterRoleBinding istio-system-flagger-${name}`,
  `Deployment istio-system-flagger-${name}`,
  `Deployment istio-system-testloader-${name}-loadtester`,
  `Service istio-system-testloader-${name}-loadtester`,
  `ServiceAccount istio-system-flagger-${name}`,
];

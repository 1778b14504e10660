import { VirtualClock } from '../../base/clock.ts';
import { type Log, silentLog } from '../../base/log.ts';
import { seededRandom } from '../../base/random.ts';
import { formatTime } from '../../base/time.ts';
import type { HttpRequestLog } from './request-log.test-double.ts';
import { countingFetch } from './request-log.test-double.ts';
import { createClient, type RestClient } from '../../kube/rest-client.ts';
import type { KubeEvent } from '../../kube/event-correlator.ts';
import { eventKind } from '../../kube/event-recorder.ts';
import type { ResourceKind } from '../../kube/resource-client.ts';
import { Store } from '../../kube/store.ts';
import type { KubeObject } from '../../machinery/object.ts';
import { type Cluster, inProcessServer, startCluster } from '../apiserver/cluster.ts';
import * as kinds from './kinds.ts';
import { type Controllers, startControllers, type ControllersOptions } from './start-controllers.ts';

export interface TestClusterOptions {
  /** Nodes that pods can be put on; default 2. */
  readonly nodes?: number;
  /** How long a pod takes from its node to being ready, in milliseconds; default 2 s. Undefined: never. */
  readonly readyAfterMs?: (pod: kinds.Pod) => number | undefined;
  readonly controllers?: Partial<ControllersOptions>;
  readonly cluster?: Partial<Parameters<typeof startCluster>[0]>;
}

/** A cluster in virtual time whose nodes only pretend: pods get ready after a while and go when they are asked to. */
export class TestCluster {
  readonly clock: VirtualClock;
  readonly cluster: Cluster;
  readonly client: RestClient;
  readonly controllers: Controllers;
  readonly errors: unknown[];
  /** What the controllers asked of the server. */
  readonly requests: HttpRequestLog;
  readonly #stop: AbortController;
  #addresses = 0;

  constructor(parts: {
    clock: VirtualClock;
    cluster: Cluster;
    controllers: Controllers;
    errors: unknown[];
    requests: HttpRequestLog;
    stop: AbortController;
  }) {
    this.clock = parts.clock;
    this.cluster = parts.cluster;
    this.client = parts.cluster.client();
    this.controllers = parts.controllers;
    this.errors = parts.errors;
    this.requests = parts.requests;
    this.#stop = parts.stop;
  }

  /** Waits for a request of the test's own. */
  run<T>(work: Promise<T>): Promise<T> {
    return this.clock.run(work);
  }

  create<T extends KubeObject>(kind: ResourceKind, object: T): Promise<T> {
    return this.run(this.client.resource<T>(kind).create(object));
  }

  get<T extends KubeObject>(kind: ResourceKind, name: string, namespace = 'default'): Promise<T> {
    return this.run(this.client.resource<T>(kind).get(kind.namespaced ? { namespace, name } : { name }));
  }

  async list<T extends KubeObject>(kind: ResourceKind, labelSelector?: string): Promise<T[]> {
    return (await this.run(this.client.resource<T>(kind).listAll({ labelSelector }))).items;
  }

  merge<T extends KubeObject>(
    kind: ResourceKind,
    name: string,
    patch: object,
    subresource?: string,
  ): Promise<T> {
    const resource = this.client.resource<T>(kind);
    return this.run(resource.patch({ namespace: 'default', name }, 'merge', patch, { subresource }));
  }

  /** `Reason message` of the events about objects of a kind, in order. */
  async events(kind: string): Promise<string[]> {
    const events = await this.list<KubeEvent>(eventKind);
    return events
      .filter(({ involvedObject }) => involvedObject.kind === kind)
      .sort((a, b) =>
        (a.metadata.resourceVersion ?? '').padStart(9) < (b.metadata.resourceVersion ?? '').padStart(9)
          ? -1
          : 1,
      )
      .map(({ reason, message }) => `${reason} ${message}`);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.run(this.controllers.stop());
    await this.run(this.cluster.close());
  }

  /** Plays the kubelet for every pod that is on a node. */
  startNodes(readyAfterMs: (pod: kinds.Pod) => number | undefined): void {
    const { clock } = this;
    const pods = this.client.resource<kinds.Pod>(kinds.podKind);
    const store = new Store<kinds.Pod>({
      client: pods,
      clock,
      random: seededRandom('kubelet'),
      log: silentLog,
    });
    const started = new Set<string>();
    const ended = new Set<string>();
    const ignore = (): void => {};
    store.subscribe(({ type, object }) => {
      const { namespace, name = '', uid = '', deletionTimestamp } = object.metadata;
      if (type === 'deleted' || (object.spec.nodeName ?? '') === '') return;
      if (deletionTimestamp !== undefined) {
        if (ended.has(uid)) return;
        ended.add(uid);
        const end = async (): Promise<void> => {
          await clock.sleep(1000, this.#stop.signal);
          await pods.delete({ namespace, name }, { gracePeriodSeconds: 0, preconditions: { uid } });
        };
        end().catch(ignore);
        return;
      }
      const afterMs = readyAfterMs(object);
      if (started.has(uid) || afterMs === undefined) return;
      started.add(uid);
      const start = async (): Promise<void> => {
        await clock.sleep(afterMs, this.#stop.signal);
        await this.markReady(object);
      };
      start().catch(ignore);
    });
    void store.run(this.#stop.signal);
  }

  async markReady({ metadata: { namespace, name = '', uid } }: kinds.Pod, ready = true): Promise<void> {
    this.#addresses += 1;
    const ip = `10.1.0.${this.#addresses}`;
    const lastTransitionTime = formatTime(this.clock.now());
    const status = {
      phase: 'Running',
      ...(ready && { podIP: ip, podIPs: [{ ip }] }),
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime }],
    };
    const patch = { metadata: { uid }, status };
    const pods = this.client.resource<kinds.Pod>(kinds.podKind);
    await pods.patch({ namespace, name }, 'strategic', patch, { subresource: 'status' });
  }
}

export async function startTestCluster(options: TestClusterOptions = {}): Promise<TestCluster> {
  const clock = new VirtualClock();
  const errors: unknown[] = [];
  const log: Log = {
    ...silentLog,
    error: (message, fields) => errors.push({ message, ...fields }),
    child: () => log,
  };
  const random = seededRandom('controllers');
  const cluster = await clock.run(startCluster({ clock, random, log, ...options.cluster }));
  const requests = countingFetch(cluster.fetch);
  const client = createClient({
    fetch: requests.fetch,
    server: inProcessServer,
    clock,
    userAgent: 'controllers',
  });
  const controllers = startControllers({ client, clock, random, log, ...options.controllers });
  const test = new TestCluster({
    clock,
    cluster,
    controllers,
    errors,
    requests,
    stop: new AbortController(),
  });
  for (let i = 1; i <= (options.nodes ?? 2); i += 1) {
    const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: `node-${i}` } };
    await test.create(kinds.nodeKind, node);
    const allocatable = { cpu: '4', memory: '8Gi', pods: '110' };
    await test.merge(
      kinds.nodeKind,
      `node-${i}`,
      { status: { allocatable, capacity: allocatable } },
      'status',
    );
  }
  test.startNodes(options.readyAfterMs ?? (() => 2000));
  await clock.settle();
  return test;
}

/** A Deployment of `replicas` pods; `more` goes into its spec. */
export function deployment(
  name: string,
  replicas: number,
  more: object = {},
  image = 'app:1',
): kinds.Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name: 'app', image }] },
      },
      ...more,
    } as unknown as kinds.Deployment['spec'],
  };
}

import type { Clock } from '../../base/clock.ts';
import { FetchError, type Fetch, type Upgrade } from '../../base/fetch.ts';
import type { Log } from '../../base/log.ts';
import type { Network } from '../../base/network.ts';
import type { Random } from '../../base/random.ts';
import { Controller } from '../../kube/controller.ts';
import type { KubeEvent } from '../../kube/event-correlator.ts';
import { EventRecorder, eventKind } from '../../kube/event-recorder.ts';
import type { RestClient } from '../../kube/rest-client.ts';
import { forObject } from '../../kube/sources.ts';
import type { PodRuntime } from '../apiserver/pod-runtime.ts';
import { ClusterCache } from './cluster-cache.ts';
import type { ImageCatalogue } from './images.ts';
import type { Pod } from './kinds.ts';
import type { NodeContext, PodNetwork } from './node-context.ts';
import { keepLease, registerNode, repostConditions } from './node-object.ts';
import { PodManager } from './pod-manager.ts';
import { PodTokens } from './pod-tokens.ts';
import { podRuntime } from './runtime.ts';
import type { Shell } from './shell.ts';

export interface NodeOptions {
  readonly client: RestClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly name: string;
  /** `status.hostIP` of its pods. */
  readonly address: string;
  readonly images: ImageCatalogue;
  /** What exec, probes and hooks run, and containers whose command is not the program of their image. */
  readonly shell: Shell;
  /** Gives a pod its network. */
  readonly network: (pod: Pod) => PodNetwork;
  /** What probes come from; default: from the pod itself. */
  readonly nodeNetwork?: Network | undefined;
  /** How programs reach the API server and what else lies outside the cluster; default: not at all. */
  readonly outside?: { readonly fetch: Fetch; readonly upgrade: Upgrade } | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly podCIDR?: string | undefined;
  /** As in `status.capacity`; default: 8 CPUs, 16 GiB, 110 pods. */
  readonly capacity?: Readonly<Record<string, string>> | undefined;
  /** Bytes of log per run of a container; default 1 MiB. */
  readonly maxLogBytes?: number | undefined;
}

export interface Node {
  readonly podRuntime: PodRuntime;
  /**
   * Ends the node as a loss of power does: what runs is cut off, and nothing is written. A node that is started under
   * the same name goes on from there.
   */
  stop(): Promise<void>;
}

const defaultCapacity = { cpu: '8', memory: '16Gi', 'ephemeral-storage': '100Gi', pods: '110' };
const megabyte = 1024 * 1024;
/** Pods that are worked on at once. */
const concurrency = 8;

/**
 * Starts a node that runs the pods which are bound to it: their containers are Programs.
 *
 * @throws ApiError when the node cannot be registered
 */
export async function startNode(options: NodeOptions): Promise<Node> {
  const { client, clock, name, shell } = options;
  const log = options.log.child({ node: name });
  const random = options.random.stream(`node/${name}`);
  const capacity = options.capacity ?? defaultCapacity;
  const { address, labels = {}, podCIDR } = options;
  const registered = await registerNode(client, { name, address, labels, podCIDR, capacity }, clock);
  const cache = new ClusterCache({ client, clock, random, log, name });
  const tokens = new PodTokens(client, clock);
  const events = new EventRecorder({
    client: client.resource<KubeEvent>(eventKind),
    clock,
    random,
    log,
    component: 'kubelet',
    host: name,
  });
  events.record(registered, 'Normal', 'Starting', 'Starting kubelet.');
  const context = createContext({ ...options, capacity, log, random }, { cache, tokens, events });
  const pods = new PodManager({ client, cache, context, tokens, changed: (key) => controller.enqueue(key) });
  const shared = { clock, random, log };
  const controller = new Controller({
    ...shared,
    name: 'kubelet',
    concurrency,
    sources: cache.podSources(),
    reconcile: (key) => pods.reconcile(key),
  });
  const status = new Controller({
    ...shared,
    name: 'node-status',
    sources: [forObject(cache.node)],
    reconcile: async (key) => {
      const node = cache.node.get(key);
      if (node !== undefined) await repostConditions(client, node, clock);
    },
  });
  const stopping = new AbortController();
  const { signal } = stopping;
  const running = Promise.all([
    controller.run(signal),
    status.run(signal),
    keepLease(client, registered, clock, log, signal),
  ]);
  const find = pods.find.bind(pods);
  return {
    podRuntime: podRuntime({ clock, shell, find }),
    stop: async () => {
      pods.kill();
      stopping.abort();
      await Promise.all([running, events.stop(0)]);
    },
  };
}

interface Parts {
  readonly cache: ClusterCache;
  readonly tokens: PodTokens;
  readonly events: EventRecorder;
}

function createContext(
  options: NodeOptions & { readonly capacity: Readonly<Record<string, string>> },
  { cache, tokens, events }: Parts,
): NodeContext {
  const { name, address, clock, random, log, images, shell, network, nodeNetwork, capacity } = options;
  const nowhere = async (): Promise<never> => {
    throw new FetchError('Unreachable', 'there is nothing outside of this cluster');
  };
  return {
    name,
    hostIP: address,
    clock,
    random,
    log,
    images,
    shell,
    network,
    nodeNetwork,
    pulled: new Set(),
    outside: options.outside ?? { fetch: nowhere, upgrade: nowhere },
    allocatable: capacity,
    maxLogBytes: options.maxLogBytes ?? megabyte,
    objects: (namespace) => cache.objects(namespace),
    token: (pod, projection) => tokens.get(pod, projection),
    record: (pod, type, reason, message, container) => {
      const isInit = pod.spec.initContainers?.some((init) => init.name === container) === true;
      const list = isInit ? 'initContainers' : 'containers';
      const fieldPath = container === undefined ? undefined : `spec.${list}{${container}}`;
      events.record(pod, type, reason, message, fieldPath);
    },
  };
}

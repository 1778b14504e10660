import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { HttpHandler } from '../base/network.ts';
import type { Random } from '../base/random.ts';
import { withoutManagedFields } from '../kube/projections.ts';
import type { ResourceKind } from '../kube/resource-client.ts';
import { createClient, type RestClient } from '../kube/rest-client.ts';
import { Store } from '../kube/store.ts';
import type { JsonObject } from '../machinery/json.ts';
import type { KubeObject } from '../machinery/object.ts';
import type { Admission } from './apiserver/admission.ts';
import { type Cluster, inProcessServer, startCluster } from './apiserver/cluster.ts';
import { startControllers } from './controllers/start-controllers.ts';
import { throughNetwork } from './edge.ts';
import type { EventLoopLag } from './event-loop-lag.ts';
import { ApiDoor, type FaultHook, withFaults } from './faults.ts';
import { installDefinitions, installMesh, meshReady } from './installation.ts';
import { injectSidecar } from './mesh/injection.ts';
import { Mesh } from './mesh/mesh.ts';
import { ClusterNetwork } from './network/cluster-network.ts';
import type { ObjectSource } from './network/object-source.ts';
import { PodAddresses } from './network/pod-addresses.ts';
import { liveServiceTable } from './network/service-table.ts';
import type { ImageCatalogue } from './node/images.ts';
import type { PodNetwork } from './node/node-context.ts';
import { type Node, startNode } from './node/node.ts';
import type { Shell } from './node/shell.ts';
import { nodeRuntimes } from './node-runtimes.ts';
import {
  listenOutside,
  machineAddress,
  outsideAddresses,
  outsideOf,
  type OutsideServers,
  sandboxTarget,
} from './outside.ts';
import { podTargets } from './prometheus-install.ts';
import { sandboxImages } from './sandbox-images.ts';

export interface SandboxClusterOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** What the containers of pods run, beside Istio and Prometheus. */
  readonly images: ImageCatalogue;
  readonly shell: Shell;
  /** Port of 127.0.0.1 for kubectl; undefined: no socket. */
  readonly port: number | undefined;
  readonly nodes: number;
  /** Istio and Prometheus. */
  readonly mesh: boolean;
  readonly faults: FaultHook | undefined;
  readonly lag: EventLoopLag;
  /** Servers outside the clusters that pods can reach, by name. */
  readonly outside: OutsideServers;
}

/** A whole cluster: API server, controllers, nodes, network, and in members mesh and Prometheus. */
export interface SandboxCluster {
  readonly name: string;
  readonly cluster: Cluster;
  /** An administrator's. */
  readonly client: RestClient;
  readonly network: ClusterNetwork;
  readonly mesh: Mesh;
  /** A kubeconfig for kubectl. @throws Error for a cluster that does not listen */
  kubeconfig(): string;
  /** What a load balancer before `istio-ingressgateway` does: sends a request to port 80 of it. */
  readonly gateway: HttpHandler;
  /** Prometheus's API. */
  readonly prometheus: HttpHandler;
  /** Cuts the API server off from everybody but sockets, until {@link restore}. */
  cutOff(): void;
  restore(): void;
  /** Ends all requests to the API server, as its restart does: watches begin anew. */
  restartApiServer(): void;
  /** Kills all that a node runs, and does not say so to anybody. Rejects with a RangeError for an unknown one. */
  killNode(name: string): Promise<void>;
  /** Resolves when all pods of Istio and Prometheus are ready; at once where they are not installed. */
  ready(signal?: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

const kind = (group: string, version: string, resource: string, name: string): ResourceKind => ({
  group,
  version,
  resource,
  kind: name,
  namespaced: true,
});
const admission: Admission = {
  resource: 'pods',
  mutate: (pod, namespace) =>
    // What the server is about to store is what a KubeObject describes.
    injectSidecar(pod as unknown as KubeObject, namespace as unknown as KubeObject) as unknown as JsonObject,
};

export async function startSandboxCluster(options: SandboxClusterOptions): Promise<SandboxCluster> {
  const { name, clock, faults } = options;
  const random = options.random.stream(name);
  const nodes = new Map<string, Node>();
  const log = options.log.child({ cluster: name });
  const cluster = await startCluster({
    clock,
    random: random.stream('apiserver'),
    log,
    ...(options.port === undefined ? {} : { listen: { port: options.port } }),
    pods: nodeRuntimes(nodes),
    ...(options.mesh ? { admission } : {}),
  });
  const stop = new AbortController();
  try {
    return await assemble(
      { ...options, random, log },
      cluster,
      new ApiDoor(name, cluster, faults),
      nodes,
      stop,
    );
  } catch (error) {
    stop.abort();
    await cluster.close();
    throw error;
  }
}

async function assemble(
  options: SandboxClusterOptions,
  cluster: Cluster,
  door: ApiDoor,
  nodes: Map<string, Node>,
  stop: AbortController,
): Promise<SandboxCluster> {
  const { name, clock, random, log, outside, lag } = options;
  const clientOf = (from: string): RestClient =>
    createClient({
      ...door.for(from),
      server: inProcessServer,
      clock,
      userAgent: `viridian-sandbox/${from}`,
    });
  const installer = clientOf('installer');
  if (options.mesh) await installDefinitions(installer);
  const seams = { clock, random: random.stream('stores'), log };
  const stores = startStores(clientOf('network'), options.mesh, seams, stop.signal);
  const table = liveServiceTable(stores);
  const network = new ClusterNetwork({
    table: () => table.get(),
    random: random.stream('network'),
    external: (host) => outsideAddresses(outside, host),
  });
  const mesh = new Mesh({ ...stores, clock, random: random.stream('mesh'), log, network, table });
  await listenOutside({ network, api: door.for('pods'), servers: outside, lag });
  const controllers = startControllers({
    client: clientOf('controllers'),
    clock,
    random: random.stream('controllers'),
    log,
  });
  await startNodes({ options, network, mesh, stores, door, clientOf }, nodes);
  if (options.mesh) await installMesh(installer);
  const through = (host: string, port: number): HttpHandler =>
    throughNetwork(network.host(machineAddress), host, port);
  return {
    name,
    cluster,
    client: clientOf('administrator'),
    network,
    mesh,
    kubeconfig: () => cluster.kubeconfig(),
    gateway: through('istio-ingressgateway.istio-system', 80),
    prometheus: through('prometheus.istio-system', 9090),
    ...faultsOf(name, door, nodes),
    ready: async (signal) => (options.mesh ? meshReady(stores.pods, signal) : undefined),
    close: async () => {
      // Or what is stopped could wait for an answer that never comes.
      door.open();
      await Promise.all([controllers.stop(), ...[...nodes.values()].map((node) => node.stop())]);
      stop.abort();
      mesh.close();
      table.close();
      await cluster.close();
    },
  };
}

/** What can be done to a cluster. */
function faultsOf(
  name: string,
  door: ApiDoor,
  nodes: Map<string, Node>,
): Pick<SandboxCluster, 'cutOff' | 'restore' | 'restartApiServer' | 'killNode'> {
  return {
    cutOff: () => door.shut(`the network to ${name} is cut`),
    restore: () => door.open(),
    restartApiServer: () => door.cut('the API server restarts'),
    killNode: async (node) => {
      const found = nodes.get(node);
      if (found === undefined) {
        throw new RangeError(`no such node: ${node}; there are ${[...nodes.keys()].join(', ')}`);
      }
      nodes.delete(node);
      await found.stop();
    },
  };
}

type Stores = Record<
  'services' | 'endpointSlices' | 'virtualServices' | 'destinationRules' | 'gateways',
  ObjectSource
> & { readonly pods: Store<KubeObject> };

const nothing: ObjectSource = { list: () => [], subscribe: () => () => {} };

/** What network and mesh know of the cluster. */
function startStores(
  client: RestClient,
  withMesh: boolean,
  seams: { readonly clock: Clock; readonly random: Random; readonly log: Log },
  signal: AbortSignal,
): Stores {
  const store = (of: ResourceKind): Store<KubeObject> => {
    const made = new Store<KubeObject>({
      ...seams,
      client: client.resource<KubeObject>(of),
      random: seams.random.stream(of.resource),
      project: withoutManagedFields,
    });
    void made.run(signal);
    return made;
  };
  const networking = (resource: string, name: string): ObjectSource =>
    withMesh ? store(kind('networking.istio.io', 'v1', resource, name)) : nothing;
  return {
    services: store(kind('', 'v1', 'services', 'Service')),
    endpointSlices: store(kind('discovery.k8s.io', 'v1', 'endpointslices', 'EndpointSlice')),
    pods: store(kind('', 'v1', 'pods', 'Pod')),
    virtualServices: networking('virtualservices', 'VirtualService'),
    destinationRules: networking('destinationrules', 'DestinationRule'),
    gateways: networking('gateways', 'Gateway'),
  };
}

interface NodeParts {
  readonly options: SandboxClusterOptions;
  readonly network: ClusterNetwork;
  readonly mesh: Mesh;
  readonly stores: Stores;
  readonly door: ApiDoor;
  readonly clientOf: (from: string) => RestClient;
}

async function startNodes(
  { options, network, mesh, stores, door, clientOf }: NodeParts,
  nodes: Map<string, Node>,
): Promise<void> {
  const { clock, random, log, images, shell, outside: servers, faults } = options;
  const catalogue = sandboxImages(images, mesh, () => [...podTargets(stores.pods.list()), sandboxTarget]);
  const addresses = new PodAddresses();
  const place = (node: string, pod: KubeObject): PodNetwork => {
    const address = addresses.allocate(node);
    const { namespace = '', name = '' } = pod.metadata;
    return {
      address,
      network: withFaults(mesh.attach(pod, address), `${namespace}/${name}`, faults),
      release: () => {
        mesh.detach(address);
        addresses.release(address);
      },
    };
  };
  for (let i = 1; i <= options.nodes; i++) {
    const name = `node-${i}`;
    const address = `172.18.0.${10 + i}`;
    const node = await startNode({
      name,
      address,
      client: clientOf(name),
      clock,
      random,
      log,
      images: catalogue,
      shell,
      network: (pod) => place(name, pod),
      nodeNetwork: network.node(address),
      outside: outsideOf({ network, api: door.for(`pods of ${name}`), servers }),
      podCIDR: addresses.podCidr(name),
    });
    nodes.set(name, node);
  }
}

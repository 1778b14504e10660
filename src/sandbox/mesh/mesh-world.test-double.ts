import type { Clock } from '../../base/clock.ts';
import { type FetchInit, type FetchResponse, jsonResponse } from '../../base/fetch.ts';
import { silentLog } from '../../base/log.ts';
import type { HttpHandler, Listener, Network } from '../../base/network.ts';
import { seededRandom } from '../../base/random.ts';
import type { KubeObject } from '../../machinery/object.ts';
import { ClusterNetwork } from '../network/cluster-network.ts';
import type { ObjectSource } from '../network/object-source.ts';
import { PodAddresses } from '../network/pod-addresses.ts';
import { liveServiceTable } from '../network/service-table.ts';
import { injectSidecar } from './injection.ts';
import { Mesh } from './mesh.ts';

/** Objects of one kind that a test changes as it likes. */
class ObjectList implements ObjectSource {
  readonly #objects = new Map<string, KubeObject>();
  readonly #listeners = new Set<() => void>();

  list(): readonly KubeObject[] {
    return [...this.#objects.values()];
  }

  subscribe(changed: () => void): () => void {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
  }

  put(object: KubeObject): void {
    this.#objects.set(keyOf(object), object);
    for (const listener of this.#listeners) listener();
  }

  remove(object: KubeObject): void {
    this.#objects.delete(keyOf(object));
    for (const listener of this.#listeners) listener();
  }
}

function keyOf({ metadata }: KubeObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name ?? ''}`;
}

export interface WorldPod {
  readonly object: KubeObject;
  readonly address: string;
  readonly network: Network;
  readonly listeners: Listener[];
  ready: boolean;
  terminating: boolean;
}

export interface PodOptions {
  readonly namespace?: string;
  /** The Deployment that made it; default: its name. */
  readonly deployment?: string;
  readonly labels?: Record<string, string>;
  readonly sidecar?: boolean;
  /** What answers, by port; default: {@link echo} at 9898. */
  readonly serve?: Readonly<Record<number, HttpHandler>>;
}

interface WorldService {
  readonly object: KubeObject;
  readonly selector: Readonly<Record<string, string>>;
  readonly ports: readonly { readonly name: string; readonly port: number; readonly targetPort: number }[];
}

/** Answers with who it is and what it was asked. */
export function echo(name: string): HttpHandler {
  return async ({ method, url, headers, json }) =>
    jsonResponse(200, { pod: name, method, url, headers, json });
}

/** A cluster with a mesh and none of the controllers: endpoints follow the pods as a test sets them. */
export class MeshWorld {
  readonly mesh: Mesh;
  readonly network: ClusterNetwork;
  readonly virtualServices = new ObjectList();
  readonly destinationRules = new ObjectList();
  readonly gateways = new ObjectList();
  readonly services = new ObjectList();
  readonly endpointSlices = new ObjectList();
  readonly pods = new ObjectList();
  readonly #addresses = new PodAddresses();
  readonly #running = new Set<WorldPod>();
  readonly #services: WorldService[] = [];
  #created = 0;

  constructor(clock: Clock, seed: string | number = 1) {
    const random = seededRandom(seed);
    const table = liveServiceTable(this);
    this.network = new ClusterNetwork({ table: () => table.get(), random: random.stream('network') });
    const { network, virtualServices, destinationRules, gateways } = this;
    const objects = { virtualServices, destinationRules, gateways };
    this.mesh = new Mesh({ ...objects, clock, random, log: silentLog, network, table });
  }

  /** Any object of networking.istio.io. */
  apply(
    kind: 'VirtualService' | 'DestinationRule' | 'Gateway',
    name: string,
    spec: unknown,
    namespace = 'webapp',
  ): void {
    const object = this.#object('networking.istio.io/v1beta1', kind, name, namespace, { spec });
    const lists = {
      VirtualService: this.virtualServices,
      DestinationRule: this.destinationRules,
      Gateway: this.gateways,
    };
    lists[kind].put(object);
  }

  /** @param ports service port to target port */
  service(
    name: string,
    selector: Record<string, string>,
    ports: Record<number, number> = { 9898: 9898 },
    { namespace = 'webapp', headless = false } = {},
  ): void {
    const listed = Object.entries(ports).map(([port, targetPort]) => ({
      name: `http-${port}`,
      port: Number(port),
      targetPort,
    }));
    const clusterIP = headless ? 'None' : `10.96.0.${this.#services.length + 10}`;
    const object = this.#object('v1', 'Service', name, namespace, {
      spec: { clusterIP, selector, ports: listed },
    });
    this.#services.push({ object, selector, ports: listed });
    this.services.put(object);
    this.#publish();
  }

  async pod(name: string, options: PodOptions = {}): Promise<WorldPod> {
    const { namespace = 'webapp', labels = { app: name }, sidecar = true, deployment = name } = options;
    const address = this.#addresses.allocate('node-1');
    const pod = this.#object('v1', 'Pod', name, namespace, {
      spec: { serviceAccountName: 'default', containers: [{ name: 'app', image: 'app' }] },
      status: { podIP: address, phase: 'Running' },
    });
    pod.metadata.labels = { ...labels, 'pod-template-hash': '5d89bdfbf9' };
    pod.metadata.generateName = `${deployment}-5d89bdfbf9-`;
    pod.metadata.ownerReferences = [
      {
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        name: `${deployment}-5d89bdfbf9`,
        uid: '1',
        controller: true,
      },
    ];
    const enabled = this.#object('v1', 'Namespace', namespace, '', {});
    enabled.metadata.labels = { 'istio-injection': 'enabled' };
    return this.run(
      sidecar ? injectSidecar(pod, enabled) : pod,
      address,
      options.serve ?? { 9898: echo(name) },
    );
  }

  /** The pod of the ingress gateway, behind a service that maps 80 to 8080. */
  async ingressGateway(): Promise<WorldPod> {
    const labels = { app: 'istio-ingressgateway', istio: 'ingressgateway' };
    this.service('istio-ingressgateway', labels, { 80: 8080 }, { namespace: 'istio-system' });
    const address = this.#addresses.allocate('node-1');
    const object = this.#object('v1', 'Pod', 'istio-ingressgateway', 'istio-system', {
      spec: { containers: [{ name: 'istio-proxy', image: 'proxyv2', args: ['proxy', 'router'] }] },
      status: { podIP: address, phase: 'Running' },
    });
    object.metadata.labels = labels;
    const pod = await this.run(object, address, {});
    void this.mesh.gatewayAt(address)?.serve(new AbortController().signal);
    return pod;
  }

  async run(
    object: KubeObject,
    address: string,
    serve: Readonly<Record<number, HttpHandler>>,
  ): Promise<WorldPod> {
    const network = this.mesh.attach(object, address);
    const listeners: Listener[] = [];
    for (const [port, http] of Object.entries(serve))
      listeners.push(await network.listen(Number(port), { http }));
    const pod = { object, address, network, listeners, ready: true, terminating: false };
    this.#running.add(pod);
    this.pods.put(object);
    this.#publish();
    return pod;
  }

  setReady(pod: WorldPod, ready: boolean): void {
    pod.ready = ready;
    this.#publish();
  }

  /** As the kubelet does it: out of the endpoints, finish what is there, gone. */
  async stop(pod: WorldPod): Promise<void> {
    pod.terminating = true;
    this.#publish();
    await Promise.all(pod.listeners.map((listener) => listener.close()));
    this.#running.delete(pod);
    this.pods.remove(pod.object);
    this.#publish();
    this.mesh.detach(pod.address);
  }

  #publish(): void {
    for (const { object, selector, ports } of this.#services) {
      const { name = '', namespace = '' } = object.metadata;
      const members = [...this.#running].filter(
        (pod) =>
          pod.object.metadata.namespace === namespace &&
          Object.entries(selector).every(([key, value]) => pod.object.metadata.labels?.[key] === value),
      );
      const slice = this.#object('discovery.k8s.io/v1', 'EndpointSlice', name, namespace, {
        ports: ports.map((port) => ({ name: port.name, port: port.targetPort, protocol: 'TCP' })),
        endpoints: members.map(({ address, ready, terminating }) => ({
          addresses: [address],
          conditions: { ready: ready && !terminating, serving: ready, terminating },
        })),
      });
      slice.metadata.labels = { 'kubernetes.io/service-name': name };
      this.endpointSlices.put(slice);
    }
  }

  #object(apiVersion: string, kind: string, name: string, namespace: string, rest: object): KubeObject {
    const seconds = String(this.#created++ % 60).padStart(2, '0');
    const creationTimestamp = `2026-01-01T00:${String(Math.floor(this.#created / 60) % 60).padStart(2, '0')}:${seconds}Z`;
    return { apiVersion, kind, metadata: { name, namespace, creationTimestamp }, ...rest };
  }
}

/** Two versions of a backend behind the gateway, half of the traffic each; the caller beside them. */
export async function startMeshLoad(clock: Clock): Promise<{
  readonly world: MeshWorld;
  /** One request through the gateway and a sidecar. @returns its status */
  readonly request: () => Promise<number>;
}> {
  const world = new MeshWorld(clock);
  world.service('backend-primary', { app: 'backend-primary' });
  world.service('backend-canary', { app: 'backend' });
  await world.pod('backend-primary');
  await world.pod('backend');
  const gateway = await world.ingressGateway();
  world.apply('Gateway', 'public-gateway', allHosts, 'istio-system');
  world.apply('VirtualService', 'backend', {
    hosts: ['backend.webapp'],
    gateways: ['istio-system/public-gateway'],
    http: [
      {
        timeout: '60s',
        route: [
          { destination: { host: 'backend-primary' }, weight: 50 },
          { destination: { host: 'backend-canary' }, weight: 50 },
        ],
      },
    ],
  });
  await clock.sleep(0);
  const client = world.network.host('192.168.1.7');
  const url = `http://${gateway.address}:8080/`;
  const init: FetchInit = { headers: { host: 'backend.webapp' } };
  return {
    world,
    request: async () => {
      const response: FetchResponse = await client.fetch(url, init);
      await response.text();
      return response.status;
    },
  };
}

/** The Gateway of the walkthrough. */
export const allHosts = {
  selector: { istio: 'ingressgateway' },
  servers: [{ port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }],
};

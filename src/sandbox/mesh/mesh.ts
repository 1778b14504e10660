import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { Network } from '../../base/network.ts';
import type { Random } from '../../base/random.ts';
import type { KubeObject } from '../../machinery/object.ts';
import type { ClusterNetwork } from '../network/cluster-network.ts';
import { Derived, type ObjectSource } from '../network/object-source.ts';
import type { ServiceTable } from '../network/service-table.ts';
import type { HttpProxyOptions } from './http-proxy.ts';
import { IngressGateway } from './ingress-gateway.ts';
import { proxyRole } from './injection.ts';
import { MeshConfig, serviceLabels } from './mesh-config.ts';
import { MeshMetrics } from './mesh-metrics.ts';
import { sidecarNetwork } from './sidecar.ts';
import { type Workload, workloadOf } from './workload.ts';

export interface MeshOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly network: ClusterNetwork;
  /** The services, as the network sees them. */
  readonly table: Derived<ServiceTable>;
  readonly virtualServices: ObjectSource;
  readonly destinationRules: ObjectSource;
  readonly gateways: ObjectSource;
  /** `clusterName` of the installation, as its metrics tell it. */
  readonly clusterId?: string | undefined;
}

interface MeshPod {
  readonly workload: Workload;
  readonly metrics: MeshMetrics;
  /** Present in a pod that is a gateway. */
  readonly gateway: IngressGateway | undefined;
}

/**
 * The service mesh of a cluster: what istiod knows, and the proxies of all pods. A change of an object holds for the
 * next request; requests under way keep what they began with.
 */
export class Mesh {
  readonly #options: MeshOptions;
  readonly #config: Derived<MeshConfig>;
  readonly #pods = new Map<string, MeshPod>();

  constructor(options: MeshOptions) {
    const { table, virtualServices, destinationRules, gateways } = options;
    this.#options = options;
    this.#config = new Derived(
      [table, virtualServices, destinationRules, gateways],
      () =>
        new MeshConfig({
          table: table.get(),
          virtualServices: virtualServices.list(),
          destinationRules: destinationRules.list(),
          gateways: gateways.list(),
        }),
    );
  }

  /**
   * Puts a pod into the network: through its proxy where it has one.
   *
   * @param pod as it is in the API, when its sandbox is made
   * @returns the network of all its containers
   */
  attach(pod: KubeObject, address: string): Network {
    const { network } = this.#options;
    const plain = network.pod(address, pod.metadata.namespace ?? 'default');
    const role = proxyRole(pod);
    if (role === undefined) return plain;
    const workload = workloadOf(pod);
    const metrics = new MeshMetrics(this.#options.clusterId);
    const proxy = this.#proxyOptions(address, plain, workload, metrics);
    if (role === 'router') {
      const { log } = this.#options;
      const subscribe = (changed: () => void): (() => void) => this.#config.subscribe(changed);
      this.#pods.set(address, {
        workload,
        metrics,
        gateway: new IngressGateway({ pod, proxy, log, subscribe }),
      });
      return plain;
    }
    this.#pods.set(address, { workload, metrics, gateway: undefined });
    return sidecarNetwork({
      address,
      outbound: { ...proxy, serverName: 'envoy' },
      inbound: {
        workload,
        metrics,
        now: () => this.#options.clock.monotonic(),
        callerAt: (caller) => this.#pods.get(caller)?.workload,
        isLocal: (caller) => caller === address || network.isNode(caller),
        serviceOf: (port) => {
          const service = this.#config.get().table.serviceOf(address, port);
          return service === undefined ? undefined : serviceLabels(service);
        },
      },
    });
  }

  /** Takes a pod out when nothing of it is left. */
  detach(address: string): void {
    this.#pods.delete(address);
    this.#options.network.remove(address);
  }

  /** What the proxy at this address has counted, in the text format of Prometheus; undefined without a proxy. */
  renderMetrics(address: string): string | undefined {
    return this.#pods.get(address)?.metrics.render();
  }

  gatewayAt(address: string): IngressGateway | undefined {
    return this.#pods.get(address)?.gateway;
  }

  close(): void {
    this.#config.close();
  }

  #proxyOptions(
    address: string,
    plain: Network,
    workload: Workload,
    metrics: MeshMetrics,
  ): Omit<HttpProxyOptions, 'serverName'> {
    const { clock, random, network } = this.#options;
    return {
      workload,
      network: plain,
      listensAt: (to, port) => network.listensAt(to, port),
      config: () => this.#config.get(),
      hasProxy: (to) => this.#pods.has(to),
      clock,
      // Of its own, so that what one pod does changes no other's luck.
      random: random.stream(`proxy/${address}`),
      metrics,
    };
  }
}

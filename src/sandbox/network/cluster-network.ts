import { MemoryNetwork } from '../../base/memory-network.ts';
import type { Network } from '../../base/network.ts';
import type { Random } from '../../base/random.ts';
import { type ExternalNames, resolveName } from './dns.ts';
import type { ServicePort, ServiceTable } from './service-table.ts';

export interface ClusterNetworkOptions {
  /** The services as they are now. */
  readonly table: () => ServiceTable;
  /** Spreads connections over endpoints. */
  readonly random: Random;
  /** Names outside the cluster; default: there are none. */
  readonly external?: ExternalNames | undefined;
}

/**
 * The network of a cluster: pods and nodes with their addresses, services as kube-proxy makes them (each connection
 * goes to a random ready endpoint; without one it is refused), names as cluster DNS answers them.
 */
export class ClusterNetwork {
  readonly #options: ClusterNetworkOptions;
  readonly #hosts: MemoryNetwork;
  readonly #namespaces = new Map<string, string>();
  readonly #nodes = new Set<string>();

  constructor(options: ClusterNetworkOptions) {
    this.#options = options;
    this.#hosts = new MemoryNetwork(
      (name, from) => this.#lookup(name, from),
      (_from, address, port) => this.#balance(address, port),
    );
  }

  /** The network of a pod with this address. @param namespace whose names need no suffix */
  pod(address: string, namespace: string): Network {
    this.#namespaces.set(address, namespace);
    return this.#hosts.host(address);
  }

  /** The network of a node, which the kubelet's probes come from; node ports lead to services. */
  node(address: string): Network {
    this.#nodes.add(address);
    return this.#hosts.host(address);
  }

  /** The network of anything else that can reach the cluster: the API server, a person at a laptop. */
  host(address: string): Network {
    return this.#hosts.host(address);
  }

  /** Forgets what was told about an address. Whoever still listens there is not cut off. */
  remove(address: string): void {
    this.#namespaces.delete(address);
    this.#nodes.delete(address);
  }

  isNode(address: string): boolean {
    return this.#nodes.has(address);
  }

  /** Whether a connection to this very address would be accepted. */
  listensAt(address: string, port: number): boolean {
    return this.#hosts.listensAt(address, port);
  }

  #lookup(name: string, from: string): readonly string[] {
    const { table, external = () => [], random } = this.#options;
    const found = resolveName(table(), external, name, this.#namespaces.get(from) ?? 'default');
    if (found.length < 2) return found;
    // As CoreDNS does, so that clients of a headless service spread.
    const first = random.int(found.length);
    return [...found.slice(first), ...found.slice(0, first)];
  }

  #balance(address: string, port: number): { address: string; port: number } | undefined {
    const table = this.#options.table();
    const service = table.serviceAt(address);
    if (service !== undefined) return this.#pick(service.ports.find((candidate) => candidate.port === port));
    const nodePort = this.#nodes.has(address) ? table.nodePort(port) : undefined;
    return nodePort === undefined ? { address, port } : this.#pick(nodePort);
  }

  #pick(port: ServicePort | undefined): { address: string; port: number } | undefined {
    if (port === undefined) return undefined;
    const endpoints = port.ready.length > 0 ? port.ready : port.serving;
    return endpoints.length < 2 ? endpoints[0] : endpoints[this.#options.random.int(endpoints.length)];
  }
}

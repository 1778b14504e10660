import { TypedError } from '../../base/errors.ts';

const firstHost = 2; // .1 is the bridge of the node
const lastHost = 254;
const maxNodes = 256;

interface Subnet {
  readonly index: number;
  next: number;
  readonly used: Set<number>;
}

/**
 * Hands out the addresses of pods: each node has the next /24 of 10.244.0.0/16. An address that was given back is
 * the last one to be used again, as a cache somewhere may still point at it.
 */
export class PodAddresses {
  readonly #prefix: string;
  readonly #subnets = new Map<string, Subnet>();

  /** @param prefix the first two bytes of the addresses */
  constructor(prefix = '10.244') {
    this.#prefix = prefix;
  }

  /** The `spec.podCIDR` of a node. */
  podCidr(node: string): string {
    return `${this.#prefix}.${this.#subnet(node).index}.0/24`;
  }

  /** @throws TypedError when the node has no address left */
  allocate(node: string): string {
    const subnet = this.#subnet(node);
    for (let tried = firstHost; tried <= lastHost; tried++) {
      const host = subnet.next;
      subnet.next = host === lastHost ? firstHost : host + 1;
      if (subnet.used.has(host)) continue;
      subnet.used.add(host);
      return `${this.#prefix}.${subnet.index}.${host}`;
    }
    throw exhausted(`all ${lastHost - firstHost + 1} pod addresses of node ${node} are in use`);
  }

  release(address: string): void {
    const [, , index, host] = address.split('.').map(Number);
    for (const subnet of this.#subnets.values()) if (subnet.index === index) subnet.used.delete(host ?? -1);
  }

  #subnet(node: string): Subnet {
    let subnet = this.#subnets.get(node);
    if (subnet === undefined) {
      if (this.#subnets.size === maxNodes) throw exhausted(`no pod subnet left for node ${node}`);
      subnet = { index: this.#subnets.size, next: firstHost, used: new Set() };
      this.#subnets.set(node, subnet);
    }
    return subnet;
  }
}

function exhausted(message: string): TypedError {
  return new TypedError(message, { code: 'InvalidInput', next: 'wait' });
}

import { InvalidInputError } from '../base/errors.ts';
import type { Fetch } from '../base/fetch.ts';
import type { Network } from '../base/network.ts';

/** Where load may go. */
export interface Targets {
  /** @throws InvalidInputError that names the host and says why not */
  check(url: string): Promise<void>;
}

export const anyTarget: Targets = { check: () => Promise.resolve() };

/**
 * Services of the cluster: who can submit a task must not be able to put load on the rest of the world, nor call what
 * is only meant for this pod. A name that could be one of the outside too (`app.test`) has to have an address of the
 * cluster.
 *
 * @param namespace of the Canary that the task is for
 */
export function clusterTargets(network: Pick<Network, 'resolve'>, namespace: string): Targets {
  const allowed = new Set<string>();
  return {
    async check(url) {
      const host = hostOf(url);
      if (allowed.has(host)) return;
      const refuse = (why: string): never => {
        throw new InvalidInputError(
          `the target ${host} ${why}: only Services of the cluster may be called, unless the load tester is started with --allow-external`,
        );
      };
      if (isAddress(host)) {
        if (!isPrivateAddress(host)) refuse('is no address of the cluster');
      } else if (!isClusterName(host, namespace)) refuse('is no name of the cluster');
      else if (isAmbiguous(host)) {
        const addresses = await addressesOf(network, host);
        if (!addresses.every(isPrivateAddress)) refuse('has an address outside the cluster');
        // Unknown now; once it is known, the address counts.
        if (addresses.length === 0) return;
      }
      allowed.add(host);
    },
  };
}

/** Also of where an answer redirects to. */
export function guardedFetch(fetch: Fetch, targets: Targets): Fetch {
  return async (url, init) => {
    await targets.check(url);
    return fetch(url, init);
  };
}

function hostOf(url: string): string {
  const parsed = URL.parse(url);
  if (parsed === null) throw new InvalidInputError(`${JSON.stringify(url.slice(0, 200))} is no URL`);
  return parsed.hostname.toLowerCase().replace(/\.$/, '');
}

function isAddress(host: string): boolean {
  return host.startsWith('[') || /^[\d.]+$/.test(host);
}

function isClusterName(host: string, namespace: string): boolean {
  const labels = host.split('.');
  if (host === '' || labels.at(-1) === 'localhost') return false;
  return labels.length <= 2 || labels.at(-1) === namespace || !isAmbiguous(host);
}

function isAmbiguous(host: string): boolean {
  return host.includes('.') && !/\.(svc|cluster\.local)$/.test(host);
}

async function addressesOf(network: Pick<Network, 'resolve'>, host: string): Promise<readonly string[]> {
  try {
    return await network.resolve(host);
  } catch {
    return [];
  }
}

/**
 * What cluster networks are made of: RFC 1918, RFC 6598, RFC 4193. Not this pod itself, not the link (where clouds
 * serve credentials).
 */
function isPrivateAddress(address: string): boolean {
  if (address.includes(':')) return /^\[?f[cd][0-9a-f]{2}:/i.test(address);
  const [a = 0, b = 0] = address.split('.').map(Number);
  return (
    a === 10 ||
    (a === 172 && b >= 16 && b < 32) ||
    (a === 192 && b === 168) ||
    (a === 100 && b >= 64 && b < 128)
  );
}

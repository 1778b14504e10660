import { type Fetch, FetchError, jsonResponse, type Upgrade } from '../base/fetch.ts';
import { hostAndPort, readBody, type Server } from '../base/network.ts';
import { serviceAddress } from './apiserver/bootstrap-objects.ts';
import { inProcessServer } from './apiserver/cluster.ts';
import type { EventLoopLag } from './event-loop-lag.ts';
import { localReply } from './mesh/responses.ts';
import type { ClusterNetwork } from './network/cluster-network.ts';
import type { Target } from './prometheus/scrape.ts';

// What is in a cluster's network beside pods and nodes.

/** The machine, as pods see it. */
export const machineAddress = '172.18.0.1';
/** The API server: the endpoint of the service `kubernetes`. */
const apiAddress = '172.18.0.2';
const apiPort = 6443;
const metricsPort = 9464;
const httpPort = 80;
const maxBodyBytes = 16 * 1024 * 1024;

/** Servers of the machine that pods can reach, at port 80 of these names. */
export type OutsideServers = ReadonlyMap<string, Server>;

/** What the sandbox tells of itself. */
export const sandboxTarget: Target = {
  url: `http://${machineAddress}:${metricsPort}/metrics`,
  labels: { job: 'viridian-sandbox', instance: `${machineAddress}:${metricsPort}` },
};

export interface OutsideOptions {
  readonly network: ClusterNetwork;
  readonly api: { readonly fetch: Fetch; readonly upgrade: Upgrade };
  readonly servers: OutsideServers;
  readonly lag: EventLoopLag;
}

/** Addresses of a name outside the cluster. */
export function outsideAddresses(servers: OutsideServers, name: string): readonly string[] {
  const index = [...servers.keys()].indexOf(name);
  return index < 0 ? [] : [serverAddress(index)];
}

function serverAddress(index: number): string {
  return `172.18.1.${index + 1}`;
}

export async function listenOutside({ network, api, servers, lag }: OutsideOptions): Promise<void> {
  const { fetch, upgrade } = withTokenOnly(api);
  await network.host(apiAddress).listen(apiPort, {
    http: async (request) => {
      const { url, method, headers, json, signal } = request;
      const body = json === undefined ? await readBody(request.body(), maxBodyBytes) : undefined;
      return fetch(inProcessServer + url, { method, headers, json, body, signal });
    },
    upgrade: async ({ url, headers, signal }, protocols) => {
      const there = await upgrade(inProcessServer + url, { headers, protocols, signal });
      return {
        protocol: there.protocol,
        serve: async (here) => {
          const pass = async (from: typeof here, to: typeof here): Promise<void> => {
            for await (const message of from.messages()) await to.send(message);
            to.close(1000);
          };
          await Promise.allSettled([pass(here, there), pass(there, here)]);
        },
      };
    },
  });
  await network.host(machineAddress).listen(metricsPort, {
    http: async () => localReply(200, [['content-type', 'text/plain; version=0.0.4']], lag.render()),
  });
  for (const [i, server] of [...servers.values()].entries()) {
    await network.host(serverAddress(i)).listen(httpPort, server);
  }
}

/** How the programs of pods reach what is outside: the API server with a token, and the servers of the machine. */
export function outsideOf({ network, api, servers }: Omit<OutsideOptions, 'lag'>): {
  readonly fetch: Fetch;
  readonly upgrade: Upgrade;
} {
  const toApi = withTokenOnly(api);
  const machine = network.host(machineAddress);
  // By name, or by the address that is in the environment of every container.
  const isApi = (url: string): boolean => {
    const { host } = hostAndPort(url);
    return host === serviceAddress || /^kubernetes(\.default(\.svc(\.cluster\.local)?)?)?$/.test(host);
  };
  const check = (url: string): void => {
    const { host } = hostAndPort(url);
    if (!servers.has(host)) throw new FetchError('Unreachable', `no such host outside the cluster: ${host}`);
  };
  return {
    fetch: async (url, init) => {
      if (isApi(url)) return toApi.fetch(inProcessServer + hostAndPort(url).path, init);
      check(url);
      return machine.fetch(url, init);
    },
    upgrade: async (url, init) => {
      if (isApi(url)) return toApi.upgrade(inProcessServer + hostAndPort(url).path, init);
      check(url);
      return machine.upgrade(url, init);
    },
  };
}

/** Who calls the server in this process without a token is an administrator: pods are not. */
function withTokenOnly(api: OutsideOptions['api']): OutsideOptions['api'] {
  return {
    fetch: async (url, init) =>
      init?.headers?.['authorization'] === undefined ? jsonResponse(401, unauthorized) : api.fetch(url, init),
    upgrade: async (url, init) => {
      if (init?.headers?.['authorization'] !== undefined) return api.upgrade(url, init);
      throw new FetchError('UpgradeRefused', unauthorized.message, undefined, 401);
    },
  };
}

const unauthorized = {
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Failure',
  message: 'Unauthorized',
  reason: 'Unauthorized',
  code: 401,
} as const;

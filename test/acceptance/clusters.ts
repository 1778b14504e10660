import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { kubectlPath } from '../../scripts/kubectl.mjs';
import { Kubectl } from './kubectl.ts';
import type { AcceptanceOptions, GivenClusters } from './options.ts';
import { ViridianProcess } from './process.ts';
import { at, textAt } from './values.ts';

export interface Member {
  /** Of its AttachedCluster. */
  readonly name: string;
  readonly kubectl: Kubectl;
  /** URL of its ingress gateway, as far as this machine can reach it. */
  readonly gateway: string | undefined;
}

export interface Clusters {
  readonly host: Kubectl;
  readonly members: readonly Member[];
  readonly isSandbox: boolean;
  /** The end of what the manager has said, where it runs here. */
  managerLog(): string;
  close(): Promise<void>;
}

const startMs = 120_000;

/**
 * Starts a sandbox and a manager, or takes what is given.
 *
 * @param folder for kubeconfigs
 * @throws Error when there is no kubectl, or something does not start
 */
export async function openClusters(options: AcceptanceOptions, folder: string): Promise<Clusters> {
  const program = kubectlPath();
  if (program === undefined)
    throw new Error('there is no kubectl on PATH, and none for this machine in node_modules');
  const processes: ViridianProcess[] = [];
  const close = async (): Promise<void> => {
    for (const process of processes.toReversed()) await process.stop();
  };
  try {
    const { given } = options;
    const found =
      given === undefined
        ? await startSandbox(program, options.members, join(folder, 'clusters'), processes)
        : await givenClusters(program, given);
    let manager: ViridianProcess | undefined;
    if (given === undefined || options.startManager) {
      manager = startManager(found.host, options.interval);
      processes.push(manager);
    }
    return { ...found, isSandbox: given === undefined, managerLog: () => manager?.output ?? '', close };
  } catch (error) {
    await close();
    throw error;
  }
}

type Found = Pick<Clusters, 'host' | 'members'>;

async function startSandbox(
  program: string,
  members: number,
  dir: string,
  processes: ViridianProcess[],
): Promise<Found> {
  await mkdir(dir, { recursive: true });
  const sandbox = new ViridianProcess('sandbox', '--members', String(members), '--dir', dir);
  processes.push(sandbox);
  const gateways = gatewaysOf(await sandbox.prints('Ctrl-C', startMs));
  const kubectl = (name: string): Kubectl => new Kubectl(program, join(dir, `${name}.config`));
  return {
    host: kubectl('kurator-host'),
    members: Array.from({ length: members }, (_, i) => {
      const name = `kurator-member${i + 1}`;
      return { name, kubectl: kubectl(name), gateway: gateways.get(name) };
    }),
  };
}

/** Reads, off the screen of `viridian sandbox`, where the gateways of its members are. */
function gatewaysOf(screen: string): ReadonlyMap<string, string> {
  const gateways = new Map<string, string>();
  let cluster = '';
  for (const line of screen.split('\n')) {
    cluster = /^ {2}(\S+) +https:\/\//.exec(line)?.[1] ?? cluster;
    const gateway = /^ +gateway +(http:\/\/\S+)$/.exec(line)?.[1];
    if (gateway !== undefined) gateways.set(cluster, gateway);
  }
  return gateways;
}

async function givenClusters(program: string, { host, members }: GivenClusters): Promise<Found> {
  return {
    host: new Kubectl(program, host),
    members: await Promise.all(
      members.map(async ({ name, kubeconfig }) => {
        const kubectl = new Kubectl(program, kubeconfig);
        return { name, kubectl, gateway: await gatewayOf(kubectl) };
      }),
    ),
  };
}

/** Where a load balancer has put the gateway. */
async function gatewayOf(kubectl: Kubectl): Promise<string | undefined> {
  const service = await kubectl.find('get', 'service', 'istio-ingressgateway', '-n', 'istio-system');
  const ingress = at(service, 'status', 'loadBalancer', 'ingress', 0);
  const host = textAt(ingress, 'ip') || textAt(ingress, 'hostname');
  return host === '' ? undefined : `http://${host}`;
}

function startManager(host: Kubectl, interval: number): ViridianProcess {
  // Agents take ten seconds as the least by themselves.
  const least = interval < 10 ? [`--min-interval=${interval}s`] : [];
  return new ViridianProcess('manager', `--kubeconfig=${host.kubeconfig}`, '--port=0', ...least);
}

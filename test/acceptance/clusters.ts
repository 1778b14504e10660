import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { kubectlPath } from '../../scripts/kubectl.mjs';
import { Kubectl } from './kubectl.ts';
import type { AcceptanceOptions, GivenClusters } from './options.ts';
import { ViridianProcess } from './process.ts';
import { refuseTaken, removeApplications } from './removal.ts';
import { at, listAt, numberAt, textAt } from './values.ts';

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
  /** The end of what the manager has said, where it runs here. */
  managerLog(): string;
  close(): Promise<void>;
}

const startMs = 120_000;

/**
 * Starts a sandbox and a manager, or takes what is given. Given clusters get a manager where none leads there, and are
 * left without the Applications of rows.
 *
 * @param folder for kubeconfigs
 * @param say tells what is started
 * @param signal ends the wait for it
 * @throws Error when there is no kubectl, or something does not start
 */
export async function openClusters(
  { given, members, interval }: Pick<AcceptanceOptions, 'given' | 'members' | 'interval'>,
  folder: string,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<Clusters> {
  const program = kubectlPath();
  if (program === undefined)
    throw new Error('there is no kubectl on PATH, and none for this machine in node_modules');
  const processes: ViridianProcess[] = [];
  let borrowed: Kubectl | undefined;
  const close = async (): Promise<void> => {
    if (borrowed !== undefined) await removeApplications(borrowed);
    for (const process of processes.toReversed()) await process.stop();
  };
  try {
    const found =
      given === undefined
        ? await startSandbox(program, members, join(folder, 'clusters'), processes, say, signal)
        : await givenClusters(program, given);
    if (given !== undefined) {
      await refuseTaken(found.host);
      borrowed = found.host;
    }
    const leader = borrowed === undefined ? undefined : await leaderOf(borrowed);
    if (leader !== undefined) {
      say(`the host has a manager: ${leader}`);
      return { ...found, managerLog: () => '', close };
    }
    say(
      borrowed === undefined ? 'a manager starts' : 'the host has no manager: one starts here, until the end',
    );
    const manager = startManager(found.host, interval);
    processes.push(manager);
    return { ...found, managerLog: () => manager.output, close };
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
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<Found> {
  say(`a sandbox starts: a host, and ${members === 1 ? 'one member' : `${members} members`}`);
  await mkdir(dir, { recursive: true });
  const sandbox = new ViridianProcess('sandbox', '--members', String(members), '--dir', dir);
  processes.push(sandbox);
  const gateways = gatewaysOf(await sandbox.prints('Ctrl-C', startMs, signal));
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
export function gatewaysOf(screen: string): ReadonlyMap<string, string> {
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

/** Where a load balancer has put the gateway. A cluster that does not answer fails in its first row. */
async function gatewayOf(kubectl: Kubectl): Promise<string | undefined> {
  const service = await kubectl
    .find('get', 'service', 'istio-ingressgateway', '-n', 'istio-system')
    .catch(() => undefined);
  const ingress = at(service, 'status', 'loadBalancer', 'ingress', 0);
  const host = textAt(ingress, 'ip') || textAt(ingress, 'hostname');
  return host === '' ? undefined : `http://${host}`;
}

/** Who holds the manager's Lease on a host, and still renews it. */
async function leaderOf(host: Kubectl): Promise<string | undefined> {
  const leases = await host.json('get', 'leases', '-A');
  const held = listAt(leases, 'items').find(
    (lease) =>
      textAt(lease, 'metadata', 'name') === 'viridian-manager' && isHeld(at(lease, 'spec'), Date.now()),
  );
  return held === undefined ? undefined : textAt(held, 'spec', 'holderIdentity');
}

/** @param now in milliseconds since the Unix epoch */
export function isHeld(lease: unknown, now: number): boolean {
  const until = Date.parse(textAt(lease, 'renewTime')) + 1000 * numberAt(lease, 'leaseDurationSeconds');
  return textAt(lease, 'holderIdentity') !== '' && until > now;
}

function startManager(host: Kubectl, interval: number): ViridianProcess {
  // Agents take ten seconds as the least by themselves.
  const least = interval < 10 ? [`--min-interval=${interval}s`] : [];
  return new ViridianProcess('manager', `--kubeconfig=${host.kubeconfig}`, '--port=0', ...least);
}

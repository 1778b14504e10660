import type { Program } from '../../base/program.ts';
import type { GitTransport } from '../../gitops/source/git-transport.ts';
import { checkoutError } from '../../gitops/source/source-error.ts';
import { fleetDefinitions } from '../../api/custom-resource-definitions.ts';
import type { RestClient } from '../../kube/rest-client.ts';
import { type ConnectApi, role, type RoleProcess } from '../../kube/role.ts';
import { managerFieldManager } from '../host-caches.ts';
import type { ConnectMember } from '../members.ts';
import { runManager } from './assemble-manager.ts';
import { type ManagerOptions, managerUsage, parseManagerFlags } from './manager-flags.ts';

export interface ManagerEnvironment {
  readonly version: string;
  /** Finds the API server of the host; default: that of the pod, through the seams. */
  readonly connect?: ConnectApi | undefined;
  /** How members are reached; default: over sockets. */
  readonly connectMember?: ConnectMember | undefined;
  /** How repositories are reached; default: not at all. */
  readonly git?: GitTransport | undefined;
}

/** Agents and test loaders of a version. */
const imageOf = (version: string): string => `ghcr.io/viridian-rollout/viridian:${version}`;

const refuse = (): Promise<never> =>
  Promise.reject(checkoutError('this manager has no git; run one that has', 'stalled'));
const noGit: GitTransport = { resolve: refuse, fetch: refuse };

/** `viridian manager`: clusters, fleets and applications of one host. */
export function manager(environment: ManagerEnvironment): Program {
  const { version, connect } = environment;
  return role<ManagerOptions>({
    name: managerFieldManager,
    version,
    usage: managerUsage,
    parse: parseManagerFlags,
    connect,
    definitions: Object.values(fleetDefinitions),
    leaseName: 'viridian-manager',
    begin: (running) => (client, signal) => lead(environment, running, client, signal),
  });
}

async function lead(
  { version, connectMember, git = noGit }: ManagerEnvironment,
  { context, options, log, metrics, ready }: RoleProcess<ManagerOptions>,
  client: RestClient,
  signal: AbortSignal,
): Promise<void> {
  const { clock, random } = context.seams;
  const { minInterval, abandonAfterMs } = options;
  const image = options.image || imageOf(version);
  const namespace = options.namespace || undefined;
  const parts = { client, clock, random, log, metrics, git, connectMember, image, namespace };
  ready();
  await runManager({ ...parts, minInterval, abandonAfterMs }, signal);
}

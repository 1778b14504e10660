import type { Program } from '../../base/program.ts';
import { fleetDefinitions } from '../../api/custom-resource-definitions.ts';
import type { RestClient } from '../../kube/rest-client.ts';
import { type ConnectApi, role, type RoleProcess } from '../../kube/role.ts';
import { fleetControllers } from '../fleet-controllers.ts';
import { managerFieldManager } from '../host-caches.ts';
import type { ConnectMember } from '../members.ts';
import { type ManagerOptions, managerUsage, parseManagerFlags } from './manager-flags.ts';

export interface ManagerEnvironment {
  readonly version: string;
  /** Finds the API server of the host; default: that of the pod, through the seams. */
  readonly connect?: ConnectApi | undefined;
  /** How members are reached; default: over sockets. */
  readonly connectMember?: ConnectMember | undefined;
}

/** Agents and test loaders of a version. */
const imageOf = (version: string): string => `ghcr.io/viridian-rollout/viridian:${version}`;

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
  { version, connectMember }: ManagerEnvironment,
  { context, options, log, metrics, ready }: RoleProcess<ManagerOptions>,
  client: RestClient,
  signal: AbortSignal,
): Promise<void> {
  const { clock, random } = context.seams;
  const fleet = fleetControllers({
    client,
    clock,
    random,
    log,
    metrics,
    namespace: options.namespace || undefined,
    connectMember,
    image: options.image || imageOf(version),
    minInterval: options.minInterval,
    abandonAfterMs: options.abandonAfterMs,
  });
  ready();
  await fleet.run(signal);
}

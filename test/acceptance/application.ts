import { check, checkSame } from './checks.ts';
import type { Kubectl } from './kubectl.ts';
import { at, listAt, textAt } from './values.ts';
import type { World } from './world.ts';

/* Applications as `kubectl get` shows them. */

export function getApplication(host: Kubectl, name: string): Promise<unknown> {
  return host.json('get', 'application', name);
}

/** `blue-green-demo-0-attachedcluster-kurator-member1` */
function syncName(application: string, policy: number, member: string): string {
  return `${application}-${policy}-attachedcluster-${member}`;
}

/** Names of all syncs in their order: by policy, then as in the fleet. */
export function syncNames(application: string, policies: number, { members }: World): readonly string[] {
  return Array.from({ length: policies }, (_, policy) =>
    members.map(({ name }) => syncName(application, policy, name)),
  ).flat();
}

/** @throws Error when the status has no such entry */
export function syncOf(application: unknown, policy: number, member: string): unknown {
  const name = syncName(textAt(application, 'metadata', 'name'), policy, member);
  const found = listAt(application, 'status', 'syncStatus').find((sync) => at(sync, 'name') === name);
  check(found !== undefined, `status.syncStatus has no ${name}`);
  return found;
}

/**
 * The status of a Canary in that of the Application, after both spellings were compared.
 *
 * @throws Error when there is none
 */
export function rolloutOf(application: unknown, member: string): unknown {
  const rollout = at(syncOf(application, 0, member), 'rolloutStatus');
  check(rollout !== undefined, `the first policy has no rolloutStatus for ${member}`);
  checkSame('clusterName', at(rollout, 'clusterName'), member);
  checkSame('backupNameInCluster', at(rollout, 'backupNameInCluster'), 'backend');
  checkSame('rolloutNameInCluster', at(rollout, 'rolloutNameInCluster'), 'backend');
  const status = at(rollout, 'backupStatusInCluster');
  checkSame('rolloutStatusInCluster', at(rollout, 'rolloutStatusInCluster'), status);
  return status;
}

/** Ids of the inventory of a sync, each with its version. */
export function inventoryOf(sync: unknown): readonly string[] {
  return listAt(sync, 'kustomizationStatus', 'inventory', 'entries')
    .map((entry) => `${textAt(entry, 'id')} ${textAt(entry, 'v')}`)
    .sort();
}

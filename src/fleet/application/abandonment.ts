import type { MemberEngines } from './member-engines.ts';
import type { Placement } from './placement.ts';

/** Lets go of what is on clusters that do not answer. On an Application. */
export const abandonApplicationAnnotation = 'apps.kurator.dev/abandon-unreachable';

/**
 * Whether a placement that is to be removed is given up: because its cluster is not attached any more, or because it
 * cannot be removed and need not be.
 *
 * @returns what is to be told of it
 */
export function abandonment(
  { application, cluster, known, name, task }: Placement,
  engines: MemberEngines,
  mayAbandon: boolean,
): string | undefined {
  if (task.kind !== 'remove') return undefined;
  const obstacle = engines.obstacle(application.namespace, cluster);
  // A new process does not know yet whether it answers.
  if (obstacle?.reason === 'Connecting') return undefined;
  const why =
    obstacle?.message ?? (known.ready?.reason === 'RemovalFailed' ? known.ready.message : undefined);
  if (why === undefined || !(mayAbandon || obstacle?.reason === 'ClusterMissing')) return undefined;
  const { entries, rollout } = known;
  const what = [
    ...(rollout === undefined ? [] : [`the rollout of ${rollout.namespace}/${rollout.name}`]),
    ...(entries.length === 0 ? [] : [`${entries.length} objects`]),
  ];
  if (what.length === 0) return `${name}: given up: ${why}`;
  return `${name}: ${what.join(' and ')} may still be on cluster ${cluster.name}, and will not be removed: ${why}`;
}

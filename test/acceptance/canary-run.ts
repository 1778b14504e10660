import { CanaryWatch } from './canary-watch.ts';
import { firstMember, type World } from './world.ts';

/** `analysisTimes` of the walkthrough. */
export const analysisTimes = 3;
/** Phases in which no rollout goes on. */
export const settled: readonly string[] = ['Initialized', 'Succeeded', 'Failed'];

/** A promotion: pods that start, the checks, and the primary's roll-over. */
export function promotionMs({ intervalMs }: World, checks = analysisTimes): number {
  return (checks + 4) * intervalMs + 120_000;
}

/** The time in which a change has to be noticed. */
export function noticeMs({ intervalMs }: World): number {
  return intervalMs + 5000;
}

/**
 * Watches the Canary of the first member, and waits until no rollout goes on.
 *
 * @param world keeps the watch for the rows after this one
 */
export async function watchCanary(world: World): Promise<CanaryWatch> {
  world.notes.run?.watch.close();
  const watch = new CanaryWatch(firstMember(world).kubectl, 'webapp', 'backend');
  world.notes.background.push(watch);
  await watch.until(settled, promotionMs(world));
  return watch;
}

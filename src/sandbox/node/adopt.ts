import { type ContainerRecord, newRecord } from './container-record.ts';
import type { Pod, TerminatedState } from './kinds.ts';

/**
 * What a node of this name knew of the containers of a pod before it was started again: they are gone, and count as
 * restarted.
 *
 * @param now RFC 3339
 */
export function adoptedRecords({ status = {} }: Pod, now: string): ContainerRecord[] {
  const { initContainerStatuses = [], containerStatuses = [] } = status;
  return [...initContainerStatuses, ...containerStatuses].map((container) => {
    const { name, state, lastState, containerID = '', restartCount } = container;
    const lost: TerminatedState | undefined = state.running && {
      exitCode: 255,
      reason: 'Unknown',
      startedAt: state.running.startedAt,
      finishedAt: now,
      containerID,
    };
    const terminated = state.terminated ?? lost ?? lastState.terminated;
    return {
      ...newRecord(name),
      restartCount: restartCount + (containerID === '' ? 0 : 1),
      previous: terminated && { terminated, log: undefined },
    };
  });
}

// Source: getPhase of pkg/kubelet/kubelet_pods.go of Kubernetes 1.36.
import { mayStart } from './decide.ts';
import {
  type Container,
  type ContainerStatus,
  isSidecar,
  type PodSpec,
  type TerminatedState,
} from './kinds.ts';

export type Phase = 'Pending' | 'Running' | 'Succeeded' | 'Failed';

export interface PhaseInputs {
  readonly statuses: readonly ContainerStatus[];
  /** A container proper has run. */
  readonly initialized: boolean;
  /** Nothing runs, and nothing will. */
  readonly ended: boolean;
}

export function podPhase(spec: PodSpec, { statuses, initialized, ended }: PhaseInputs): Phase {
  const byName = new Map(statuses.map((status) => [status.name, status]));
  const statusOf = ({ name }: Container): ContainerStatus | undefined => byName.get(name);
  const init = spec.initContainers ?? [];
  const regularInit = init.filter((container) => !isSidecar(container));
  const sidecars = init.filter(isSidecar);

  for (const container of regularInit) {
    const end = lastEnd(statusOf(container));
    if (end !== undefined && end.exitCode !== 0 && !mayStart(container, exitOf(end), spec)) return 'Failed';
  }
  const initPending = regularInit.some((container) => {
    const status = statusOf(container);
    return status?.state.running !== undefined || lastEnd(status) === undefined;
  });
  const sidecarPending = sidecars.some((container) => {
    const { state, lastState, started } = statusOf(container) ?? {};
    if (state?.running !== undefined) return started !== true;
    return state?.terminated === undefined && lastState?.terminated === undefined;
  });
  if (initPending || (sidecarPending && !initialized)) return 'Pending';

  const ends = spec.containers.map((container) => lastEnd(statusOf(container)));
  const isRunning = (container: Container): boolean => statusOf(container)?.state.running !== undefined;
  const neverRan = spec.containers.some((container, i) => !isRunning(container) && ends[i] === undefined);
  if (neverRan) return 'Pending';
  if ([...sidecars, ...spec.containers].some(isRunning)) return 'Running';
  const restarts = spec.containers.some((container, i) => mayStart(container, exitOf(ends[i]), spec));
  if (restarts && !ended) return 'Running';
  return ends.every((end) => end?.exitCode === 0) ? 'Succeeded' : 'Failed';
}

/** How the container ended last, if it does not run. */
function lastEnd(status: ContainerStatus | undefined): TerminatedState | undefined {
  if (status === undefined || status.state.running !== undefined) return undefined;
  return status.state.terminated ?? status.lastState.terminated;
}

function exitOf(end: TerminatedState | undefined): { exit: { code: number } | undefined } {
  return { exit: end && { code: end.exitCode } };
}

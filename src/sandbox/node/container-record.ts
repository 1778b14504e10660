import type { BackOff } from './back-off.ts';
import type { ContainerLog } from './container-log.ts';
import type { ContainerInstance } from './instance.ts';
import type { TerminatedState, WaitingState } from './kinds.ts';

/** Why a running container is to be replaced. */
export interface Fault {
  readonly message: string;
  readonly graceSeconds: number | undefined;
}

/** A pull that failed. */
export interface FailedPull {
  /** Milliseconds since the epoch. */
  readonly failedAt: number;
  readonly backOff: BackOff;
  /** In words. */
  readonly error: string;
}

/** What a node knows of one container of a pod. */
export interface ContainerRecord {
  readonly name: string;
  /** The latest run, going on or ended. */
  instance: ContainerInstance | undefined;
  /** The image of `instance`, as the pod had it. */
  image: string;
  /** How `instance` ended. */
  terminated: TerminatedState | undefined;
  /** The run before. */
  previous: { readonly terminated: TerminatedState; readonly log: ContainerLog | undefined } | undefined;
  restartCount: number;
  /** Why there is no run going on. */
  waiting: WaitingState | undefined;
  started: boolean;
  ready: boolean;
  fault: Fault | undefined;
  backOff: BackOff | undefined;
  pull: FailedPull | undefined;
}

export function newRecord(name: string): ContainerRecord {
  return {
    name,
    instance: undefined,
    image: '',
    terminated: undefined,
    previous: undefined,
    restartCount: 0,
    waiting: undefined,
    started: false,
    ready: false,
    fault: undefined,
    backOff: undefined,
    pull: undefined,
  };
}

export function isRunning({ instance }: Pick<ContainerRecord, 'instance'>): boolean {
  return instance !== undefined && instance.exit === undefined;
}

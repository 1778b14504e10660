import { formatTime } from '../../base/time.ts';
import { jsonEqual } from '../../machinery/json.ts';
import { podConditions, type Verdict } from './conditions.ts';
import { type ContainerRecord, isRunning } from './container-record.ts';
import { fullReference, imageId } from './images.ts';
import {
  type Container,
  type ContainerState,
  type ContainerStatus,
  isSidecar,
  type Pod,
  type PodCondition,
  type PodStatus,
  type TerminatedState,
} from './kinds.ts';
import { podPhase } from './phase.ts';

export interface StatusInputs {
  readonly records: ReadonlyMap<string, ContainerRecord>;
  /** Undefined before the pod has its network. */
  readonly podIP: string | undefined;
  readonly hostIP: string;
  /** When the node took the pod in, milliseconds since the epoch. */
  readonly acceptedAt: number;
  /** Nothing runs, and nothing will. */
  readonly ended: boolean;
  /** Why the node has given the pod up. */
  readonly failure: { readonly reason: string; readonly message: string } | undefined;
}

/** The status of a pod as its node sees it, without the conditions that others keep. */
export function podStatus(pod: Pod, inputs: StatusInputs, now: number): PodStatus {
  const { spec, metadata } = pod;
  const { records, podIP, hostIP, failure } = inputs;
  const init = spec.initContainers ?? [];
  const statusOf = (container: Container): ContainerStatus =>
    containerStatus(container, records.get(container.name), init);
  const initStatuses = init.map(statusOf);
  const containerStatuses = spec.containers.map(statusOf);
  const statuses = [...initStatuses, ...containerStatuses];
  const initialized = spec.containers.some(({ name }) => records.get(name)?.instance !== undefined);
  const before = pod.status ?? {};
  const known = before.phase === 'Failed' || before.phase === 'Succeeded' ? before.phase : undefined;
  const computed = podPhase(spec, { statuses, initialized, ended: inputs.ended });
  const phase = known ?? (failure === undefined ? computed : 'Failed');
  const others = before.conditions ?? [];
  const verdicts = podConditions(spec, {
    phase,
    statuses,
    initialized,
    others,
    hasNetwork: podIP !== undefined,
  });
  return {
    ...(metadata.generation !== undefined && { observedGeneration: metadata.generation }),
    phase,
    ...failure,
    conditions: verdicts.map((verdict) => condition(verdict, others, metadata.generation, now)),
    hostIP,
    hostIPs: [{ ip: hostIP }],
    ...(podIP !== undefined && { podIP, podIPs: [{ ip: podIP }] }),
    startTime: before.startTime ?? formatTime(inputs.acceptedAt),
    ...(init.length > 0 && { initContainerStatuses: initStatuses }),
    containerStatuses,
  };
}

function condition(
  verdict: Verdict,
  before: readonly PodCondition[],
  generation: number | undefined,
  now: number,
): PodCondition {
  const old = before.find(({ type }) => type === verdict.type);
  const lastTransitionTime = old?.status === verdict.status ? old.lastTransitionTime : undefined;
  return {
    ...verdict,
    lastTransitionTime: lastTransitionTime ?? formatTime(now),
    ...(generation !== undefined && { observedGeneration: generation }),
  };
}

function containerStatus(
  container: Container,
  record: ContainerRecord | undefined,
  init: readonly Container[],
): ContainerStatus {
  const { name, image = '', resources } = container;
  const isInit = init.includes(container) && !isSidecar(container);
  const waiting = { reason: init.length > 0 ? 'PodInitializing' : 'ContainerCreating' };
  const lastState = (terminated: TerminatedState | undefined): ContainerState =>
    terminated ? { terminated } : {};
  if (record?.instance === undefined) {
    return {
      name,
      image,
      imageID: '',
      ready: false,
      started: false,
      restartCount: record?.restartCount ?? 0,
      state: { waiting: record?.waiting ?? waiting },
      lastState: lastState(record?.previous?.terminated),
    };
  }
  const { instance, terminated, previous } = record;
  const running = isRunning(record);
  const isWaiting = !running && record.waiting !== undefined;
  const startedAt = formatTime(instance.startedAt);
  const state = running
    ? { running: { startedAt } }
    : record.waiting === undefined
      ? { terminated: terminated ?? terminatedState(record) }
      : { waiting: record.waiting };
  return {
    name,
    image: fullReference(record.image),
    imageID: imageId(record.image),
    containerID: instance.options.id,
    ready: isInit ? instance.exit?.code === 0 : running && record.ready,
    started: !isInit && running && record.started,
    restartCount: record.restartCount,
    state,
    lastState: lastState(isWaiting ? terminated : previous?.terminated),
    ...(resources !== undefined && Object.keys(resources).length > 0 && { resources }),
  };
}

/** How the latest run of a container ended. @param message of the container's own */
export function terminatedState({ instance }: ContainerRecord, message = ''): TerminatedState {
  const code = instance?.exit?.code ?? 0;
  return {
    exitCode: code,
    reason: code === 0 ? 'Completed' : 'Error',
    ...(message !== '' && { message }),
    startedAt: formatTime(instance?.startedAt ?? 0),
    finishedAt: formatTime(instance?.exit?.finishedAt ?? 0),
    containerID: instance?.options.id ?? '',
  };
}

const plainFields = [
  'observedGeneration',
  'phase',
  'reason',
  'message',
  'hostIP',
  'hostIPs',
  'podIP',
  'startTime',
  'initContainerStatuses',
  'containerStatuses',
] as const;

/**
 * A strategic merge patch that makes `wanted` the node's part of the status; undefined when it is so already.
 * `phase`, `reason` and `message` of a pod that was given up stay.
 */
export function statusPatch(pod: Pod, wanted: PodStatus): object | undefined {
  const { status: before = {}, metadata } = pod;
  const status: Record<string, unknown> = {};
  for (const field of plainFields) {
    const value = wanted[field];
    if (value !== undefined && !jsonEqual(before[field], value)) status[field] = value;
  }
  const conditions = (wanted.conditions ?? []).filter((condition) => {
    const old = before.conditions?.find(({ type }) => type === condition.type);
    const { lastProbeTime: _, ...rest } = old ?? {};
    return !jsonEqual(rest, condition);
  });
  if (conditions.length > 0) {
    status['conditions'] = conditions.map((condition) => ({ reason: null, message: null, ...condition }));
  }
  if (wanted.podIPs !== undefined && !jsonEqual(before.podIPs, wanted.podIPs)) {
    const gone = (before.podIPs ?? []).map(({ ip }) => ({ ip, $patch: 'delete' }));
    status['podIPs'] = [...wanted.podIPs, ...gone];
  }
  return Object.keys(status).length === 0 ? undefined : { metadata: { uid: metadata.uid }, status };
}

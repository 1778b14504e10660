// Source: pkg/kubelet/status/generate.go of Kubernetes 1.36.
import { type ContainerStatus, isSidecar, type PodCondition, type PodSpec } from './kinds.ts';
import type { Phase } from './phase.ts';

/** A condition without its times. */
export type Verdict = Pick<PodCondition, 'type' | 'status' | 'reason' | 'message'>;

export interface ConditionInputs {
  readonly phase: Phase;
  /** Of init containers too. */
  readonly statuses: readonly ContainerStatus[];
  /** A container proper has run. */
  readonly initialized: boolean;
  /** The pod has its network. */
  readonly hasNetwork: boolean;
  /** What others say of the pod: readiness gates are among them. */
  readonly others: readonly PodCondition[];
}

/** The conditions that a node keeps of a pod. */
export function podConditions(spec: PodSpec, inputs: ConditionInputs): Verdict[] {
  const containersReady = containersReadyCondition(spec, inputs);
  return [
    { type: 'PodReadyToStartContainers', status: inputs.hasNetwork ? 'True' : 'False' },
    initializedCondition(spec, inputs),
    readyCondition(spec, inputs, containersReady),
    containersReady,
    { type: 'PodScheduled', status: 'True' },
  ];
}

function initializedCondition(spec: PodSpec, { phase, statuses, initialized }: ConditionInputs): Verdict {
  const type = 'Initialized';
  if (phase === 'Succeeded') return { type, status: 'True', reason: 'PodCompleted' };
  if (initialized) return { type, status: 'True' };
  const incomplete = (spec.initContainers ?? []).filter((container) => {
    const status = statuses.find(({ name }) => name === container.name);
    return isSidecar(container) ? status?.started !== true : status?.ready !== true;
  });
  if (incomplete.length === 0) return { type, status: 'True' };
  const names = incomplete.map(({ name }) => name).join(' ');
  const message = `containers with incomplete status: [${names}]`;
  return { type, status: 'False', reason: 'ContainersNotInitialized', message };
}

function containersReadyCondition(spec: PodSpec, { phase, statuses }: ConditionInputs): Verdict {
  const type = 'ContainersReady';
  if (phase === 'Succeeded') return { type, status: 'False', reason: 'PodCompleted' };
  if (phase === 'Failed') return { type, status: 'False', reason: 'PodFailed' };
  const counted = [...(spec.initContainers ?? []).filter(isSidecar), ...spec.containers];
  const unready = counted.filter(
    ({ name }) => statuses.find((status) => status.name === name)?.ready !== true,
  );
  if (unready.length === 0) return { type, status: 'True' };
  const message = `containers with unready status: [${unready.map(({ name }) => name).join(' ')}]`;
  return { type, status: 'False', reason: 'ContainersNotReady', message };
}

function readyCondition(spec: PodSpec, { others }: ConditionInputs, containersReady: Verdict): Verdict {
  const type = 'Ready';
  if (containersReady.status !== 'True') return { ...containersReady, type };
  const unmet = (spec.readinessGates ?? []).flatMap(({ conditionType }) => {
    const found = others.find((condition) => condition.type === conditionType);
    const gate = JSON.stringify(conditionType);
    if (found === undefined) return [`corresponding condition of pod readiness gate ${gate} does not exist.`];
    if (found.status === 'True') return [];
    return [`the status of pod readiness gate ${gate} is not "True", but ${found.status}`];
  });
  if (unmet.length === 0) return { type, status: 'True' };
  return { type, status: 'False', reason: 'ReadinessGatesNotReady', message: unmet.join(', ') };
}

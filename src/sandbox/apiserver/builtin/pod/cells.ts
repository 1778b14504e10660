// The row of a Pod. Source: printPod of pkg/printers/internalversion, Kubernetes 1.36.
import type { Json, JsonObject } from '../../../../machinery/json.ts';
import { own } from '../../../../machinery/json.ts';
import { countAt, isSet, nameOf, objectAt, objectsAt, optionalObject, textAt } from '../fields.ts';
import { age, none, since } from '../table.ts';

/** What the containers of a pod come to. */
interface Summary {
  readonly reason: string;
  readonly ready: number;
  readonly restarts: number;
  /** RFC 3339, or empty. */
  readonly lastRestart: string;
}

export function podCells(pod: JsonObject, nowMs: number): Json[] {
  const spec = objectAt(pod, 'spec');
  const status = objectAt(pod, 'status');
  const { reason, ready, restarts, lastRestart } = summarize(pod);
  const total = objectsAt(spec, 'containers').length + sidecarNames(spec).length;
  const ago = restarts > 0 && lastRestart !== '' ? ` (${since(lastRestart, nowMs)} ago)` : '';
  const [address] = objectsAt(status, 'podIPs');
  return [
    nameOf(pod),
    `${ready}/${total}`,
    reason,
    `${restarts}${ago}`,
    age(pod, nowMs),
    textAt(address ?? {}, 'ip') || none,
    textAt(spec, 'nodeName') || none,
    textAt(status, 'nominatedNodeName') || none,
    readinessGates(spec, status),
  ];
}

function readinessGates(spec: JsonObject, status: JsonObject): string {
  const gates = objectsAt(spec, 'readinessGates');
  const open = gates.filter((gate) => conditionIs(status, textAt(gate, 'conditionType'), 'True'));
  return gates.length === 0 ? none : `${open.length}/${gates.length}`;
}

function conditionIs(status: JsonObject, type: string, value: string): boolean {
  const condition = objectsAt(status, 'conditions').find((condition) => textAt(condition, 'type') === type);
  return condition !== undefined && textAt(condition, 'status') === value;
}

/** Init containers that keep running beside the others. */
function sidecarNames(spec: JsonObject): string[] {
  return objectsAt(spec, 'initContainers')
    .filter((container) => own(container, 'restartPolicy') === 'Always')
    .map((container) => textAt(container, 'name'));
}

function summarize(pod: JsonObject): Summary {
  const status = objectAt(pod, 'status');
  const init = summarizeInit(pod);
  const isInitialized = init.reason === undefined || conditionIs(status, 'Initialized', 'True');
  const phase = initialReason(status);
  const summary = isInitialized
    ? summarizeContainers(pod, init, init.reason ?? phase)
    : {
        reason: init.reason ?? phase,
        ready: init.ready,
        restarts: init.restarts,
        lastRestart: init.lastRestart,
      };
  if (!isSet(objectAt(pod, 'metadata'), 'deletionTimestamp')) return summary;
  if (textAt(status, 'reason') === 'NodeLost') return { ...summary, reason: 'Unknown' };
  const isOver = ['Failed', 'Succeeded'].includes(textAt(status, 'phase'));
  return isOver ? summary : { ...summary, reason: 'Terminating' };
}

function initialReason(status: JsonObject): string {
  const scheduled = objectsAt(status, 'conditions').find((one) => textAt(one, 'type') === 'PodScheduled');
  if (scheduled !== undefined && textAt(scheduled, 'reason') === 'SchedulingGated') return 'SchedulingGated';
  return textAt(status, 'reason') || textAt(status, 'phase');
}

interface InitSummary {
  /** Why the pod is not initialized yet. */
  readonly reason: string | undefined;
  readonly ready: number;
  readonly restarts: number;
  readonly lastRestart: string;
  readonly sidecarRestarts: number;
  readonly sidecarLastRestart: string;
}

function summarizeInit(pod: JsonObject): InitSummary {
  const spec = objectAt(pod, 'spec');
  const sidecars = sidecarNames(spec);
  let [ready, restarts, sidecarRestarts] = [0, 0, 0];
  let [lastRestart, sidecarLastRestart] = ['', ''];
  let reason: string | undefined;
  for (const [i, container] of objectsAt(objectAt(pod, 'status'), 'initContainerStatuses').entries()) {
    const isSidecar = sidecars.includes(textAt(container, 'name'));
    const count = countAt(container, 'restartCount');
    restarts += count;
    lastRestart = later(lastRestart, lastEnd(container));
    if (isSidecar) {
      sidecarRestarts += count;
      sidecarLastRestart = later(sidecarLastRestart, lastEnd(container));
    }
    const terminated = optionalObject(container, 'state', 'terminated');
    if (terminated !== undefined && countAt(terminated, 'exitCode') === 0) continue;
    if (isSidecar && own(container, 'started') === true) {
      ready += own(container, 'ready') === true ? 1 : 0;
      continue;
    }
    reason = initReason(container, `${i}/${objectsAt(spec, 'initContainers').length}`);
    break;
  }
  return { reason, ready, restarts, lastRestart, sidecarRestarts, sidecarLastRestart };
}

function initReason(container: JsonObject, progress: string): string {
  const terminated = optionalObject(container, 'state', 'terminated');
  if (terminated !== undefined) return `Init:${endReason(terminated)}`;
  const waiting = textAt(objectAt(container, 'state', 'waiting'), 'reason');
  return `Init:${waiting === '' || waiting === 'PodInitializing' ? progress : waiting}`;
}

function endReason(terminated: JsonObject): string {
  const reason = textAt(terminated, 'reason');
  if (reason !== '') return reason;
  const signal = countAt(terminated, 'signal');
  return signal === 0 ? `ExitCode:${countAt(terminated, 'exitCode')}` : `Signal:${signal}`;
}

function summarizeContainers(pod: JsonObject, init: InitSummary, before: string): Summary {
  const status = objectAt(pod, 'status');
  let { ready, sidecarRestarts: restarts, sidecarLastRestart: lastRestart } = init;
  let reason = before;
  let errorReason = '';
  let hasRunning = false;
  for (const container of objectsAt(status, 'containerStatuses').toReversed()) {
    restarts += countAt(container, 'restartCount');
    lastRestart = later(lastRestart, lastEnd(container));
    const waiting = textAt(objectAt(container, 'state', 'waiting'), 'reason');
    const terminated = optionalObject(container, 'state', 'terminated');
    if (waiting !== '') {
      reason = waiting;
    } else if (terminated !== undefined) {
      reason = endReason(terminated);
      if (countAt(terminated, 'exitCode') !== 0) errorReason = reason;
    } else if (
      own(container, 'ready') === true &&
      optionalObject(container, 'state', 'running') !== undefined
    ) {
      hasRunning = true;
      ready += 1;
    }
  }
  if (reason === 'Completed') {
    if (hasRunning && conditionIs(status, 'Ready', 'True')) reason = 'Running';
    else if (errorReason !== '') reason = errorReason;
    else if (hasRunning) reason = 'NotReady';
  }
  return { reason, ready, restarts, lastRestart };
}

function lastEnd(container: JsonObject): string {
  return textAt(objectAt(container, 'lastState', 'terminated'), 'finishedAt');
}

/** Times of one format order as texts. */
function later(a: string, b: string): string {
  return a < b ? b : a;
}

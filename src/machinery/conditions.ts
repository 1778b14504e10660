import { formatTime, parseTime } from '../base/time.ts';
import { isObject, own } from './json.ts';
import type { Json, JsonObject } from './json.ts';

export type ConditionStatus = 'True' | 'False' | 'Unknown';

/** `metav1.Condition`: one aspect of an object's state. */
export interface Condition {
  readonly type: string;
  readonly status: ConditionStatus;
  /** The generation of the object that this is about. */
  readonly observedGeneration?: number;
  /** When `status` last changed: RFC 3339. */
  readonly lastTransitionTime: string;
  /** `UpperCamelCase` */
  readonly reason: string;
  readonly message: string;
}

/** The condition of a type, if there. */
export function getCondition(
  conditions: readonly Condition[] | undefined,
  type: string,
): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}

export function isConditionTrue(conditions: readonly Condition[] | undefined, type: string): boolean {
  return getCondition(conditions, type)?.status === 'True';
}

/**
 * The conditions with one set. The time of its last transition moves only when its status changes. A new one goes
 * to its place in the order of types, the others keep theirs. When nothing changes the same list is returned.
 *
 * @param now milliseconds since the Unix epoch
 */
export function setCondition(
  conditions: readonly Condition[],
  condition: Omit<Condition, 'lastTransitionTime'>,
  now: number,
): readonly Condition[] {
  const at = conditions.findIndex(({ type }) => type === condition.type);
  const existing = conditions[at];
  if (existing === undefined) {
    const after = conditions.findIndex(({ type }) => type > condition.type);
    const place = after === -1 ? conditions.length : after;
    return conditions.toSpliced(place, 0, { ...condition, lastTransitionTime: formatTime(now) });
  }
  const isSame =
    existing.status === condition.status &&
    existing.reason === condition.reason &&
    existing.message === condition.message &&
    existing.observedGeneration === condition.observedGeneration;
  if (isSame) return conditions;
  const lastTransitionTime =
    existing.status === condition.status ? existing.lastTransitionTime : formatTime(now);
  return conditions.with(at, { ...condition, lastTransitionTime });
}

/** The conditions without those of a type; the same list if there are none. */
export function removeCondition(conditions: readonly Condition[], type: string): readonly Condition[] {
  const left = conditions.filter((condition) => condition.type !== type);
  return left.length === conditions.length ? conditions : left;
}

/** How far an object has come towards what its spec says. */
export interface ObjectStatus {
  readonly status: 'InProgress' | 'Failed' | 'Current' | 'Terminating' | 'NotFound' | 'Unknown';
  readonly message: string;
}

/** How long a pod may go unscheduled before that counts as a failure. */
const scheduleWindowMs = 15_000;

/** What an `integer` field without a limit means to the Deployment controller: no deadline. */
const noDeadline = 2 ** 31 - 1;

/**
 * Tells how far an object has come, from the object alone. The rules are those of kstatus
 * (sigs.k8s.io/cli-utils/pkg/kstatus/status) with Flux's rule for Jobs, which are current only when finished.
 *
 * @param object with its status; undefined when there is none
 * @param now milliseconds since the Unix epoch
 */
export function computeStatus(object: JsonObject | undefined, now: number): ObjectStatus {
  if (object === undefined) return { status: 'NotFound', message: 'Resource not found' };
  const view = new View(object);
  return generic(view) ?? byKind(view, now) ?? ready(view) ?? current('Resource is current');
}

interface StatusCondition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

function textOf(object: JsonObject, key: string): string {
  const value = own(object, key);
  return typeof value === 'string' ? value : '';
}

/** Fields of an object of any shape. */
class View {
  readonly #object: JsonObject;
  readonly conditions: readonly StatusCondition[];

  constructor(object: JsonObject) {
    this.#object = object;
    this.conditions = this.list('status', 'conditions').map((condition) => ({
      type: textOf(condition, 'type'),
      status: textOf(condition, 'status'),
      reason: textOf(condition, 'reason'),
      message: textOf(condition, 'message'),
    }));
  }

  #get(path: readonly string[]): Json | undefined {
    let value: Json | undefined = this.#object;
    for (const key of path) value = isObject(value) ? own(value, key) : undefined;
    return value;
  }

  text(...path: string[]): string {
    const value = this.#get(path);
    return typeof value === 'string' ? value : '';
  }

  number(...path: string[]): number | undefined {
    const value = this.#get(path);
    return typeof value === 'number' ? value : undefined;
  }

  isTrue(...path: string[]): boolean {
    return this.#get(path) === true;
  }

  /** The objects of a list. */
  list(...path: string[]): readonly JsonObject[] {
    const value = this.#get(path);
    return Array.isArray(value) ? value.filter(isObject) : [];
  }

  condition(type: string, status: ConditionStatus): StatusCondition | undefined {
    return this.conditions.find((condition) => condition.type === type && condition.status === status);
  }

  /** A count in `status`, 0 while the controller has not written it. */
  counted(key: string): number {
    return this.number('status', key) ?? 0;
  }

  get kind(): string {
    return this.text('kind');
  }

  /** `apps/Deployment`, `Pod` */
  get groupKind(): string {
    const [group = '', version] = this.text('apiVersion').split('/');
    return version === undefined ? this.kind : `${group}/${this.kind}`;
  }
}

function current(message: string): ObjectStatus {
  return { status: 'Current', message };
}

function inProgress(message: string): ObjectStatus {
  return { status: 'InProgress', message };
}

function failed(message: string): ObjectStatus {
  return { status: 'Failed', message };
}

/** What holds for objects of every kind. */
function generic(object: View): ObjectStatus | undefined {
  if (object.text('metadata', 'deletionTimestamp') !== '') {
    return { status: 'Terminating', message: 'Resource scheduled for deletion' };
  }
  const generation = object.number('metadata', 'generation');
  const observed = object.number('status', 'observedGeneration');
  if (generation !== undefined && observed !== undefined && observed !== generation) {
    return inProgress(
      `${object.kind} generation is ${generation}, but latest observed generation is ${observed}`,
    );
  }
  for (const { type, status, message } of object.conditions) {
    if (type === 'Reconciling' && status === 'True') return inProgress(message);
    if (type === 'Stalled' && status === 'True') return failed(message);
  }
  return undefined;
}

/** Many kinds have this condition, although it does not tell whether they are still trying. */
function ready(object: View): ObjectStatus | undefined {
  for (const { type, status, message } of object.conditions) {
    if (type !== 'Ready') continue;
    if (status === 'True') return current('Resource is Ready');
    if (status === 'False' || status === 'Unknown') return inProgress(message);
  }
  return undefined;
}

function byKind(object: View, now: number): ObjectStatus | undefined {
  switch (object.groupKind) {
    case 'apps/Deployment':
    case 'extensions/Deployment':
      return deployment(object);
    case 'apps/StatefulSet':
      return statefulSet(object);
    case 'apps/DaemonSet':
    case 'extensions/DaemonSet':
      return daemonSet(object);
    case 'apps/ReplicaSet':
    case 'extensions/ReplicaSet':
      return replicaSet(object);
    case 'Pod':
      return pod(object, now);
    case 'batch/Job':
      return job(object);
    case 'PersistentVolumeClaim':
      return claim(object);
    case 'Service':
      return service(object);
    case 'apiextensions.k8s.io/CustomResourceDefinition':
      return customResourceDefinition(object);
    case 'policy/PodDisruptionBudget':
      return current('AllowedDisruptions has been computed.');
    case 'Secret':
    case 'ConfigMap':
    case 'batch/CronJob':
      return current('Resource is always ready');
    default:
      return undefined;
  }
}

/** In progress while fewer than `wanted` are counted. */
function atLeast(what: string, counted: number, wanted: number): ObjectStatus | undefined {
  return counted < wanted ? inProgress(`${what}: ${counted}/${wanted}`) : undefined;
}

function noMoreThan(wanted: number, counted: number): ObjectStatus | undefined {
  return counted > wanted ? inProgress(`Pending termination: ${counted - wanted}`) : undefined;
}

function deployment(object: View): ObjectStatus {
  const exceeded = object.conditions.some(
    ({ type, reason }) => type === 'Progressing' && reason === 'ProgressDeadlineExceeded',
  );
  if (exceeded) return failed('Progress deadline exceeded');
  const wanted = object.number('spec', 'replicas') ?? 1;
  const replicas = object.counted('replicas');
  const updated = object.counted('updatedReplicas');
  const short =
    atLeast('Replicas', replicas, wanted) ??
    atLeast('Updated', updated, wanted) ??
    noMoreThan(wanted, replicas) ??
    atLeast('Available', object.counted('availableReplicas'), updated) ??
    atLeast('Ready', object.counted('readyReplicas'), wanted);
  if (short !== undefined) return short;
  // Without a deadline the controller does not report progress.
  const deadline = object.number('spec', 'progressDeadlineSeconds') ?? noDeadline;
  const progressed = object.conditions.some(
    ({ type, status, reason }) =>
      type === 'Progressing' && status === 'True' && reason === 'NewReplicaSetAvailable',
  );
  if (deadline !== noDeadline && !progressed) return inProgress('ReplicaSet not Available');
  if (object.condition('Available', 'True') === undefined) return inProgress('Deployment not Available');
  return current(`Deployment is available. Replicas: ${replicas}`);
}

function statefulSet(object: View): ObjectStatus {
  if (object.text('spec', 'updateStrategy', 'type') === 'OnDelete') {
    return current('StatefulSet is using the ondelete update strategy');
  }
  const wanted = object.number('spec', 'replicas') ?? 1;
  const replicas = object.counted('replicas');
  const updated = object.counted('updatedReplicas');
  const short =
    atLeast('Replicas', replicas, wanted) ??
    atLeast('Ready', object.counted('readyReplicas'), wanted) ??
    noMoreThan(wanted, replicas);
  if (short !== undefined) return short;
  const partition = object.number('spec', 'updateStrategy', 'rollingUpdate', 'partition');
  if (partition !== undefined && partition !== -1) {
    return (
      atLeast('updated', updated, wanted - partition) ??
      current(`Partition rollout complete. updated: ${updated}`)
    );
  }
  const outdated = atLeast('current', object.counted('currentReplicas'), wanted);
  if (outdated !== undefined) return outdated;
  if (object.text('status', 'currentRevision') !== object.text('status', 'updateRevision')) {
    return inProgress('Waiting for updated revision to match current');
  }
  return current(`All replicas scheduled as expected. Replicas: ${replicas}`);
}

function daemonSet(object: View): ObjectStatus {
  // Its controller always writes both: without them it has not seen the object yet.
  if (object.number('metadata', 'generation') === undefined) {
    return inProgress(`${object.kind} metadata.generation not found`);
  }
  if (object.number('status', 'observedGeneration') === undefined) {
    return inProgress(`${object.kind} status.observedGeneration not found`);
  }
  const wanted = object.number('status', 'desiredNumberScheduled') ?? -1;
  if (wanted === -1) return inProgress('Missing .status.desiredNumberScheduled');
  return (
    atLeast('Current', object.counted('currentNumberScheduled'), wanted) ??
    atLeast('Updated', object.counted('updatedNumberScheduled'), wanted) ??
    atLeast('Available', object.counted('numberAvailable'), wanted) ??
    atLeast('Ready', object.counted('numberReady'), wanted) ??
    current(`All replicas scheduled as expected. Replicas: ${wanted}`)
  );
}

function replicaSet(object: View): ObjectStatus {
  if (object.condition('ReplicaFailure', 'True') !== undefined) {
    return inProgress('Replica Failure condition. Check Pods');
  }
  const wanted = object.number('spec', 'replicas') ?? 1;
  const replicas = object.counted('replicas');
  return (
    atLeast('Labelled', object.counted('fullyLabeledReplicas'), wanted) ??
    atLeast('Available', object.counted('availableReplicas'), wanted) ??
    atLeast('Ready', object.counted('readyReplicas'), wanted) ??
    noMoreThan(wanted, replicas) ??
    current(`ReplicaSet is available. Replicas: ${replicas}`)
  );
}

function pod(object: View, now: number): ObjectStatus {
  const phase = object.text('status', 'phase');
  switch (phase) {
    case 'Succeeded':
      return current('Pod has completed successfully');
    case 'Failed':
      return current('Pod has completed, but not successfully');
    case 'Running':
      return runningPod(object);
    case 'Pending':
      return pendingPod(object, now);
    case '':
      return inProgress('Pod phase not available');
    default:
      return { status: 'Unknown', message: `unknown phase ${phase}` };
  }
}

function runningPod(object: View): ObjectStatus {
  if (object.condition('Ready', 'True') !== undefined) return current('Pod is Ready');
  const crashing = object
    .list('status', 'containerStatuses')
    .map((container) => new View(container))
    .filter((container) => container.text('state', 'waiting', 'reason') === 'CrashLoopBackOff')
    .map((container) => container.text('name'));
  if (crashing.length > 0) return failed(`Containers in CrashLoop state: ${crashing.join(',')}`);
  return inProgress('Pod is running but is not Ready');
}

function pendingPod(object: View, now: number): ObjectStatus {
  if (object.condition('PodScheduled', 'False')?.reason !== 'Unschedulable') {
    return inProgress('Pod is in the Pending phase');
  }
  return now - creationTime(object) < scheduleWindowMs
    ? inProgress('Pod has not been scheduled')
    : failed('Pod could not be scheduled');
}

/** Milliseconds since the Unix epoch; 0 where the object does not tell. */
function creationTime(object: View): number {
  try {
    return parseTime(object.text('metadata', 'creationTimestamp'));
  } catch {
    return 0;
  }
}

function job(object: View): ObjectStatus {
  const completions = object.number('spec', 'completions') ?? object.number('spec', 'parallelism') ?? 1;
  const succeeded = object.counted('succeeded');
  const failures = object.counted('failed');
  for (const { type, status } of object.conditions) {
    if (status !== 'True') continue;
    if (type === 'Complete') return current(`Job Completed. succeeded: ${succeeded}/${completions}`);
    if (type === 'Failed') return failed(`Job Failed. failed: ${failures}/${completions}`);
  }
  if (object.isTrue('spec', 'suspend')) return current('Job is suspended');
  if (object.text('status', 'startTime') === '') return inProgress('Job not started');
  const active = object.counted('active');
  return inProgress(`Job in progress. success:${succeeded}, active: ${active}, failed: ${failures}`);
}

function claim(object: View): ObjectStatus {
  const phase = object.text('status', 'phase');
  if (phase === 'Bound') return current('PVC is Bound');
  return inProgress(`PVC is not Bound. phase: ${phase === '' ? 'unknown' : phase}`);
}

/** As kstatus, this asks for the address inside the cluster only. */
function service(object: View): ObjectStatus {
  if (object.text('spec', 'type') === 'LoadBalancer' && object.text('spec', 'clusterIP') === '') {
    return inProgress('ClusterIP not set. Service type: LoadBalancer');
  }
  return current('Service is ready');
}

function customResourceDefinition(object: View): ObjectStatus {
  for (const { type, status, reason, message } of object.conditions) {
    if (type === 'NamesAccepted' && status === 'False') return failed(message);
    if (type !== 'Established') continue;
    if (status === 'False' && reason !== 'Installing') return failed(message);
    if (status === 'True') return current('CRD is established');
  }
  return inProgress('Install in progress');
}

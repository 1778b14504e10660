import { formatDuration } from '../../base/duration.ts';
import { errorMessage } from '../../base/errors.ts';
import { formatTime } from '../../base/time.ts';
import type { Rejection } from './admission.ts';
import { adoptedRecords } from './adopt.ts';
import { nextBackOff } from './back-off.ts';
import { ConfigError } from './config-error.ts';
import { type ContainerRecord, isRunning, newRecord } from './container-record.ts';
import { type ContainerView, decide, type Delay } from './decide.ts';
import type { PodPlace } from './downward.ts';
import { type HandlerTarget, runHandler } from './handlers.ts';
import type { ContainerInstance } from './instance.ts';
import { type Container, isSidecar, type Pod, type PodStatus } from './kinds.ts';
import { createInstance } from './launch.ts';
import type { NodeContext, PodNetwork } from './node-context.ts';
import { type ProbeReport, runProbes } from './probes.ts';
import { ensureImage, pullErrorShownMs, showPullBackOff } from './pull.ts';
import { podStatus, terminatedState } from './status.ts';
import { stopContainer } from './stop-container.ts';
import { PodVolumes } from './volumes.ts';

const maxTerminationMessage = 4096;
const terminationMessageLines = 80;
const minGraceSeconds = 2;

/**
 * One pod on its node: starts, watches and ends its containers. All decisions are made in {@link sync}, which whoever
 * owns the worker calls whenever something has changed.
 */
export class PodWorker {
  readonly uid: string;
  readonly records = new Map<string, ContainerRecord>();
  readonly #context: NodeContext;
  readonly #changed: () => void;
  readonly #acceptedAt: number;
  readonly #volumes = new PodVolumes();
  readonly #stopping = new Set<string>();
  #pod: Pod;
  #network: PodNetwork | undefined;
  #missing: string | undefined;
  #termination: Promise<void> | undefined;
  #graceSeconds = Number.POSITIVE_INFINITY;
  #failure: Rejection | undefined;
  #ended = false;
  #released = false;

  /** @param changed called when a sync is due for a reason of the pod's own */
  constructor(pod: Pod, context: NodeContext, changed: () => void) {
    this.#pod = pod;
    this.uid = pod.metadata.uid ?? '';
    this.#context = context;
    this.#changed = changed;
    this.#acceptedAt = context.clock.now();
    if (isTerminal(pod)) return;
    for (const record of adoptedRecords(pod, formatTime(this.#acceptedAt)))
      this.records.set(record.name, record);
    const isLost = pod.status?.containerStatuses?.some(({ state }) => state.running !== undefined) === true;
    if (!isLost || pod.metadata.deletionTimestamp !== undefined) return;
    context.record(pod, 'Normal', 'SandboxChanged', 'Pod sandbox changed, it will be killed and re-created.');
  }

  get pod(): Pod {
    return this.#pod;
  }

  /** Nothing runs, and nothing will. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Whether its status is ours to write: not of a pod that had ended before. */
  get hasStatus(): boolean {
    return this.hasRun || this.#failure !== undefined || !this.#ended;
  }

  /** Whether a container was started here. */
  get hasRun(): boolean {
    return [...this.records.values()].some(({ instance }) => instance !== undefined);
  }

  /**
   * Brings the pod in line with what it should be.
   * @returns when to look again (milliseconds since the epoch), where no event will tell
   */
  sync(pod: Pod): number | undefined {
    this.#pod = pod;
    if (pod.metadata.deletionTimestamp !== undefined) {
      this.terminate(pod.metadata.deletionGracePeriodSeconds ?? 30);
    } else if (this.#ended || (isTerminal(pod) && !this.hasRun)) {
      this.#ended = true;
    } else if (this.#termination === undefined) {
      return this.#run(pod);
    }
    return undefined;
  }

  status(pod: Pod): PodStatus {
    const { clock, hostIP } = this.#context;
    const inputs = {
      records: this.records,
      podIP: this.#network?.address,
      hostIP,
      acceptedAt: this.#acceptedAt,
      ended: this.#ended,
      failure: this.#failure,
    };
    return podStatus(pod, inputs, clock.now());
  }

  /** Ends all containers in order, within the time given: the shortest that was ever given counts. */
  terminate(graceSeconds: number): void {
    if (graceSeconds < this.#graceSeconds && this.#termination !== undefined) {
      for (const { instance } of this.records.values()) {
        instance?.stop(Math.max(minGraceSeconds, graceSeconds) * 1000);
      }
    }
    this.#graceSeconds = Math.min(this.#graceSeconds, graceSeconds);
    this.#termination ??= this.#terminate();
  }

  /** The node does not take the pod in. */
  reject(why: Rejection): void {
    this.#failure = why;
    this.#ended = true;
    this.#context.record(this.#pod, 'Warning', why.reason, why.message);
  }

  /** Cuts everything off at once, as a machine does that loses its power. */
  kill(): void {
    this.#termination ??= Promise.resolve();
    for (const { instance } of this.records.values()) instance?.kill();
    this.#release();
  }

  #run(pod: Pod): number | undefined {
    const { clock } = this.#context;
    const deadline = this.#deadline(pod);
    if (deadline !== undefined && clock.now() >= deadline) {
      const message = 'Pod was active on the node longer than the specified deadline';
      this.#failure = { reason: 'DeadlineExceeded', message };
      this.#context.record(pod, 'Normal', 'DeadlineExceeded', message);
      this.terminate(pod.spec.terminationGracePeriodSeconds ?? 30);
      return undefined;
    }
    if (!this.#prepare(pod)) return deadline;
    const wakes = deadline === undefined ? [] : [deadline];
    const tried = new Set<string>();
    for (;;) {
      const decision = decide(pod.spec, this.#views(), clock.now());
      const start = decision.start.filter((name) => !tried.has(name));
      for (const stop of decision.stop) this.#stop(stop.name, stop.message, stop.graceSeconds);
      for (const name of start) this.#start(name);
      for (const name of start) tried.add(name);
      if (start.length > 0) continue;
      for (const delay of decision.delays) wakes.push(this.#showDelay(delay));
      const running = [...this.records.values()].some(isRunning);
      this.#ended = decision.finished && !running;
      if (this.#ended) this.#release();
      return wakes.length === 0 ? undefined : Math.min(...wakes);
    }
  }

  /** Volumes and network. False while something is missing. */
  #prepare(pod: Pod): boolean {
    const context = this.#context;
    const { namespace = '' } = pod.metadata;
    const place = this.#place();
    const objects = context.objects(namespace);
    const missing = this.#volumes.refresh({
      pod,
      place,
      objects,
      token: (projection) => context.token(this.#pod, projection),
    });
    if (missing !== undefined && missing !== this.#missing)
      context.record(pod, 'Warning', 'FailedMount', missing);
    this.#missing = missing;
    if (missing !== undefined) return false;
    try {
      this.#network ??= context.network(pod);
    } catch (error) {
      const message = `Failed to create pod sandbox: ${errorMessage(error)}`;
      context.record(pod, 'Warning', 'FailedCreatePodSandBox', message);
      throw error;
    }
    return true;
  }

  #place(): PodPlace {
    const { hostIP, name, allocatable } = this.#context;
    return { podIP: this.#network?.address ?? '', hostIP, nodeName: name, allocatable };
  }

  #deadline({ spec }: Pod): number | undefined {
    const seconds = spec.activeDeadlineSeconds;
    return seconds === undefined ? undefined : this.#acceptedAt + seconds * 1000;
  }

  #views(): ReadonlyMap<string, ContainerView> {
    const views = new Map<string, ContainerView>();
    for (const record of this.records.values()) {
      const { name, instance, started, image, fault, backOff, pull } = record;
      if (instance === undefined && pull === undefined) continue;
      const stopping = this.#stopping.has(name) || instance?.stopping === true;
      const running = isRunning(record);
      views.set(name, { running, exit: instance?.exit, started, stopping, image, fault, backOff, pull });
    }
    return views;
  }

  #start(name: string): void {
    const context = this.#context;
    const pod = this.#pod;
    const container = containerOf(pod, name);
    const network = this.#network;
    if (container === undefined || network === undefined) return;
    const record = this.#record(name);
    const image = ensureImage(pod, container, record, context);
    if (image === undefined) return;
    const restartCount = record.restartCount + (record.instance === undefined ? 0 : 1);
    let instance: ContainerInstance;
    try {
      const onExit = (): void => this.#exited(record, container);
      const place = this.#place();
      const launch = { pod, container, image, network, place, restartCount, onExit, volumes: this.#volumes };
      instance = createInstance(launch, context);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      if (record.waiting?.message !== error.message) {
        context.record(pod, 'Warning', 'Failed', `Error: ${error.message}`, name);
      }
      record.waiting = { reason: 'CreateContainerConfigError', message: error.message };
      return;
    }
    this.#follow(record, container, instance, restartCount);
  }

  /** Makes `instance` the container's run. */
  #follow(
    record: ContainerRecord,
    container: Container,
    instance: ContainerInstance,
    restartCount: number,
  ): void {
    const { clock } = this.#context;
    const ended = record.instance?.exit;
    if (ended !== undefined) {
      record.backOff = nextBackOff(record.backOff, ended.finishedAt, clock.now());
      const terminated = record.terminated ?? terminatedState(record);
      record.previous = { terminated, log: record.instance?.log };
    }
    Object.assign(record, {
      instance,
      restartCount,
      image: container.image ?? '',
      started: false,
      ready: false,
      waiting: undefined,
      terminated: undefined,
      fault: undefined,
    });
    this.#context.record(this.#pod, 'Normal', 'Created', 'Container created', record.name);
    this.#context.record(this.#pod, 'Normal', 'Started', 'Container started', record.name);
    const { postStart } = container.lifecycle ?? {};
    record.started = postStart === undefined && container.startupProbe === undefined;
    record.ready = record.started && container.readinessProbe === undefined;
    instance.start();
    void this.#watch(record, container, instance);
  }

  async #watch(record: ContainerRecord, container: Container, instance: ContainerInstance): Promise<void> {
    const target = this.#target(container, instance);
    const { postStart } = container.lifecycle ?? {};
    if (postStart !== undefined) {
      const { ok, output } = await runHandler(postStart, target, undefined, 'hook');
      if (instance.exit !== undefined) return;
      if (!ok) {
        this.#context.record(
          this.#pod,
          'Warning',
          'FailedPostStartHook',
          'PostStartHook failed',
          record.name,
        );
        this.#fail(record, 'FailedPostStartHook', undefined);
        this.#context.log.info('a postStart hook failed', { container: record.name, output });
        return;
      }
    }
    if (postStart !== undefined || isProbed(container))
      await runProbes(target, this.#report(record, instance));
  }

  #report(record: ContainerRecord, instance: ContainerInstance): ProbeReport {
    const isCurrent = (): boolean => record.instance === instance && instance.exit === undefined;
    const set = (field: 'started' | 'ready', value: boolean): void => {
      if (!isCurrent() || record[field] === value) return;
      record[field] = value;
      this.#changed();
    };
    const isTerminating = (): boolean => this.#termination !== undefined;
    return {
      started: () => set('started', true),
      ready: (isReady) => set('ready', isReady),
      unhealthy: (type, output) =>
        this.#context.record(
          this.#pod,
          'Warning',
          'Unhealthy',
          `${type} probe failed: ${output}`,
          record.name,
        ),
      failed: (type, probe) => {
        const message = `Container ${record.name} failed ${type.toLowerCase()} probe, will be restarted`;
        if (isCurrent()) this.#fail(record, message, probe.terminationGracePeriodSeconds);
      },
      get terminating() {
        return isTerminating();
      },
    };
  }

  #fail(record: ContainerRecord, message: string, graceSeconds: number | undefined): void {
    record.fault = { message, graceSeconds };
    this.#changed();
  }

  #target(container: Container, instance: ContainerInstance): HandlerTarget {
    const { clock, shell, nodeNetwork } = this.#context;
    const network = nodeNetwork ?? instance.seams.network;
    return { container, instance, podIP: this.#network?.address ?? '', network, clock, shell };
  }

  #exited(record: ContainerRecord, container: Container): void {
    const { instance } = record;
    record.ready = record.started = false;
    if (instance === undefined) return;
    const { terminationMessagePath = '/dev/termination-log', terminationMessagePolicy } = container;
    const fallback =
      terminationMessagePolicy === 'FallbackToLogsOnError' && instance.exit?.code !== 0
        ? instance.log.tail(terminationMessageLines, maxTerminationMessage / 2)
        : '';
    const done = (message: string): void => {
      if (record.instance === instance) record.terminated = terminatedState(record, message || fallback);
      this.#changed();
    };
    instance.options.files.read(terminationMessagePath).then(
      (bytes) => done(Buffer.from(bytes.subarray(0, maxTerminationMessage)).toString('utf8')),
      () => done(''),
    );
  }

  /** @returns when it is over */
  #showDelay(delay: Delay): number {
    const pod = this.#pod;
    const { clock } = this.#context;
    const container = containerOf(pod, delay.name);
    const record = this.#record(delay.name);
    if (delay.why === 'pull' && container !== undefined) {
      const shownUntil = Math.min(delay.until, delay.pull.failedAt + pullErrorShownMs);
      if (clock.now() < shownUntil) return shownUntil;
      showPullBackOff(pod, container, record, this.#context);
    }
    if (delay.why === 'crash' && record.waiting?.reason !== 'CrashLoopBackOff') {
      const { name, namespace, uid } = pod.metadata;
      const where = `${name}_${namespace}(${uid})`;
      const message = `back-off ${formatDuration(delay.delayMs)} restarting failed container=${delay.name} pod=${where}`;
      record.waiting = { reason: 'CrashLoopBackOff', message };
      const event = `Back-off restarting failed container ${delay.name} in pod ${where}`;
      this.#context.record(pod, 'Warning', 'BackOff', event, delay.name);
    }
    return delay.until;
  }

  #stop(name: string, message: string, graceSeconds: number | undefined): void {
    const grace = graceSeconds ?? this.#pod.spec.terminationGracePeriodSeconds ?? 30;
    void this.#stopOne(name, message, grace);
  }

  async #stopOne(name: string, message: string, graceSeconds: number): Promise<void> {
    const { instance } = this.#record(name);
    const container = containerOf(this.#pod, name);
    if (instance === undefined || instance.exit !== undefined || container === undefined) return;
    if (this.#stopping.has(name)) {
      instance.stop(Math.max(minGraceSeconds, graceSeconds) * 1000);
      await instance.exited;
      return;
    }
    this.#stopping.add(name);
    const { clock } = this.#context;
    const report = (type: 'Normal' | 'Warning', reason: string, text: string): void =>
      this.#context.record(this.#pod, type, reason, text, name);
    const target = this.#target(container, instance);
    try {
      await stopContainer({ target, message, graceSeconds, clock, report });
    } finally {
      this.#stopping.delete(name);
    }
  }

  async #terminate(): Promise<void> {
    const { clock } = this.#context;
    const until = clock.monotonic() + this.#graceSeconds * 1000;
    const left = (): number => Math.max(0, (until - clock.monotonic()) / 1000);
    const { initContainers = [] } = this.#pod.spec;
    const sidecars = initContainers.filter(isSidecar).map(({ name }) => name);
    const others = [...this.records.keys()].filter((name) => !sidecars.includes(name));
    const stop = (name: string): Promise<void> => this.#stopOne(name, `Stopping container ${name}`, left());
    await Promise.all(others.map(stop));
    for (const name of sidecars.reverse()) await stop(name);
    this.#release();
    this.#ended = true;
    this.#changed();
  }

  /** The address stays in the status, but may be given to another pod. */
  #release(): void {
    if (!this.#released) this.#network?.release();
    this.#released = true;
  }

  #record(name: string): ContainerRecord {
    const known = this.records.get(name);
    if (known !== undefined) return known;
    const record = newRecord(name);
    this.records.set(name, record);
    return record;
  }
}

function isTerminal({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}

function containerOf({ spec }: Pod, name: string): Container | undefined {
  return [...(spec.initContainers ?? []), ...spec.containers].find((container) => container.name === name);
}

function isProbed({ startupProbe, readinessProbe, livenessProbe }: Container): boolean {
  return (startupProbe ?? readinessProbe ?? livenessProbe) !== undefined;
}

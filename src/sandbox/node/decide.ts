// Which containers of a pod to start and to stop. Source: computePodActions of pkg/kubelet/kuberuntime of Kubernetes 1.36.
import { type BackOff, currentBackOff, retryAt } from './back-off.ts';
import type { FailedPull, Fault } from './container-record.ts';
import { type Container, isSidecar, type PodSpec } from './kinds.ts';

/** A container as it is. Times are milliseconds since the epoch. */
export interface ContainerView {
  readonly running: boolean;
  /** Of the latest run, once that has ended. */
  readonly exit: { readonly code: number; readonly finishedAt: number } | undefined;
  readonly started: boolean;
  /** It has been asked to end. */
  readonly stopping: boolean;
  /** What it was started from. */
  readonly image: string;
  readonly fault: Fault | undefined;
  readonly backOff: BackOff | undefined;
  readonly pull: FailedPull | undefined;
}

export interface Stop extends Fault {
  readonly name: string;
}

/** What a container waits for. */
export type Delay =
  | { readonly name: string; readonly why: 'crash'; readonly delayMs: number; readonly until: number }
  | { readonly name: string; readonly why: 'pull'; readonly pull: FailedPull; readonly until: number };

export interface Decision {
  readonly start: readonly string[];
  readonly stop: readonly Stop[];
  readonly delays: readonly Delay[];
  /** Nothing will be started again. */
  readonly finished: boolean;
}

/** @param views by name; a container that nobody has tried to start has none */
export function decide(spec: PodSpec, views: ReadonlyMap<string, ContainerView>, now: number): Decision {
  const start: string[] = [];
  const delays: Delay[] = [];
  const begin = (container: Container): void => {
    const delay = delayOf(container.name, views.get(container.name), now);
    if (delay === undefined) start.push(container.name);
    else delays.push(delay);
  };
  const init = initStep(spec, views);
  if (init.failed || isFinished(spec, views)) {
    return { start, delays, stop: lastSidecar(spec, views), finished: true };
  }
  for (const container of init.begin) begin(container);
  if (init.done) {
    for (const container of spec.containers) {
      const view = views.get(container.name);
      if (view?.running !== true && mayStart(container, view, spec)) begin(container);
    }
  }
  const all = [...(spec.initContainers ?? []), ...spec.containers];
  const stop = all.flatMap((container) => replacement(container, views.get(container.name)));
  return { start, delays, stop, finished: false };
}

interface InitStep {
  readonly begin: readonly Container[];
  /** The containers proper may run. */
  readonly done: boolean;
  readonly failed: boolean;
}

function initStep(spec: PodSpec, views: ReadonlyMap<string, ContainerView>): InitStep {
  const initialized = spec.containers.some(({ name }) => hasRun(views.get(name)));
  const begin: Container[] = [];
  for (const container of spec.initContainers ?? []) {
    const view = views.get(container.name);
    if (isSidecar(container)) {
      if (view?.running !== true) begin.push(container);
      if (view?.started === true || initialized) continue;
    } else {
      if (view?.exit?.code === 0 || initialized) continue;
      const failed = view?.exit !== undefined && !mayStart(container, view, spec);
      if (failed) return { begin, done: false, failed };
      if (view?.running !== true) begin.push(container);
    }
    return { begin, done: false, failed: false };
  }
  return { begin, done: true, failed: false };
}

function hasRun(view: ContainerView | undefined): boolean {
  return view !== undefined && (view.running || view.exit !== undefined);
}

/** Whether a container that does not run should. */
export function mayStart(
  container: Container,
  view: { readonly exit: { readonly code: number } | undefined } | undefined,
  { restartPolicy = 'Always', initContainers = [] }: PodSpec,
): boolean {
  if (view?.exit === undefined || isSidecar(container)) return true;
  const failed = view.exit.code !== 0;
  if (initContainers.some(({ name }) => name === container.name)) return failed && restartPolicy !== 'Never';
  return restartPolicy === 'Always' || (restartPolicy === 'OnFailure' && failed);
}

function isFinished(spec: PodSpec, views: ReadonlyMap<string, ContainerView>): boolean {
  return spec.containers.every((container) => {
    const view = views.get(container.name);
    return view?.exit !== undefined && !mayStart(container, view, spec);
  });
}

/** Sidecars end one after the other, in the reverse of the order in which they began. */
function lastSidecar(spec: PodSpec, views: ReadonlyMap<string, ContainerView>): Stop[] {
  const running = (spec.initContainers ?? []).filter(({ name }) => views.get(name)?.running === true);
  const name = running.at(-1)?.name;
  if (name === undefined || views.get(name)?.stopping === true) return [];
  return [{ name, message: `Stopping container ${name}`, graceSeconds: undefined }];
}

function replacement({ name, image = '' }: Container, view: ContainerView | undefined): Stop[] {
  if (view?.running !== true || view.stopping) return [];
  if (view.fault !== undefined) return [{ name, ...view.fault }];
  if (view.image === image) return [];
  return [
    { name, message: `Container ${name} definition changed, will be restarted`, graceSeconds: undefined },
  ];
}

/** @returns undefined when it may start now */
function delayOf(name: string, view: ContainerView | undefined, now: number): Delay | undefined {
  if (view?.pull !== undefined) {
    const until = retryAt(view.pull.backOff, view.pull.failedAt);
    if (now < until) return { name, why: 'pull', pull: view.pull, until };
  }
  if (view?.exit === undefined) return undefined;
  const { finishedAt } = view.exit;
  const until = retryAt(view.backOff, finishedAt);
  if (now >= until) return undefined;
  return { name, why: 'crash', delayMs: currentBackOff(view.backOff, finishedAt)?.delayMs ?? 0, until };
}

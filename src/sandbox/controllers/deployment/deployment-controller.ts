import { statusReason } from '../../../base/error-codes.ts';
import { errorMessage, TypedError } from '../../../base/errors.ts';
import { isAlreadyExists, isNamespaceTerminating } from '../../../kube/api-error.ts';
import type { Controller, Result } from '../../../kube/controller.ts';
import type { EventRecorder } from '../../../kube/event-recorder.ts';
import { parseKey } from '../../../kube/object-key.ts';
import { forObject, forOwner, mapped } from '../../../kube/sources.ts';
import { createMergePatch } from '../../../machinery/merge-patch.ts';
import type { Json } from '../../../machinery/json.ts';
import { controllerOf } from '../../../machinery/owner-references.ts';
import { claim, forOrphans } from '../claim.ts';
import { byController, type ControllerContext } from '../context.ts';
import { type Deployment, type DeploymentStatus, deploymentKind, type ReplicaSet } from '../kinds.ts';
import { isFinished, isTerminating } from '../pods.ts';
import { sameTemplate } from '../template-hash.ts';
import { findCondition } from '../workload-conditions.ts';
import { recreateStep, scalingStep } from './decide.ts';
import {
  annotations,
  countIn,
  newReplicaSet,
  newestAnnotations,
  revisionOf,
  sizeAnnotations,
  split,
} from './replica-sets.ts';
import { limitsOf, newestSize, type Resize, rollingStep } from './sizes.ts';
import {
  countedStatus,
  isComplete,
  progressDeadlineMs,
  rolloutStatus,
  untilLate,
  withPause,
  withProgress,
} from './status.ts';

/** Rolls out the templates of Deployments: one ReplicaSet per template, pods moved from the old ones to the newest. */
export function createDeploymentController(context: ControllerContext): Controller {
  const { deployments, replicaSets, pods } = context;
  const recorder = context.recorder('deployment-controller');
  // The end of a pod matters to Recreate alone; its owner is a ReplicaSet.
  const endsOfPods = mapped(pods.store, (pod, event) => {
    if (event.type !== 'deleted') return [];
    const owner = controllerOf(pod);
    const set =
      owner?.kind === 'ReplicaSet' ? replicaSets.get(pod.metadata.namespace, owner.name) : undefined;
    const deployment = set === undefined ? undefined : controllerOf(set);
    return deployment?.kind === 'Deployment' ? [`${pod.metadata.namespace ?? ''}/${deployment.name}`] : [];
  });
  return context.controller(
    'deployment',
    [
      forObject(deployments.store),
      forOwner(replicaSets.store, deploymentKind),
      forOrphans(replicaSets.store, deployments.store),
      endsOfPods,
    ],
    async (key, { signal }) => {
      await Promise.all([deployments.caughtUp(signal), replicaSets.caughtUp(signal)]);
      const { namespace, name } = parseKey(key);
      const deployment = deployments.get(namespace, name);
      if (deployment === undefined) return undefined;
      const sets = await claim(replicaSets, deployments, deployment, signal);
      return new Sync(context, recorder, deployment, sets, signal).run();
    },
  );
}

/** One reconcile of one Deployment. What it writes it also keeps here, so that the status at the end is up to date. */
class Sync {
  readonly #context: ControllerContext;
  readonly #recorder: EventRecorder;
  readonly #deployment: Deployment;
  readonly #signal: AbortSignal;
  readonly #now: number;
  #sets: ReplicaSet[];
  #conditions: NonNullable<DeploymentStatus['conditions']>;
  #revision: string | undefined;

  constructor(
    context: ControllerContext,
    recorder: EventRecorder,
    deployment: Deployment,
    sets: readonly ReplicaSet[],
    signal: AbortSignal,
  ) {
    this.#context = context;
    this.#recorder = recorder;
    this.#deployment = deployment;
    this.#sets = [...sets];
    this.#signal = signal;
    this.#now = context.now();
    this.#conditions = deployment.status?.conditions ?? [];
    this.#revision = deployment.metadata.annotations?.[annotations.revision];
  }

  async run(): Promise<Result> {
    const deployment = this.#deployment;
    const { paused = false, strategy } = deployment.spec;
    if (isTerminating(deployment)) return this.#finish('scaling');
    this.#conditions = withPause(deployment, this.#conditions, this.#now);
    await this.#syncNewest();
    if (paused || this.#isScaled()) {
      await this.#resize(scalingStep(limitsOf(deployment.spec), deployment, this.#split()), true);
      if (paused) await this.#cleanUp();
      return this.#finish('scaling');
    }
    if (strategy.type === 'Recreate') return this.#recreate();
    await this.#createNewest();
    const { newest, old } = this.#sizes();
    const steps = newest === undefined ? [] : rollingStep(limitsOf(deployment.spec), newest, old);
    await this.#resize(steps, false);
    if (steps.length === 0) await this.#cleanUpIfComplete();
    return this.#finish('rollout');
  }

  async #recreate(): Promise<Result> {
    const { spec } = this.#deployment;
    const { old } = this.#split();
    const shrink = recreateStep(old);
    await this.#resize(shrink, false);
    if (shrink.length > 0 || this.#hasOldPods(old)) return this.#finish('rollout');
    await this.#createNewest();
    const { newest } = this.#sizes();
    if (newest !== undefined && newest.replicas !== spec.replicas) {
      await this.#resize([{ name: newest.name, from: newest.replicas, to: spec.replicas }], false);
    }
    await this.#cleanUpIfComplete();
    return this.#finish('rollout');
  }

  #hasOldPods(old: readonly ReplicaSet[]): boolean {
    return old.some(
      ({ metadata, status }) =>
        (status?.replicas ?? 0) > 0 ||
        this.#context.pods.store.byIndex(byController, metadata.uid ?? '').some((pod) => !isFinished(pod)),
    );
  }

  #split(): ReturnType<typeof split> {
    return split(this.#deployment, this.#sets);
  }

  #sizes(): { newest: ReturnType<typeof sizeOf> | undefined; old: ReturnType<typeof sizeOf>[] } {
    const { newest, old } = this.#split();
    return { newest: newest === undefined ? undefined : sizeOf(newest), old: old.map(sizeOf) };
  }

  /** Whether the Deployment has another size than its ReplicaSets were made for. */
  #isScaled(): boolean {
    return this.#sets.some((set) => {
      const desired = countIn(set, annotations.desired);
      return set.spec.replicas > 0 && desired !== undefined && desired !== this.#deployment.spec.replicas;
    });
  }

  /** Brings the annotations of the newest set up to date, and takes its revision for the Deployment's. */
  async #syncNewest(): Promise<void> {
    const { newest, old } = this.#split();
    if (newest === undefined) return;
    const { minReadySeconds = 0 } = this.#deployment.spec;
    const current = newest.metadata.annotations ?? {};
    const next = newestAnnotations(this.#deployment, current, old);
    const difference = createMergePatch(current, next);
    const change = {
      ...(Object.keys(difference).length > 0 && { metadata: { annotations: difference } }),
      ...((newest.spec.minReadySeconds ?? 0) !== minReadySeconds && { spec: { minReadySeconds } }),
    };
    const synced = Object.keys(change).length === 0 ? newest : await this.#patchSet(newest, change);
    this.#revision = synced.metadata.annotations?.[annotations.revision] ?? this.#revision;
    const isKnown = findCondition(this.#conditions, 'Progressing') !== undefined;
    if (isKnown || progressDeadlineMs(this.#deployment) === undefined) return;
    const message = `Found new replica set "${newest.metadata.name ?? ''}"`;
    this.#progress('True', 'FoundNewReplicaSet', message);
  }

  async #createNewest(): Promise<void> {
    const { newest, old } = this.#split();
    if (newest !== undefined) return;
    const deployment = this.#deployment;
    const limits = limitsOf(deployment.spec);
    const others = old.reduce((n, { spec }) => n + spec.replicas, 0);
    const replicas =
      deployment.spec.strategy.type === 'Recreate' ? limits.replicas : newestSize(limits, 0, others);
    const wanted = newReplicaSet(deployment, replicas, old, limits);
    const created = await this.#create(wanted);
    if (created === undefined) return;
    this.#sets.push(created);
    this.#revision = wanted.metadata.annotations?.[annotations.revision];
    const name = created.metadata.name ?? '';
    if (replicas > 0) this.#report(`Scaled up replica set ${name} from 0 to ${replicas}`);
    if (progressDeadlineMs(deployment) === undefined) return;
    this.#progress('True', 'NewReplicaSetCreated', `Created new replica set "${name}"`);
  }

  /** @returns undefined when nothing can be created in this namespace any more */
  async #create(wanted: ReplicaSet): Promise<ReplicaSet | undefined> {
    const { replicaSets } = this.#context;
    try {
      return await replicaSets.create(wanted, this.#signal);
    } catch (error) {
      if (isNamespaceTerminating(error)) return undefined;
      if (isAlreadyExists(error)) return this.#existing(wanted);
      const message = `Failed to create new replica set "${wanted.metadata.name ?? ''}": ${errorMessage(error)}`;
      if (!this.#signal.aborted) {
        this.#progress('False', 'ReplicaSetCreateError', message);
        this.#recorder.record(this.#deployment, 'Warning', 'ReplicaSetCreateError', message);
        await this.#finish('scaling');
      }
      throw error;
    }
  }

  /** A set of the wanted name is there: ours after all, or another template with the same hash. */
  async #existing(wanted: ReplicaSet): Promise<ReplicaSet> {
    const { replicaSets, deployments } = this.#context;
    const { namespace, name = '' } = wanted.metadata;
    const found = await replicaSets.client.get({ namespace, name }, { signal: this.#signal });
    const { template } = this.#deployment.spec;
    const isOurs = controllerOf(found)?.uid === this.#deployment.metadata.uid;
    if (isOurs && sameTemplate(found.spec.template, template)) return found;
    const collisionCount = (this.#deployment.status?.collisionCount ?? 0) + 1;
    await deployments.patch(this.#deployment, { status: { collisionCount } }, this.#signal, 'status');
    throw new TypedError(`ReplicaSet ${name} has another template: its name is taken`, {
      code: statusReason('AlreadyExists'),
      next: 'wait',
    });
  }

  async #patchSet(set: ReplicaSet, change: object): Promise<ReplicaSet> {
    const patched = await this.#context.replicaSets.patch(set, change, this.#signal);
    this.#sets = this.#sets.map((other) => (other.metadata.uid === set.metadata.uid ? patched : other));
    return patched;
  }

  /** @param annotate also mark sets that keep their size as made for the Deployment's */
  async #resize(steps: readonly Resize[], annotate: boolean): Promise<void> {
    const marks = sizeAnnotations(limitsOf(this.#deployment.spec));
    for (const { name, from, to } of steps) {
      const set = this.#sets.find(({ metadata }) => metadata.name === name);
      if (set === undefined) continue;
      const isMarked = Object.entries(marks).every(
        ([key, value]) => set.metadata.annotations?.[key] === value,
      );
      if (from === to && (!annotate || isMarked)) continue;
      await this.#patchSet(set, { metadata: { annotations: marks }, spec: { replicas: to } });
      if (from === to) continue;
      this.#report(`Scaled ${from < to ? 'up' : 'down'} replica set ${name} from ${from} to ${to}`);
    }
  }

  async #cleanUpIfComplete(): Promise<void> {
    if (isComplete(this.#deployment, this.#deployment.status ?? {})) await this.#cleanUp();
  }

  /** Deletes the oldest revisions beyond those that are to be kept. */
  async #cleanUp(): Promise<void> {
    const { revisionHistoryLimit } = this.#deployment.spec;
    if (revisionHistoryLimit === undefined) return;
    const old = this.#split().old.filter((set) => !isTerminating(set));
    const surplus = Math.max(0, old.length - revisionHistoryLimit);
    for (const set of old.sort((a, b) => revisionOf(a) - revisionOf(b)).slice(0, surplus)) {
      const { replicas = 0, observedGeneration = 0 } = set.status ?? {};
      const isIdle = replicas === 0 && set.spec.replicas === 0;
      if (!isIdle || (set.metadata.generation ?? 0) > observedGeneration) continue;
      await this.#context.replicaSets.delete(set, this.#signal);
      this.#sets = this.#sets.filter((other) => other !== set);
    }
  }

  /** Writes status and revision, if they have changed. */
  async #finish(kind: 'scaling' | 'rollout'): Promise<Result> {
    const deployment = this.#deployment;
    const limits = limitsOf(deployment.spec);
    const { newest } = this.#split();
    const counted = countedStatus(deployment, this.#sets, newest, this.#conditions, limits, this.#now);
    const status =
      kind === 'scaling' ? counted : rolloutStatus(deployment, counted, this.#sets, newest, this.#now);
    const before = (deployment.status ?? {}) as Record<string, Json>;
    const difference = createMergePatch(before, { ...status } as unknown as Record<string, Json>);
    const hasRevision = deployment.metadata.annotations?.[annotations.revision] === this.#revision;
    const change = {
      ...(!hasRevision && { metadata: { annotations: { [annotations.revision]: this.#revision } } }),
      ...(Object.keys(difference).length > 0 && { status: difference }),
    };
    if (Object.keys(change).length > 0) {
      await this.#context.deployments.patch(deployment, change, this.#signal, 'status');
    }
    const lateMs = kind === 'rollout' ? untilLate(deployment, status, this.#now) : undefined;
    return lateMs === undefined ? undefined : { requeueAfterMs: lateMs };
  }

  #progress(status: 'True' | 'False', reason: string, message: string): void {
    this.#conditions = withProgress(this.#conditions, { status, reason, message }, this.#now);
  }

  #report(message: string): void {
    this.#recorder.record(this.#deployment, 'Normal', 'ScalingReplicaSet', message);
  }
}

function sizeOf({ metadata, spec, status }: ReplicaSet): {
  readonly name: string;
  readonly replicas: number;
  readonly available: number;
} {
  return {
    name: metadata.name ?? '',
    replicas: spec.replicas,
    available: status?.availableReplicas ?? 0,
  };
}

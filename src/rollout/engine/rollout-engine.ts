import type { Clock } from '../../base/clock.ts';
import { CancelledError, errorMessage, nextStep, TypedError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import { type Canary, canaryFinalizer } from '../../api/canary.ts';
import { isConflict, isNotFound } from '../../kube/api-error.ts';
import { Controller, type ReconcileContext, type Result } from '../../kube/controller.ts';
import type { EventRecorder } from '../../kube/event-recorder.ts';
import { ensureFinalizer, removeFinalizer } from '../../kube/finalizers.ts';
import { type Metrics, noMetrics } from '../../kube/metrics.ts';
import { parseKey } from '../../kube/object-key.ts';
import type { Client, ResourceClient } from '../../kube/resource-client.ts';
import type { RolloutCluster } from '../cluster.ts';
import { type Decision, hasEffects, type RolloutEvent } from '../decision.ts';
import type { Checks, Cookies, Hooks, Router, Services, Target } from '../effects.ts';
import type { Memory } from '../observation.ts';
import { decide } from '../phases.ts';
import { postRolloutEvent } from '../rollback.ts';
import { finalizerChange } from '../termination.ts';
import { act, writeStatus } from './act.ts';
import { CanaryIndex, keyOf } from './canary-index.ts';
import { Inquiry } from './inquiry.ts';
import { observation, observe, type Parts, type Sight } from './observe.ts';
import type { RolloutMetrics } from './rollout-metrics.ts';
import { rolloutSources } from './sources.ts';

export interface RolloutEngineOptions {
  readonly client: Client;
  readonly cluster: RolloutCluster;
  readonly targets: (canary: Canary) => Target | undefined;
  readonly services: Services;
  readonly routers: (provider: string) => Router | undefined;
  readonly checks: Checks;
  readonly hooks: Hooks;
  readonly events: Pick<EventRecorder, 'record'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Of the controller. */
  readonly metrics?: Metrics | undefined;
  readonly rolloutMetrics: RolloutMetrics;
  /** Of Canaries that name none. */
  readonly provider: string;
  readonly noCrossNamespaceRefs?: boolean | undefined;
  /** The shortest interval of an analysis, in milliseconds; default 10 s. */
  readonly minIntervalMs?: number | undefined;
  /** Canaries at once; default 10. Hooks and metrics do not count: nobody waits for them. */
  readonly concurrency?: number | undefined;
}

/** What is known of one Canary beside the cluster. Losing it is harmless. */
interface CanaryState {
  readonly uid: string | undefined;
  readonly inquiry: Inquiry;
  memory: Memory;
  /** Made by a router, and not yet in the status. */
  cookies: Cookies | undefined;
  /** The failure that was told last. */
  failure: string | undefined;
  /** When the first question of the tick was asked (monotonic). */
  askedAt: number | undefined;
  /** A write of the status has failed: the server may have a newer one than the cache. */
  isInDoubt: boolean;
}

/** More decisions in a row than any rollout needs: whoever gets there is going round in circles. */
const maxTurns = 20;
const pauseMs = 1000;
/** Until a repair that failed is tried again. */
const repairMs = 10_000;
/** Until a step that the server refused is tried again. */
const refusedMs = 30_000;

/**
 * Runs the rollouts of a cluster: observes, decides, acts, and observes again, until nothing is left to do before the
 * next event or the next tick.
 */
export class RolloutEngine {
  readonly #options: RolloutEngineOptions;
  readonly #index = new CanaryIndex();
  readonly #states = new Map<string, CanaryState>();
  /** What goes on beside the reconciles: hooks that decide nothing. */
  readonly #closing = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  readonly #controller: Controller;

  constructor(options: RolloutEngineOptions) {
    this.#options = options;
    const { cluster, clock, random, log, metrics = noMetrics, concurrency = 10 } = options;
    // First, so that the index knows a Canary before its event is mapped to keys.
    this.#index.follow(cluster.canaries.store);
    this.#controller = new Controller({
      name: 'canary',
      clock,
      random,
      log,
      metrics,
      concurrency,
      sources: rolloutSources(cluster, this.#index),
      reconcile: (key, context) => this.reconcile(key, context),
      maxDelayMs: 60_000,
    });
    cluster.canaries.store.subscribe(({ type, object }) => {
      const namespace = object.metadata.namespace ?? '';
      if (type === 'added') options.rolloutMetrics.counted(namespace, 1);
      if (type === 'deleted') options.rolloutMetrics.counted(namespace, -1);
    });
  }

  /** Runs until `signal` aborts. Once. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      await this.#controller.run(signal);
    } finally {
      this.#stop.abort(new CancelledError('the engine stops'));
      await Promise.all(this.#closing);
      this.#options.rolloutMetrics.clear();
    }
  }

  /** Brings one Canary as far as it can get now. */
  async reconcile(key: string, context: ReconcileContext): Promise<Result> {
    for (let turn = 0; turn < maxTurns; turn += 1) {
      const canary = this.#options.cluster.canaries.get(parseKey(key));
      if (canary === undefined) {
        this.#forget(key);
        return undefined;
      }
      const state = this.#stateOf(key, canary);
      const next = await this.#guarded(key, canary, state, context);
      if (next !== 'again') return next;
    }
    context.log.warn('a rollout does not come to rest; it goes on in a moment', { turns: maxTurns });
    return { requeueAfterMs: pauseMs };
  }

  #stateOf(key: string, canary: Canary): CanaryState {
    const known = this.#states.get(key);
    if (known !== undefined && known.uid === canary.metadata.uid) return known;
    this.#forget(key);
    const { checks, hooks, clock } = this.#options;
    const onAnswer = (): void => this.#controller.enqueue(key);
    const state: CanaryState = {
      uid: canary.metadata.uid,
      inquiry: new Inquiry({ checks, hooks, clock, onAnswer, signal: this.#stop.signal }),
      memory: {},
      cookies: undefined,
      failure: undefined,
      askedAt: undefined,
      isInDoubt: false,
    };
    this.#states.set(key, state);
    return state;
  }

  #forget(key: string): void {
    this.#states.get(key)?.inquiry.clear();
    this.#states.delete(key);
    this.#options.rolloutMetrics.removed(key);
  }

  /** One turn, whose failures are told once to whoever watches the Canary. */
  async #guarded(
    key: string,
    canary: Canary,
    state: CanaryState,
    context: ReconcileContext,
  ): Promise<'again' | Result> {
    try {
      return await this.#turn(canary, state, context);
    } catch (error) {
      if (context.signal.aborted) throw error;
      // Gone in the middle: what was made for it goes with it.
      if (isNotFound(error) && this.#options.cluster.canaries.get(parseKey(key)) === undefined)
        return 'again';
      // Somebody else has changed something: its event is on its way.
      if (isConflict(error)) return { requeueAfterMs: pauseMs };
      this.#report(canary, state, error);
      // A rollout is never left alone half-way, whatever the server refused.
      if (nextStep(error) === 'stalled' || nextStep(error) === 'wait') return { requeueAfterMs: refusedMs };
      throw error;
    }
  }

  /** Tells a failure, once while it lasts. What settles itself is not worth telling. */
  #report(canary: Canary, state: CanaryState, error: unknown): void {
    const isPassing = isConflict(error) || (error instanceof TypedError && error.code === 'RevisionChanged');
    if (isPassing) return;
    const message = error === undefined ? undefined : errorMessage(error);
    if (message !== undefined && message !== state.failure) {
      this.#tell(canary, { type: 'Warning', message, phase: canary.status?.phase ?? '' });
    }
    state.failure = message;
  }

  async #turn(canary: Canary, state: CanaryState, context: ReconcileContext): Promise<'again' | Result> {
    const { clock, rolloutMetrics } = this.#options;
    if (state.isInDoubt && !(await this.#isCurrent(canary, context.signal)))
      return { requeueAfterMs: pauseMs };
    state.isInDoubt = false;
    const known = withCookies(canary, state.cookies);
    const parts = this.#partsOf(known);
    const sight = observe(this.#observer(), parts, known, clock.now());
    if (await this.#settleFinalizer(canary, sight, context.signal)) return 'again';
    const subject = [canary.metadata.generation, sight.view.target?.revision].join(' ');
    const seen = observation(sight, state.inquiry.answers(subject), state.memory);
    const decided = decide(canary.spec, canary.status ?? {}, seen, clock.now());
    context.log.debug('decided', { step: decided.step, phase: decided.phase });
    // What was being asked no longer matters.
    if (decided.ask === undefined) state.inquiry.stop();
    const { cookies, trouble } = await act(this.#options.services, {
      canary: known,
      decided,
      parts,
      sight,
      signal: context.signal,
    });
    state.cookies = cookies ?? state.cookies;
    this.#report(canary, state, trouble);
    const isWritten = await this.#write(canary, state, decided, context.signal);
    if (!sight.isRival) {
      const weights = this.#options.routers(parts.provider)?.observe(canary);
      rolloutMetrics.observed(canary, decided.phase, weights);
    }
    if (decided.ask !== undefined) {
      state.askedAt ??= clock.monotonic();
      state.inquiry.ask(known, decided.ask);
      return trouble === undefined ? undefined : { requeueAfterMs: repairMs };
    }
    if (decided.removeFinalizer === true) await this.#removeFinalizer(canary, context.signal);
    this.#settle(canary, state, decided);
    const { wakeAt } = decided;
    if (isWritten || hasEffects(decided) || (wakeAt !== undefined && wakeAt <= clock.now())) return 'again';
    const restMs = Math.min(
      wakeAt === undefined ? Number.POSITIVE_INFINITY : wakeAt - clock.now(),
      trouble === undefined ? Number.POSITIVE_INFINITY : repairMs,
    );
    return restMs === Number.POSITIVE_INFINITY ? undefined : { requeueAfterMs: restMs };
  }

  #partsOf(canary: Canary): Parts {
    const { targets, routers } = this.#options;
    const provider = canary.spec.provider ?? this.#options.provider;
    return {
      provider,
      target: targets(canary),
      router: provider === 'kubernetes' ? undefined : routers(provider),
    };
  }

  #observer(): Parameters<typeof observe>[0] {
    const { cluster, services, noCrossNamespaceRefs = false, minIntervalMs = 10_000 } = this.#options;
    return { cluster, services, index: this.#index, noCrossNamespaceRefs, minIntervalMs };
  }

  /** @returns whether the Canary was changed */
  async #settleFinalizer(canary: Canary, sight: Sight, signal: AbortSignal): Promise<boolean> {
    const { isDeleting, hasFinalizer } = sight.observation;
    if (sight.isRival) {
      // Nothing of this target is its own, so there is nothing to give back.
      if (isDeleting && hasFinalizer) await this.#removeFinalizer(canary, signal);
      return isDeleting && hasFinalizer;
    }
    if (isDeleting) return false;
    const { add, remove } = finalizerChange(hasFinalizer, canary.spec.revertOnDeletion);
    if (add !== undefined) await this.#addFinalizer(canary, signal);
    // Only this very version: the next one may want it back, and be deleted with its workload not restored.
    if (remove !== undefined) await this.#removeFinalizer(canary, signal, 1);
    return add !== undefined || remove !== undefined;
  }

  async #addFinalizer(canary: Canary, signal: AbortSignal): Promise<void> {
    await ensureFinalizer(this.#canaries(), canary, canaryFinalizer, { ...this.#options, signal });
    await this.#finalizerSeen(canary, true, signal);
  }

  async #removeFinalizer(canary: Canary, signal: AbortSignal, tries?: number): Promise<void> {
    await removeFinalizer(this.#canaries(), canary, canaryFinalizer, { ...this.#options, signal, tries });
    await this.#finalizerSeen(canary, false, signal);
  }

  #canaries(): ResourceClient<Canary> {
    return this.#options.client.resource<Canary>(this.#options.cluster.canaries.kind);
  }

  /** Resolves when the cache has a change of the finalizer, or another Canary, or none. */
  async #finalizerSeen({ metadata }: Canary, has: boolean, signal: AbortSignal): Promise<void> {
    const { store } = this.#options.cluster.canaries;
    await store.waitFor(
      keyOf({ apiVersion: '', kind: '', metadata }),
      (seen) =>
        seen === undefined ||
        seen.metadata.uid !== metadata.uid ||
        (seen.metadata.finalizers?.includes(canaryFinalizer) === true) === has,
      { signal, timeoutMs: 10_000 },
    );
  }

  async #write(canary: Canary, state: CanaryState, decided: Decision, signal: AbortSignal): Promise<boolean> {
    const { cluster } = this.#options;
    state.isInDoubt = true;
    const isWritten = await writeStatus(cluster, canary, decided, state.cookies, signal);
    state.isInDoubt = false;
    state.cookies = undefined;
    return isWritten;
  }

  /**
   * Whether the cache has the newest version. To decide on an older status would undo what was decided after it, and
   * do it again: users would be sent back and forth.
   */
  async #isCurrent({ metadata }: Canary, signal: AbortSignal): Promise<boolean> {
    const { namespace, name = '', resourceVersion } = metadata;
    const newest = await this.#options.cluster.canaries.read({ namespace, name }, { signal });
    return newest.metadata.resourceVersion === resourceVersion;
  }

  /** All is done and written: remembers it, and tells it. */
  #settle(canary: Canary, state: CanaryState, decided: Decision): void {
    const { clock, hooks, rolloutMetrics } = this.#options;
    const { lastTickAt } = decided.memory;
    const isTick = decided.promote !== undefined || (lastTickAt ?? 0) > (state.memory.lastTickAt ?? 0);
    if (isTick) {
      const now = clock.monotonic();
      rolloutMetrics.ticked(canary, (now - (state.askedAt ?? now)) / 1000);
    }
    state.askedAt = undefined;
    state.inquiry.clear();
    state.memory = decided.memory;
    // With the run that it begins or ends: its revision goes with what is told.
    const told = decided.status === undefined ? canary : { ...canary, status: decided.status };
    for (const event of decided.events) this.#tell(told, event);
    for (const alert of decided.alerts) hooks.alert(told, alert);
    if (decided.outcome !== undefined) rolloutMetrics.ended(canary, decided.outcome);
    if (decided.hooks.length + decided.closingEvents.length > 0) this.#close(told, decided);
  }

  #tell(canary: Canary, event: RolloutEvent): void {
    this.#options.events.record(canary, event.type, 'Synced', event.message);
    this.#options.hooks.event(canary, event);
  }

  /** Calls the hooks that decide nothing, and tells what they answered, while everything else goes on. */
  #close(canary: Canary, { hooks: calls, closingEvents }: Decision): void {
    const { hooks } = this.#options;
    const work = async (): Promise<void> => {
      for (const call of calls) {
        const results = await hooks.call(canary, call, this.#stop.signal);
        for (const result of results) this.#tell(canary, postRolloutEvent(call.phase, result));
      }
    };
    const task = work()
      .catch((error: unknown) => {
        this.#options.log.warn('hooks at the end of a rollout failed', { canary: keyOf(canary), error });
      })
      .then(() => {
        for (const event of closingEvents) this.#tell(canary, event);
      })
      .finally(() => this.#closing.delete(task));
    this.#closing.add(task);
  }
}

function withCookies(canary: Canary, cookies: Cookies | undefined): Canary {
  return cookies === undefined ? canary : { ...canary, status: { ...canary.status, ...cookies } };
}

import { errorMessage, InvalidInputError } from '../../../base/errors.ts';
import { formatTime } from '../../../base/time.ts';
import { patchStatusIfChanged } from '../../../kube/apply-if-changed.ts';
import type { Controller, Result } from '../../../kube/controller.ts';
import type { EventRecorder } from '../../../kube/event-recorder.ts';
import { formatKey, parseKey } from '../../../kube/object-key.ts';
import { mapped } from '../../../kube/sources.ts';
import { jsonEqual } from '../../../machinery/json.ts';
import { type LabelSelector, parseLabelSelector } from '../../../machinery/label-selector.ts';
import { fieldManager } from '../cached.ts';
import { byNamespace, type ControllerContext } from '../context.ts';
import type { Pod, WorkloadCondition } from '../kinds.ts';
import { isTerminating } from '../pods.ts';
import { findCondition } from '../workload-conditions.ts';
import type { Autoscaler } from './autoscaler.ts';
import { forget, limit, newMemory, type ScalingMemory } from './limits.ts';
import { recommend, type Recommendation } from './recommend.ts';
import { type ScaleTarget, scaleTargetOf } from './scale-target.ts';

/** How often the metrics are looked at, in milliseconds. Source: --horizontal-pod-autoscaler-sync-period. */
const periodMs = 15_000;

/** Sizes workloads by what their pods use. */
export function createAutoscalerController(context: ControllerContext): Controller {
  const { autoscalers, pods, deployments, replicaSets, statefulSets } = context;
  const recorder = context.recorder('horizontal-pod-autoscaler');
  const memories = new Map<string, ScalingMemory>();
  /** By key: what each autoscaler selected when it last looked. */
  const selectors = new Map<string, LabelSelector>();
  // A change of its status is no reason to look again: the next look is planned.
  const changes = mapped(autoscalers.store, ({ metadata: { namespace, name = '' } }, event) =>
    event.type === 'modified' && jsonEqual(event.old.spec, event.object.spec)
      ? []
      : [formatKey({ namespace, name })],
  );
  const forReading = [pods, deployments, replicaSets, statefulSets].map(({ store }) =>
    mapped(store as typeof pods.store, () => []),
  );
  return context.controller('horizontalpodautoscaler', [changes, ...forReading], async (key, { signal }) => {
    await autoscalers.caughtUp(signal);
    const { namespace, name } = parseKey(key);
    const autoscaler = autoscalers.get(namespace, name);
    if (autoscaler === undefined || isTerminating(autoscaler)) {
      memories.delete(key);
      selectors.delete(key);
      return undefined;
    }
    const memory = memories.get(key) ?? newMemory();
    memories.set(key, memory);
    forget(memory, context.now());
    return new Look(context, recorder, autoscaler, memory, selectors, signal).run();
  });
}

/** One look at one autoscaler's target. */
class Look {
  readonly #context: ControllerContext;
  readonly #recorder: EventRecorder;
  readonly #autoscaler: Autoscaler;
  readonly #memory: ScalingMemory;
  readonly #selectors: Map<string, LabelSelector>;
  readonly #signal: AbortSignal;
  readonly #now: number;
  #conditions: readonly WorkloadCondition[];
  #metrics: object[] = [];

  constructor(
    context: ControllerContext,
    recorder: EventRecorder,
    autoscaler: Autoscaler,
    memory: ScalingMemory,
    selectors: Map<string, LabelSelector>,
    signal: AbortSignal,
  ) {
    this.#context = context;
    this.#recorder = recorder;
    this.#autoscaler = autoscaler;
    this.#memory = memory;
    this.#selectors = selectors;
    this.#signal = signal;
    this.#now = context.now();
    this.#conditions = autoscaler.status?.conditions ?? [];
  }

  async run(): Promise<Result> {
    const { minReplicas = 1, maxReplicas } = this.#autoscaler.spec;
    let target: ScaleTarget;
    try {
      target = await scaleTargetOf(this.#context, this.#autoscaler, this.#signal);
    } catch (error) {
      if (this.#signal.aborted) throw error;
      const message = errorMessage(error);
      this.#set(
        'AbleToScale',
        'False',
        'FailedGetScale',
        `the HPA controller was unable to get the target's current scale: ${message}`,
      );
      this.#warn('FailedGetScale', message);
      return this.#finish(this.#autoscaler.status ?? {});
    }
    this.#set(
      'AbleToScale',
      'True',
      'SucceededGetScale',
      "the HPA controller was able to get the target's current scale",
    );
    const { replicas: current } = target;
    if (this.#memory.recommendations.length === 0)
      this.#memory.recommendations.push({ at: this.#now, count: current });
    if (current === 0) {
      this.#set(
        'ScalingActive',
        'False',
        'ScalingDisabled',
        'scaling is disabled since the replica count of the target is zero',
      );
      return this.#finish({ currentReplicas: 0, desiredReplicas: 0 });
    }
    if (current > maxReplicas) {
      return this.#resize(target, maxReplicas, 'Current number of replicas above Spec.MaxReplicas');
    }
    if (current < minReplicas) {
      return this.#resize(target, minReplicas, 'Current number of replicas below Spec.MinReplicas');
    }
    return this.#byMetrics(target);
  }

  async #byMetrics(target: ScaleTarget): Promise<Result> {
    const { replicas: current } = target;
    const proposal = this.#propose(target);
    if (proposal === undefined) {
      const desiredReplicas = this.#autoscaler.status?.desiredReplicas ?? 0;
      return this.#finish({ currentReplicas: current, desiredReplicas });
    }
    const verdict = limit(this.#autoscaler.spec, this.#memory, current, proposal.replicas, this.#now);
    this.#set('AbleToScale', 'True', verdict.able.reason, verdict.able.message);
    this.#set('ScalingLimited', verdict.limited.status, verdict.limited.reason, verdict.limited.message);
    if (verdict.replicas === current)
      return this.#finish({ currentReplicas: current, desiredReplicas: current });
    const grows = proposal.replicas > current;
    return this.#resize(
      target,
      verdict.replicas,
      grows ? `${proposal.metric} above target` : 'All metrics below target',
    );
  }

  /** The largest of what the metrics call for. @returns undefined when there is nothing to go by */
  #propose(target: ScaleTarget): { readonly replicas: number; readonly metric: string } | undefined {
    const { metrics = [] } = this.#autoscaler.spec;
    const failures: { readonly reason: string; readonly message: string }[] = [];
    let best: { readonly replicas: number; readonly metric: string } | undefined;
    const selected = this.#select(target.selector);
    const pods = 'pods' in selected ? selected.pods : [];
    if (!('pods' in selected)) failures.push(selected);
    for (const metric of 'pods' in selected ? metrics : []) {
      const name = metric.resource?.name ?? '';
      try {
        const { replicas, current } = this.#recommend(metric, target.replicas, pods);
        this.#metrics.push({ type: 'Resource', resource: { name, current } });
        const how = current.averageUtilization === undefined ? '' : ' utilization (percentage of request)';
        if (best === undefined || replicas > best.replicas)
          best = { replicas, metric: `${name} resource${how}` };
      } catch (error) {
        const what = metric.resource?.target.averageUtilization === undefined ? 'usage' : 'utilization';
        const message = `failed to get ${name} ${what}: ${errorMessage(error)}`;
        this.#warn('FailedGetResourceMetric', message);
        failures.push({
          reason: 'FailedGetResourceMetric',
          message: `the HPA was unable to compute the replica count: ${message}`,
        });
      }
    }
    const [failure] = failures;
    if (failure === undefined || (best !== undefined && best.replicas >= target.replicas)) {
      const from = `the HPA was able to successfully calculate a replica count from ${best?.metric ?? ''}`;
      this.#set('ScalingActive', 'True', 'ValidMetricFound', from);
      return best;
    }
    this.#set('ScalingActive', 'False', failure.reason, failure.message);
    const counted = `${failures.length} invalid out of ${metrics.length}`;
    this.#warn(
      'FailedComputeMetricsReplicas',
      `invalid metrics (${counted}), first error is: ${failure.message}`,
      failure.message,
    );
    return undefined;
  }

  #recommend(
    { type, resource }: NonNullable<Autoscaler['spec']['metrics']>[number],
    replicas: number,
    pods: readonly Pod[],
  ): Recommendation {
    const name = resource?.name;
    if (type !== 'Resource' || (name !== 'cpu' && name !== 'memory') || resource === undefined) {
      throw new InvalidInputError(`metrics of type ${type} are not served by this cluster`);
    }
    const usage = this.#context.options.metrics ?? (() => undefined);
    return recommend(name, resource.target, replicas, pods, usage);
  }

  /** The pods that the target selects, unless they are somebody else's as well. */
  #select(
    text: string,
  ): { readonly pods: readonly Pod[] } | { readonly reason: string; readonly message: string } {
    if (text === '') {
      this.#warn('SelectorRequired', 'selector is required');
      return { reason: 'InvalidSelector', message: "the HPA target's scale is missing a selector" };
    }
    const { namespace = '', name = '' } = this.#autoscaler.metadata;
    const selector = parseLabelSelector(text);
    this.#selectors.set(formatKey({ namespace, name }), selector);
    const pods = this.#context.pods.store
      .byIndex(byNamespace, namespace)
      .filter((pod) => selector.matches(pod.metadata.labels));
    const owners = this.#context.autoscalers.store.byIndex(byNamespace, namespace).filter(({ metadata }) => {
      const other = this.#selectors.get(formatKey({ namespace, name: metadata.name ?? '' }));
      return other !== undefined && pods.some((pod) => other.matches(pod.metadata.labels));
    });
    if (owners.length <= 1) return { pods };
    const names = owners.map(({ metadata }) => `{${metadata.name ?? ''} ${namespace}}`).sort();
    const message = `pods by selector ${text} are controlled by multiple HPAs: [${names.join(' ')}]`;
    this.#warn('AmbiguousSelector', message);
    return { reason: 'AmbiguousSelector', message };
  }

  async #resize(target: ScaleTarget, replicas: number, reason: string): Promise<Result> {
    const { replicas: current } = target;
    try {
      await target.resize(replicas, this.#signal);
    } catch (error) {
      if (this.#signal.aborted) throw error;
      const message = errorMessage(error);
      this.#warn('FailedRescale', `New size: ${replicas}; reason: ${reason}; error: ${message}`);
      this.#set(
        'AbleToScale',
        'False',
        'FailedUpdateScale',
        `the HPA controller was unable to update the target scale: ${message}`,
      );
      return this.#finish({
        currentReplicas: current,
        desiredReplicas: this.#autoscaler.status?.desiredReplicas ?? 0,
      });
    }
    this.#set(
      'AbleToScale',
      'True',
      'SucceededRescale',
      `the HPA controller was able to update the target scale to ${replicas}`,
    );
    this.#recorder.record(
      this.#autoscaler,
      'Normal',
      'SuccessfulRescale',
      `New size: ${replicas}; reason: ${reason}`,
    );
    const change = { at: this.#now, count: Math.abs(replicas - current) };
    (replicas > current ? this.#memory.added : this.#memory.removed).push(change);
    const lastScaleTime = formatTime(this.#now);
    return this.#finish({ currentReplicas: current, desiredReplicas: replicas, lastScaleTime });
  }

  async #finish(counts: {
    readonly currentReplicas?: number;
    readonly desiredReplicas?: number;
    readonly lastScaleTime?: string;
  }): Promise<Result> {
    const { lastScaleTime } = this.#autoscaler.status ?? {};
    const { currentReplicas = 0, desiredReplicas = 0 } = counts;
    const status = {
      ...(lastScaleTime !== undefined && { lastScaleTime }),
      ...counts,
      currentReplicas: currentReplicas === 0 ? undefined : currentReplicas,
      desiredReplicas,
      currentMetrics: this.#metrics.length === 0 ? undefined : this.#metrics,
      conditions: this.#conditions,
    };
    const { autoscalers } = this.#context;
    const options = { fieldManager, signal: this.#signal };
    const written = await patchStatusIfChanged(autoscalers.client, this.#autoscaler, status, options);
    if (written.changed) autoscalers.wrote(written.object);
    return { requeueAfterMs: periodMs };
  }

  #set(type: string, status: 'True' | 'False', reason: string, message: string): void {
    const current = findCondition(this.#conditions, type);
    const lastTransitionTime =
      current?.status === status ? (current.lastTransitionTime ?? null) : formatTime(this.#now);
    const next = { type, status, reason, message, lastTransitionTime };
    this.#conditions =
      current === undefined
        ? [...this.#conditions, next]
        : this.#conditions.map((condition) => (condition === current ? next : condition));
  }

  /**
   * Only what is new: a look every few seconds would otherwise write an event each time.
   *
   * @param about what a condition says of it
   */
  #warn(reason: string, message: string, about = message): void {
    const isKnown = (this.#autoscaler.status?.conditions ?? []).some((condition) =>
      (condition.message ?? '').includes(about),
    );
    if (!isKnown) this.#recorder.record(this.#autoscaler, 'Warning', reason, message);
  }
}

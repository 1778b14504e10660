import type { Canary } from '../../api/canary.ts';
import type { Phase } from '../../api/canary-status.ts';
import type { Metric, MetricLabels, Metrics } from '../../kube/metrics.ts';
import type { Decision } from '../decision.ts';
import type { Routes } from '../observation.ts';
import { effectiveAnalysis, strategyOf } from '../strategies.ts';
import { keyOf } from './canary-index.ts';

// Flagger's names, help and labels, so that its dashboards and alerts work unchanged. Where it says `name`, it is
// the target that is named. Source: pkg/metrics/recorder.go of github.com/fluxcd/flagger.

const of = (type: Metric['type'], name: string, help: string, ...labels: readonly string[]): Metric => ({
  type,
  name: `flagger_${name}`,
  help,
  labels,
});
const info = of('gauge', 'info', 'Flagger version and mesh provider information', 'version', 'mesh_provider');
const total = of('gauge', 'canary_total', 'Total number of canary object', 'namespace');
const status = of('gauge', 'canary_status', 'Last canary analysis result', 'name', 'namespace');
const weight = of(
  'gauge',
  'canary_weight',
  'The virtual service destination weight current value',
  'workload',
  'namespace',
);
const analysis = of(
  'gauge',
  'canary_metric_analysis',
  'Last canary analysis result per metric',
  'name',
  'namespace',
  'metric',
);
const duration: Metric = {
  ...of(
    'histogram',
    'canary_duration_seconds',
    'Seconds spent performing canary analysis.',
    'name',
    'namespace',
  ),
  buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
};
const outcomeLabels = ['name', 'namespace', 'deployment_strategy', 'analysis_status'];
const successes = of(
  'counter',
  'canary_successes_total',
  'Total number of canary successes',
  ...outcomeLabels,
);
const failures = of('counter', 'canary_failures_total', 'Total number of canary failures', ...outcomeLabels);

/** What the engine tells Prometheus about its Canaries. What is deleted is forgotten. */
export class RolloutMetrics {
  readonly #metrics: Metrics;
  readonly #provider: string;
  readonly #totals = new Map<string, number>();
  /** What there is to be removed, by Canary. */
  readonly #series = new Map<string, Map<string, { metric: Metric; labels: MetricLabels }>>();

  /** @param provider for Canaries that name none */
  constructor(metrics: Metrics, version: string, provider: string) {
    this.#metrics = metrics;
    this.#provider = provider;
    metrics.set(info, { version, mesh_provider: provider }, 1);
  }

  /** One Canary more, or less. */
  counted(namespace: string, change: 1 | -1): void {
    const count = (this.#totals.get(namespace) ?? 0) + change;
    if (count > 0) this.#totals.set(namespace, count);
    else this.#totals.delete(namespace);
    this.#metrics.set(total, { namespace }, count);
  }

  observed(canary: Canary, phase: Phase, routes: Routes | undefined): void {
    const labels = this.#labels(canary);
    const value = phase === 'Progressing' ? 0 : phase === 'Failed' ? 2 : 1;
    this.#set(canary, status, labels, value);
    if (routes === undefined) return;
    const { name, namespace } = labels;
    this.#set(canary, weight, { workload: `${name}-primary`, namespace }, routes.primary);
    this.#set(canary, weight, { workload: name, namespace }, routes.canary);
  }

  /** @param value of a metric of the analysis; a duration is in seconds */
  measured(canary: Canary, metric: string, value: number): void {
    this.#set(canary, analysis, { ...this.#labels(canary), metric }, value);
  }

  /** @param seconds that one tick of the analysis took */
  ticked(canary: Canary, seconds: number): void {
    const labels = this.#labels(canary);
    this.#remember(canary, duration, labels);
    this.#metrics.observe(duration, labels, seconds);
  }

  ended(canary: Canary, outcome: NonNullable<Decision['outcome']>): void {
    const { spec } = canary;
    const strategy = strategyOf(effectiveAnalysis(spec, spec.provider ?? this.#provider)).name;
    const isSkipped = outcome === 'skipped';
    const labels = {
      ...this.#labels(canary),
      deployment_strategy: strategy,
      analysis_status: isSkipped ? 'skipped' : 'completed',
    };
    const metric = outcome === 'failed' ? failures : successes;
    this.#remember(canary, metric, labels);
    this.#metrics.count(metric, labels);
  }

  /** @param key of a Canary that is gone */
  removed(key: string): void {
    for (const { metric, labels } of this.#series.get(key)?.values() ?? []) {
      this.#metrics.remove(metric, labels);
    }
    this.#series.delete(key);
  }

  /** Forgets all Canaries: whoever leads from now on measures them. */
  clear(): void {
    for (const key of this.#series.keys()) this.removed(key);
    for (const namespace of this.#totals.keys()) this.#metrics.remove(total, { namespace });
    this.#totals.clear();
  }

  #labels({ metadata, spec }: Canary): { readonly name: string; readonly namespace: string } {
    return { name: spec.targetRef.name, namespace: metadata.namespace ?? '' };
  }

  #set(canary: Canary, metric: Metric, labels: MetricLabels, value: number): void {
    this.#remember(canary, metric, labels);
    this.#metrics.set(metric, labels, value);
  }

  #remember(canary: Canary, metric: Metric, labels: MetricLabels): void {
    const key = keyOf(canary);
    const series = this.#series.get(key) ?? new Map<string, { metric: Metric; labels: MetricLabels }>();
    this.#series.set(key, series);
    series.set(`${metric.name} ${JSON.stringify(labels)}`, { metric, labels });
  }
}

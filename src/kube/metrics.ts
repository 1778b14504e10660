/** What a metric is called and how it is read. A definition with another meaning needs another name. */
export interface Metric {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds of a histogram's buckets. */
  readonly buckets?: readonly number[] | undefined;
}

export type MetricLabels = Readonly<Record<string, string>>;

/** Where measurements go. Implementations must not throw: a measurement never breaks what it measures. */
export interface Metrics {
  /** Adds 1 to a counter. */
  count(metric: Metric, labels: MetricLabels): void;
  /** Sets a gauge. */
  set(metric: Metric, labels: MetricLabels, value: number): void;
  /** Puts a value into a histogram. */
  observe(metric: Metric, labels: MetricLabels, value: number): void;
  /** Forgets the series of a metric with exactly these labels: what it measured is gone. */
  remove(metric: Metric, labels: MetricLabels): void;
}

/** Measures nothing. */
export const noMetrics: Metrics = { count() {}, set() {}, observe() {}, remove() {} };

// Names, help and buckets are controller-runtime's, so that its dashboards and alerts work unchanged.
// Source: sigs.k8s.io/controller-runtime, pkg/internal/controller/metrics and pkg/internal/metrics/workqueue.go.

const reconcileBuckets = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5,
  1.75, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
];
const queueBuckets = Array.from({ length: 12 }, (_, i) => Number(`1e${i - 8}`));

export const reconcileTotal: Metric = {
  type: 'counter',
  name: 'controller_runtime_reconcile_total',
  help: 'Total number of reconciliations per controller',
  labels: ['controller', 'result'],
};
export const reconcileErrors: Metric = {
  type: 'counter',
  name: 'controller_runtime_reconcile_errors_total',
  help: 'Total number of reconciliation errors per controller',
  labels: ['controller'],
};
export const terminalReconcileErrors: Metric = {
  type: 'counter',
  name: 'controller_runtime_terminal_reconcile_errors_total',
  help: 'Total number of terminal reconciliation errors per controller',
  labels: ['controller'],
};
export const reconcileTime: Metric = {
  type: 'histogram',
  name: 'controller_runtime_reconcile_time_seconds',
  help: 'Length of time per reconciliation per controller',
  labels: ['controller'],
  buckets: reconcileBuckets,
};
export const maxConcurrentReconciles: Metric = {
  type: 'gauge',
  name: 'controller_runtime_max_concurrent_reconciles',
  help: 'Maximum number of concurrent reconciles per controller',
  labels: ['controller'],
};
export const activeWorkers: Metric = {
  type: 'gauge',
  name: 'controller_runtime_active_workers',
  help: 'Number of currently used workers per controller',
  labels: ['controller'],
};

const queueLabels = ['name', 'controller'];

export const queueDepth: Metric = {
  type: 'gauge',
  name: 'workqueue_depth',
  help: 'Current depth of workqueue',
  labels: queueLabels,
};
export const queueAdds: Metric = {
  type: 'counter',
  name: 'workqueue_adds_total',
  help: 'Total number of adds handled by workqueue',
  labels: queueLabels,
};
export const queueLatency: Metric = {
  type: 'histogram',
  name: 'workqueue_queue_duration_seconds',
  help: 'How long in seconds an item stays in workqueue before being requested',
  labels: queueLabels,
  buckets: queueBuckets,
};
export const queueWorkDuration: Metric = {
  type: 'histogram',
  name: 'workqueue_work_duration_seconds',
  help: 'How long in seconds processing an item from workqueue takes.',
  labels: queueLabels,
  buckets: queueBuckets,
};
export const queueRetries: Metric = {
  type: 'counter',
  name: 'workqueue_retries_total',
  help: 'Total number of retries handled by workqueue',
  labels: queueLabels,
};

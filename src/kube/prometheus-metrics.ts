import { Counter, Gauge, Histogram, type Registry } from '@prometheus-io/client';
import type { Metric, Metrics } from './metrics.ts';

/** Metrics in a registry of the Prometheus client; a metric is registered when it is first used. */
export function prometheusMetrics(registry: Registry): Metrics {
  const counters = new Map<string, Counter<string>>();
  const gauges = new Map<string, Gauge<string>>();
  const histograms = new Map<string, Histogram<string>>();
  return {
    count: (metric, labels) =>
      cached(counters, metric.name, () => new Counter(configuration(metric, registry))).inc({ ...labels }),
    set: (metric, labels, value) =>
      cached(gauges, metric.name, () => new Gauge(configuration(metric, registry))).set({ ...labels }, value),
    observe: (metric, labels, value) =>
      cached(
        histograms,
        metric.name,
        () =>
          new Histogram({
            ...configuration(metric, registry),
            ...(metric.buckets === undefined ? {} : { buckets: [...metric.buckets] }),
          }),
      ).observe({ ...labels }, value),
    remove: ({ name }, labels) => {
      for (const known of [counters, gauges, histograms]) known.get(name)?.remove({ ...labels });
    },
  };
}

function configuration(
  metric: Metric,
  registry: Registry,
): { name: string; help: string; labelNames: string[]; registers: Registry[] } {
  return { name: metric.name, help: metric.help, labelNames: [...metric.labels], registers: [registry] };
}

function cached<M>(known: Map<string, M>, name: string, create: () => M): M {
  const existing = known.get(name);
  if (existing !== undefined) return existing;
  const metric = create();
  known.set(name, metric);
  return metric;
}

import type { Workload } from './workload.ts';

/** What is known of one request when it has ended. */
export interface RequestRecord {
  readonly reporter: 'source' | 'destination';
  readonly source: Workload | undefined;
  readonly destination: Workload | undefined;
  readonly service: ServiceLabels;
  readonly protocol: 'http' | 'grpc';
  /** 0: the caller left before there was an answer. */
  readonly code: number;
  readonly grpcStatus: string;
  /** As Envoy abbreviates them, joined by commas; `-`: none. */
  readonly flags: string;
  /** Both sides are in the mesh, so that each has proved who it is. */
  readonly mutual: boolean;
  readonly durationMs: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
}

/** How the called service is named. */
export interface ServiceLabels {
  /** `name.namespace.svc.cluster.local` */
  readonly host: string;
  readonly name: string;
  readonly namespace: string;
}

/** Upper bounds of the histograms. Source: Istio's proxy bootstrap. */
const histogramBounds = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000,
  3_600_000,
] as const;

/** More label sets than this in one proxy are not counted: somebody makes them up. */
const maxSeries = 10_000;

const histograms = [
  'istio_request_bytes',
  'istio_request_duration_milliseconds',
  'istio_response_bytes',
] as const;
const width = histogramBounds.length + 1;

/** One label set: its counters lie side by side in one array. */
interface Series {
  readonly labels: string;
  requests: number;
  /** Per histogram: requests per bucket, not cumulated; the last is beyond all bounds. */
  readonly buckets: Float64Array;
  readonly sums: Float64Array;
}

/** The standard metrics of one proxy. Source: Istio's "Istio Standard Metrics". */
export class MeshMetrics {
  readonly #clusterId: string;
  readonly #series = new Map<string, Series>();

  constructor(clusterId = 'Kubernetes') {
    this.#clusterId = clusterId;
  }

  record(record: RequestRecord): void {
    const { reporter, source, destination, service, code, flags, mutual, protocol, grpcStatus } = record;
    const key = `${reporter}\t${source?.id ?? ''}\t${destination?.id ?? ''}\t${service.host}\t${service.name}\t${code}\t${flags}\t${mutual}\t${protocol}\t${grpcStatus}`;
    let series = this.#series.get(key);
    if (series === undefined) {
      if (this.#series.size >= maxSeries) return;
      series = {
        labels: labelText(record, this.#clusterId),
        requests: 0,
        buckets: new Float64Array(histograms.length * width),
        sums: new Float64Array(histograms.length),
      };
      this.#series.set(key, series);
    }
    series.requests += 1;
    observe(series, 0, record.requestBytes);
    observe(series, 1, record.durationMs);
    observe(series, 2, record.responseBytes);
  }

  /** All metrics in the text format of Prometheus. */
  render(): string {
    const all = [...this.#series.values()];
    const lines: string[] = [];
    if (all.length === 0) return '';
    lines.push('# TYPE istio_requests_total counter');
    for (const series of all) lines.push(`istio_requests_total{${series.labels}} ${series.requests}`);
    for (const [i, name] of histograms.entries()) {
      lines.push(`# TYPE ${name} histogram`);
      for (const series of all) renderHistogram(lines, name, series, i);
    }
    return `${lines.join('\n')}\n`;
  }
}

function observe(series: Series, histogram: number, value: number): void {
  let bucket = 0;
  while (bucket < histogramBounds.length && value > (histogramBounds[bucket] ?? Infinity)) bucket += 1;
  const at = histogram * width + bucket;
  series.buckets[at] = (series.buckets[at] ?? 0) + 1;
  series.sums[histogram] = (series.sums[histogram] ?? 0) + value;
}

function renderHistogram(lines: string[], name: string, series: Series, histogram: number): void {
  let total = 0;
  for (let bucket = 0; bucket < width; bucket++) {
    total += series.buckets[histogram * width + bucket] ?? 0;
    lines.push(`${name}_bucket{${series.labels},le="${histogramBounds[bucket] ?? '+Inf'}"} ${total}`);
  }
  lines.push(
    `${name}_sum{${series.labels}} ${series.sums[histogram] ?? 0}`,
    `${name}_count{${series.labels}} ${total}`,
  );
}

function labelText(record: RequestRecord, clusterId: string): string {
  const { reporter, source, destination, service, mutual } = record;
  const principal = (workload: Workload | undefined): string =>
    workload === undefined || !mutual ? 'unknown' : workload.principal;
  // The calling side leaves it to the called one to know this.
  const security = reporter === 'source' ? 'unknown' : mutual ? 'mutual_tls' : 'none';
  const labels: [string, string][] = [
    ['reporter', reporter],
    ...workloadLabels('source', source, principal(source), clusterId),
    ...workloadLabels('destination', destination, principal(destination), clusterId),
    ['destination_service', service.host],
    ['destination_service_name', service.name],
    ['destination_service_namespace', service.namespace],
    ['request_protocol', record.protocol],
    ['response_code', String(record.code)],
    ['grpc_response_status', record.grpcStatus],
    ['response_flags', record.flags],
    ['connection_security_policy', security],
  ];
  return labels.map(([name, value]) => `${name}="${escape(value)}"`).join(',');
}

function workloadLabels(
  side: 'source' | 'destination',
  workload: Workload | undefined,
  principal: string,
  clusterId: string,
): [string, string][] {
  return [
    [`${side}_workload`, workload?.name ?? 'unknown'],
    [`${side}_canonical_service`, workload?.canonicalService ?? 'unknown'],
    [`${side}_canonical_revision`, workload?.canonicalRevision ?? 'latest'],
    [`${side}_workload_namespace`, workload?.namespace ?? 'unknown'],
    [`${side}_principal`, principal],
    [`${side}_app`, workload?.app ?? 'unknown'],
    [`${side}_version`, workload?.version ?? 'unknown'],
    [`${side}_cluster`, workload === undefined ? 'unknown' : clusterId],
  ];
}

function escape(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

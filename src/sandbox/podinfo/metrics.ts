/** Source: prometheus.DefBuckets. */
const bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

interface Histogram {
  readonly method: string;
  readonly path: string;
  readonly status: string;
  /** Observations at or below each bound and above the one before it. */
  readonly counts: number[];
  count: number;
  sum: number;
}

/**
 * What podinfo counts about its requests, and the part of the Go client's own metrics that is true here.
 *
 * Source: pkg/api/http/metrics.go.
 */
export class PodinfoMetrics {
  readonly #durations = new Map<string, Histogram>();
  readonly #requests = new Map<string, number>();
  readonly #startSeconds: number;
  readonly #goVersion: string;
  #scrapes = 0;

  /** @param startMs wall time of the start, milliseconds since the Unix epoch */
  constructor(startMs: number, goVersion: string) {
    this.#startSeconds = startMs / 1000;
    this.#goVersion = goVersion;
  }

  observe(method: string, path: string, status: number, seconds: number): void {
    const key = `${method} ${path} ${status}`;
    let histogram = this.#durations.get(key);
    if (histogram === undefined) {
      histogram = { method, path, status: String(status), counts: bounds.map(() => 0), count: 0, sum: 0 };
      this.#durations.set(key, histogram);
    }
    const bucket = bounds.findIndex((bound) => seconds <= bound);
    if (bucket >= 0) histogram.counts[bucket] = (histogram.counts[bucket] ?? 0) + 1;
    histogram.count += 1;
    histogram.sum += seconds;
    this.#requests.set(histogram.status, (this.#requests.get(histogram.status) ?? 0) + 1);
  }

  /** The metrics in Prometheus's text format. */
  scrape(): string {
    const lines = [
      ...head('go_info', 'gauge', 'Information about the Go environment.'),
      `go_info{version="${this.#goVersion}"} 1`,
      ...this.#durationLines(),
      ...this.#requestLines(),
      ...head(
        'process_start_time_seconds',
        'gauge',
        'Start time of the process since unix epoch in seconds.',
      ),
      `process_start_time_seconds ${goFloat(this.#startSeconds)}`,
      ...head(
        'promhttp_metric_handler_requests_in_flight',
        'gauge',
        'Current number of scrapes being served.',
      ),
      'promhttp_metric_handler_requests_in_flight 1',
      ...head(
        'promhttp_metric_handler_requests_total',
        'counter',
        'Total number of scrapes by HTTP status code.',
      ),
      `promhttp_metric_handler_requests_total{code="200"} ${this.#scrapes}`,
      'promhttp_metric_handler_requests_total{code="500"} 0',
      'promhttp_metric_handler_requests_total{code="503"} 0',
    ];
    this.#scrapes += 1;
    return `${lines.join('\n')}\n`;
  }

  #durationLines(): string[] {
    if (this.#durations.size === 0) return [];
    const name = 'http_request_duration_seconds';
    const sorted = [...this.#durations]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, histogram]) => histogram);
    return [
      ...head(name, 'histogram', 'Seconds spent serving HTTP requests.'),
      ...sorted.flatMap(({ method, path, status, counts, count, sum }) => {
        const labels = `method="${label(method)}",path="${label(path)}",status="${status}"`;
        let below = 0;
        const buckets = bounds.map((bound, i) => {
          below += counts[i] ?? 0;
          return `${name}_bucket{${labels},le="${bound}"} ${below}`;
        });
        return [
          ...buckets,
          `${name}_bucket{${labels},le="+Inf"} ${count}`,
          `${name}_sum{${labels}} ${goFloat(sum)}`,
          `${name}_count{${labels}} ${count}`,
        ];
      }),
    ];
  }

  #requestLines(): string[] {
    if (this.#requests.size === 0) return [];
    return [
      ...head('http_requests_total', 'counter', 'The total number of HTTP requests.'),
      ...[...this.#requests]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([status, count]) => `http_requests_total{status="${status}"} ${count}`),
    ];
  }
}

function head(name: string, type: string, help: string): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
}

function label(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

/** As Go's strconv prints a float in its shortest form: exponents have two digits. */
function goFloat(value: number): string {
  const plain = value === 0 || (value >= 1e-4 && value < 1e6);
  return plain ? String(value) : value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
}

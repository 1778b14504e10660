import { errorMessage } from '../../base/errors.ts';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { type BuiltinMetric, type CanaryMetric, isBuiltinMetric } from '../../api/canary-analysis.ts';
import type { Canary } from '../../api/canary.ts';
import { destinationOf, type Outside } from '../destination.ts';
import type { Checks } from '../effects.ts';
import type { MetricsResult } from '../observation.ts';
import { observerOf, providerKey } from './builtin-queries.ts';
import { prepareTemplate, queryModel, templateName, type TemplateSources } from './metric-templates.ts';
import {
  pingPrometheus,
  type PrometheusServer,
  queryPrometheus,
  type QueryResult,
} from './prometheus-client.ts';
import { renderQuery } from './query-template.ts';
import { durationFault, successRateFault, valueFault } from './thresholds.ts';

export interface ChecksOptions extends Outside {
  readonly cluster: TemplateSources;
  readonly clock: Clock;
  readonly log: Log;
  /** URL of the Prometheus for builtin and inline queries; `spec.metricsServer` goes first. */
  readonly metricsServer: string;
  /** What Canaries without `spec.provider` use. */
  readonly meshProvider: string;
  /** Is told every value that was measured; `request-duration` in seconds. */
  readonly onValue?: ((canary: Canary, metric: string, value: number) => void) | undefined;
}

type TemplateMetric = CanaryMetric & { readonly templateRef: NonNullable<CanaryMetric['templateRef']> };

/** One Canary that is being measured. */
interface Measuring {
  readonly options: ChecksOptions;
  readonly canary: Canary;
  readonly signal: AbortSignal;
}

const passed: MetricsResult = { verdict: 'passed', message: '' };

/** Measures with Prometheus. Texts and order are Flagger's. */
export function prometheusChecks(options: ChecksOptions): Checks {
  return {
    async metrics(canary, signal) {
      const measuring: Measuring = { options, canary, signal };
      for (const check of checksOf(measuring)) {
        const result = await check();
        if (result.verdict === 'passed') continue;
        const { name, namespace } = canary.metadata;
        options.log.debug('metrics check', { canary: name, namespace, ...result });
        return result;
      }
      return passed;
    },
    probe: (canary, signal) => probe({ options, canary, signal }),
  };
}

/** Builtin and inline metrics in list order, then those of templates. */
function checksOf(measuring: Measuring): (() => Promise<MetricsResult>)[] {
  const metrics = measuring.canary.spec.analysis.metrics ?? [];
  const first = metrics.flatMap((metric) => [
    ...(isBuiltinMetric(metric.name) ? [() => checkBuiltin(measuring, metric)] : []),
    ...(hasQuery(metric) ? [() => checkInline(measuring, metric, metric.query ?? '')] : []),
  ]);
  const second = metrics.flatMap((metric) => {
    if (isTemplateMetric(metric)) return [() => checkTemplate(measuring, metric)];
    if (isBuiltinMetric(metric.name) || hasQuery(metric)) return [];
    return [
      async () => failed('Metric query failed for no usable metrics template and query were configured'),
    ];
  });
  return [...first, ...second];
}

function isTemplateMetric(metric: CanaryMetric): metric is TemplateMetric {
  return metric.templateRef !== undefined;
}

function hasQuery({ query }: CanaryMetric): boolean {
  return query !== undefined && query !== '';
}

function failed(message: string): MetricsResult {
  return { verdict: 'failed', message };
}

/** `Halt podinfo.test advancement` */
function advancement({ metadata }: Canary): string {
  return `Halt ${metadata.name ?? ''}.${metadata.namespace ?? ''} advancement`;
}

async function checkBuiltin(measuring: Measuring, metric: CanaryMetric): Promise<MetricsResult> {
  const { canary, options } = measuring;
  const name: BuiltinMetric =
    metric.name === 'request-duration' ? 'request-duration' : 'request-success-rate';
  const { spec } = canary;
  const key = providerKey(canary, options.meshProvider);
  const observer = observerOf(key, spec.targetRef.kind);
  if (observer === undefined) {
    return failed(
      `Prometheus query failed: builtin metrics of provider ${key} are not supported: use a MetricTemplate`,
    );
  }
  const isDuration = name === 'request-duration';
  const result = await ask(measuring, metric, isDuration ? observer.duration : observer.successRate);
  if ('verdict' in result) return result;
  if (result.kind === 'no-values') {
    const target = `${spec.targetRef.name}.${canary.metadata.namespace ?? ''}`;
    const text = `Halt advancement no values found for ${key} metric ${name} probably ${target} is not receiving traffic`;
    return failed(isDuration ? text : `${text}: running query failed: ${result.error}`);
  }
  if (result.kind !== 'value') {
    const message = `Prometheus query failed: running query failed: ${result.error}`;
    return { verdict: result.kind, message };
  }
  if (isDuration) {
    const milliseconds = result.value * observer.durationMs;
    options.onValue?.(canary, name, milliseconds / 1000);
    const fault = durationFault(metric, milliseconds);
    return fault === undefined ? passed : failed(`${advancement(canary)} request duration ${fault}`);
  }
  options.onValue?.(canary, name, result.value);
  const fault = successRateFault(metric, result.value);
  return fault === undefined ? passed : failed(`${advancement(canary)} success rate ${fault}`);
}

async function checkInline(
  measuring: Measuring,
  metric: CanaryMetric,
  query: string,
): Promise<MetricsResult> {
  const result = await ask(measuring, metric, query);
  if ('verdict' in result) return result;
  if (result.kind === 'no-values') {
    return failed(`Halt advancement no values found for metric: ${metric.name}`);
  }
  if (result.kind !== 'value') {
    return { verdict: result.kind, message: `Prometheus query failed for ${metric.name}: ${result.error}` };
  }
  return checkValue(measuring, metric, result.value);
}

async function checkTemplate(measuring: Measuring, metric: TemplateMetric): Promise<MetricsResult> {
  const { options, canary, signal } = measuring;
  const prepared = await prepareTemplate(options.cluster, canary, metric, signal);
  if ('error' in prepared) return { verdict: prepared.kind, message: prepared.error };
  const result = await queryPrometheus(options, prepared.server, prepared.query, signal);
  if (result.kind === 'no-values') {
    return failed(`Halt advancement no values found for custom metric: ${metric.name}: ${result.error}`);
  }
  if (result.kind !== 'value') {
    return { verdict: result.kind, message: `Metric query failed for ${metric.name}: ${result.error}` };
  }
  return checkValue(measuring, metric, result.value);
}

function checkValue({ options, canary }: Measuring, metric: CanaryMetric, value: number): MetricsResult {
  options.onValue?.(canary, metric.name, value);
  const fault = valueFault(metric, value);
  return fault === undefined ? passed : failed(`${advancement(canary)} ${metric.name} ${fault}`);
}

/** Asks the metrics server of the Canary. */
async function ask(
  { options, canary, signal }: Measuring,
  metric: CanaryMetric,
  template: string,
): Promise<QueryResult | MetricsResult> {
  const server = metricsServerOf(options, canary);
  if (typeof server === 'string') return failed(server);
  let query: string;
  try {
    query = renderQuery(template, queryModel(canary, metric));
  } catch (error) {
    return failed(`Prometheus query failed for ${metric.name}: query render error: ${errorMessage(error)}`);
  }
  return queryPrometheus(options, server, query, signal);
}

/** The Prometheus of builtin and inline metrics, or why there is none. */
function metricsServerOf({ metricsServer }: ChecksOptions, { spec }: Canary): PrometheusServer | string {
  const own = spec.metricsServer ?? '';
  try {
    const destination = destinationOf(own === '' ? metricsServer : own);
    return { destination, headers: {}, skipVerify: false };
  } catch (error) {
    // The address may hold a password, and is not quoted.
    const which = own === '' ? 'the metrics server' : 'spec.metricsServer';
    return `Error building Prometheus client for ${which} ${errorMessage(error)}`;
  }
}

/** Finds what would fail every check, before there is traffic. */
async function probe({
  options,
  canary,
  signal,
}: Measuring): Promise<{ readonly error: string | undefined }> {
  const metrics = canary.spec.analysis.metrics ?? [];
  if (metrics.some((metric) => isBuiltinMetric(metric.name) || hasQuery(metric))) {
    const server = metricsServerOf(options, canary);
    const error = typeof server === 'string' ? server : await pingPrometheus(options, server, signal);
    // The misspelling is Flagger's, and scripts know it.
    if (error !== undefined) return { error: `prometheus not avaiable: ${error}` };
  }
  for (const metric of metrics.filter(isTemplateMetric)) {
    const prepared = await prepareTemplate(options.cluster, canary, metric, signal);
    if ('error' in prepared) return { error: prepared.error };
    const error = await pingPrometheus(options, prepared.server, signal);
    if (error === undefined) continue;
    return {
      error: `prometheus in metric template ${templateName(canary, metric.templateRef)} not avaiable: ${error}`,
    };
  }
  return { error: undefined };
}

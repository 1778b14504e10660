import { abortError } from '../../base/abort.ts';
import { errorMessage, InvalidInputError, nextStep } from '../../base/errors.ts';
import type { RequestHeaders } from '../../base/fetch.ts';
import type { CanaryMetric } from '../../api/canary-analysis.ts';
import type { Canary } from '../../api/canary.ts';
import type { MetricTemplate } from '../../api/metric-template.ts';
import type { KubeObject } from '../../machinery/object.ts';
import type { CachedResource } from '../../kube/cached-resource.ts';
import type { Config } from '../targets/config.ts';
import { basicAuthorization, type Destination, destinationOf } from '../destination.ts';
import { secretText } from '../secret-data.ts';
import type { PrometheusServer } from './prometheus-client.ts';
import { type QueryModel, renderQuery } from './query-template.ts';

/** What templates are made of; a RolloutCluster has it. */
export interface TemplateSources {
  readonly metricTemplates: Pick<CachedResource<MetricTemplate>, 'get'>;
  readonly secrets: Pick<CachedResource<Config>, 'read'>;
}

/** What a metric with a `templateRef` asks, and whom. */
export interface PreparedTemplate {
  readonly server: PrometheusServer;
  readonly query: string;
}

/** Why a template cannot be asked; `unavailable`: its Secret could not be read just now. */
export interface TemplateFault {
  readonly kind: 'failed' | 'unavailable';
  readonly error: string;
}

/** `errors.default`, of the template. */
export function templateName(canary: Canary, ref: NonNullable<CanaryMetric['templateRef']>): string {
  return `${ref.name}.${templateNamespace(canary, ref)}`;
}

function templateNamespace(canary: Canary, ref: NonNullable<CanaryMetric['templateRef']>): string {
  return ref.namespace === undefined || ref.namespace === ''
    ? (canary.metadata.namespace ?? '')
    : ref.namespace;
}

/** @throws TypedError only when `signal` aborts */
export async function prepareTemplate(
  cluster: TemplateSources,
  canary: Canary,
  metric: CanaryMetric & { readonly templateRef: NonNullable<CanaryMetric['templateRef']> },
  signal: AbortSignal,
): Promise<PreparedTemplate | TemplateFault> {
  const { templateRef: ref } = metric;
  const namespace = templateNamespace(canary, ref);
  const about = `Metric template ${templateName(canary, ref)}`;
  const template = cluster.metricTemplates.get({ namespace, name: ref.name });
  if (template === undefined) {
    return fault(about, new InvalidInputError(`metrictemplate.flagger.app "${ref.name}" not found`));
  }
  const { provider, query } = template.spec;
  let step = `provider ${provider.type}`;
  try {
    const destination = addressOf(template);
    step = `secret ${provider.secretRef?.name ?? ''}`;
    const secret = await secretOf(cluster, template, signal);
    step = `provider ${provider.type}`;
    const server = serverOf(template, destination, secret);
    step = 'query render';
    return { server, query: renderQuery(query, queryModel(canary, metric)) };
  } catch (error) {
    if (signal.aborted) throw abortError(signal);
    return fault(`${about} ${step}`, error);
  }
}

function fault(about: string, error: unknown): TemplateFault {
  const kind = nextStep(error) === 'retry' ? 'unavailable' : 'failed';
  return { kind, error: `${about} error: ${errorMessage(error)}` };
}

function addressOf({ spec: { provider } }: MetricTemplate): Destination {
  if (provider.type !== 'prometheus') {
    throw new InvalidInputError(`provider type ${provider.type} is not supported`);
  }
  try {
    return destinationOf(provider.address ?? '');
  } catch {
    throw new InvalidInputError('prometheus address is not a valid URL');
  }
}

async function secretOf(
  cluster: TemplateSources,
  { metadata: { namespace }, spec: { provider } }: MetricTemplate,
  signal: AbortSignal,
): Promise<KubeObject | undefined> {
  if (provider.secretRef === undefined) return undefined;
  return cluster.secrets.read({ namespace, name: provider.secretRef.name }, { signal });
}

/** Source: NewPrometheusProvider of Flagger, which has no other keys. */
function serverOf(
  { spec: { provider } }: MetricTemplate,
  destination: Destination,
  secret: KubeObject | undefined,
): PrometheusServer {
  const own = Object.entries(provider.headers ?? {}).map(
    ([name, values]) => [name.toLowerCase(), values] as const,
  );
  const headers: RequestHeaders = Object.fromEntries(own);
  const authorization = secret === undefined ? undefined : authorizationOf(secret);
  return {
    destination,
    headers: authorization === undefined ? headers : { ...headers, authorization },
    skipVerify: provider.insecureSkipVerify === true,
  };
}

function authorizationOf(secret: KubeObject): string {
  const token = secretText(secret, 'token');
  if (token !== undefined) return `Bearer ${token.trim()}`;
  const username = secretText(secret, 'username');
  if (username === undefined)
    throw new InvalidInputError('prometheus credentials does not contain a username');
  const password = secretText(secret, 'password');
  if (password === undefined)
    throw new InvalidInputError('prometheus credentials does not contain a password');
  return basicAuthorization(username, password);
}

/** What the query of a metric can name. Its interval is 1m if none is set, also for templates. */
export function queryModel({ metadata, spec }: Canary, metric: CanaryMetric): QueryModel {
  const target = spec.targetRef.name;
  return {
    name: metadata.name ?? '',
    namespace: metadata.namespace ?? '',
    target,
    service: spec.service?.name ?? target,
    ingress: spec.ingressRef?.name ?? target,
    route: spec.routeRef?.name ?? target,
    interval: metric.interval === undefined || metric.interval === '' ? '1m' : metric.interval,
    variables: metric.templateVariables ?? {},
  };
}

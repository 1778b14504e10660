import type { Canary } from '../../api/canary.ts';

/** Templates of the builtin metrics of a provider, to the letter of Flagger's. */
export interface Observer {
  readonly successRate: string;
  readonly duration: string;
  /** Milliseconds per unit of the duration. */
  readonly durationMs: number;
}

/**
 * Names the provider in messages, and picks the observer. Source: Flagger's controller.
 *
 * @param meshProvider what the engine was started with
 */
export function providerKey({ spec }: Canary, meshProvider: string): string {
  let key = meshProvider.includes('crossover') ? 'crossover' : meshProvider;
  if (spec.provider !== undefined) key = spec.provider;
  if (meshProvider.includes('linkerd')) key = 'linkerd';
  return spec.targetRef.kind === 'Service' ? `${key}:service` : key;
}

/** Flagger has builtin metrics for these; here they need a MetricTemplate. */
const unsupportedPrefixes = ['appmesh', 'linkerd', 'gloo'];
const unsupported = ['contour', 'skipper', 'traefik', 'osm', 'kuma', 'apisix', 'knative'];

/** The observer of a provider; undefined where its builtin metrics are not supported. Unknown ones have Istio's. */
export function observerOf(key: string, targetKind: string): Observer | undefined {
  if (key === 'kubernetes' || key.startsWith('gatewayapi')) {
    return targetKind === 'DaemonSet' ? httpOfDaemonSets : httpOfDeployments;
  }
  if (key === 'nginx') return nginx;
  const isUnsupported =
    unsupported.includes(key) || unsupportedPrefixes.some((prefix) => key.startsWith(prefix));
  return isUnsupported ? undefined : istio;
}

const istioSelector =
  'reporter="destination", destination_workload_namespace="{{ namespace }}", destination_workload=~"{{ target }}"';

/** A ratio of rates, in percent. */
function share(metric: string, selector: string, good: string): string {
  const rate = (labels: string): string => `sum( rate( ${metric}{ ${labels} }[{{ interval }}] ) )`;
  return ` ${rate(`${selector}, ${good}`)} / ${rate(selector)} * 100`;
}

function percentile99(metric: string, selector: string): string {
  return ` histogram_quantile( 0.99, sum( rate( ${metric}{ ${selector} }[{{ interval }}] ) ) by (le) )`;
}

const istio: Observer = {
  successRate: share('istio_requests_total', istioSelector, 'response_code!~"5.*"'),
  duration: percentile99('istio_request_duration_milliseconds_bucket', istioSelector),
  durationMs: 1,
};

function http(podSuffix: string): Observer {
  const selector = `kubernetes_namespace="{{ namespace }}", kubernetes_pod_name=~"{{ target }}-${podSuffix}"`;
  return {
    successRate: share('http_request_duration_seconds_count', selector, 'status!~"5.*"'),
    duration: percentile99('http_request_duration_seconds_bucket', selector),
    durationMs: 1000,
  };
}

const httpOfDeployments = http('[0-9a-zA-Z]+(-[0-9a-zA-Z]+)');

/** Pods of a DaemonSet have one suffix; with two, Flagger measures those of the primary. */
const httpOfDaemonSets = http('[0-9a-zA-Z]+');

const nginxSelector = 'namespace="{{ namespace }}", ingress="{{ ingress }}", canary!=""';

const nginx: Observer = {
  successRate: share('nginx_ingress_controller_requests', nginxSelector, 'status!~"5.*"'),
  duration:
    ` sum( rate( nginx_ingress_controller_response_duration_seconds_sum{ ${nginxSelector} }[{{ interval }}] ) )` +
    ` / sum( rate( nginx_ingress_controller_response_duration_seconds_count{ ${nginxSelector} }[{{ interval }}] ) ) * 1000`,
  durationMs: 1,
};

import { isObject, type JsonObject } from '../../src/machinery/json.ts';
import { daemonSetPath } from './repository.ts';

/* The Applications that rows apply. */

export const applicationName = 'blue-green-demo';
export const proseName = 'daemonset-demo';
/** Of the repository, so that a commit is seen soon. */
const pollInterval = '5s';

export interface Pace {
  readonly url: string;
  /** Seconds between two checks. */
  readonly interval: number;
}

/**
 * The walkthrough's Application, with another repository and another pace.
 *
 * @param manifest examples/rollout/blue_green.yaml
 */
export function walkthrough(manifest: unknown, { url, interval }: Pace): unknown {
  return changed(manifest, (application) => {
    const source = object(application, 'spec', 'source', 'gitRepository');
    source['url'] = url;
    source['interval'] = pollInterval;
    const analysis = object(
      application,
      'spec',
      'syncPolicies',
      0,
      'rollout',
      'rolloutPolicy',
      'trafficAnalysis',
    );
    analysis['checkIntervalSeconds'] = interval;
    const { metrics } = analysis;
    if (Array.isArray(metrics))
      for (const metric of metrics) object(metric)['intervalSeconds'] = windowOf(interval);
  });
}

/** Seconds that a query looks back: two samples of a Prometheus that is quick. */
function windowOf(interval: number): number {
  return Math.max(interval, 5);
}

/**
 * A second Application for the statements of the prose: a DaemonSet, one check, a metric of its own, the public test
 * loader.
 *
 * @param isOurs whether the repository has the DaemonSet; else it is the Deployment
 */
export function prose(walkthroughApplication: unknown, isOurs: boolean): unknown {
  return changed(walkthroughApplication, (application) => {
    object(application, 'metadata')['name'] = proseName;
    const spec = object(application, 'spec');
    const policies = spec['syncPolicies'];
    spec['syncPolicies'] = Array.isArray(policies) ? policies.slice(0, 1) : [];
    const policy = object(application, 'spec', 'syncPolicies', 0);
    const rollout = object(policy, 'rollout');
    delete rollout['testLoader'];
    if (isOurs) {
      object(policy, 'kustomization')['path'] = `./${daemonSetPath}`;
      object(rollout, 'workload')['kind'] = 'DaemonSet';
    }
    object(rollout, 'rolloutPolicy', 'trafficRouting')['analysisTimes'] = proseAnalysisTimes;
    object(rollout, 'rolloutPolicy', 'trafficRouting')['gateways'] = ['istio-system/public-gateway', 'mesh'];
    const analysis = object(rollout, 'rolloutPolicy', 'trafficAnalysis');
    const { metrics } = analysis;
    if (Array.isArray(metrics)) metrics.push({ ...customMetric, intervalSeconds: windowOf(1) });
  });
}

export const proseAnalysisTimes = 1;

/** A share of answers of the new version, in percent. */
export const customMetric = {
  name: 'answered-share',
  thresholdRange: { min: 99 },
  customMetric: {
    provider: { type: 'prometheus', address: 'http://prometheus.istio-system:9090' },
    query:
      'sum(rate(istio_requests_total{reporter="destination",destination_workload_namespace="{{ namespace }}",' +
      'destination_workload="{{ target }}",response_code!~"5.*"}[{{ interval }}])) / ' +
      'sum(rate(istio_requests_total{reporter="destination",destination_workload_namespace="{{ namespace }}",' +
      'destination_workload="{{ target }}"}[{{ interval }}])) * 100',
  },
};

/** A changed copy. */
export function changed(manifest: unknown, change: (copy: JsonObject) => void): unknown {
  const copy = structuredClone(manifest);
  change(object(copy));
  return copy;
}

/** @throws Error when there is no object at that place */
export function object(value: unknown, ...path: readonly (string | number)[]): JsonObject {
  let here = value;
  for (const key of path) {
    if (Array.isArray(here) && typeof key === 'number') here = here.at(key) as unknown;
    else here = isObject(here) ? here[key] : undefined;
  }
  if (!isObject(here)) throw new Error(`there is no object at ${path.join('.')}`);
  return here;
}

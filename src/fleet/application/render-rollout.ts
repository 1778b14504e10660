import type { Rollout } from '../../api/application.ts';
import { isBuiltinMetric } from '../../api/canary-analysis.ts';
import { type JsonObject, withoutUndefined } from '../../machinery/json.ts';
import type { Unstructured } from '../../machinery/object.ts';

/** Where a rollout is rendered for: one policy of an Application, on one member. */
export interface RolloutPlace {
  /** The value of the annotation `kurator.dev/rollout`. */
  readonly policyName: string;
  /** Identifies Application and policy on all objects. */
  readonly labels: Readonly<Record<string, string>>;
  /** Labels of policies that are gone, whose rollout this one takes over instead of being refused. */
  readonly takesOver?: readonly Readonly<Record<string, string>>[] | undefined;
  /** The name of the cluster object. */
  readonly cluster: string;
  /** Of the test loader. */
  readonly image: string;
}

/** What says on a member that an object belongs to a rollout. */
export const rolloutAnnotation = 'kurator.dev/rollout';

const flaggerApiVersion = 'flagger.app/v1beta1';
const providerNamespaces: Readonly<Record<string, string>> = {
  istio: 'istio-system',
  kuma: 'kuma-system',
  nginx: 'ingress-nginx',
};

/** Kinds are written in any case, and meant in this one. */
function kindOf(rollout: Rollout): 'Deployment' | 'DaemonSet' {
  return rollout.workload.kind.toLowerCase() === 'daemonset' ? 'DaemonSet' : 'Deployment';
}

/** Where a rollout's objects live. */
export function namespaceOf(rollout: Rollout): string {
  return rollout.workload.namespace ?? 'default';
}

/** What the name of a test loader has more than that of its workload. */
export const testLoaderSuffix = '-testloader';

function testLoaderName(rollout: Rollout): string {
  return `${rollout.workload.name}${testLoaderSuffix}`;
}

/**
 * The Canary of a rollout.
 *
 * @param targetPort of the Service's port with the rollout's number, where there is one
 */
export function renderCanary(
  rollout: Rollout,
  place: RolloutPlace,
  targetPort: string | number | undefined,
): Unstructured {
  const { workload, rolloutPolicy: policy, trafficRoutingProvider: provider } = rollout;
  const { trafficRouting: routing } = policy;
  const isIstio = provider === 'istio';
  const timeout = routing.timeoutSeconds ?? 0;
  return objectOf({
    apiVersion: flaggerApiVersion,
    kind: 'Canary',
    metadata: metadataOf(workload.name, rollout, place),
    spec: {
      provider,
      targetRef: { apiVersion: workload.apiVersion, kind: kindOf(rollout), name: workload.name },
      progressDeadlineSeconds: policy.rolloutTimeoutSeconds,
      skipAnalysis: policy.skipTrafficAnalysis || undefined,
      revertOnDeletion: policy.revertOnDeletion || undefined,
      suspend: policy.suspend || undefined,
      service: {
        name: rollout.serviceName,
        port: rollout.port,
        targetPort,
        portDiscovery: false,
        timeout: timeout > 0 ? `${timeout}s` : undefined,
        ...(isIstio
          ? {
              gateways: routing.gateways,
              hosts: routing.hosts,
              retries: routing.retries,
              headers: routing.headers,
              corsPolicy: routing.corsPolicy,
            }
          : {}),
        primary: rollout.primary,
        canary: rollout.preview,
      },
      analysis: renderAnalysis(rollout, place),
    },
  });
}

function renderAnalysis(rollout: Rollout, place: RolloutPlace): object {
  const { trafficRouting: routing, trafficAnalysis: analysis } = rollout.rolloutPolicy;
  const iterations = routing.analysisTimes ?? 0;
  const { maxWeight, stepWeight, stepWeights, stepWeightPromotion } = routing.canaryStrategy ?? {};
  return {
    interval: `${analysis.checkIntervalSeconds}s`,
    threshold: analysis.checkFailedTimes,
    iterations: iterations > 0 ? iterations : undefined,
    // A weight of 0 is one that is not given.
    maxWeight: maxWeight || undefined,
    stepWeight: stepWeight || undefined,
    stepWeights,
    stepWeightPromotion: stepWeightPromotion || undefined,
    match: routing.match,
    sessionAffinity: analysis.sessionAffinity,
    metrics: analysis.metrics?.map((metric) => ({
      name: metric.name,
      interval: `${metric.intervalSeconds ?? 60}s`,
      thresholdRange: metric.thresholdRange,
      templateRef: isBuiltinMetric(metric.name)
        ? undefined
        : { name: metric.name, namespace: namespaceOf(rollout) },
    })),
    webhooks: renderWebhooks(rollout, place),
  };
}

function renderWebhooks(rollout: Rollout, place: RolloutPlace): readonly object[] | undefined {
  const { webhooks } = rollout.rolloutPolicy.trafficAnalysis;
  const commands = webhooks?.command ?? webhooks?.commands ?? [];
  if (commands.length === 0) return undefined;
  return commands.map((command, i) => ({
    name: `generated-testload-${i}`,
    type: '',
    url: testLoaderUrl(rollout, place),
    timeout: `${webhooks?.timeoutSeconds ?? 60}s`,
    muteAlert: false,
    metadata: { type: 'cmd', cmd: command },
  }));
}

/** The private test loader of the rollout, or the public one of the member. */
function testLoaderUrl(rollout: Rollout, { cluster }: RolloutPlace): string {
  if (rollout.testLoader === true) return `http://${testLoaderName(rollout)}.${namespaceOf(rollout)}/`;
  const namespace = providerNamespaces[rollout.trafficRoutingProvider] ?? rollout.trafficRoutingProvider;
  return `http://${publicTestLoaderService(namespace, cluster)}.${namespace}/`;
}

/** The name of a member's public test loader, which the chart of the original cuts to what a Service may have. */
export function publicTestLoaderService(namespace: string, cluster: string): string {
  // Unlike clusters, Services have no dots.
  const name = `${namespace}-testloader-${cluster}-loadtester`.replaceAll('.', '-');
  return name.slice(0, 63).replace(/-+$/, '');
}

function metadataOf(name: string, rollout: Rollout, { labels, policyName }: RolloutPlace): object {
  return {
    name,
    namespace: namespaceOf(rollout),
    labels,
    annotations: { [rolloutAnnotation]: policyName },
  };
}

/** Optional fields that are not given are left out. */
function objectOf(object: object): Unstructured {
  return withoutUndefined(object as JsonObject) as unknown as Unstructured;
}

/** Templates of the metrics that bring their own. */
export function renderMetricTemplates(rollout: Rollout, place: RolloutPlace): readonly Unstructured[] {
  const { metrics = [] } = rollout.rolloutPolicy.trafficAnalysis;
  return metrics.flatMap(({ name, customMetric }) =>
    customMetric === undefined
      ? []
      : [
          objectOf({
            apiVersion: flaggerApiVersion,
            kind: 'MetricTemplate',
            metadata: metadataOf(name, rollout, place),
            spec: customMetric,
          }),
        ],
  );
}

/** Deployment and Service of the private test loader. */
export function renderTestLoader(rollout: Rollout, place: RolloutPlace): readonly Unstructured[] {
  const name = testLoaderName(rollout);
  const app = { app: name };
  const metadata = { ...metadataOf(name, rollout, place), labels: { ...place.labels, ...app } };
  const podAnnotations = {
    'prometheus.io/scrape': 'true',
    'prometheus.io/port': '8080',
    'openservicemesh.io/inbound-port-exclusion-list': '80, 8080',
  };
  const template = {
    metadata: { labels: app, annotations: podAnnotations },
    spec: testLoaderPod(place.image),
  };
  const ports = [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 'http' }];
  return [
    objectOf({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: { selector: { matchLabels: app }, template },
    }),
    objectOf({
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { type: 'ClusterIP', selector: app, ports },
    }),
  ];
}

function testLoaderPod(image: string): object {
  const probe = {
    exec: {
      command: ['wget', '--quiet', '--tries=1', '--timeout=4', '--spider', 'http://localhost:8080/healthz'],
    },
    timeoutSeconds: 5,
  };
  return {
    containers: [
      {
        name: 'loadtester',
        image,
        imagePullPolicy: 'IfNotPresent',
        args: ['loadtester', '-port=8080', '-log-level=info', '-timeout=1h', '--state=/state/gates.json'],
        ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
        livenessProbe: probe,
        readinessProbe: probe,
        resources: {
          requests: { cpu: '10m', memory: '32Mi' },
          limits: { cpu: '1', memory: '512Mi' },
        },
        securityContext: { readOnlyRootFilesystem: true, runAsUser: 10001 },
        volumeMounts: [{ name: 'state', mountPath: '/state' }],
      },
    ],
    // Open and closed gates outlive a restart of the container.
    volumes: [{ name: 'state', emptyDir: {} }],
  };
}

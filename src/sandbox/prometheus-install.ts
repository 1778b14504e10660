import type { Program } from '../base/program.ts';
import { isObject, type JsonObject, own } from '../machinery/json.ts';
import { asJson, type KubeObject } from '../machinery/object.ts';
import { istioNamespace } from './istio.ts';
import { localReply } from './mesh/responses.ts';
import { remembered } from './network/object-source.ts';
import { createPrometheus } from './prometheus/prometheus.ts';
import type { Target } from './prometheus/scrape.ts';

/** Where Istio's addon has it. */
const prometheusPort = 9090;
const reloaderPort = 8080;

const name = 'prometheus';
const labels = {
  'app.kubernetes.io/component': 'server',
  'app.kubernetes.io/name': 'prometheus',
  'app.kubernetes.io/instance': 'prometheus',
};
const metadata = { name, namespace: istioNamespace, labels };

/**
 * Prometheus as Istio's addon installs it, on the embedded one.
 *
 * Source: samples/addons/prometheus.yaml of istio/istio, release 1.27.
 */
export function prometheusObjects(): JsonObject[] {
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'prometheus.yml': configuration } },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: {
        type: 'ClusterIP',
        selector: labels,
        ports: [{ name: 'http', port: prometheusPort, protocol: 'TCP', targetPort: prometheusPort }],
      },
    },
    deployment(),
  ];
}

/** The embedded Prometheus does not read it: it says what that one does. */
const configuration = `global:
  scrape_interval: 1s
scrape_configs:
- job_name: kubernetes-pods
  kubernetes_sd_configs:
  - role: pod
  relabel_configs:
  - action: keep
    regex: true
    source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scrape]
`;

function deployment(): JsonObject {
  const probe = (path: string, rest: JsonObject): JsonObject => ({
    httpGet: { path, port: prometheusPort, scheme: 'HTTP' },
    ...rest,
  });
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata,
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels: { ...labels, 'sidecar.istio.io/inject': 'false' } },
        spec: {
          serviceAccountName: name,
          containers: [
            {
              name: 'prometheus-server-configmap-reload',
              image: 'ghcr.io/prometheus-operator/prometheus-config-reloader:v0.85.0',
              args: [
                '--watched-dir=/etc/config',
                `--listen-address=0.0.0.0:${reloaderPort}`,
                `--reload-url=http://127.0.0.1:${prometheusPort}/-/reload`,
              ],
              ports: [{ name: 'metrics', containerPort: reloaderPort }],
              volumeMounts: [{ name: 'config-volume', mountPath: '/etc/config', readOnly: true }],
            },
            {
              name: 'prometheus-server',
              image: 'prom/prometheus:v3.5.0',
              args: ['--config.file=/etc/config/prometheus.yml', '--storage.tsdb.retention.time=1h'],
              ports: [{ containerPort: prometheusPort }],
              readinessProbe: probe('/-/ready', { periodSeconds: 5, timeoutSeconds: 4 }),
              livenessProbe: probe('/-/healthy', {
                initialDelaySeconds: 30,
                periodSeconds: 15,
                timeoutSeconds: 10,
              }),
              volumeMounts: [{ name: 'config-volume', mountPath: '/etc/config' }],
            },
          ],
          volumes: [{ name: 'config-volume', configMap: { name } }],
        },
      },
    },
  };
}

/**
 * The image `prom/prometheus`: scrapes what its cluster has, every second, whatever its configuration says.
 * @param targets what there is to scrape, now
 */
export function prometheusProgram(targets: () => readonly Target[]): Program {
  return async ({ signal, stdout, seams: { clock, network, log } }) => {
    const prometheus = createPrometheus({ clock, fetch: network.fetch, log, targets });
    const listener = await network.listen(prometheusPort, { http: prometheus.http });
    stdout('Server is ready to receive web requests.\n');
    await prometheus.run(signal);
    await listener.close();
    return 0;
  };
}

/** The images that watch a mounted configuration and tell Prometheus: there is nothing to tell. */
export const reloaderProgram: Program = async ({ argv, signal, seams: { network } }) => {
  const address = argv.find((word) => word.startsWith('--listen-address='));
  const port = Number(address?.slice(address.lastIndexOf(':') + 1) ?? reloaderPort);
  const listener = await network.listen(port, {
    http: async ({ url }) =>
      url === '/healthz' || url === '/metrics' ? localReply(200, [], '') : localReply(404, [], ''),
  });
  if (!signal.aborted)
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  await listener.close();
  return 0;
};

/**
 * What Istio's addon scrapes of a cluster: pods that ask for it by annotation. Sidecars and gateways do (15020, path
 * `/stats/prometheus`), and give the metrics of their application with their own.
 */
export function podTargets(pods: readonly KubeObject[]): Target[] {
  return pods.map(podTarget).filter((target) => target !== undefined);
}

const podTarget = remembered((pod: KubeObject): Target | undefined => {
  const { annotations = {}, labels: podLabels = {}, name: podName = '', namespace = '' } = pod.metadata;
  if (annotations['prometheus.io/scrape'] !== 'true') return undefined;
  const { spec, status } = asJson(pod);
  const address = text(status, 'podIP');
  if (address === '' || text(status, 'phase') !== 'Running') return undefined;
  const port = annotations['prometheus.io/port'] ?? '80';
  const path = annotations['prometheus.io/path'] ?? '/metrics';
  const taken: Record<string, string> = {};
  for (const [key, value] of Object.entries(podLabels)) taken[key.replaceAll(/[^a-zA-Z0-9_]/g, '_')] = value;
  return {
    url: `http://${address}:${port}${path}`,
    labels: {
      ...taken,
      job: 'kubernetes-pods',
      instance: `${address}:${port}`,
      namespace,
      pod: podName,
      node: text(spec, 'nodeName'),
    },
    discoveredLabels: {
      __address__: `${address}:${port}`,
      __metrics_path__: path,
      __meta_kubernetes_namespace: namespace,
      __meta_kubernetes_pod_name: podName,
    },
  };
});

function text(object: unknown, key: string): string {
  const value = isObject(object) ? own(object, key) : undefined;
  return typeof value === 'string' ? value : '';
}

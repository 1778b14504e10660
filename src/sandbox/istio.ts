import type { JsonObject } from '../machinery/json.ts';
import type { Program } from '../base/program.ts';
import { proxyImage } from './mesh/injection.ts';
import { localReply } from './mesh/responses.ts';

/** The namespace of Istio and of its addons. */
export const istioNamespace = 'istio-system';
const version = '1.27.3';
const pilotImage = `docker.io/istio/pilot:${version}`;

const resources = { requests: { cpu: '100m', memory: '128Mi' } };
const scraped = (port: string, path?: string): JsonObject => ({
  'prometheus.io/scrape': 'true',
  'prometheus.io/port': port,
  ...(path === undefined ? {} : { 'prometheus.io/path': path }),
  'sidecar.istio.io/inject': 'false',
});

/** What `istioctl install --set profile=default` leaves in a cluster, as far as one can see it. */
export function istioObjects(): JsonObject[] {
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: istioNamespace } },
    serviceAccount('istiod'),
    serviceAccount('istio-ingressgateway-service-account'),
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name: 'istio',
        namespace: istioNamespace,
        labels: { 'istio.io/rev': 'default', release: 'istio' },
      },
      data: {
        mesh: 'enablePrometheusMerge: true\nrootNamespace: istio-system\ntrustDomain: cluster.local\n',
      },
    },
    ...istiod(),
    ...ingressGateway(),
  ];
}

function serviceAccount(name: string): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name, namespace: istioNamespace, labels: { release: 'istio' } },
  };
}

function istiod(): JsonObject[] {
  const labels = { app: 'istiod', istio: 'pilot', 'istio.io/rev': 'default', release: 'istio' };
  const selector = { app: 'istiod', istio: 'pilot' };
  const port = (number: number, name: string, targetPort = number): JsonObject => ({
    port: number,
    name,
    protocol: 'TCP',
    targetPort,
  });
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'istiod', namespace: istioNamespace, labels },
      spec: {
        selector,
        ports: [
          port(15_010, 'grpc-xds'),
          port(15_012, 'https-dns'),
          port(443, 'https-webhook', 15_017),
          port(15_014, 'http-monitoring'),
        ],
      },
    },
    deployment('istiod', labels, selector, scraped('15014'), {
      serviceAccountName: 'istiod',
      containers: [
        {
          name: 'discovery',
          image: pilotImage,
          args: ['discovery', '--monitoringAddr=:15014', '--domain', 'cluster.local'],
          ports: [8080, 15_010, 15_012, 15_014, 15_017].map((containerPort) => ({ containerPort })),
          readinessProbe: { httpGet: { path: '/ready', port: 8080 }, periodSeconds: 3, timeoutSeconds: 5 },
          resources,
        },
      ],
    }),
  ];
}

function ingressGateway(): JsonObject[] {
  const name = 'istio-ingressgateway';
  const selector = { app: name, istio: 'ingressgateway' };
  const labels = { ...selector, 'istio.io/rev': 'default', release: 'istio' };
  const podLabels = {
    ...labels,
    'service.istio.io/canonical-name': name,
    'service.istio.io/canonical-revision': 'latest',
  };
  const ports = [
    { name: 'status-port', port: 15_021, targetPort: 15_021, protocol: 'TCP' },
    { name: 'http2', port: 80, targetPort: 8080, protocol: 'TCP' },
    { name: 'https', port: 443, targetPort: 8443, protocol: 'TCP' },
  ];
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: istioNamespace, labels },
      spec: { type: 'LoadBalancer', selector, ports },
    },
    deployment(name, podLabels, selector, scraped('15020', '/stats/prometheus'), {
      serviceAccountName: 'istio-ingressgateway-service-account',
      containers: [
        {
          name: 'istio-proxy',
          image: proxyImage,
          args: [
            'proxy',
            'router',
            '--domain',
            '$(POD_NAMESPACE).svc.cluster.local',
            '--proxyLogLevel=warning',
          ],
          env: [
            { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
            { name: 'POD_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
            { name: 'INSTANCE_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
          ],
          ports: [
            { containerPort: 15_021, protocol: 'TCP' },
            { containerPort: 8080, protocol: 'TCP' },
            { containerPort: 8443, protocol: 'TCP' },
            { containerPort: 15_090, protocol: 'TCP', name: 'http-envoy-prom' },
          ],
          readinessProbe: {
            httpGet: { path: '/healthz/ready', port: 15_021 },
            periodSeconds: 2,
            timeoutSeconds: 1,
            failureThreshold: 30,
          },
          resources,
        },
      ],
    }),
  ];
}

function deployment(
  name: string,
  labels: JsonObject,
  matchLabels: JsonObject,
  annotations: JsonObject,
  spec: JsonObject,
): JsonObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: istioNamespace, labels },
    spec: { replicas: 1, selector: { matchLabels }, template: { metadata: { labels, annotations }, spec } },
  };
}

/**
 * The image `pilot`. The mesh reads its configuration by itself: this one is there to be seen, to say that it is ready,
 * and to name its version.
 */
export const pilotProgram: Program = async ({ argv, signal, stdout, seams: { network } }) => {
  if (argv[0] !== 'discovery') return 0;
  const page = (text: string): ReturnType<typeof localReply> =>
    localReply(200, [['content-type', 'text/plain; version=0.0.4; charset=utf-8']], text);
  const listeners = [
    await network.listen(8080, {
      http: async ({ url }) => (url === '/ready' ? page('') : localReply(404, [], '')),
    }),
    await network.listen(15_014, {
      http: async ({ url }) => {
        const path = url.split('?')[0];
        if (path === '/version') return page(`${version}\n`);
        if (path !== '/metrics') return localReply(404, [], '');
        return page(`# TYPE istio_build gauge\nistio_build{component="pilot",tag="${version}"} 1\n`);
      },
    }),
  ];
  stdout('istiod is ready\n');
  if (!signal.aborted)
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  await Promise.all(listeners.map((listener) => listener.close()));
  return 0;
};

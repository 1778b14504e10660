import { isObject, jsonClone, type Json, type JsonObject, own } from '../../machinery/json.ts';
import { asJson, type KubeObject } from '../../machinery/object.ts';
import { workloadOf } from './workload.ts';

export const proxyImage = 'docker.io/istio/proxyv2:1.27.3';
const proxyName = 'istio-proxy';

/** Namespaces that Istio's injector never touches. */
const ignoredNamespaces = [
  'kube-system',
  'kube-public',
  'kube-node-lease',
  'local-path-storage',
  'istio-system',
];
const yes = ['y', 'yes', 'true', 'on'];

/** What the proxy of a pod is for; undefined: the pod has none. */
export function proxyRole(pod: KubeObject): 'sidecar' | 'router' | undefined {
  const { containers = [], initContainers = [] } = containersOf(pod);
  const proxy = [...containers, ...initContainers].find((container) => own(container, 'name') === proxyName);
  const args = proxy === undefined ? undefined : own(proxy, 'args');
  if (proxy === undefined) return undefined;
  return Array.isArray(args) && args.includes('router') ? 'router' : 'sidecar';
}

/**
 * Whether Istio's injector gives a pod a sidecar: its namespace says so by `istio-injection`, the pod may contradict by
 * the label (or the older annotation) `sidecar.istio.io/inject`; in a namespace that says nothing the label alone asks.
 */
export function wantsSidecar(pod: KubeObject, namespace: KubeObject): boolean {
  if (ignoredNamespaces.includes(namespace.metadata.name ?? '')) return false;
  if (own(specOf(pod), 'hostNetwork') === true || proxyRole(pod) !== undefined) return false;
  const ofNamespace = namespace.metadata.labels?.['istio-injection'];
  const label = pod.metadata.labels?.['sidecar.istio.io/inject'];
  const annotation = pod.metadata.annotations?.['sidecar.istio.io/inject'];
  if (ofNamespace === undefined) return label === 'true';
  if (ofNamespace !== 'enabled') return false;
  const asked = (label ?? annotation ?? '').toLowerCase();
  return asked === '' || yes.includes(asked);
}

/** The pod as it is to be created: with its sidecar, or untouched. Pure. */
export function injectSidecar(pod: KubeObject, namespace: KubeObject): KubeObject {
  if (!wantsSidecar(pod, namespace)) return pod;
  const { containers = [], initContainers = [] } = containersOf(pod);
  const annotations = pod.metadata.annotations ?? {};
  const { canonicalService, canonicalRevision } = workloadOf(pod);
  const first = containers[0] === undefined ? undefined : own(containers[0], 'name');
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      labels: {
        ...pod.metadata.labels,
        'security.istio.io/tlsMode': 'istio',
        'service.istio.io/canonical-name': canonicalService,
        'service.istio.io/canonical-revision': canonicalRevision,
      },
      annotations: {
        ...(typeof first === 'string'
          ? {
              'kubectl.kubernetes.io/default-container': first,
              'kubectl.kubernetes.io/default-logs-container': first,
            }
          : {}),
        'istio.io/rev': 'default',
        ...annotations,
        'prometheus.io/path': '/stats/prometheus',
        'prometheus.io/port': '15020',
        'prometheus.io/scrape': 'true',
        'sidecar.istio.io/status': JSON.stringify({
          initContainers: ['istio-init'],
          containers: [proxyName],
          volumes: null,
          imagePullSecrets: null,
          revision: 'default',
        }),
      },
    },
    spec: {
      ...jsonClone(specOf(pod)),
      initContainers: [...initContainers.map(jsonClone), initContainer()],
      containers: [...containers.map(jsonClone), proxyContainer(annotations)],
    },
  } as KubeObject;
}

function specOf(pod: KubeObject): JsonObject {
  const spec = asJson(pod)['spec'];
  return isObject(spec) ? spec : {};
}

function containersOf(pod: KubeObject): { containers?: JsonObject[]; initContainers?: JsonObject[] } {
  const listed = (value: Json | undefined): JsonObject[] =>
    Array.isArray(value) ? value.filter((item) => isObject(item)) : [];
  const spec = specOf(pod);
  return { containers: listed(own(spec, 'containers')), initContainers: listed(own(spec, 'initContainers')) };
}

const resources = { limits: { cpu: '2', memory: '1Gi' }, requests: { cpu: '100m', memory: '128Mi' } };

function initContainer(): JsonObject {
  return {
    name: 'istio-init',
    image: proxyImage,
    imagePullPolicy: 'IfNotPresent',
    args: [
      'istio-iptables',
      '-p',
      '15001',
      '-z',
      '15006',
      '-u',
      '1337',
      '-m',
      'REDIRECT',
      '-i',
      '*',
      '-x',
      '',
      '-b',
      '*',
      '-d',
      '15090,15021,15020',
    ],
    resources: jsonClone(resources),
    securityContext: { runAsUser: 0, runAsGroup: 0, runAsNonRoot: false },
  };
}

/** @param annotations of the pod as it was: they say where the application's own metrics are */
function proxyContainer(annotations: Readonly<Record<string, string>>): JsonObject {
  const scraped: JsonObject = {};
  for (const name of ['scrape', 'path', 'port']) {
    const value = annotations[`prometheus.io/${name}`];
    if (value !== undefined) scraped[name] = value;
  }
  const field = (name: string, fieldPath: string): JsonObject => ({
    name,
    valueFrom: { fieldRef: { fieldPath } },
  });
  return {
    name: proxyName,
    image: proxyImage,
    imagePullPolicy: 'IfNotPresent',
    args: ['proxy', 'sidecar', '--domain', '$(POD_NAMESPACE).svc.cluster.local', '--proxyLogLevel=warning'],
    ports: [{ containerPort: 15_090, name: 'http-envoy-prom', protocol: 'TCP' }],
    env: [
      field('POD_NAME', 'metadata.name'),
      field('POD_NAMESPACE', 'metadata.namespace'),
      field('INSTANCE_IP', 'status.podIP'),
      ...(Object.keys(scraped).length === 0
        ? []
        : [{ name: 'ISTIO_PROMETHEUS_ANNOTATIONS', value: JSON.stringify(scraped) }]),
    ],
    readinessProbe: {
      httpGet: { path: '/healthz/ready', port: 15_021 },
      periodSeconds: 15,
      timeoutSeconds: 3,
      failureThreshold: 4,
    },
    startupProbe: {
      httpGet: { path: '/healthz/ready', port: 15_021 },
      periodSeconds: 1,
      timeoutSeconds: 3,
      failureThreshold: 600,
    },
    resources: jsonClone(resources),
    securityContext: { runAsUser: 1337, runAsGroup: 1337, runAsNonRoot: true, readOnlyRootFilesystem: true },
  };
}

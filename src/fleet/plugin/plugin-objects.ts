import type { Fleet } from '../../api/fleet.ts';
import type { FlaggerPlugin } from '../../api/fleet-plugins.ts';
import type { JsonObject } from '../../machinery/json.ts';
import type { Unstructured } from '../../machinery/object.ts';
import { publicTestLoaderService } from '../application/render-rollout.ts';
import { agentArguments, podSettings } from './agent-arguments.ts';
import { agentRules } from './agent-rules.ts';

/** On everything that the rollout plugin puts on a member. */
export const pluginLabel = 'fleet.kurator.dev/plugin';
const fleetLabel = 'fleet.kurator.dev/name';
const fleetNamespaceLabel = 'fleet.kurator.dev/namespace';
/** Names may be longer than what a label holds. */
const clusterAnnotation = 'fleet.kurator.dev/cluster';
const componentLabel = 'fleet.kurator.dev/component';

export const pluginName = 'flagger';

/** What an agent is, wherever it runs. */
const agentName = 'viridian-agent';

const providerNamespaces = { istio: 'istio-system', kuma: 'kuma-system', nginx: 'ingress-nginx' } as const;

export interface PluginPlace {
  readonly fleet: Fleet;
  /** The name of the AttachedCluster. */
  readonly cluster: string;
  /** Of agent and test loader. */
  readonly image: string;
  readonly minInterval?: string | undefined;
}

export function providerNamespace({ trafficRoutingProvider }: FlaggerPlugin): string {
  return providerNamespaces[trafficRoutingProvider];
}

/**
 * Whether an object of the plugin was put there for this fleet.
 *
 * @param cluster the name that the fleet has for the cluster: it may be attached twice
 */
export function belongsTo({ metadata }: Unstructured, fleet: Fleet, cluster: string): boolean {
  const { labels = {}, annotations = {} } = metadata;
  return (
    labels[pluginLabel] === pluginName &&
    labels[fleetLabel] === fleet.metadata.name &&
    labels[fleetNamespaceLabel] === (fleet.metadata.namespace ?? '') &&
    annotations[clusterAnnotation] === cluster
  );
}

/** Everything that a member gets, in the order in which it is put there. */
export function pluginObjects(plugin: FlaggerPlugin, place: PluginPlace): readonly Unstructured[] {
  return [
    ...agentObjects(plugin, place),
    ...(plugin.publicTestloader === true ? testLoader(plugin, place) : []),
  ];
}

/** The name of a member's agent. */
function agentDeployment(plugin: FlaggerPlugin, cluster: string): string {
  return `${providerNamespace(plugin)}-flagger-${cluster}`.slice(0, 63).replace(/[-.]+$/, '');
}

function labelsOf({ fleet }: PluginPlace, component: string): Record<string, string> {
  return {
    'app.kubernetes.io/managed-by': 'viridian',
    [fleetLabel]: fleet.metadata.name ?? '',
    [fleetNamespaceLabel]: fleet.metadata.namespace ?? '',
    [pluginLabel]: pluginName,
    [componentLabel]: component,
  };
}

function agentObjects(plugin: FlaggerPlugin, place: PluginPlace): readonly Unstructured[] {
  const name = agentDeployment(plugin, place.cluster);
  const namespace = providerNamespace(plugin);
  const app = { 'app.kubernetes.io/name': agentName, 'app.kubernetes.io/instance': name };
  const labels = { ...labelsOf(place, pluginName), ...app };
  const annotations = { [clusterAnnotation]: place.cluster };
  const rbac = 'rbac.authorization.k8s.io';
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace, labels, annotations } },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRole',
      metadata: { name, labels, annotations },
      rules: agentRules,
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name, labels, annotations },
      roleRef: { apiGroup: rbac, kind: 'ClusterRole', name },
      subjects: [{ kind: 'ServiceAccount', name, namespace }],
    },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace, labels, annotations },
      spec: {
        selector: { matchLabels: app },
        template: {
          metadata: { labels: app, annotations: podAnnotations },
          spec: {
            ...podSettings(plugin),
            serviceAccountName: name,
            containers: [
              {
                name: 'agent',
                image: place.image,
                args: agentArguments(plugin, place.minInterval),
                ports: [httpPort],
                livenessProbe: { httpGet: { path: '/healthz', port: 'http' } },
                readinessProbe: { httpGet: { path: '/readyz', port: 'http' } },
                resources: { requests: { cpu: '10m', memory: '64Mi' }, limits: { memory: '512Mi' } },
                securityContext,
              },
            ],
          },
        },
      },
    },
  ];
}

const httpPort = { name: 'http', containerPort: 8080, protocol: 'TCP' };

const podAnnotations = {
  'prometheus.io/scrape': 'true',
  'prometheus.io/port': '8080',
  'sidecar.istio.io/inject': 'false',
};

const securityContext: JsonObject = {
  readOnlyRootFilesystem: true,
  runAsNonRoot: true,
  runAsUser: 10_001,
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
};

/** The public test loader. Rollouts call it by the name of its Service. */
function testLoader(plugin: FlaggerPlugin, place: PluginPlace): readonly Unstructured[] {
  const namespace = providerNamespace(plugin);
  const name = publicTestLoaderService(namespace, place.cluster);
  const app = { app: 'loadtester', 'app.kubernetes.io/instance': name };
  const labels = { ...labelsOf(place, 'testloader'), ...app };
  const annotations = { [clusterAnnotation]: place.cluster };
  return [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace, labels, annotations },
      spec: {
        selector: { matchLabels: app },
        template: {
          metadata: {
            labels: app,
            annotations: { 'prometheus.io/scrape': 'true', 'prometheus.io/port': '8080' },
          },
          spec: {
            ...podSettings(plugin),
            containers: [
              {
                name: 'loadtester',
                image: place.image,
                args: ['loadtester', '-port=8080'],
                ports: [httpPort],
                livenessProbe: { httpGet: { path: '/healthz', port: 'http' } },
                readinessProbe: { httpGet: { path: '/healthz', port: 'http' } },
                resources: {
                  requests: { cpu: '10m', memory: '32Mi' },
                  limits: { cpu: '1', memory: '512Mi' },
                },
                securityContext,
                volumeMounts: [{ name: 'state', mountPath: '/state' }],
              },
            ],
            // Open and closed gates outlive a restart of the container.
            volumes: [{ name: 'state', emptyDir: {} }],
          },
        },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace, labels, annotations },
      spec: {
        type: 'ClusterIP',
        selector: app,
        ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 'http' }],
      },
    },
  ];
}

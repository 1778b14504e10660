import type { JsonObject } from '../../../machinery/json.ts';
import { rbacGroup } from './role-based-access.ts';

const read = ['get', 'list', 'watch'];
const write = ['create', 'delete', 'deletecollection', 'patch', 'update'];
const all = [...read, ...write];
const probes = ['/healthz', '/livez', '/readyz'];
const versions = ['/version', '/version/'];
const aggregateTo = (role: string): string => `${rbacGroup}/aggregate-to-${role}`;

interface RoleOptions {
  readonly rules?: readonly JsonObject[];
  /** The label of the ClusterRoles that make up this one. */
  readonly aggregates?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

function metadata(name: string, labels: Readonly<Record<string, string>> = {}): JsonObject {
  return {
    name,
    labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults', ...labels },
    annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'true' },
  };
}

function clusterRole(name: string, { rules = [], aggregates, labels }: RoleOptions): JsonObject {
  const selectors = aggregates === undefined ? [] : [{ matchLabels: { [aggregates]: 'true' } }];
  return {
    apiVersion: `${rbacGroup}/v1`,
    kind: 'ClusterRole',
    metadata: metadata(name, labels),
    ...(selectors.length === 0 ? {} : { aggregationRule: { clusterRoleSelectors: selectors } }),
    rules: [...rules],
  };
}

function clusterRoleBinding(name: string, groups: readonly string[]): JsonObject {
  return {
    apiVersion: `${rbacGroup}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: metadata(name),
    roleRef: { apiGroup: rbacGroup, kind: 'ClusterRole', name },
    subjects: groups.map((group) => ({ apiGroup: rbacGroup, kind: 'Group', name: group })),
  };
}

function rule(
  verbs: readonly string[],
  apiGroups: readonly string[],
  resources: readonly string[],
): JsonObject {
  return { verbs: [...verbs], apiGroups: [...apiGroups], resources: [...resources] };
}

function urls(...nonResourceURLs: string[]): JsonObject {
  return { verbs: ['get'], nonResourceURLs };
}

const viewRules = [
  rule(
    read,
    [''],
    [
      'bindings',
      'configmaps',
      'endpoints',
      'limitranges',
      'namespaces',
      'namespaces/status',
      'persistentvolumeclaims',
      'persistentvolumeclaims/status',
      'pods',
      'pods/log',
      'pods/status',
      'replicationcontrollers',
      'replicationcontrollers/scale',
      'replicationcontrollers/status',
      'resourcequotas',
      'resourcequotas/status',
      'serviceaccounts',
      'services',
      'services/status',
    ],
  ),
  rule(read, ['', 'events.k8s.io'], ['events']),
  rule(read, ['discovery.k8s.io'], ['endpointslices']),
  rule(
    read,
    ['apps'],
    [
      'controllerrevisions',
      'daemonsets',
      'daemonsets/status',
      'deployments',
      'deployments/scale',
      'deployments/status',
      'replicasets',
      'replicasets/scale',
      'replicasets/status',
      'statefulsets',
      'statefulsets/scale',
      'statefulsets/status',
    ],
  ),
  rule(read, ['autoscaling'], ['horizontalpodautoscalers', 'horizontalpodautoscalers/status']),
  rule(read, ['batch'], ['cronjobs', 'cronjobs/status', 'jobs', 'jobs/status']),
  rule(read, ['policy'], ['poddisruptionbudgets', 'poddisruptionbudgets/status']),
  rule(read, ['networking.k8s.io'], ['ingresses', 'ingresses/status', 'networkpolicies']),
];

const podConnections = ['pods/attach', 'pods/exec', 'pods/portforward', 'pods/proxy'];

const editRules = [
  rule(read, [''], [...podConnections, 'secrets', 'services/proxy']),
  rule(['impersonate'], [''], ['serviceaccounts']),
  rule(write, [''], ['pods', ...podConnections]),
  rule(['create'], [''], ['pods/eviction']),
  rule(
    write,
    [''],
    [
      'configmaps',
      'persistentvolumeclaims',
      'replicationcontrollers',
      'replicationcontrollers/scale',
      'secrets',
      'serviceaccounts',
      'services',
      'services/proxy',
    ],
  ),
  rule(['create'], [''], ['serviceaccounts/token']),
  rule(write, ['', 'events.k8s.io'], ['events']),
  rule(
    write,
    ['apps'],
    [
      'daemonsets',
      'deployments',
      'deployments/rollback',
      'deployments/scale',
      'replicasets',
      'replicasets/scale',
      'statefulsets',
      'statefulsets/scale',
    ],
  ),
  rule(write, ['autoscaling'], ['horizontalpodautoscalers']),
  rule(write, ['batch'], ['cronjobs', 'jobs']),
  rule(write, ['policy'], ['poddisruptionbudgets']),
  rule(write, ['networking.k8s.io'], ['ingresses', 'networkpolicies']),
  rule(all, ['coordination.k8s.io'], ['leases']),
];

const adminRules = [
  rule(['create'], ['authorization.k8s.io'], ['localsubjectaccessreviews']),
  rule(all, [rbacGroup], ['rolebindings', 'roles']),
];

/**
 * The ClusterRoles and bindings of a new cluster: those that people and their tools bind and read. Those of
 * components that this server does not have (kubelets, schedulers, ...) are left out.
 *
 * Source: plugin/pkg/auth/authorizer/rbac/bootstrappolicy of Kubernetes 1.36.
 */
export const defaultRoles: readonly JsonObject[] = [
  clusterRole('cluster-admin', {
    rules: [rule(['*'], ['*'], ['*']), { verbs: ['*'], nonResourceURLs: ['*'] }],
  }),
  clusterRole('admin', { aggregates: aggregateTo('admin') }),
  clusterRole('edit', { aggregates: aggregateTo('edit'), labels: { [aggregateTo('admin')]: 'true' } }),
  clusterRole('view', { aggregates: aggregateTo('view'), labels: { [aggregateTo('edit')]: 'true' } }),
  clusterRole('system:aggregate-to-admin', { rules: adminRules, labels: { [aggregateTo('admin')]: 'true' } }),
  clusterRole('system:aggregate-to-edit', { rules: editRules, labels: { [aggregateTo('edit')]: 'true' } }),
  clusterRole('system:aggregate-to-view', { rules: viewRules, labels: { [aggregateTo('view')]: 'true' } }),
  clusterRole('system:auth-delegator', {
    rules: [
      rule(['create'], ['authentication.k8s.io'], ['tokenreviews']),
      rule(['create'], ['authorization.k8s.io'], ['subjectaccessreviews']),
    ],
  }),
  clusterRole('system:basic-user', {
    rules: [
      rule(['create'], ['authorization.k8s.io'], ['selfsubjectaccessreviews', 'selfsubjectrulesreviews']),
      rule(['create'], ['authentication.k8s.io'], ['selfsubjectreviews']),
    ],
  }),
  clusterRole('system:discovery', {
    rules: [urls('/api', '/api/*', '/apis', '/apis/*', ...probes, '/openapi', '/openapi/*', ...versions)],
  }),
  clusterRole('system:monitoring', {
    rules: [urls(...probes, ...probes.map((probe) => `${probe}/*`), '/metrics', '/metrics/slis')],
  }),
  clusterRole('system:public-info-viewer', { rules: [urls(...probes, ...versions)] }),
  clusterRoleBinding('cluster-admin', ['system:masters']),
  clusterRoleBinding('system:basic-user', ['system:authenticated']),
  clusterRoleBinding('system:discovery', ['system:authenticated']),
  clusterRoleBinding('system:monitoring', ['system:monitoring']),
  clusterRoleBinding('system:public-info-viewer', ['system:authenticated', 'system:unauthenticated']),
];

import type { ResourceKind } from '../kube/resource-client.ts';

function kind(
  group: string,
  version: string,
  resource: string,
  name: string,
  namespaced = true,
): ResourceKind {
  return { group, version, resource, kind: name, namespaced };
}

export const applicationKind = kind('apps.kurator.dev', 'v1alpha1', 'applications', 'Application');
export const attachedClusterKind = kind(
  'cluster.kurator.dev',
  'v1alpha1',
  'attachedclusters',
  'AttachedCluster',
);
export const fleetKind = kind('fleet.kurator.dev', 'v1alpha1', 'fleets', 'Fleet');
export const secretKind = kind('', 'v1', 'secrets', 'Secret');
export const namespaceKind = kind('', 'v1', 'namespaces', 'Namespace', false);
export const serviceKind = kind('', 'v1', 'services', 'Service');
export const serviceAccountKind = kind('', 'v1', 'serviceaccounts', 'ServiceAccount');
export const deploymentKind = kind('apps', 'v1', 'deployments', 'Deployment');
const rbac = 'rbac.authorization.k8s.io';
export const clusterRoleKind = kind(rbac, 'v1', 'clusterroles', 'ClusterRole', false);
export const clusterRoleBindingKind = kind(rbac, 'v1', 'clusterrolebindings', 'ClusterRoleBinding', false);
export const daemonSetKind = kind('apps', 'v1', 'daemonsets', 'DaemonSet');
export const canaryKind = kind('flagger.app', 'v1beta1', 'canaries', 'Canary');
export const metricTemplateKind = kind('flagger.app', 'v1beta1', 'metrictemplates', 'MetricTemplate');

import type { ResourceKind } from '../../src/kube/resource-client.ts';

const kind = (group: string, version: string, resource: string, name: string): ResourceKind => ({
  group,
  version,
  resource,
  kind: name,
  namespaced: true,
});

export const kinds = {
  canaries: kind('flagger.app', 'v1beta1', 'canaries', 'Canary'),
  deployments: kind('apps', 'v1', 'deployments', 'Deployment'),
  daemonSets: kind('apps', 'v1', 'daemonsets', 'DaemonSet'),
  services: kind('', 'v1', 'services', 'Service'),
  configMaps: kind('', 'v1', 'configmaps', 'ConfigMap'),
  endpointSlices: kind('discovery.k8s.io', 'v1', 'endpointslices', 'EndpointSlice'),
  virtualServices: kind('networking.istio.io', 'v1beta1', 'virtualservices', 'VirtualService'),
} as const;

/** Of what is rolled out. */
export const namespace = 'test';

export type WorkloadKind = 'Deployment' | 'DaemonSet';

export const apex = 'podinfo';
export const sides = ['primary', 'canary'] as const;
export type Side = (typeof sides)[number];

/** The workload that serves a side: the canary is the target itself. */
export function workloadOf(side: Side): string {
  return side === 'canary' ? apex : `${apex}-primary`;
}

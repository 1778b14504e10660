import type { FieldSpec } from './field-spec.ts';

const apps = 'apps';
const workloads: readonly { readonly kind: string; readonly group?: string; readonly version?: string }[] = [
  { kind: 'ReplicationController', version: 'v1' },
  { kind: 'Deployment' },
  { kind: 'ReplicaSet' },
  { kind: 'DaemonSet' },
  { kind: 'StatefulSet', group: apps },
  { kind: 'Job', group: 'batch' },
];

/** `metadata/labels` or `metadata/annotations` of the object itself. */
export function ownField(field: 'labels' | 'annotations'): FieldSpec {
  return { path: `metadata/${field}`, create: true };
}

/** The labels of pod and job templates, and of claims. */
export function templateLabels(): readonly FieldSpec[] {
  return [
    ...templateFields('labels'),
    { path: 'spec/volumeClaimTemplates[]/metadata/labels', kind: 'StatefulSet', group: apps, create: true },
  ];
}

/** The same field of pod and job templates. */
export function templateFields(field: 'labels' | 'annotations'): readonly FieldSpec[] {
  const cronJob = { kind: 'CronJob', group: 'batch', create: true };
  return [
    ...workloads.map((of) => ({ ...of, path: `spec/template/metadata/${field}`, create: true })),
    { ...cronJob, path: `spec/jobTemplate/metadata/${field}` },
    { ...cronJob, path: `spec/jobTemplate/spec/template/metadata/${field}` },
  ];
}

const scheduling = [
  ...['podAffinity', 'podAntiAffinity'].flatMap((side) => [
    `affinity/${side}/preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm/labelSelector/matchLabels`,
    `affinity/${side}/requiredDuringSchedulingIgnoredDuringExecution/labelSelector/matchLabels`,
  ]),
  'topologySpreadConstraints/labelSelector/matchLabels',
];

/** What selects pods by their labels. Source: https://kubectl.docs.kubernetes.io (commonLabels) and kustomize 5. */
export const selectorFields: readonly FieldSpec[] = [
  { path: 'spec/selector', kind: 'Service', version: 'v1', create: true },
  { path: 'spec/selector', kind: 'ReplicationController', version: 'v1', create: true },
  { path: 'spec/selector/matchLabels', kind: 'Deployment', create: true },
  { path: 'spec/selector/matchLabels', kind: 'ReplicaSet', create: true },
  { path: 'spec/selector/matchLabels', kind: 'DaemonSet', create: true },
  { path: 'spec/selector/matchLabels', kind: 'StatefulSet', group: apps, create: true },
  ...['Deployment', 'StatefulSet'].flatMap((kind) =>
    scheduling.map((path) => ({ path: `spec/template/spec/${path}`, kind, group: apps })),
  ),
  { path: 'spec/selector/matchLabels', kind: 'Job', group: 'batch' },
  { path: 'spec/jobTemplate/spec/selector/matchLabels', kind: 'CronJob', group: 'batch' },
  { path: 'spec/selector/matchLabels', kind: 'PodDisruptionBudget', group: 'policy' },
  ...['podSelector', 'ingress/from/podSelector', 'egress/to/podSelector'].map((path) => ({
    path: `spec/${path}/matchLabels`,
    kind: 'NetworkPolicy',
    group: 'networking.k8s.io',
  })),
];

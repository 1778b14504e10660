import type { FieldSpec, PartialGvk } from './field-spec.ts';

/** Fields that hold the name of an object of one kind. */
export interface Referral {
  readonly target: PartialGvk;
  readonly fields: readonly FieldSpec[];
}

const podSpecs: readonly (readonly [kind: string, path: string])[] = [
  ['Pod', 'spec'],
  ['PodTemplate', 'template/spec'],
  ...['Deployment', 'ReplicaSet', 'DaemonSet', 'StatefulSet', 'Job', 'ReplicationController'].map(
    (kind) => [kind, 'spec/template/spec'] as const,
  ),
  ['CronJob', 'spec/jobTemplate/spec/template/spec'],
];

function inPods(paths: readonly string[], except: readonly string[]): FieldSpec[] {
  return podSpecs
    .filter(([kind]) => !except.includes(kind))
    .flatMap(([kind, spec]) => paths.map((path) => ({ kind, path: `${spec}/${path}` })));
}

const annotation = (name: string): FieldSpec => ({
  kind: 'Ingress',
  path: `metadata/annotations/${name.replaceAll('/', '\\/')}`,
});
const roles: readonly FieldSpec[] = ['Role', 'ClusterRole'].map((kind) => ({
  kind,
  path: 'rules/resourceNames',
}));
const rbac = 'rbac.authorization.k8s.io';
const withoutController = ['ReplicationController'];
const withoutTemplates = ['PodTemplate', 'ReplicaSet'];

/** Source: kustomize 5, default name references (kubectl.docs.kubernetes.io, transformer configurations). */
export const referrals: readonly Referral[] = [
  ...['Deployment', 'ReplicationController', 'ReplicaSet', 'StatefulSet'].map((kind) => ({
    target: { kind },
    fields: [{ kind: 'HorizontalPodAutoscaler', path: 'spec/scaleTargetRef/name' }],
  })),
  {
    target: { kind: 'ConfigMap', version: 'v1' },
    fields: [
      ...inPods(
        [
          'volumes/configMap/name',
          'volumes/projected/sources/configMap/name',
          ...['containers', 'initContainers'].flatMap((list) => [
            `${list}/env/valueFrom/configMapKeyRef/name`,
            `${list}/envFrom/configMapRef/name`,
          ]),
        ],
        withoutController,
      ),
      { kind: 'Node', path: 'spec/configSource/configMap' },
      ...roles,
      annotation('nginx.ingress.kubernetes.io/fastcgi-params-configmap'),
    ],
  },
  {
    target: { kind: 'Secret', version: 'v1' },
    fields: [
      ...inPods(
        [
          'volumes/secret/secretName',
          'volumes/projected/sources/secret/name',
          'imagePullSecrets/name',
          ...['containers', 'initContainers'].flatMap((list) => [
            `${list}/env/valueFrom/secretKeyRef/name`,
            `${list}/envFrom/secretRef/name`,
          ]),
        ],
        withoutController,
      ),
      { kind: 'Ingress', path: 'spec/tls/secretName' },
      annotation('ingress.kubernetes.io/auth-secret'),
      annotation('nginx.ingress.kubernetes.io/auth-secret'),
      annotation('nginx.ingress.kubernetes.io/auth-tls-secret'),
      { kind: 'ServiceAccount', path: 'imagePullSecrets/name' },
      ...['secretName', 'adminSecretName', 'userSecretName', 'secretRef'].map((name) => ({
        kind: 'StorageClass',
        path: `parameters/${name}`,
      })),
      ...roles,
      {
        kind: 'Service',
        group: 'serving.knative.dev',
        version: 'v1',
        path: 'spec/template/spec/containers/env/valueFrom/secretKeyRef/name',
      },
      { kind: 'PersistentVolume', path: 'spec/azureFile/secretName' },
    ],
  },
  {
    target: { kind: 'Service', version: 'v1' },
    fields: [
      { kind: 'StatefulSet', group: 'apps', path: 'spec/serviceName' },
      ...[
        'rules/http/paths/backend/serviceName',
        'backend/serviceName',
        'rules/http/paths/backend/service/name',
        'defaultBackend/service/name',
      ].map((path) => ({ kind: 'Ingress', path: `spec/${path}` })),
      { kind: 'APIService', group: 'apiregistration.k8s.io', path: 'spec/service/name' },
      ...['ValidatingWebhookConfiguration', 'MutatingWebhookConfiguration'].map((kind) => ({
        kind,
        group: 'admissionregistration.k8s.io',
        path: 'webhooks/clientConfig/service',
      })),
    ],
  },
  {
    target: { kind: 'Role', group: rbac },
    fields: [{ kind: 'RoleBinding', group: rbac, path: 'roleRef/name' }],
  },
  {
    target: { kind: 'ClusterRole', group: rbac },
    fields: ['RoleBinding', 'ClusterRoleBinding'].map((kind) => ({
      kind,
      group: rbac,
      path: 'roleRef/name',
    })),
  },
  {
    target: { kind: 'ServiceAccount', version: 'v1' },
    fields: [
      ...['RoleBinding', 'ClusterRoleBinding'].map((kind) => ({ kind, group: rbac, path: 'subjects' })),
      ...inPods(['serviceAccountName'], withoutTemplates),
    ],
  },
  {
    target: { kind: 'PersistentVolumeClaim', version: 'v1' },
    fields: inPods(['volumes/persistentVolumeClaim/claimName'], withoutTemplates),
  },
  {
    target: { kind: 'PersistentVolume', version: 'v1' },
    fields: [
      { kind: 'PersistentVolumeClaim', path: 'spec/volumeName' },
      { kind: 'ClusterRole', path: 'rules/resourceNames' },
    ],
  },
  {
    target: { kind: 'StorageClass', group: 'storage.k8s.io', version: 'v1' },
    fields: [
      { kind: 'PersistentVolume', path: 'spec/storageClassName' },
      { kind: 'PersistentVolumeClaim', path: 'spec/storageClassName' },
      { kind: 'StatefulSet', path: 'spec/volumeClaimTemplates/spec/storageClassName' },
    ],
  },
  {
    target: { kind: 'PriorityClass', group: 'scheduling.k8s.io', version: 'v1' },
    fields: inPods(['priorityClassName'], withoutTemplates),
  },
  {
    target: { kind: 'ValidatingAdmissionPolicy', group: 'admissionregistration.k8s.io' },
    fields: [
      {
        kind: 'ValidatingAdmissionPolicyBinding',
        group: 'admissionregistration.k8s.io',
        path: 'spec/policyName',
      },
    ],
  },
];

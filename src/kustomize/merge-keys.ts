import type { GroupVersionKind } from '../machinery/group-version-kind.ts';

/** How the lists below a value merge. Lists that are not named are replaced. */
export interface MergeShape {
  readonly fields?: { readonly [name: string]: MergeShape };
  /** The value is a list whose items are told apart by these fields. */
  readonly keys?: readonly string[];
  /** The value is a list of scalars that is united. */
  readonly set?: true;
  /** Of the items of a list. */
  readonly items?: MergeShape;
}

const byName: MergeShape = { keys: ['name'] };

const metadata: MergeShape = { fields: { finalizers: { set: true }, ownerReferences: { keys: ['uid'] } } };

const containers: MergeShape = {
  keys: ['name'],
  items: {
    fields: {
      env: byName,
      ports: { keys: ['containerPort', 'protocol'] },
      volumeMounts: { keys: ['mountPath'] },
      volumeDevices: { keys: ['devicePath'] },
    },
  },
};

/** Of the keys that items may leave out. */
export const keyDefaults: Readonly<Record<string, string>> = { protocol: 'TCP' };

const podSpec: MergeShape = {
  fields: {
    containers,
    initContainers: containers,
    ephemeralContainers: containers,
    volumes: byName,
    imagePullSecrets: byName,
    hostAliases: { keys: ['ip'] },
    topologySpreadConstraints: { keys: ['topologyKey', 'whenUnsatisfiable'] },
  },
};

const status: MergeShape = { fields: { conditions: { keys: ['type'] } } };
const template: MergeShape = { fields: { metadata, spec: podSpec } };
const workload = object({ spec: { fields: { template } }, status });
const webhooks = object({ webhooks: byName });

function object(fields: { readonly [name: string]: MergeShape }): MergeShape {
  return { fields: { metadata, ...fields } };
}

/**
 * By kind.version.group.
 *
 * Source: `x-kubernetes-patch-merge-key` of Kubernetes 1.21, the schema that kustomize 5 embeds.
 */
const shapes = new Map<string, MergeShape>([
  [
    'Pod.v1.',
    object({
      spec: podSpec,
      status: { fields: { conditions: { keys: ['type'] }, podIPs: { keys: ['ip'] } } },
    }),
  ],
  ['PodTemplate.v1.', object({ template })],
  ['ReplicationController.v1.', workload],
  ['Deployment.v1.apps', workload],
  ['ReplicaSet.v1.apps', workload],
  ['DaemonSet.v1.apps', workload],
  ['StatefulSet.v1.apps', workload],
  ['Job.v1.batch', workload],
  ['CronJob.v1.batch', object({ spec: { fields: { jobTemplate: workload } } })],
  ['CronJob.v1beta1.batch', object({ spec: { fields: { jobTemplate: workload } } })],
  ['Service.v1.', object({ spec: { fields: { ports: { keys: ['port', 'protocol'] } } }, status })],
  ['ServiceAccount.v1.', object({ secrets: byName })],
  ['MutatingWebhookConfiguration.v1.admissionregistration.k8s.io', webhooks],
  ['ValidatingWebhookConfiguration.v1.admissionregistration.k8s.io', webhooks],
]);

const builtInGroups = new Set(['', 'apps', 'batch', 'autoscaling', 'policy', 'extensions']);

/** What is known of a kind; nothing is of custom resources. */
export function mergeShapeOf({ group, version, kind }: GroupVersionKind): MergeShape {
  const shape = shapes.get(`${kind}.${version}.${group}`);
  if (shape !== undefined) return shape;
  return builtInGroups.has(group) || group.endsWith('.k8s.io') ? object({ status }) : {};
}

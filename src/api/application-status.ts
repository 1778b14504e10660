import { z } from 'zod';
import { canaryStatus } from './canary-status.ts';
import { conditions, observedGeneration, time } from './kurator.ts';
import { stringMap } from './istio-fields.ts';

/* The statuses of Flux's objects, field for field. Source: source.toolkit.fluxcd.io/v1beta2 and the like. */

const artifact = z.object({
  path: z.string().describe('Where it is, below the root of the artifact server'),
  url: z.string().describe('Where it can be downloaded'),
  revision: z.string().describe('BRANCH@sha1:COMMIT'),
  lastUpdateTime: time.optional().describe('When it was made'),
  digest: z.string().optional().describe('ALGORITHM:HEX'),
  size: z.int().optional().meta({ format: 'int64' }).describe('Bytes'),
  metadata: stringMap.optional().describe('What a registry says about it'),
});

const handled = z
  .string()
  .optional()
  .describe('The newest value of the annotation reconcile.fluxcd.io/requestedAt that was followed');
const checksum = z.string().optional().describe('Deprecated: checksum of what the artifact was made with');
const observedIgnore = z.string().optional().describe('spec.ignore of the newest artifact');

const source = {
  observedGeneration: observedGeneration.optional(),
  conditions: conditions.optional(),
  artifact: artifact.optional().describe('The newest revision'),
  url: z.string().optional().describe('Where the newest artifact can be downloaded'),
  lastHandledReconcileAt: handled,
};

const include = z.object({
  repository: z
    .object({ name: z.string().describe('Name of the object') })
    .describe('The GitRepository whose content is copied in'),
  fromPath: z.string().optional().describe('Default: the root'),
  toPath: z.string().optional().describe('Default: the name of the repository'),
});

const gitRepositoryStatus = z.object({
  ...source,
  includedArtifacts: z.array(artifact).optional().describe('What was copied in'),
  contentConfigChecksum: checksum,
  observedIgnore,
  observedRecurseSubmodules: z.boolean().optional().describe('spec.recurseSubmodules of the newest artifact'),
  observedInclude: z.array(include).optional().describe('spec.include of the newest artifact'),
});

const ociRepositoryStatus = z.object({
  ...source,
  contentConfigChecksum: checksum,
  observedIgnore,
  observedLayerSelector: z
    .object({
      mediaType: z.string().optional().describe('Type of the layer'),
      operation: z.string().optional().describe('extract or copy'),
    })
    .optional()
    .describe('spec.layerSelector of the newest artifact'),
});

const revisions = {
  observedGeneration: observedGeneration.optional(),
  conditions: conditions.optional(),
  lastAppliedRevision: z.string().optional().describe('The newest revision that is on the cluster'),
  lastAttemptedRevision: z.string().optional().describe('The newest revision that was tried'),
  lastHandledReconcileAt: handled,
};

const inventoryEntries = z
  .array(
    z.object({
      id: z.string().describe('NAMESPACE_NAME_GROUP_KIND'),
      v: z.string().describe('Version of the API'),
    }),
  )
  .describe('Objects on the cluster');

const kustomizationStatus = z.object({
  ...revisions,
  inventory: z.object({ entries: inventoryEntries }).optional().describe('What is on the cluster'),
});

const counter = (what: string) =>
  z.int().optional().meta({ format: 'int64' }).describe(`${what} since the last success`);

const helmReleaseStatus = z.object({
  ...revisions,
  failures: counter('Failures'),
  installFailures: counter('Failed installations'),
  upgradeFailures: counter('Failed upgrades'),
  helmChart: z.string().optional().describe('NAMESPACE/NAME of the HelmChart'),
  lastAttemptedValuesChecksum: z.string().optional().describe('Checksum of the values that were tried last'),
  lastReleaseRevision: z.int().optional().describe('Number of the newest release'),
});

const rolloutStatus = z.object({
  clusterName: z.string().optional().describe('Name of the cluster; host for the host cluster'),
  rolloutNameInCluster: z.string().optional().describe('Name of the Canary'),
  rolloutStatusInCluster: canaryStatus.optional().describe('Status of the Canary'),
  backupNameInCluster: z.string().optional().describe('rolloutNameInCluster by its first name'),
  backupStatusInCluster: canaryStatus.optional().describe('rolloutStatusInCluster by its first name'),
});

const syncStatus = z.object({
  name: z.string().optional().describe('POLICY-KIND-CLUSTER'),
  kustomizationStatus: kustomizationStatus.optional().describe('Of a policy with kustomization'),
  HelmReleaseStatus: helmReleaseStatus.optional().describe('Of a policy with helm'),
  rolloutStatus: rolloutStatus.optional().describe('Of a policy with rollout'),
});

/** What must be found again when spec and fleet no longer tell of it. */
const inventoryItem = z.object({
  name: z.string().describe('Name of the sync: POLICY-KIND-CLUSTER'),
  policy: z.string().describe('Name of the policy'),
  clusterKind: z.string().describe('Kind of the cluster object'),
  clusterName: z.string().describe('Name of the cluster object'),
  entries: inventoryEntries.optional(),
  rollout: z
    .object({
      namespace: z.string().describe('Namespace of the workload'),
      kind: z.string().describe('Kind of the workload'),
      name: z.string().describe('Name of the workload, the Canary and (-testloader) the test loader'),
      serviceName: z.string().describe('Name of the Service that users call'),
      provider: z.string().describe('Who routes requests'),
      metrics: z.array(z.string()).optional().describe('Names of MetricTemplates'),
    })
    .optional()
    .describe('What the rollout of the policy has there'),
});

export const applicationPhases = [
  'Pending',
  'Progressing',
  'Ready',
  'Failed',
  'Suspended',
  'Terminating',
] as const;

export const applicationStatus = z.object({
  phase: z.enum(applicationPhases).optional().describe('All of it in one word'),
  ready: z.string().optional().describe('Syncs that are done, of all: 2/4'),
  observedGeneration: observedGeneration.optional(),
  conditions: conditions.optional(),
  sourceStatus: z
    .object({
      gitRepoStatus: gitRepositoryStatus.optional().describe('Of a git source'),
      helmRepoStatus: z.object(source).optional().describe('Of a Helm repository'),
      ociRepoStatus: ociRepositoryStatus.optional().describe('Of an OCI source'),
    })
    .optional()
    .describe('Status of the source'),
  syncStatus: z
    .array(syncStatus)
    .optional()
    .describe('Status of each policy on each cluster: by policy, then in the order of the fleet'),
  inventory: z
    .array(inventoryItem)
    .optional()
    .describe('What is on which cluster, so that it can be removed'),
});

export type ApplicationStatus = z.infer<typeof applicationStatus>;
export type ApplicationPhase = (typeof applicationPhases)[number];
export type Artifact = z.infer<typeof artifact>;
export type GitRepositoryStatus = z.infer<typeof gitRepositoryStatus>;
export type KustomizationStatus = z.infer<typeof kustomizationStatus>;
export type HelmReleaseStatus = z.infer<typeof helmReleaseStatus>;
export type RolloutStatus = z.infer<typeof rolloutStatus>;
export type SyncStatus = z.infer<typeof syncStatus>;
export type ApplicationInventoryItem = z.infer<typeof inventoryItem>;

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
  metadata: stringMap.optional(),
});

const source = {
  observedGeneration: observedGeneration.optional(),
  conditions: conditions.optional(),
  artifact: artifact.optional().describe('The newest revision'),
  url: z.string().optional().describe('Where the newest artifact can be downloaded'),
  lastHandledReconcileAt: z.string().optional(),
};

const include = z.object({
  repository: z.object({ name: z.string() }),
  fromPath: z.string().optional(),
  toPath: z.string().optional(),
});

const gitRepositoryStatus = z.object({
  ...source,
  includedArtifacts: z.array(artifact).optional(),
  contentConfigChecksum: z.string().optional(),
  observedIgnore: z.string().optional(),
  observedRecurseSubmodules: z.boolean().optional(),
  observedInclude: z.array(include).optional(),
});

const ociRepositoryStatus = z.object({
  ...source,
  contentConfigChecksum: z.string().optional(),
  observedIgnore: z.string().optional(),
  observedLayerSelector: z
    .object({ mediaType: z.string().optional(), operation: z.string().optional() })
    .optional(),
});

const revisions = {
  observedGeneration: observedGeneration.optional(),
  conditions: conditions.optional(),
  lastAppliedRevision: z.string().optional(),
  lastAttemptedRevision: z.string().optional(),
  lastHandledReconcileAt: z.string().optional(),
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
  inventory: z.object({ entries: inventoryEntries }).optional(),
});

const counter = z.int().optional().meta({ format: 'int64' });

const helmReleaseStatus = z.object({
  ...revisions,
  failures: counter,
  installFailures: counter,
  upgradeFailures: counter,
  helmChart: z.string().optional(),
  lastAttemptedValuesChecksum: z.string().optional(),
  lastReleaseRevision: z.int().optional(),
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
  kustomizationStatus: kustomizationStatus.optional(),
  HelmReleaseStatus: helmReleaseStatus.optional(),
  rolloutStatus: rolloutStatus.optional(),
});

/** What must be found again when spec and fleet no longer tell of it. */
const inventoryItem = z.object({
  name: z.string().describe('Name of the sync: POLICY-KIND-CLUSTER'),
  policy: z.string().describe('Name of the policy'),
  clusterKind: z.string(),
  clusterName: z.string(),
  entries: inventoryEntries.optional(),
  rollout: z
    .object({
      namespace: z.string(),
      kind: z.string(),
      name: z.string().describe('Name of the workload, the Canary and (-testloader) the test loader'),
      serviceName: z.string(),
      provider: z.string(),
      metrics: z.array(z.string()).optional().describe('Names of MetricTemplates'),
    })
    .optional(),
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
      gitRepoStatus: gitRepositoryStatus.optional(),
      helmRepoStatus: z.object(source).optional(),
      ociRepoStatus: ociRepositoryStatus.optional(),
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

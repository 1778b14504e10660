import { z } from 'zod';
import { stringMap } from './istio-fields.ts';
import { duration } from './kurator.ts';

/*
 * Fields and defaults are those of Flux's Kustomization (kustomize.toolkit.fluxcd.io/v1beta2) and HelmRelease
 * (helm.toolkit.fluxcd.io/v2beta1), without what the controller fills in.
 */

const flag = (description: string) => z.boolean().optional().describe(description);
const targetNamespace = z.string().min(1).max(63).optional();
const suspend = flag('Leave the cluster as it is');
const dependsOn = z
  .array(z.object({ name: z.string(), namespace: z.string().optional() }))
  .max(100)
  .optional()
  .describe('Names of generated objects (POLICY-KIND-CLUSTER) that must be ready first');

const patchTarget = z.object({
  group: z.string().optional(),
  version: z.string().optional(),
  kind: z.string().optional(),
  name: z.string().optional().describe('A regular expression'),
  namespace: z.string().optional().describe('A regular expression'),
  labelSelector: z.string().optional(),
  annotationSelector: z.string().optional(),
});

export const kustomization = z.object({
  interval: duration.describe('Time between two syncs without a new revision; 0s: none'),
  prune: z.boolean().describe('Delete what is no longer in the source'),
  path: z.string().optional().describe('Folder in the source. Default: its root'),
  retryInterval: duration.optional().describe('Time until a failed sync is tried again. Default: interval'),
  timeout: duration.optional().describe('How long one sync may take. Default: interval - 30s, at least 30s'),
  targetNamespace: targetNamespace.describe('Put all objects into this namespace'),
  force: z.boolean().default(false).describe('Delete and make anew what cannot be changed'),
  suspend,
  dependsOn,
  patches: z
    .array(z.object({ patch: z.string(), target: patchTarget.optional() }))
    .max(100)
    .optional()
    .describe('Strategic merge and JSON patches'),
  images: z
    .array(
      z.object({
        name: z.string(),
        newName: z.string().optional(),
        newTag: z.string().optional(),
        digest: z.string().optional(),
      }),
    )
    .max(100)
    .optional()
    .describe('Images to replace'),
  components: z.array(z.string()).max(100).optional().describe('Kustomize components, by path'),
  commonMetadata: z
    .object({ labels: stringMap.optional(), annotations: stringMap.optional() })
    .optional()
    .describe('Metadata to add to all objects'),
});

export type KustomizationPolicy = z.infer<typeof kustomization>;

const timeout = duration.optional().describe('Default: that of the release');
const remediation = {
  retries: z.int32().optional().describe('How often to try again; negative: for ever. Default: 0'),
  ignoreTestFailures: flag('Take a failed test for a success'),
  remediateLastFailure: flag('Roll back or uninstall after the last failure too'),
};
const crds = z.enum(['Skip', 'Create', 'CreateReplace']).optional();
const waits = {
  disableWait: flag('Do not wait for the objects to be ready'),
  disableWaitForJobs: flag('Do not wait for Jobs'),
  disableHooks: flag('Run no hooks'),
};

const install = z.object({
  timeout,
  ...waits,
  remediation: z.object(remediation).optional(),
  disableOpenAPIValidation: flag('Do not check manifests against the OpenAPI schema'),
  replace: flag('Use the name of a deleted release again'),
  skipCRDs: flag('Deprecated: use crds'),
  crds: crds.describe('Default: Create'),
  createNamespace: flag('Create targetNamespace'),
});

const upgrade = z.object({
  timeout,
  ...waits,
  remediation: z
    .object({ ...remediation, strategy: z.enum(['rollback', 'uninstall']).optional() })
    .optional(),
  disableOpenAPIValidation: flag('Do not check manifests against the OpenAPI schema'),
  force: flag('Delete and make anew what cannot be changed'),
  preserveValues: flag('Start from the values of the last release'),
  cleanupOnFail: flag('Delete what a failed upgrade has made'),
  crds: crds.describe('Default: Skip'),
});

const rollback = z.object({
  timeout,
  ...waits,
  recreate: flag('Restart pods'),
  force: flag('Delete and make anew what cannot be changed'),
  cleanupOnFail: flag('Delete what a failed rollback has made'),
});

const uninstall = z.object({
  timeout,
  disableHooks: waits.disableHooks,
  keepHistory: flag('Keep the records of the release'),
  disableWait: waits.disableWait,
});

const valuesFrom = z.object({
  kind: z.enum(['Secret', 'ConfigMap']),
  name: z.string().min(1).max(253),
  valuesKey: z
    .string()
    .max(253)
    .regex(/^[-._a-zA-Z0-9]+$/)
    .optional()
    .describe('Default: values.yaml'),
  targetPath: z
    .string()
    .max(250)
    .regex(/^([a-zA-Z0-9_\-.\\/]|\[[0-9]{1,5}\])+$/)
    .optional()
    .describe('Where in the values to put it. Default: merged at the root'),
  optional: z.boolean().optional(),
});

const chart = z.object({
  spec: z.object({
    chart: z.string().describe('Name of the chart, or its path in git'),
    version: z.string().default('*').describe('Range of versions'),
    reconcileStrategy: z
      .enum(['ChartVersion', 'Revision'])
      .default('ChartVersion')
      .describe('What makes a new artifact'),
    interval: duration.optional().describe('Default: that of the release'),
    valuesFiles: z.array(z.string()).max(100).optional().describe('Paths in the source, merged in order'),
  }),
  metadata: z
    .object({ labels: stringMap.optional(), annotations: stringMap.optional() })
    .optional()
    .describe('Copied to the HelmChart'),
});

export const helm = z.object({
  chart,
  interval: duration.describe('Time between two syncs'),
  releaseName: z.string().min(1).max(53).optional(),
  targetNamespace: targetNamespace.describe('Namespace of the release'),
  timeout: duration.optional().describe('How long one operation may take. Default: 5m0s'),
  maxHistory: z.int().optional().describe('Records of a release that are kept. Default: 10'),
  serviceAccountName: z.string().optional().describe('Who to be on the cluster'),
  persistentClient: z.boolean().optional().describe('Default: true'),
  suspend,
  dependsOn,
  install: install.optional(),
  upgrade: upgrade.optional(),
  rollback: rollback.optional(),
  uninstall: uninstall.optional(),
  valuesFrom: z.array(valuesFrom).max(100).optional().describe('Values of ConfigMaps and Secrets'),
  values: z.record(z.string(), z.unknown()).optional().describe('Values of the release'),
});

export type HelmPolicy = z.infer<typeof helm>;

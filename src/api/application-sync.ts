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
  .array(
    z.object({
      name: z.string().describe('POLICY-KIND-CLUSTER'),
      namespace: z.string().optional().describe('Default: that of the Application'),
    }),
  )
  .max(100)
  .optional()
  .describe('Syncs that must be ready first');

const patchTarget = z.object({
  group: z.string().optional().describe('Group of the API. Default: any'),
  version: z.string().optional().describe('Version of the API. Default: any'),
  kind: z.string().optional().describe('Default: any'),
  name: z.string().optional().describe('A regular expression'),
  namespace: z.string().optional().describe('A regular expression'),
  labelSelector: z.string().optional().describe('Labels, as kubectl selects them: a=b,!c'),
  annotationSelector: z.string().optional().describe('Annotations, in the same syntax'),
});

export const kustomization = z.object({
  interval: duration.describe('0s: what others change stays as it is. Otherwise it is put back at once'),
  prune: z.boolean().describe('Delete what is no longer in the source'),
  path: z.string().optional().describe('Folder in the source. Default: its root'),
  retryInterval: duration
    .optional()
    .describe('The longest wait between two tries of a failed sync. Default: interval, at most 15m'),
  timeout: duration.optional().describe('How long one sync may take. Default: interval - 30s, at least 30s'),
  targetNamespace: targetNamespace.describe('Put all objects into this namespace'),
  force: z.boolean().default(false).describe('Delete and make anew what cannot be changed'),
  suspend,
  dependsOn,
  patches: z
    .array(
      z.object({
        patch: z.string().describe('The patch as YAML'),
        target: patchTarget.optional().describe('What to patch. Default: what the patch itself names'),
      }),
    )
    .max(100)
    .optional()
    .describe('Strategic merge and JSON patches'),
  images: z
    .array(
      z.object({
        name: z.string().describe('The image in the manifests, without tag'),
        newName: z.string().optional().describe('The image instead'),
        newTag: z.string().optional().describe('The tag instead'),
        digest: z.string().optional().describe('The digest instead of a tag'),
      }),
    )
    .max(100)
    .optional()
    .describe('Images to replace'),
  components: z.array(z.string()).max(100).optional().describe('Kustomize components, by path'),
  commonMetadata: z
    .object({
      labels: stringMap.optional().describe('Labels to add'),
      annotations: stringMap.optional().describe('Annotations to add'),
    })
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
  remediation: z.object(remediation).optional().describe('What to do when the installation fails'),
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
    .object({
      ...remediation,
      strategy: z.enum(['rollback', 'uninstall']).optional().describe('Default: rollback'),
    })
    .optional()
    .describe('What to do when the upgrade fails'),
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
  kind: z.enum(['Secret', 'ConfigMap']).describe('Kind of the object with the values'),
  name: z.string().min(1).max(253).describe('Its name'),
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
  optional: flag('Go on when the object or the key is missing'),
});

const chart = z.object({
  spec: z
    .object({
      chart: z.string().describe('Name of the chart, or its path in git'),
      version: z.string().default('*').describe('Range of versions'),
      reconcileStrategy: z
        .enum(['ChartVersion', 'Revision'])
        .default('ChartVersion')
        .describe('What makes a new artifact'),
      interval: duration.optional().describe('Default: that of the release'),
      valuesFiles: z.array(z.string()).max(100).optional().describe('Paths in the source, merged in order'),
    })
    .describe('Which chart'),
  metadata: z
    .object({
      labels: stringMap.optional().describe('Labels of the HelmChart'),
      annotations: stringMap.optional().describe('Annotations of the HelmChart'),
    })
    .optional()
    .describe('Copied to the HelmChart'),
});

export const helm = z.object({
  chart: chart.describe('The chart'),
  interval: duration.describe('Time between two syncs'),
  releaseName: z.string().min(1).max(53).optional().describe('Default: [TARGETNAMESPACE-]NAME'),
  targetNamespace: targetNamespace.describe('Namespace of the release'),
  timeout: duration.optional().describe('How long one operation may take. Default: 5m0s'),
  maxHistory: z.int().optional().describe('Records of a release that are kept. Default: 10'),
  serviceAccountName: z.string().optional().describe('Who to be on the cluster'),
  persistentClient: z.boolean().optional().describe('Default: true'),
  suspend,
  dependsOn,
  install: install.optional().describe('How to install'),
  upgrade: upgrade.optional().describe('How to upgrade'),
  rollback: rollback.optional().describe('How to roll back'),
  uninstall: uninstall.optional().describe('How to uninstall'),
  valuesFrom: z.array(valuesFrom).max(100).optional().describe('Values of ConfigMaps and Secrets'),
  values: z.record(z.string(), z.unknown()).optional().describe('Values of the release'),
});

export type HelmPolicy = z.infer<typeof helm>;

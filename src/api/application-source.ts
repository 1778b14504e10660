import { z } from 'zod';
import { duration, localReference, minutes } from './kurator.ts';
import { stringMap } from './istio-fields.ts';
import { celRules } from './structural-crd.ts';

/* Fields, patterns and defaults are those of Flux's sources (source.toolkit.fluxcd.io/v1beta2). */

const suspend = z.boolean().optional().describe('Do not look for new revisions');
const interval = duration.describe('Time between two looks for a new revision');
const timeout = minutes.default('60s').describe('How long one operation may take');
const ignore = z.string().optional().describe('What to leave out, in the syntax of .gitignore');
const provider = z
  .enum(['generic', 'aws', 'azure', 'gcp'])
  .default('generic')
  .describe('How to log in to the registry');
const accessFrom = z
  .object({
    namespaceSelectors: z
      .array(z.object({ matchLabels: stringMap.optional().describe('Labels that the namespace must have') }))
      .max(100)
      .describe('Any of them'),
  })
  .optional()
  .describe('Who may use this source from other namespaces. Without effect, as in Flux');

const gitRef = z.object({
  branch: z.string().optional().describe('Default: master'),
  tag: z.string().optional().describe('Takes precedence over semver'),
  semver: z
    .string()
    .optional()
    .describe('A range of tags, of which the highest is taken. Takes precedence over branch'),
  name: z.string().optional().describe('A full reference. Takes precedence over tag'),
  commit: z.string().optional().describe('Takes precedence over all others'),
});

const gitInclude = z.object({
  repository: localReference.describe('The GitRepository whose content is copied in'),
  fromPath: z.string().optional().describe('Default: the root'),
  toPath: z.string().optional().describe('Default: the name of the repository'),
});

const gitRepository = z.object({
  url: z
    .string()
    .regex(/^(http|https|ssh):\/\/.*$/)
    .describe('Address of the repository'),
  interval,
  timeout,
  ref: gitRef.optional().describe('Which commit to take'),
  secretRef: localReference
    .optional()
    .describe('Secret with username and password, bearerToken, or identity and known_hosts; and caFile'),
  ignore,
  include: z.array(gitInclude).max(100).optional().describe('Other repositories to copy in'),
  recurseSubmodules: z.boolean().optional().describe('Clone submodules too'),
  verify: z
    .object({
      mode: z.enum(['head']).describe('What to verify'),
      secretRef: localReference.describe('Secret with the public keys of who may sign'),
    })
    .optional()
    .describe('Check the PGP signature of the commit'),
  suspend,
  gitImplementation: z
    .enum(['go-git', 'libgit2'])
    .default('go-git')
    .describe('Deprecated and without effect: there is one implementation'),
  accessFrom,
});

const helmRepository = z.object({
  url: z.string().describe('Address of the repository'),
  interval,
  timeout,
  type: z.enum(['default', 'oci']).optional().describe('Default: default'),
  provider,
  secretRef: localReference
    .optional()
    .describe('Secret with username and password, or certFile, keyFile and caFile'),
  passCredentials: z.boolean().optional().describe('Send the credentials to other hosts too'),
  suspend,
  accessFrom,
});

const ociRepository = z.object({
  url: z
    .string()
    .regex(/^oci:\/\/.*$/)
    .describe('Address of the repository'),
  interval,
  timeout,
  ref: z
    .object({
      digest: z.string().optional().describe('Takes precedence over all others'),
      semver: z.string().optional().describe('A range of tags. Takes precedence over tag'),
      tag: z.string().optional().describe('Default: latest'),
    })
    .optional()
    .describe('Which artifact to take'),
  layerSelector: z
    .object({
      mediaType: z.string().optional().describe('The first layer of this type'),
      operation: z.enum(['extract', 'copy']).optional().describe('Default: extract'),
    })
    .optional()
    .describe('Which layer to take. Default: the first'),
  provider,
  secretRef: localReference.optional().describe('Secret of type kubernetes.io/dockerconfigjson'),
  serviceAccountName: z.string().optional().describe('Its image pull secrets are used'),
  certSecretRef: localReference.optional().describe('Secret with certFile, keyFile and caFile'),
  insecure: z.boolean().optional().describe('Use HTTP'),
  ignore,
  suspend,
  verify: z
    .object({
      provider: z.enum(['cosign']).default('cosign').describe('Who made the signature'),
      secretRef: localReference.optional().describe('Secret with public keys. Default: keyless'),
    })
    .optional()
    .describe('Check the signature of the artifact'),
});

export const applicationSource = celRules(
  z.object({
    gitRepository: gitRepository.optional().describe('Manifests or charts in git'),
    helmRepository: helmRepository.optional().describe('Charts of a Helm repository'),
    ociRepository: ociRepository.optional().describe('Manifests in a container registry'),
  }),
  {
    rule: '[has(self.gitRepository), has(self.helmRepository), has(self.ociRepository)].exists_one(x, x)',
    message: 'give exactly one of gitRepository, helmRepository and ociRepository',
  },
);

export type ApplicationSource = z.infer<typeof applicationSource>;
export type GitRepositorySpec = z.infer<typeof gitRepository>;
export type HelmRepositorySpec = z.infer<typeof helmRepository>;
export type OciRepositorySpec = z.infer<typeof ociRepository>;

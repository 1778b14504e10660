import { z } from 'zod';
import type { KubeObject } from '../machinery/object.ts';
import { rollout } from './application-rollout.ts';
import { applicationSource } from './application-source.ts';
import { applicationStatus, type ApplicationStatus } from './application-status.ts';
import { helm, kustomization } from './application-sync.ts';
import { stringMap } from './istio-fields.ts';
import { kuratorKind } from './kurator.ts';
import { celRules, customResourceDefinition } from './structural-crd.ts';

export type { Rollout } from './application-rollout.ts';

export const applicationApiVersion = 'apps.kurator.dev/v1alpha1';
/** Holds Applications until all of theirs is gone. */
export const applicationFinalizer = 'apps.kurator.dev';
/** On everything that is made for an Application: its name. */
export const applicationNameLabel = 'apps.kurator.dev/app-name';

const destination = z.object({
  fleet: z.string().max(253).describe('Name of the Fleet, in the namespace of the Application'),
  clusterSelector: z
    .object({ matchLabels: stringMap.optional().describe('Labels that the cluster object must have') })
    .optional()
    .describe('Which clusters of the fleet. Default: all'),
});

const syncPolicy = celRules(
  z.object({
    name: z
      .string()
      .min(1)
      .max(63)
      .regex(/^[A-Za-z0-9]([-.A-Za-z0-9]*[A-Za-z0-9])?$/)
      .optional()
      .describe('Default: APPLICATION-INDEX'),
    destination: destination.optional().describe('Replaces that of the Application'),
    kustomization: kustomization.optional().describe('Build with kustomize and apply'),
    helm: helm.optional().describe('Install a chart'),
    rollout: rollout.optional().describe('Test new versions before all traffic goes there'),
  }),
  {
    rule: 'has(self.kustomization) != has(self.helm)',
    message: 'give exactly one of kustomization and helm',
  },
);

const fleetOf = (owner: string): string => `has(${owner}.destination) && ${owner}.destination.fleet != ''`;
const consistent = 'because fleet must be consistent throughout the application';

/** The spec as the program reads it; an older definition on the server may have let more pass. */
export const applicationSpec = celRules(
  z.object({
    source: applicationSource.describe('Where manifests come from'),
    syncPolicies: z.array(syncPolicy).min(1).max(64).describe('What goes where'),
    destination: destination.optional().describe('Default of all policies. Without any: the host cluster'),
  }),
  {
    rule: 'self.syncPolicies.all(p, !has(p.name) || self.syncPolicies.exists_one(q, has(q.name) && q.name.lowerAscii() == p.name.lowerAscii()))',
    message: 'names of policies must be unique, whatever their case',
    fieldPath: '.syncPolicies',
  },
  {
    rule: `!(${fleetOf('self')}) || self.syncPolicies.all(p, !(${fleetOf('p')}) || p.destination.fleet == self.destination.fleet)`,
    messageExpression: `'must be same as application.spec.destination.fleet:' + self.destination.fleet + ', ${consistent}'`,
    fieldPath: '.syncPolicies',
  },
  {
    rule: `${fleetOf('self')} || self.syncPolicies.filter(p, ${fleetOf('p')}).all(p, p.destination.fleet == self.syncPolicies.filter(q, ${fleetOf('q')})[0].destination.fleet)`,
    messageExpression: `'must be same as firstPolicyFleet:' + self.syncPolicies.filter(p, ${fleetOf('p')})[0].destination.fleet + ', ${consistent}'`,
    fieldPath: '.syncPolicies',
  },
  {
    rule: `${fleetOf('self')} || self.syncPolicies.all(p, ${fleetOf('p')}) || !self.syncPolicies.exists(p, ${fleetOf('p')})`,
    message: 'must be set when application.spec.destination.fleet is not set',
    fieldPath: '.syncPolicies',
    reason: 'FieldValueRequired',
  },
);

export type ApplicationSpec = z.infer<typeof applicationSpec>;
export type ApplicationDestination = z.infer<typeof destination>;
export type SyncPolicy = z.infer<typeof syncPolicy>;

export interface Application extends KubeObject {
  readonly apiVersion: typeof applicationApiVersion;
  readonly kind: 'Application';
  readonly spec: ApplicationSpec;
  readonly status?: ApplicationStatus;
}

export const applicationCrd = customResourceDefinition({
  ...kuratorKind,
  group: 'apps.kurator.dev',
  kind: 'Application',
  plural: 'applications',
  singular: 'application',
  description: 'Application brings manifests to the clusters of a fleet, and tests new versions there.',
  spec: applicationSpec.describe('What should be where.'),
  status: applicationStatus.describe('What is where.'),
  printerColumns: [
    { name: 'Phase', type: 'string', jsonPath: '.status.phase' },
    { name: 'Ready', type: 'string', jsonPath: '.status.ready' },
    {
      name: 'Revision',
      type: 'string',
      jsonPath: '.status.sourceStatus.gitRepoStatus.artifact.revision',
      priority: 1,
    },
    {
      name: 'Message',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].message',
      priority: 1,
    },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
});

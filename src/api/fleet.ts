import { z } from 'zod';
import type { KubeObject } from '../machinery/object.ts';
import { fleetPlugins } from './fleet-plugins.ts';
import { conditions, kuratorKind, observedGeneration } from './kurator.ts';
import { customResourceDefinition } from './structural-crd.ts';

export const fleetApiVersion = 'fleet.kurator.dev/v1alpha1';
/** Holds Fleets until their members are free again. */
export const fleetFinalizer = 'fleet.kurator.dev';
/** On cluster objects: the fleet that they belong to. */
export const fleetNameLabel = 'fleet.kurator.dev/fleet-name';

const text = z.string().optional();
const ignored = 'Without effect';

/** An ObjectReference, of which kind and name matter. */
const clusterReference = z.object({
  kind: z.string().optional().describe('AttachedCluster'),
  name: z.string().min(1).max(253).describe('Name of the cluster object'),
  apiVersion: text.describe(ignored),
  namespace: text.describe('Without effect: it is that of the fleet'),
  uid: text.describe(ignored),
  resourceVersion: text.describe(ignored),
  fieldPath: text.describe(ignored),
});

const fleetSpec = z.object({
  clusters: z.array(clusterReference).max(1000).optional().describe('The members'),
  plugin: fleetPlugins.optional().describe('What is installed on all members'),
});

export type FleetSpec = z.infer<typeof fleetSpec>;
export type ClusterReference = z.infer<typeof clusterReference>;

export const fleetPhases = [
  'Pending',
  'Running',
  'Ready',
  'Failed',
  'Terminating',
  'TerminateFailed',
  'TerminateSucceeded',
] as const;

const count = z.int().optional().meta({ format: 'int32' });

/** One plugin on one member. */
const pluginStatus = z.object({
  plugin: z.string().describe('flagger'),
  cluster: z.string().describe('Name of the cluster object'),
  status: z.enum(['True', 'False', 'Unknown']).describe('Whether it runs'),
  reason: z.string().describe('Why, in one word'),
  message: z.string().describe('Why, for people'),
});

const fleetStatus = z.object({
  phase: z.enum(fleetPhases).optional().describe('All of it in one word'),
  reason: z.string().optional().describe('Why the fleet failed'),
  readyClusters: count.describe('Members that answer'),
  unReadyClusters: count.describe('Members that do not'),
  credentialSecret: text.describe('Never written: there is no control plane'),
  pluginEndpoints: z.record(z.string(), z.unknown()).optional().describe('Never written'),
  observedGeneration: observedGeneration.optional(),
  conditions: conditions.optional(),
  plugins: z
    .array(pluginStatus)
    .optional()
    .describe('Each plugin on each member, and on clusters that it is still to be removed from'),
});

export type FleetStatus = z.infer<typeof fleetStatus>;
export type FleetPhase = (typeof fleetPhases)[number];
export type PluginStatus = z.infer<typeof pluginStatus>;

/** Clusters that belong together. */
export interface Fleet extends KubeObject {
  readonly apiVersion: typeof fleetApiVersion;
  readonly kind: 'Fleet';
  readonly spec: FleetSpec;
  readonly status?: FleetStatus;
}

export const fleetCrd = customResourceDefinition({
  ...kuratorKind,
  group: 'fleet.kurator.dev',
  kind: 'Fleet',
  plural: 'fleets',
  singular: 'fleet',
  description: 'Fleet is a set of clusters that get the same.',
  spec: fleetSpec.describe('Which clusters, and what is installed there.'),
  status: fleetStatus.describe('How far that is.'),
  rules: [
    {
      rule: 'self.metadata.name.size() <= 63',
      message: 'the name of a Fleet must be at most 63 characters long: it is a label of its clusters',
    },
  ],
  printerColumns: [
    { name: 'Phase', type: 'string', jsonPath: '.status.phase' },
    { name: 'Ready', type: 'integer', jsonPath: '.status.readyClusters', priority: 1 },
    { name: 'UnReady', type: 'integer', jsonPath: '.status.unReadyClusters', priority: 1 },
    {
      name: 'Message',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].message',
      priority: 1,
    },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', priority: 1 },
  ],
});

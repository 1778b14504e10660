import { z } from 'zod';
import type { KubeObject } from '../machinery/object.ts';
import { conditions, dnsSubdomain, kuratorKind, observedGeneration } from './kurator.ts';
import { customResourceDefinition } from './structural-crd.ts';

export const attachedClusterApiVersion = 'cluster.kurator.dev/v1alpha1';

const attachedClusterSpec = z.object({
  kubeconfig: z
    .object({
      name: dnsSubdomain.describe('Name of the Secret, in the same namespace'),
      key: dnsSubdomain.default('value').describe('Which of its values is the kubeconfig'),
    })
    .describe('The Secret with the kubeconfig. It must hold its data itself: no files, no programs'),
});

const attachedClusterStatus = z.object({
  ready: z.boolean().optional().describe('Whether the cluster answers'),
  observedGeneration: observedGeneration.optional(),
  conditions: conditions.optional(),
});

export type AttachedClusterStatus = z.infer<typeof attachedClusterStatus>;

/** A cluster that was not made by us: we have its kubeconfig. */
export interface AttachedCluster extends KubeObject {
  readonly apiVersion: typeof attachedClusterApiVersion;
  readonly kind: 'AttachedCluster';
  readonly spec: z.infer<typeof attachedClusterSpec>;
  readonly status?: AttachedClusterStatus;
}

export const attachedClusterCrd = customResourceDefinition({
  ...kuratorKind,
  group: 'cluster.kurator.dev',
  kind: 'AttachedCluster',
  plural: 'attachedclusters',
  singular: 'attachedcluster',
  description: 'AttachedCluster is a cluster that fleets can have as a member.',
  spec: attachedClusterSpec.describe('How to reach the cluster.'),
  status: attachedClusterStatus.describe('Whether it is reached.'),
  printerColumns: [
    { name: 'Ready', type: 'boolean', jsonPath: '.status.ready' },
    {
      name: 'Reason',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].reason',
      priority: 1,
    },
    {
      name: 'Message',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].message',
      priority: 1,
    },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', priority: 1 },
  ],
});

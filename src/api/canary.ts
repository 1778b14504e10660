import { z } from 'zod';
import type { KubeObject } from '../machinery/object.ts';
import { canaryAnalysis } from './canary-analysis.ts';
import { canaryService } from './canary-service.ts';
import { canaryStatus, type CanaryStatus } from './canary-status.ts';
import { flaggerKind } from './flagger.ts';
import { stringMap } from './istio-fields.ts';
import { customResourceDefinition, type KindDefinition } from './structural-crd.ts';

const providers = [
  'apisix',
  'appmesh',
  'appmesh:v1beta2',
  'contour',
  'gatewayapi:v1',
  'gatewayapi:v1beta1',
  'gloo',
  'istio',
  'knative',
  'kubernetes',
  'kuma',
  'linkerd',
  'nginx',
  'osm',
  'skipper',
  'smi:v1alpha1',
  'smi:v1alpha2',
  'smi:v1alpha3',
  'traefik',
] as const;

/** Finalizer of Canaries with `revertOnDeletion`. */
export const canaryFinalizer = 'finalizer.flagger.app';

const reference = <const T extends readonly [string, ...string[]]>(...kinds: T) =>
  ({ apiVersion: z.string(), kind: z.enum(kinds), name: z.string() }) as const;

const scalerReplicas = z.object({
  minReplicas: z.int().min(1).optional(),
  maxReplicas: z.int().min(1).optional(),
});

export const canarySpec = z.object({
  provider: z.enum(providers).optional().describe('Traffic management provider'),
  metricsServer: z.string().optional().describe('Prometheus URL'),
  progressDeadlineSeconds: z
    .int()
    .min(0)
    .optional()
    .describe('Progress deadline of the target. Default: 600'),
  targetRef: z.object(reference('DaemonSet', 'Deployment', 'Service')).describe('Target selector'),
  autoscalerRef: z
    .object({
      ...reference('HorizontalPodAutoscaler', 'ScaledObject'),
      primaryScalerQueries: stringMap.optional(),
      primaryScalerReplicas: scalerReplicas.optional(),
    })
    .optional()
    .describe('Scaler selector'),
  ingressRef: z.object(reference('Ingress')).optional().describe('Ingress selector'),
  routeRef: z.object(reference('ApisixRoute')).optional().describe('APISIX route selector'),
  upstreamRef: z
    .object({ ...reference('Upstream'), namespace: z.string().optional() })
    .optional()
    .describe('Gloo Upstream selector'),
  service: canaryService.optional().describe('Kubernetes Service spec'),
  skipAnalysis: z.boolean().optional().describe('Skip analysis and promote canary'),
  revertOnDeletion: z.boolean().optional().describe('Revert mutated resources to original spec on deletion'),
  suspend: z.boolean().optional().describe('Suspend all canary runs'),
  analysis: canaryAnalysis.describe('Canary analysis for this canary'),
});

export type CanarySpec = z.infer<typeof canarySpec>;

export interface Canary extends KubeObject {
  readonly apiVersion: 'flagger.app/v1beta1';
  readonly kind: 'Canary';
  readonly spec: CanarySpec;
  readonly status?: CanaryStatus;
}

const canaryDefinition: KindDefinition = {
  ...flaggerKind,
  kind: 'Canary',
  plural: 'canaries',
  singular: 'canary',
  description: 'Canary is the Schema for the Canary API.',
  spec: canarySpec.describe('CanarySpec defines the desired state of a Canary.'),
  status: canaryStatus.describe('CanaryStatus defines the observed state of a canary.'),
  printerColumns: [
    { name: 'Status', type: 'string', jsonPath: '.status.phase' },
    { name: 'Weight', type: 'string', jsonPath: '.status.canaryWeight' },
    { name: 'Suspended', type: 'boolean', jsonPath: '.spec.suspend', priority: 1 },
    { name: 'FailedChecks', type: 'string', jsonPath: '.status.failedChecks', priority: 1 },
    { name: 'Interval', type: 'string', jsonPath: '.spec.analysis.interval', priority: 1 },
    { name: 'Mirror', type: 'boolean', jsonPath: '.spec.analysis.mirror', priority: 1 },
    { name: 'StepWeight', type: 'string', jsonPath: '.spec.analysis.stepWeight', priority: 1 },
    { name: 'StepWeights', type: 'string', jsonPath: '.spec.analysis.stepWeights', priority: 1 },
    { name: 'MaxWeight', type: 'string', jsonPath: '.spec.analysis.maxWeight', priority: 1 },
    { name: 'LastTransitionTime', type: 'string', jsonPath: '.status.lastTransitionTime' },
  ],
};

export const canaryCrd = customResourceDefinition(canaryDefinition);

import { z } from 'zod';
import type { KubeObject } from '../machinery/object.ts';
import type { ValidationRule } from '../machinery/schema.ts';
import { canaryAnalysis } from './canary-analysis.ts';
import { canaryService } from './canary-service.ts';
import { canaryStatus, type CanaryStatus } from './canary-status.ts';
import { flaggerKind } from './flagger.ts';
import { stringMap } from './istio-fields.ts';
import { celRules, customResourceDefinition, type KindDefinition } from './structural-crd.ts';

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

const isKnativeProvider = "has(self.provider) && self.provider == 'knative'";
const isKnativeTarget =
  "self.targetRef.kind == 'Service' && self.targetRef.apiVersion == 'serving.knative.dev/v1'";

/** Finalizer of Canaries with `revertOnDeletion`. */
export const canaryFinalizer = 'finalizer.flagger.app';

const reference = <const T extends readonly [string, ...string[]]>(...kinds: T) =>
  ({
    apiVersion: z.string().describe('API of the object'),
    kind: z.enum(kinds).describe('Kind of the object'),
    name: z.string().describe('Name of the object'),
  }) as const;

const scalerReplicas = celRules(
  z.object({
    minReplicas: z.int().min(1).optional().describe('The least replicas of the primary'),
    maxReplicas: z.int().min(1).optional().describe('The most replicas of the primary'),
  }),
  {
    rule: '!has(self.minReplicas) || !has(self.maxReplicas) || self.minReplicas <= self.maxReplicas',
    message: 'minReplicas must not exceed maxReplicas',
  },
);

/** Exact texts are Flagger's. */
const rules: readonly ValidationRule[] = [
  ...['stepWeight', 'iterations'].map((field) => ({
    rule: `has(self.skipAnalysis) && self.skipAnalysis || !has(self.analysis.${field}) || self.analysis.${field} > 0`,
    message: `${field} must be above 0: an analysis without steps never ends`,
    fieldPath: `.analysis.${field}`,
  })),
  {
    rule: "has(self.service) || self.targetRef.kind == 'Service'",
    message: 'must be given: the port of the Services that users call',
    fieldPath: '.service',
    reason: 'FieldValueRequired',
  },
  {
    rule: `!(${isKnativeProvider}) || ${isKnativeTarget}`,
    messageExpression: `"can't use " + self.targetRef.apiVersion + '/' + self.targetRef.kind + ' as target if provider is set to knative'`,
    fieldPath: '.targetRef',
  },
  {
    rule: `!(${isKnativeTarget}) || ${isKnativeProvider}`,
    messageExpression: `"can't use " + (has(self.provider) ? self.provider : 'the default') + ' provider with Knative Service as target'`,
    fieldPath: '.provider',
  },
  {
    rule: `!(${isKnativeTarget}) || !has(self.autoscalerRef)`,
    message: "can't use autoscaler with Knative Service",
    fieldPath: '.autoscalerRef',
  },
];

export const canarySpec = celRules(
  z.object({
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
        primaryScalerQueries: stringMap
          .optional()
          .describe('Queries of the triggers of the primary, by name (KEDA)'),
        primaryScalerReplicas: scalerReplicas
          .optional()
          .describe('Replicas of the primary, where they differ'),
      })
      .optional()
      .describe('Scaler selector'),
    ingressRef: z.object(reference('Ingress')).optional().describe('Ingress selector'),
    routeRef: z.object(reference('ApisixRoute')).optional().describe('APISIX route selector'),
    upstreamRef: z
      .object({
        ...reference('Upstream'),
        namespace: z.string().optional().describe('Namespace of the object'),
      })
      .optional()
      .describe('Gloo Upstream selector'),
    service: canaryService.optional().describe('Kubernetes Service spec'),
    skipAnalysis: z.boolean().optional().describe('Skip analysis and promote canary'),
    revertOnDeletion: z
      .boolean()
      .optional()
      .describe('Revert mutated resources to original spec on deletion'),
    suspend: z.boolean().optional().describe('Suspend all canary runs'),
    analysis: canaryAnalysis.describe('Canary analysis for this canary'),
  }),
  ...rules,
);

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

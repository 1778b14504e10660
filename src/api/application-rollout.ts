import { z } from 'zod';
import { addedMetadata, analysisMatch, corsPolicy, headers, retries } from './istio-fields.ts';
import { metricTemplateSpec } from './metric-template.ts';
import { risingSteps, thresholdRange } from './canary-analysis.ts';
import { dnsSubdomain } from './kurator.ts';
import { celRules } from './structural-crd.ts';

/** 0 is the default, as if the field were not there. */
const weight = z.int().min(0).max(100);
const count = z.int().min(0).max(1_000_000);
const seconds = z.int().min(1).max(1_000_000);

const canaryStrategy = celRules(
  z.object({
    maxWeight: weight.optional().describe('Traffic that suffices for promotion, in percent. Default: 100'),
    stepWeight: weight.optional().describe('Traffic that each step adds, in percent'),
    stepWeights: z
      .array(z.int().min(1).max(100))
      .min(1)
      .max(100)
      .optional()
      .describe('Traffic of each step, in percent, rising'),
    stepWeightPromotion: weight
      .optional()
      .describe('Traffic that each step of the promotion moves, in percent'),
  }),
  {
    rule: '(has(self.stepWeight) && self.stepWeight > 0) != has(self.stepWeights)',
    message: 'give exactly one of stepWeight (above 0) and stepWeights',
  },
  risingSteps,
);

const trafficRouting = celRules(
  z.object({
    timeoutSeconds: count.optional().describe('Timeout of requests. Default: none'),
    gateways: z
      .array(z.string())
      .max(64)
      .optional()
      .describe('Istio gateways. Default: inside the mesh only'),
    hosts: z.array(z.string()).max(64).optional().describe('Host names of the routes, for Istio'),
    retries: retries.optional().describe('Retries of requests, for Istio'),
    headers: headers.optional().describe('Changes to headers, for Istio'),
    corsPolicy: corsPolicy.optional().describe('Cross-Origin Resource Sharing policy, for Istio'),
    host: z.string().max(253).optional().describe('Host of the Ingress, for nginx'),
    protocol: z.string().max(63).optional().describe('Protocol of the port, for kuma. Default: http'),
    canaryStrategy: canaryStrategy.optional().describe('Move traffic step by step'),
    analysisTimes: count
      .optional()
      .describe('Number of checks of a Blue/Green, or with match of an A/B rollout'),
    match: z.array(analysisMatch).max(64).optional().describe('Requests that get the new version'),
  }),
  {
    rule: 'has(self.canaryStrategy) != (has(self.analysisTimes) && self.analysisTimes > 0)',
    message: 'give exactly one of canaryStrategy and analysisTimes (above 0)',
  },
);

const metric = z.object({
  name: dnsSubdomain.describe('request-success-rate, request-duration, or that of a MetricTemplate'),
  intervalSeconds: seconds.optional().describe('Window of the query. Default: 60'),
  thresholdRange: thresholdRange.optional().describe('The values that pass. Default: all'),
  customMetric: metricTemplateSpec.optional().describe('Makes a MetricTemplate of this name'),
});

const commands = z.array(z.string().max(4096)).max(32);

const webhooks = celRules(
  z.object({
    timeoutSeconds: seconds.optional().describe('How long one call may take. Default: 60'),
    command: commands.optional().describe('What the test loader runs while the new version is checked'),
    commands: commands.optional().describe('Another name of command'),
  }),
  {
    rule: '!has(self.command) || !has(self.commands)',
    message: 'command and commands are the same: give one',
  },
);

const sessionAffinity = z.object({
  cookieName: z.string().describe('Name of the cookie that keeps a user on the new version'),
  maxAge: z.int().optional().describe('Seconds until the cookie expires. Default: 86400'),
});

const trafficAnalysis = celRules(
  z.object({
    checkIntervalSeconds: count.describe('Time between two checks, at least 10'),
    checkFailedTimes: count.describe('The failed check that takes the new version back'),
    metrics: z.array(metric).max(32).optional().describe('What must hold'),
    webhooks: webhooks.optional().describe('Load for the new version'),
    sessionAffinity: sessionAffinity.optional().describe('Keep users on one version'),
  }),
  {
    rule: '!has(self.metrics) || self.metrics.all(m, !has(m.customMetric) || self.metrics.exists_one(n, has(n.customMetric) && n.name == m.name))',
    message: 'names of metrics with a customMetric must be unique: each makes a MetricTemplate',
    fieldPath: '.metrics',
  },
);

const rolloutPolicy = z.object({
  trafficRouting: trafficRouting.describe('Which requests get the new version'),
  trafficAnalysis: trafficAnalysis.describe('How the new version is judged'),
  rolloutTimeoutSeconds: z
    .int32()
    .min(0)
    .meta({ format: 'int32' })
    .optional()
    .describe('How long pods may take to get ready. Default: 600'),
  skipTrafficAnalysis: z.boolean().optional().describe('Promote without checks'),
  revertOnDeletion: z.boolean().optional().describe('Restore the workload when the rollout is deleted'),
  suspend: z.boolean().optional().describe('Do nothing'),
});

const workload = celRules(
  z.object({
    apiVersion: z.string().max(253).describe('apps/v1'),
    kind: z.string().max(63).describe('Deployment or DaemonSet'),
    name: z.string().min(1).max(253).describe('Name of the workload'),
    namespace: z.string().min(1).max(63).optional().describe('Namespace of the workload. Default: default'),
  }),
  {
    rule: "self.kind.lowerAscii() in ['deployment', 'daemonset']",
    message: 'must be Deployment or DaemonSet',
    fieldPath: '.kind',
  },
);

/** Who can route requests. */
export const trafficRoutingProviders = ['istio', 'kuma', 'nginx'] as const;

export const rollout = celRules(
  z.object({
    testLoader: z
      .boolean()
      .optional()
      .describe('Install a test loader of its own. Default: the public one of the fleet is used'),
    trafficRoutingProvider: z.enum(trafficRoutingProviders).describe('Who routes requests'),
    workload: workload.describe('What is rolled out'),
    serviceName: z
      .string()
      .min(1)
      .max(55)
      .describe('The Service that users call; it must be there. There will be NAME-primary and NAME-canary'),
    port: z.int().min(1).max(65_535).meta({ format: 'int32' }).describe('Port of the Service'),
    primary: addedMetadata.optional().describe('Metadata of the Service of the promoted version'),
    preview: addedMetadata.optional().describe('Metadata of the Service of the new version'),
    rolloutPolicy: rolloutPolicy.describe('How it is rolled out'),
  }),
  {
    rule: "self.trafficRoutingProvider != 'nginx' || has(self.rolloutPolicy.trafficRouting.host) && self.rolloutPolicy.trafficRouting.host != ''",
    message: 'nginx needs rolloutPolicy.trafficRouting.host: the host of the Ingress',
    fieldPath: '.rolloutPolicy.trafficRouting.host',
    reason: 'FieldValueRequired',
  },
);

export type CanaryStrategy = z.infer<typeof canaryStrategy>;
export type Rollout = z.infer<typeof rollout>;
export type RolloutMetric = z.infer<typeof metric>;
export type TrafficRoutingProvider = (typeof trafficRoutingProviders)[number];

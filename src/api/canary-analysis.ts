import { z } from 'zod';
import type { ValidationRule } from '../machinery/schema.ts';
import { analysisMatch, stringMap } from './istio-fields.ts';
import { celRules, exactlyOneOf } from './structural-crd.ts';

/** As Flagger's CRD has it: not anchored at the end, so that `1m30s` is one too. */
const duration = z.string().regex(/^[0-9]+(m|s)/);
const weight = z.int().min(0).max(100);

/** Metrics that need neither a template nor a query. */
export const builtinMetrics = ['request-success-rate', 'request-duration'] as const;
export type BuiltinMetric = (typeof builtinMetrics)[number];

export function isBuiltinMetric(name: string): name is BuiltinMetric {
  return builtinMetrics.some((builtin) => builtin === name);
}

export const thresholdRange = celRules(
  z.object({
    min: z.number().optional().describe('Min value accepted for this metric'),
    max: z.number().optional().describe('Max value accepted for this metric'),
  }),
  { rule: '!has(self.min) || !has(self.max) || self.min <= self.max', message: 'min must not exceed max' },
);

/** Of `stepWeights` beside it. */
export const risingSteps: ValidationRule = {
  rule: '!has(self.stepWeights) || self.stepWeights.all(i, self.stepWeights.exists_one(j, j == i)) && self.stepWeights.isSorted()',
  message: 'stepWeights must rise: each step has more traffic than the one before',
  fieldPath: '.stepWeights',
};

const metric = z.object({
  name: z.string().describe('Name of the metric'),
  interval: duration.optional().describe('Interval of the query. Default: 1m'),
  threshold: z
    .number()
    .optional()
    .describe('Deprecated, use thresholdRange: max value accepted for this metric'),
  thresholdRange: thresholdRange.optional().describe('Range accepted for this metric'),
  query: z.string().optional().describe('Deprecated, use templateRef: Prometheus query'),
  templateRef: z
    .object({
      name: z.string().describe('Name of this metric template'),
      namespace: z.string().optional().describe('Namespace of this metric template'),
    })
    .optional()
    .describe('Metric template reference'),
  templateVariables: stringMap.optional().describe('Additional variables of the query (key-value pairs)'),
});

export const webhookTypes = [
  '',
  'confirm-rollout',
  'pre-rollout',
  'rollout',
  'confirm-promotion',
  'post-rollout',
  'event',
  'rollback',
  'confirm-traffic-increase',
] as const;

const webhook = z.object({
  name: z.string().describe('Name of the webhook'),
  type: z.enum(webhookTypes).optional().describe('When the webhook is called. Default: rollout'),
  url: z.string().describe('URL address of this webhook').meta({ format: 'url' }),
  timeout: duration.optional().describe('Request timeout for this webhook, of one attempt. Default: 10s'),
  retries: z.int().min(0).optional().describe('Number of further attempts for this webhook'),
  disableTLS: z.boolean().optional().describe('Disable TLS verification for this webhook'),
  muteAlert: z.boolean().optional().describe('Mute all alerts for the webhook'),
  metadata: stringMap.optional().describe('Metadata (key-value pairs) for this webhook'),
});

const alert = z.object({
  name: z.string().describe('Name of this alert'),
  severity: z.enum(['', 'info', 'warn', 'error']).optional().describe('The least severe alert that is sent'),
  providerRef: z
    .object({
      name: z.string().describe('Name of the alert provider'),
      namespace: z.string().optional().describe('Namespace of the alert provider'),
    })
    .describe('Alert provider reference'),
});

const sessionAffinity = celRules(
  z.object({
    cookieName: z.string().describe('Name of the cookie that keeps a user on the canary'),
    primaryCookieName: z.string().optional().describe('Name of the cookie that keeps a user on the primary'),
    domain: z.string().optional().describe('Domain attribute of the cookie'),
    httpOnly: z.boolean().optional().describe('HttpOnly attribute of the cookie'),
    maxAge: z.int().default(86_400).describe('Seconds until the cookie expires'),
    partitioned: z.boolean().optional().describe('Partitioned attribute of the cookie'),
    path: z.string().optional().describe('Path attribute of the cookie'),
    sameSite: z.enum(['Strict', 'Lax', 'None']).optional().describe('SameSite attribute of the cookie'),
    secure: z.boolean().optional().describe('Secure attribute of the cookie'),
  }),
  {
    rule: '!has(self.primaryCookieName) || self.primaryCookieName != self.cookieName',
    message:
      "can't use the same cookie name for both primary and cookie name; please update them to be different",
  },
);

export const canaryAnalysis = celRules(
  exactlyOneOf(
    z.object({
      interval: duration.optional().describe('Time between two checks, at least 10s'),
      threshold: z.int().optional().describe('Failed checks before rollback'),
      iterations: z
        .int()
        .min(0)
        .optional()
        .describe('Number of checks to run for A/B Testing and Blue/Green'),
      match: z.array(analysisMatch).optional().describe('A/B testing match conditions'),
      stepWeight: weight.optional().describe('Traffic that each step of the analysis adds, in percent'),
      stepWeights: z
        .array(z.int().min(1).max(100))
        .min(1)
        .max(100)
        .optional()
        .describe('Traffic of each step of the analysis, in percent, rising'),
      maxWeight: weight.optional().describe('Traffic that suffices for promotion, in percent. Default: 100'),
      stepWeightPromotion: weight
        .optional()
        .describe('Traffic that each step of the promotion moves, in percent'),
      mirror: z.boolean().optional().describe('Mirror traffic to canary'),
      mirrorWeight: weight.optional().describe('Share of traffic to be mirrored, in percent. Default: all'),
      primaryReadyThreshold: weight.optional().describe('Pods of a ready primary, in percent. Default: 100'),
      canaryReadyThreshold: weight.optional().describe('Pods of a ready canary, in percent. Default: 100'),
      metrics: z.array(metric).max(1000).optional().describe('Metric check list for this canary'),
      webhooks: z.array(webhook).optional().describe('Webhook list for this canary'),
      alerts: z.array(alert).optional().describe('Alert list for this canary analysis'),
      sessionAffinity: sessionAffinity.optional().describe('Session affinity of a canary run'),
    }),
    'iterations',
    'stepWeight',
    'stepWeights',
  ),
  risingSteps,
).meta({ required: ['interval', 'threshold'] });

export type CanaryAnalysis = z.infer<typeof canaryAnalysis>;
export type CanaryWebhook = z.infer<typeof webhook>;
export type CanaryMetric = z.infer<typeof metric>;
export type CanaryAlert = z.infer<typeof alert>;
export type WebhookType = Exclude<(typeof webhookTypes)[number], ''>;

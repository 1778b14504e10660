import { z } from 'zod';
import { trafficRoutingProviders } from './application-rollout.ts';
import { stringMap } from './istio-fields.ts';

const anything = z.record(z.string(), z.unknown());
const chart = z
  .object({
    repository: z.string().optional(),
    name: z.string().optional(),
    version: z.string().optional(),
  })
  .optional()
  .describe('The chart of the original. Without effect: no chart is used');
const extraArgs = anything.optional().describe('Values of the chart');
const ofChart = { chart, extraArgs };
const enabled = z.object({ enabled: z.boolean().optional() }).optional();

const metric = z.object({
  thanos: z
    .object({ ...ofChart, objectStoreConfig: z.object({ secretName: z.string() }).optional() })
    .optional(),
  prometheus: z
    .object({
      ...ofChart,
      extension: z.object({ nodeExporter: enabled, kubeStateMetrics: enabled }).optional(),
      nodeExporter: enabled,
      kubeStateMetrics: enabled,
    })
    .optional(),
});

const kyverno = z.object({
  ...ofChart,
  podSecurity: z
    .object({
      standard: z.string().default('baseline'),
      severity: z.string().default('medium'),
      validationFailureAction: z.string().default('Audit'),
    })
    .optional(),
});

const backup = z.object({
  ...ofChart,
  storage: z.object({
    location: z.object({
      bucket: z.string(),
      provider: z.string(),
      endpoint: z.string(),
      region: z.string().optional(),
      config: stringMap.optional(),
    }),
    secretName: z.string(),
  }),
});

const distributedStorage = z.object({ ...ofChart, storage: anything });

const submariner = z.object({
  ...ofChart,
  brokerCluster: z.string().optional(),
  clusterCidrs: anything.optional(),
  serviceCidrs: anything.optional(),
  globalcidrs: anything.optional(),
});

const flagger = z.object({
  trafficRoutingProvider: z
    .enum(trafficRoutingProviders)
    .describe('Who routes requests on the members; it tells the namespace of the agent'),
  publicTestloader: z.boolean().optional().describe('Install a test loader for all rollouts of a member'),
  ...ofChart,
  config: z
    .object(ofChart)
    .optional()
    .describe('The chart of the provider. Without effect: providers are not installed'),
});

export type FlaggerPlugin = z.infer<typeof flagger>;

const ignored = 'Accepted and ignored';

/** `spec.plugin` of a Fleet. */
export const fleetPlugins = z.object({
  flagger: flagger.optional().describe('Rollouts: installs the agent on all members'),
  metric: metric.optional().describe(ignored),
  grafana: z.object(ofChart).optional().describe(ignored),
  policy: z.object({ kyverno: kyverno.optional() }).optional().describe(ignored),
  backup: backup.optional().describe(ignored),
  distributedStorage: distributedStorage.optional().describe(ignored),
  submariner: submariner.optional().describe(ignored),
});

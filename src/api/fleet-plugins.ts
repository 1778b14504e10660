import { z } from 'zod';
import { trafficRoutingProviders } from './application-rollout.ts';
import { stringMap } from './istio-fields.ts';

const text = (description: string) => z.string().describe(description);
const anything = z.record(z.string(), z.unknown());
const chart = z
  .object({
    repository: text('Address of its repository').optional(),
    name: text('Its name').optional(),
    version: text('Its version').optional(),
  })
  .optional()
  .describe('The chart of the original. Without effect: no chart is used');
const extraArgs = anything.optional().describe('Values of the chart');
const ofChart = { chart, extraArgs };
const exporters = {
  nodeExporter: z
    .object({ enabled: z.boolean().optional().describe('Whether there is one') })
    .optional()
    .describe('Metrics of nodes'),
  kubeStateMetrics: z
    .object({ enabled: z.boolean().optional().describe('Whether there are any') })
    .optional()
    .describe('Metrics of objects'),
};

const metric = z.object({
  thanos: z
    .object({
      ...ofChart,
      objectStoreConfig: z
        .object({ secretName: text('Secret that tells where metrics are stored') })
        .optional()
        .describe('Where metrics are stored'),
    })
    .optional()
    .describe('Thanos on the host'),
  prometheus: z
    .object({
      ...ofChart,
      extension: z.object(exporters).optional().describe('Older place of the exporters'),
      ...exporters,
    })
    .optional()
    .describe('Prometheus on the members'),
});

const kyverno = z.object({
  ...ofChart,
  podSecurity: z
    .object({
      standard: text('privileged, baseline or restricted').default('baseline'),
      severity: text('low, medium or high').default('medium'),
      validationFailureAction: text('Audit or Enforce').default('Audit'),
    })
    .optional()
    .describe('The pod security standard'),
});

const backup = z.object({
  ...ofChart,
  storage: z
    .object({
      location: z
        .object({
          bucket: text('Name of the bucket'),
          provider: text('Who stores: aws, gcp, azure, …'),
          endpoint: text('Address of the storage'),
          region: text('Region of the storage').optional(),
          config: stringMap.optional().describe('Settings of the provider'),
        })
        .describe('Where backups are stored'),
      secretName: text('Secret with the credentials'),
    })
    .describe('Where backups are stored, and who may'),
});

const distributedStorage = z.object({
  ...ofChart,
  storage: anything.describe('Settings of the storage cluster'),
});

const submariner = z.object({
  ...ofChart,
  brokerCluster: text('The cluster with the broker').optional(),
  clusterCidrs: anything.optional().describe('Pod networks by cluster'),
  serviceCidrs: anything.optional().describe('Service networks by cluster'),
  globalcidrs: anything.optional().describe('Global networks by cluster'),
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
  policy: z
    .object({ kyverno: kyverno.optional().describe('Kyverno on the members') })
    .optional()
    .describe(ignored),
  backup: backup.optional().describe(ignored),
  distributedStorage: distributedStorage.optional().describe(ignored),
  submariner: submariner.optional().describe(ignored),
});

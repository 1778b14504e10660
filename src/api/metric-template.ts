import { z } from 'zod';
import type { KubeObject } from '../machinery/object.ts';
import { flaggerKind } from './flagger.ts';
import { customResourceDefinition } from './structural-crd.ts';

const metricProviders = [
  'prometheus',
  'influxdb',
  'datadog',
  'externalmetrics',
  'stackdriver',
  'cloudwatch',
  'newrelic',
  'graphite',
  'dynatrace',
  'keptn',
  'splunk',
] as const;

export const metricTemplateSpec = z.object({
  provider: z
    .object({
      type: z.enum(metricProviders).describe('Type of this provider'),
      address: z.string().optional().describe('API address of this provider'),
      headers: z
        .record(z.string(), z.array(z.string()))
        .optional()
        .describe('Headers to add to HTTP(S) requests'),
      secretRef: z
        .object({ name: z.string().describe('Name of the Kubernetes secret') })
        .optional()
        .describe('Kubernetes secret with the credentials of the provider'),
      region: z.string().optional().describe('Region of the provider'),
      insecureSkipVerify: z
        .boolean()
        .optional()
        .describe('Disable SSL certificate validation for the provider address'),
    })
    .describe('Provider of this metric template'),
  query: z.string().describe('Query of this metric template'),
});

export type MetricTemplateSpec = z.infer<typeof metricTemplateSpec>;

export interface MetricTemplate extends KubeObject {
  readonly apiVersion: 'flagger.app/v1beta1';
  readonly kind: 'MetricTemplate';
  readonly spec: MetricTemplateSpec;
}

export const metricTemplateCrd = customResourceDefinition({
  ...flaggerKind,
  kind: 'MetricTemplate',
  plural: 'metrictemplates',
  singular: 'metrictemplate',
  description: 'MetricTemplate is the Schema for the MetricTemplates API.',
  spec: metricTemplateSpec.describe('MetricTemplateSpec defines the desired state of a MetricTemplate.'),
  printerColumns: [{ name: 'Provider', type: 'string', jsonPath: '.spec.provider.type' }],
});

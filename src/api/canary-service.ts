import { z } from 'zod';
import {
  addedMetadata,
  corsPolicy,
  headers,
  httpMatchRequest,
  retries,
  trafficPolicy,
} from './istio-fields.ts';
import { celRules, intOrString } from './structural-crd.ts';

const group = /^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const dnsLabel = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const dnsName = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const kind = /^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$/;
const port = z.int().min(1).max(65_535);

const gatewayRef = z.object({
  group: z
    .string()
    .max(253)
    .regex(group)
    .default('gateway.networking.k8s.io')
    .describe('Group of the parent'),
  kind: z.string().min(1).max(63).regex(kind).default('Gateway').describe('Kind of the parent'),
  name: z.string().min(1).max(253).describe('Name of the parent'),
  namespace: z
    .string()
    .min(1)
    .max(63)
    .regex(dnsLabel)
    .optional()
    .describe('Namespace of the parent. Default: that of the Canary'),
  sectionName: z.string().min(1).max(253).regex(dnsName).optional().describe('Listener of the parent'),
  port: port.meta({ format: 'int32' }).optional().describe('Port of the parent'),
});

const mirrorBackend = celRules(
  z.object({
    group: z.string().max(253).regex(group).default('').describe('Group of the backend'),
    kind: z.string().min(1).max(63).regex(kind).default('Service').describe('Kind of the backend'),
    name: z.string().min(1).max(253).describe('Name of the backend'),
    namespace: z
      .string()
      .min(1)
      .max(63)
      .regex(dnsLabel)
      .optional()
      .describe('Namespace of the backend. Default: that of the Canary'),
    port: port.meta({ format: 'int32' }).optional().describe('Port of the backend; a Service needs one'),
  }),
  {
    rule: "(size(self.group) == 0 && self.kind == 'Service') ? has(self.port) : true",
    message: 'Must have port for Service reference',
  },
);

export const canaryService = celRules(
  z.object({
    name: z
      .string()
      .optional()
      .describe('Name of the Service that users call. Default: the name of the target'),
    port: port.describe('Container port number'),
    portName: z.string().optional().describe('Container port name. Default: http'),
    appProtocol: z.string().optional().describe('Application protocol of the port'),
    trafficDistribution: z
      .enum(['PreferClose', 'PreferSameZone', 'PreferSameNode'])
      .optional()
      .describe('Traffic distribution of the service'),
    targetPort: intOrString().optional().describe('Container target port name or number. Default: port'),
    portDiscovery: z.boolean().optional().describe('Enable port discovery'),
    headless: z.boolean().optional().describe('Make the Services headless'),
    timeout: z.string().optional().describe('HTTP or gRPC request timeout'),
    backendTimeout: z.string().optional().describe('Backend request timeout (Gateway API only)'),
    gateways: z.array(z.string()).optional().describe('Istio gateways of this virtual service'),
    gatewayRefs: z.array(gatewayRef).max(32).optional().describe('Parent gateways of an HTTPRoute'),
    hosts: z.array(z.string()).optional().describe('Host names of this service'),
    delegation: z.boolean().optional().describe('Behave as a delegate VirtualService'),
    trafficPolicy: trafficPolicy.optional().describe('Istio traffic policy'),
    match: z.array(httpMatchRequest).optional().describe('Match conditions of all routes'),
    rewrite: z
      .object({
        uri: z.string().optional().describe('The path, or prefix of the path, instead'),
        authority: z.string().optional().describe('The Host header instead'),
        type: z.string().optional().describe('ReplacePrefixMatch or ReplaceFullPath (Gateway API only)'),
      })
      .optional()
      .describe('Rewrite HTTP URIs'),
    retries: retries.optional().describe('Retry policy for HTTP requests'),
    headers: headers.optional().describe('Headers operations'),
    mirror: z
      .array(z.object({ backendRef: mirrorBackend.describe('Who gets the copies') }))
      .max(1000)
      .optional()
      .describe('Where requests are mirrored to (Gateway API only)'),
    corsPolicy: corsPolicy.optional().describe('Cross-Origin Resource Sharing policy (CORS)'),
    meshName: z.string().optional().describe('AppMesh mesh name'),
    backends: z.array(z.string()).optional().describe('AppMesh backend array'),
    apex: addedMetadata.optional().describe('Metadata to add to the apex service'),
    primary: addedMetadata.optional().describe('Metadata to add to the primary service'),
    canary: addedMetadata.optional().describe('Metadata to add to the canary service'),
    unmanagedMetadata: z
      .object({
        annotations: z.array(z.string()).optional().describe('Keys of annotations'),
        labels: z.array(z.string()).optional().describe('Keys of labels'),
      })
      .optional()
      .describe('Keys of metadata that are left alone'),
  }),
  {
    rule: '!(has(self.delegation) && self.delegation) || ((!has(self.hosts) || size(self.hosts) == 0) && (!has(self.gateways) || size(self.gateways) == 0))',
    message: 'a VirtualService cannot have hosts and gateways when delegation is enabled',
  },
);

export type CanaryService = z.infer<typeof canaryService>;

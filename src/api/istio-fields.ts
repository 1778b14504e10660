import { z } from 'zod';
import { celRules, exactlyOneOf } from './structural-crd.ts';

/*
 * The parts of Istio's API that a Canary carries, field for field those of Flagger's CRD: they are copied into
 * VirtualServices and DestinationRules as they stand.
 */

export const stringMap = z.record(z.string(), z.string());
const int32 = z.int32().meta({ format: 'int32' });

const textMatch = z.object({
  exact: z.string().optional(),
  prefix: z.string().optional(),
  suffix: z.string().optional(),
  regex: z
    .string()
    .optional()
    .describe('RE2 style regex-based match (https://github.com/google/re2/wiki/Syntax).'),
});
const waysToMatch = ['exact', 'prefix', 'suffix', 'regex'].map((way) => ({ required: [way] }));

/** At most one way to match. No CEL: in lists without a limit API servers would find it too expensive. */
const stringMatch = textMatch.meta({ oneOf: [{ not: { anyOf: waysToMatch } }, ...waysToMatch] });

/** A condition on a header of an A/B test: exactly one way to match. */
const headerMatch = textMatch.meta({ oneOf: waysToMatch });

export const httpMatchRequest = z.object({
  name: z.string().optional().describe('The name assigned to a match.'),
  uri: stringMatch.optional(),
  scheme: stringMatch.optional(),
  method: stringMatch.optional(),
  authority: stringMatch.optional(),
  headers: z.record(z.string(), stringMatch).optional(),
  port: z.int().optional().describe('Specifies the ports on the host that is being addressed.'),
  sourceLabels: stringMap.optional(),
  gateways: z.array(z.string()).optional().describe('Names of gateways where the rule should be applied.'),
  queryParams: z.record(z.string(), stringMatch).optional().describe('Query parameters for matching.'),
  ignoreUriCase: z.boolean().optional().describe('Whether the URI matching is case-insensitive.'),
  withoutHeaders: z
    .record(z.string(), stringMatch)
    .optional()
    .describe('Same syntax as headers, with the opposite meaning.'),
  sourceNamespace: z.string().optional().describe('Namespace of the workloads that the rule applies to.'),
});

/** A condition of an A/B test. */
export const analysisMatch = z.object({
  headers: z.record(z.string(), headerMatch).optional(),
  queryParams: z.record(z.string(), stringMatch).optional().describe('Query parameters for matching.'),
  sourceLabels: stringMap
    .optional()
    .describe("Applicable only when the 'mesh' gateway is included in the service.gateways list"),
});

const connectionPool = z.object({
  http: z
    .object({
      h2UpgradePolicy: z.enum(['DEFAULT', 'DO_NOT_UPGRADE', 'UPGRADE']).optional(),
      http1MaxPendingRequests: int32.optional(),
      http2MaxRequests: int32.optional(),
      idleTimeout: z.string().optional(),
      maxRequestsPerConnection: int32.optional(),
      maxRetries: int32.optional(),
    })
    .optional()
    .describe('HTTP connection pool settings.'),
});

const consistentHash = z.object({
  httpCookie: z
    .object({ name: z.string().optional(), path: z.string().optional(), ttl: z.string().optional() })
    .optional(),
  httpHeaderName: z.string().optional(),
  httpQueryParameterName: z.string().optional(),
  minimumRingSize: z.int().optional(),
  useSourceIp: z.boolean().optional(),
});

const localityLbSetting = z.object({
  distribute: z
    .array(z.object({ from: z.string().optional(), to: z.record(z.string(), z.int()).optional() }))
    .optional(),
  enabled: z.boolean().optional(),
  failover: z.array(z.object({ from: z.string().optional(), to: z.string().optional() })).optional(),
});

const loadBalancer = exactlyOneOf(
  z.object({
    simple: z.enum(['ROUND_ROBIN', 'LEAST_CONN', 'RANDOM', 'PASSTHROUGH', 'LEAST_REQUEST']).optional(),
    consistentHash: celRules(consistentHash, {
      rule: '[has(self.httpHeaderName), has(self.httpCookie), has(self.useSourceIp), has(self.httpQueryParameterName)].filter(x, x).size() == 1',
      message: 'give exactly one of httpHeaderName, httpCookie, useSourceIp and httpQueryParameterName',
    }).optional(),
    localityLbSetting: localityLbSetting.optional(),
    warmupDurationSecs: z.string().optional(),
  }),
  ['simple'],
  ['consistentHash'],
);

const outlierDetection = z.object({
  baseEjectionTime: z.string().optional(),
  consecutive5xxErrors: z.int().optional(),
  consecutiveErrors: int32.optional(),
  consecutiveGatewayErrors: int32.optional(),
  consecutiveLocalOriginFailures: int32.optional(),
  interval: z.string().optional(),
  maxEjectionPercent: int32.optional(),
  minHealthPercent: int32.optional(),
  splitExternalLocalOriginErrors: z.boolean().optional(),
});

const tls = z.object({
  caCertificates: z.string().optional(),
  clientCertificate: z.string().optional(),
  mode: z.enum(['DISABLE', 'SIMPLE', 'MUTUAL', 'ISTIO_MUTUAL']).optional(),
  privateKey: z.string().optional(),
  sni: z.string().optional(),
  subjectAltNames: z.array(z.string()).optional(),
});

export const trafficPolicy = z.object({
  connectionPool: connectionPool.optional(),
  loadBalancer: loadBalancer.optional().describe('Settings controlling the load balancer algorithms.'),
  outlierDetection: outlierDetection
    .optional()
    .describe('When hosts are ejected from the load balancing pool.'),
  tls: tls.optional().describe('TLS settings for connections to the upstream service'),
});

const corsOrigin = exactlyOneOf(
  z.object({ exact: z.string().optional(), prefix: z.string().optional(), regex: z.string().optional() }),
  ['exact'],
  ['prefix'],
  ['regex'],
);

export const corsPolicy = z.object({
  allowCredentials: z.boolean().optional(),
  allowHeaders: z.array(z.string()).optional(),
  allowMethods: z.array(z.string()).optional(),
  allowOrigin: z.array(z.string()).optional(),
  allowOrigins: z.array(corsOrigin).optional(),
  exposeHeaders: z.array(z.string()).optional(),
  maxAge: z.string().optional(),
});

const headerOperations = z.object({
  add: stringMap.optional(),
  remove: z.array(z.string()).optional(),
  set: stringMap.optional(),
});

export const headers = z.object({
  request: headerOperations.optional(),
  response: headerOperations.optional(),
});

export const retries = z.object({
  attempts: int32.optional().describe('Number of retries for a given request'),
  perTryTimeout: z.string().optional().describe('Timeout per retry attempt for a given request'),
  retryOn: z.string().optional().describe('Conditions under which a retry takes place'),
});

import { z } from 'zod';
import { isDuration } from '../base/duration.ts';
import { validateLabelValue, validateQualifiedName } from '../machinery/names.ts';
import { exactlyOneOf } from './structural-crd.ts';

/*
 * The parts of Istio's API that a Canary carries, field for field those of Flagger's CRD: they are copied into
 * VirtualServices and DestinationRules as they stand.
 */

export const stringMap = z.record(z.string(), z.string());

const labels = stringMap.superRefine((map, context) => {
  for (const [key, value] of Object.entries(map)) {
    const messages = [...validateQualifiedName(key), ...validateLabelValue(value)];
    for (const message of messages) context.addIssue({ code: 'custom', path: [key], message });
  }
});
const annotations = stringMap.superRefine((map, context) => {
  for (const key of Object.keys(map)) {
    const messages = validateQualifiedName(key.toLowerCase());
    for (const message of messages) context.addIssue({ code: 'custom', path: [key], message });
  }
});

/** Labels and annotations that an object gets. */
export const addedMetadata = z.object({
  labels: labels.optional().describe('Labels to add'),
  annotations: annotations.optional().describe('Annotations to add'),
});

/** Of a VirtualService, which Istio refuses otherwise. */
const duration = z.string().refine(isDuration, 'must be a duration, as in 1m30s or 500ms');

const int32 = z.int32().meta({ format: 'int32' });

const textMatch = z.object({
  exact: z.string().optional().describe('The whole value'),
  prefix: z.string().optional().describe('How the value begins'),
  suffix: z.string().optional().describe('How the value ends'),
  regex: z
    .string()
    .optional()
    .describe('RE2 style regex-based match (https://github.com/google/re2/wiki/Syntax).'),
});
const waysToMatch = ['exact', 'prefix', 'suffix', 'regex'].map((way) => ({ required: [way] }));

/** At most one way to match. No CEL: in lists without a limit API servers would find it too expensive. */
const stringMatch = textMatch
  .refine((match) => Object.keys(match).length <= 1, 'give one of exact, prefix, suffix and regex')
  .meta({ oneOf: [{ not: { anyOf: waysToMatch } }, ...waysToMatch] });

/** A condition on a header of an A/B test: exactly one way to match. */
const headerMatch = textMatch
  .refine((match) => Object.keys(match).length === 1, 'give one of exact, prefix, suffix and regex')
  .meta({ oneOf: waysToMatch });

export const httpMatchRequest = z.object({
  name: z.string().optional().describe('The name assigned to a match.'),
  uri: stringMatch.optional().describe('URI to match.'),
  scheme: stringMatch.optional().describe('URI scheme to match.'),
  method: stringMatch.optional().describe('HTTP method to match.'),
  authority: stringMatch.optional().describe('HTTP authority (the Host header) to match.'),
  headers: z
    .record(z.string(), stringMatch)
    .optional()
    .describe('Headers to match; their names in lower case.'),
  port: z.int().optional().describe('Specifies the ports on the host that is being addressed.'),
  sourceLabels: stringMap.optional().describe('Labels of the workloads that the rule applies to.'),
  gateways: z.array(z.string()).optional().describe('Names of gateways where the rule should be applied.'),
  queryParams: z.record(z.string(), stringMatch).optional().describe('Query parameters for matching.'),
  ignoreUriCase: z.boolean().optional().describe('Whether the URI matching is case-insensitive.'),
  withoutHeaders: z
    .record(z.string(), stringMatch)
    .optional()
    .describe('Same syntax as headers, with the opposite meaning.'),
  sourceNamespace: z.string().optional().describe('Namespace of the workloads that the rule applies to.'),
});

/** A condition of an A/B test. Flagger's definition has headers, query parameters and source labels only. */
export const analysisMatch = httpMatchRequest.extend({
  headers: z
    .record(z.string(), headerMatch)
    .optional()
    .describe('Headers to match; their names in lower case'),
});

const connectionPool = z.object({
  http: z
    .object({
      h2UpgradePolicy: z
        .enum(['DEFAULT', 'DO_NOT_UPGRADE', 'UPGRADE'])
        .optional()
        .describe('Whether HTTP/1.1 connections become HTTP/2.'),
      http1MaxPendingRequests: int32.optional().describe('Requests that may wait for a connection.'),
      http2MaxRequests: int32.optional().describe('Requests at a time.'),
      idleTimeout: z.string().optional().describe('When a connection without requests is closed.'),
      maxRequestsPerConnection: int32.optional().describe('Requests on one connection.'),
      maxRetries: int32.optional().describe('Retries at a time, of all requests together.'),
    })
    .optional()
    .describe('HTTP connection pool settings.'),
});

const consistentHash = z.object({
  httpCookie: z
    .object({
      name: z.string().optional().describe('Name of the cookie.'),
      path: z.string().optional().describe('Path to set for the cookie.'),
      ttl: z.string().optional().describe('Lifetime of the cookie.'),
    })
    .optional()
    .describe('Hash of a cookie.'),
  httpHeaderName: z.string().optional().describe('Hash of this header.'),
  httpQueryParameterName: z.string().optional().describe('Hash of this query parameter.'),
  minimumRingSize: z.int().optional().describe('The least number of virtual nodes on the hash ring.'),
  useSourceIp: z.boolean().optional().describe('Hash of the source IP address.'),
});

const localityLbSetting = z.object({
  distribute: z
    .array(
      z.object({
        from: z.string().optional().describe('Where requests come from: REGION/ZONE/SUBZONE.'),
        to: z.record(z.string(), z.int()).optional().describe('Where they go: percent by locality.'),
      }),
    )
    .optional()
    .describe('Shares of localities. Either distribute or failover.'),
  enabled: z.boolean().optional().describe('Overrides what the mesh has for all.'),
  failover: z
    .array(
      z.object({
        from: z.string().optional().describe('The region that fails.'),
        to: z.string().optional().describe('The region that takes over.'),
      }),
    )
    .optional()
    .describe('Regions that take over. Either distribute or failover.'),
});

const loadBalancer = exactlyOneOf(
  z.object({
    simple: z
      .enum(['ROUND_ROBIN', 'LEAST_CONN', 'RANDOM', 'PASSTHROUGH', 'LEAST_REQUEST'])
      .optional()
      .describe('An algorithm without settings.'),
    consistentHash: exactlyOneOf(
      consistentHash,
      'httpHeaderName',
      'httpCookie',
      'useSourceIp',
      'httpQueryParameterName',
    )
      .optional()
      .describe('Requests with the same hash go to the same pod.'),
    localityLbSetting: localityLbSetting.optional().describe('Prefers what is near.'),
    warmupDurationSecs: z.string().optional().describe('How long a new pod gets less than its share.'),
  }),
  'simple',
  'consistentHash',
);

const outlierDetection = z.object({
  baseEjectionTime: z.string().optional().describe('Minimum ejection duration.'),
  consecutive5xxErrors: z.int().optional().describe('Answers 5xx in a row before a host is ejected.'),
  consecutiveErrors: int32.optional().describe('Deprecated: use consecutive5xxErrors.'),
  consecutiveGatewayErrors: int32.optional().describe('Gateway errors in a row before a host is ejected.'),
  consecutiveLocalOriginFailures: int32
    .optional()
    .describe('Failures of this side in a row before ejection, with splitExternalLocalOriginErrors.'),
  interval: z.string().optional().describe('Time between two looks at the hosts.'),
  maxEjectionPercent: int32.optional().describe('Hosts that may be ejected at a time, in percent.'),
  minHealthPercent: int32
    .optional()
    .describe('Below this share of healthy hosts, in percent, none is ejected.'),
  splitExternalLocalOriginErrors: z
    .boolean()
    .optional()
    .describe('Tell failures of this side from errors of the other.'),
});

const tls = z.object({
  caCertificates: z.string().optional().describe('File with who is trusted to sign server certificates.'),
  clientCertificate: z.string().optional().describe('REQUIRED if mode is `MUTUAL`.'),
  mode: z
    .enum(['DISABLE', 'SIMPLE', 'MUTUAL', 'ISTIO_MUTUAL'])
    .optional()
    .describe('Whether and how connections are encrypted.'),
  privateKey: z.string().optional().describe('REQUIRED if mode is `MUTUAL`.'),
  sni: z.string().optional().describe('SNI string to present to the server during TLS handshake.'),
  subjectAltNames: z.array(z.string()).optional().describe('Names, one of which the server must prove.'),
});

export const trafficPolicy = z.object({
  connectionPool: connectionPool.optional().describe('Limits of connections and requests.'),
  loadBalancer: loadBalancer.optional().describe('Settings controlling the load balancer algorithms.'),
  outlierDetection: outlierDetection
    .optional()
    .describe('When hosts are ejected from the load balancing pool.'),
  tls: tls.optional().describe('TLS settings for connections to the upstream service'),
});

const corsOrigin = exactlyOneOf(
  z.object({
    exact: z.string().optional().describe('The whole origin'),
    prefix: z.string().optional().describe('How the origin begins'),
    suffix: z.string().optional().describe('How the origin ends'),
    regex: z.string().optional().describe('RE2 style regex-based match'),
  }),
  'exact',
  'prefix',
  'suffix',
  'regex',
);

export const corsPolicy = z.object({
  allowCredentials: z.boolean().optional().describe('Whether requests may have credentials'),
  allowHeaders: z.array(z.string()).optional().describe('Headers that requests may have'),
  allowMethods: z.array(z.string()).optional().describe('HTTP methods that are allowed'),
  allowOrigin: z.array(z.string()).optional().describe('Origins that are allowed, by their whole text'),
  allowOrigins: z.array(corsOrigin).max(256).optional().describe('Origins that are allowed'),
  exposeHeaders: z.array(z.string()).optional().describe('Headers that a browser may show'),
  maxAge: duration.optional().describe('How long the answer to a preflight request is good'),
});

const headerOperations = z.object({
  add: stringMap.optional().describe('Headers to add'),
  remove: z.array(z.string()).optional().describe('Names of headers to remove'),
  set: stringMap.optional().describe('Headers to overwrite'),
});

export const headers = z.object({
  request: headerOperations.optional().describe('On the way to the workload'),
  response: headerOperations.optional().describe('On the way back'),
});

export const retries = z.object({
  attempts: int32.min(0).optional().describe('Number of retries for a given request'),
  perTryTimeout: duration.optional().describe('Timeout per retry attempt for a given request'),
  retryOn: z.string().optional().describe('Conditions under which a retry takes place'),
});
